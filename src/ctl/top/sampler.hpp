// SPDX-License-Identifier: Apache-2.0
// Asks the daemon again and again on a thread of its own, so that keys are heard also while it does
// not answer. After a failure it connects anew.
#pragma once

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/event_fd.hpp"
#include "ctl/top/sample.hpp"

namespace tandem::ctl::top {

// Bounds an answer, and with it how long the end takes while the daemon hangs.
inline constexpr Duration kPatience = std::chrono::seconds(2);

class Sampler {
 public:
  Sampler(control::Client client, Duration interval, const Parts& parts);

  // Becomes readable when there is something to take.
  [[nodiscard]] int descriptor() const { return news_.get(); }
  // The newest sample with its rates, or why there is none; nullopt: nothing new.
  [[nodiscard]] std::optional<Called<nlohmann::json>> take();
  // Other parts from now on: the next sample is taken at once.
  void want(const Parts& parts);

 private:
  void work(const std::stop_token& stop);
  void give(Called<nlohmann::json> sample);

  control::Client client_;
  Duration interval_;
  EventFd news_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Parts parts_;
  bool hurry_ = false;
  std::optional<Called<nlohmann::json>> newest_;
  std::jthread thread_;  // last: it uses all the others
};

}  // namespace tandem::ctl::top
