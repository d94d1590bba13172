// SPDX-License-Identifier: Apache-2.0
#include "ctl/top/sampler.hpp"

#include <utility>

namespace tandem::ctl::top {

using nlohmann::json;

namespace {

// No exception leaves the thread.
Called<json> next_sample(Samples& samples, control::Client& client, const Parts& parts) {
  try {
    return samples.next(client, parts);
  } catch (const json::exception& error) {
    return std::unexpected(not_understood(error));
  }
}

}  // namespace

Sampler::Sampler(control::Client client, Duration interval, const Parts& parts)
    : client_(std::move(client)),
      interval_(interval),
      parts_(parts),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

std::optional<Called<json>> Sampler::take() {
  news_.drain();
  const std::lock_guard lock(mutex_);
  return std::exchange(newest_, std::nullopt);
}

void Sampler::want(const Parts& parts) {
  {
    const std::lock_guard lock(mutex_);
    parts_ = parts;
    hurry_ = true;
  }
  changed_.notify_one();
}

void Sampler::give(Called<json> sample) {
  {
    const std::lock_guard lock(mutex_);
    newest_ = std::move(sample);
  }
  news_.signal();
}

void Sampler::work(const std::stop_token& stop) {
  Samples samples;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const Parts parts = parts_;
    hurry_ = false;
    lock.unlock();
    const MonotonicTime next = MonotonicClock::now() + interval_;
    auto sample = next_sample(samples, client_, parts);
    if (!sample && sample.error().kind == control::CallError::Kind::unreachable)
      if (auto again = client_.another(kPatience)) client_ = std::move(*again);
    give(std::move(sample));
    lock.lock();
    changed_.wait_until(lock, stop, next, [this] { return hurry_; });
  }
}

}  // namespace tandem::ctl::top
