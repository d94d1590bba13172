// SPDX-License-Identifier: Apache-2.0
// A TLS connection between the nodes, from TCP on: bytes in, bytes out. One thread.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "sync/tls.hpp"

namespace tandem::sync {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  // link: the number of the link that it goes over.
  Connection(Socket socket, Tls& tls, std::size_t link);

  // Within two seconds. done(why): empty if the peer has proved that it has the key.
  void shake_hands(boost::asio::ssl::stream_base::handshake_type side,
                   std::function<void(const std::string& why)> done);
  // From here on on_end(why) is called once, unless close() is called before.
  void run(std::function<void(const std::string& why)> on_end);
  // Bytes that came and that nobody has taken yet.
  std::vector<std::uint8_t>& input() { return input_; }
  // Goes on reading, if it had to stop for too much input.
  void read();
  // Takes all of `output` that is there, unless the last is still being written.
  void write(std::vector<std::uint8_t>& output);
  void close();
  [[nodiscard]] std::size_t link() const { return link_; }
  // It was the other end that ended it: a kernel lives there, whatever became of the process.
  [[nodiscard]] bool ended_there() const { return ended_there_; }

  std::function<void()> on_input;

 private:
  void end(const boost::system::error_code& error);

  boost::asio::ssl::stream<Socket> stream_;
  boost::asio::steady_timer deadline_;
  std::size_t link_;
  bool reading_ = false, writing_ = false, closed_ = false, ended_there_ = false;
  std::array<std::uint8_t, 65'536> chunk_{};
  std::vector<std::uint8_t> input_, going_;
  std::function<void(const std::string& why)> on_end_;
};

}  // namespace tandem::sync
