// SPDX-License-Identifier: Apache-2.0
// Ctrl-C while the daemon is busy for us: it is told, and the command goes on to the answer.
#pragma once

#include <signal.h>
#include <time.h>

#include <functional>
#include <thread>

namespace tandem::ctl {

class Interruption {
 public:
  // SIGINT and SIGTERM call `tell`, on another thread, for as long as this is there.
  explicit Interruption(std::function<void()> tell) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    waiting_ = std::jthread([this, tell = std::move(tell)](const std::stop_token& stop) {
      constexpr timespec kWhile{.tv_sec = 0, .tv_nsec = 20'000'000};
      while (!stop.stop_requested())
        if (sigtimedwait(&signals_, nullptr, &kWhile) > 0) tell();
    });
  }
  ~Interruption() {
    waiting_ = {};  // waits for its end
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

 private:
  sigset_t signals_{}, before_{};
  std::jthread waiting_;
};

}  // namespace tandem::ctl
