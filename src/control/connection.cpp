// SPDX-License-Identifier: Apache-2.0
#include "control/connection.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace tandem::control {

namespace asio = boost::asio;

std::string answer_line(const Answer& answer) {
  nlohmann::json line;
  line["ok"] = answer.has_value();
  if (answer)
    line["result"] = *answer;
  else
    line["error"] = answer.error().message;
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void Connection::read() {
  if (server_ == nullptr) return;
  asio::async_read_until(socket_, asio::dynamic_buffer(received_, kMaxRequest + 1), '\n',
                         [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                           if (self->server_ == nullptr) return;
                           if (!error)
                             self->next_line();
                           else if (error == asio::error::not_found)
                             self->refuse_long_line();
                           else
                             self->end();
                         });
}

void Connection::next_line() {
  const auto newline = received_.find('\n');
  const std::string line = received_.substr(0, newline);
  received_.erase(0, newline + 1);
  active_ = MonotonicClock::now();
  if (line.empty()) return read();
  busy_ = true;

  // The answer may come at once or later, from any thread: it always takes the way through the
  // io_context, which also keeps a client that sends many lines from growing the stack.
  asio::io_context& io = server_->io_;
  server_->handle(line, [weak = weak_from_this(), turn = ++turn_, &io](Answer result) {
    asio::post(io, [weak, turn, result = std::move(result)] {
      if (const auto self = weak.lock()) self->answer(turn, result);
    });
  });
}

void Connection::refuse_long_line() {
  ++server_->counters_.requests;
  ++server_->counters_.too_long;
  write(answer_line(fail("the request is longer than " + std::to_string(kMaxRequest) +
                         " bytes; closing the connection")),
        true);
}

void Connection::answer(std::uint64_t turn, const Answer& answer) {
  if (server_ == nullptr || !busy_ || turn != turn_) return;  // gone meanwhile, or answered before
  write(answer_line(answer), false);
}

void Connection::write(std::string text, bool then_close) {
  busy_ = false;
  sending_ = std::move(text);
  asio::async_write(
      socket_, asio::buffer(sending_),
      [self = shared_from_this(), then_close](boost::system::error_code error, std::size_t) {
        if (self->server_ == nullptr) return;
        if (error || then_close) return self->end();
        self->sending_.clear();
        self->read();
      });
}

void Connection::close() {
  server_ = nullptr;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Connection::end() {
  server_->forget(this);
  close();
}

}  // namespace tandem::control
