// SPDX-License-Identifier: Apache-2.0
// Descriptors and deadlines of other rooms on the control thread's loop. Neither owns what it
// watches; destroying a watch ends it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "base/time.hpp"

namespace tandem {

// Calls back whenever the descriptor is readable.
class ReadWatch {
 public:
  ReadWatch(boost::asio::io_context& loop, int fd, std::function<void()> readable)
      : state_(std::make_shared<State>(loop, fd, std::move(readable))) {
    arm(state_);
  }
  ReadWatch(const ReadWatch&) = delete;
  ReadWatch& operator=(const ReadWatch&) = delete;
  ~ReadWatch() {
    state_->readable = nullptr;
    state_->descriptor.release();
  }

 private:
  struct State {
    State(boost::asio::io_context& loop, int fd, std::function<void()> f)
        : descriptor(loop, fd), readable(std::move(f)) {}
    boost::asio::posix::stream_descriptor descriptor;
    std::function<void()> readable;
  };
  static void arm(const std::shared_ptr<State>& state) {
    state->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                 [state](const boost::system::error_code& error) {
                                   if (error || !state->readable) return;
                                   state->readable();
                                   if (state->readable) arm(state);
                                 });
  }
  std::shared_ptr<State> state_;
};

// Calls back once, at a deadline that may be moved.
class Alarm {
 public:
  Alarm(boost::asio::io_context& loop, std::function<void()> due)
      : timer_(loop), due_(std::move(due)) {}

  void set(MonotonicTime deadline) {
    if (deadline == *deadline_) return;
    *deadline_ = deadline;
    timer_.cancel();
    if (deadline == kNever) return;
    timer_.expires_after(deadline - MonotonicClock::now());
    // A call that is queued already comes without an error, whatever happened since: it may be
    // early for a deadline that was moved, and this object may be gone.
    timer_.async_wait(
        [this, deadline, set = std::weak_ptr(deadline_)](const boost::system::error_code& error) {
          const auto expected = set.lock();
          if (error || !expected || *expected != deadline) return;
          *expected = kNever;
          due_();
        });
  }

 private:
  boost::asio::steady_timer timer_;
  std::function<void()> due_;
  std::shared_ptr<MonotonicTime> deadline_ = std::make_shared<MonotonicTime>(kNever);
};

}  // namespace tandem
