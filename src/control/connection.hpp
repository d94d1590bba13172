// SPDX-License-Identifier: Apache-2.0
// One client of the control socket: reads a line, has it handled, writes the answer, reads on.
// Kept alive by its own pending operations; the server's pointer to it is cleared when it ends.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "base/time.hpp"
#include "control/server.hpp"

namespace tandem::control {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Server& server, boost::asio::local::stream_protocol::socket socket)
      : server_(&server), socket_(std::move(socket)), active_(MonotonicClock::now()) {}

  void read();
  void close();  // may be called more than once, and by the server's destructor

  // Which connection gives way when places are short: not one whose request is being worked on,
  // then the one that was quiet for longest.
  [[nodiscard]] bool busy() const { return busy_; }
  [[nodiscard]] MonotonicTime last_active() const { return active_; }

 private:
  void next_line();
  void refuse_long_line();
  void answer(std::uint64_t turn, const Answer& answer);
  void write(std::string text, bool then_close);
  void end();

  Server* server_;  // null: closed
  boost::asio::local::stream_protocol::socket socket_;
  std::string received_;
  std::string sending_;
  MonotonicTime active_;
  std::uint64_t turn_ = 0;  // counts requests, so that an answer is for the one it was asked for
  bool busy_ = false;       // between a request and its answer
};

// The line of an answer, with its end. What is no UTF-8 in it is replaced.
[[nodiscard]] std::string answer_line(const Answer& answer);

}  // namespace tandem::control
