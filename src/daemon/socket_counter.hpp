// SPDX-License-Identifier: Apache-2.0
// Counts sockets on a thread of its own: with a million connections the kernel takes a second to list
// them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/result.hpp"
#include "netlink/tcp_sockets.hpp"

namespace tandem::daemon {

class SocketCounter {
 public:
  using Counts = std::map<netlink::TcpEnd, unsigned>;

  explicit SocketCounter(boost::asio::io_context& loop) : loop_(loop) {}
  ~SocketCounter() { thread_.join(); }
  SocketCounter(const SocketCounter&) = delete;
  SocketCounter& operator=(const SocketCounter&) = delete;

  // done is called on the loop.
  void count(std::set<netlink::TcpEnd> ends, std::function<void(const Result<Counts>&)> done) {
    boost::asio::post(thread_, [&loop = loop_, ends = std::move(ends), done = std::move(done)] {
      auto sockets = netlink::TcpSockets::open();
      auto counts =
          sockets ? sockets->count(ends) : Result<Counts>(std::unexpected(sockets.error()));
      boost::asio::post(loop, [done, counts = std::move(counts)] { done(counts); });
    });
  }

 private:
  boost::asio::io_context& loop_;
  boost::asio::thread_pool thread_{1};
};

}  // namespace tandem::daemon
