// SPDX-License-Identifier: Apache-2.0
#include "vrrp/announcer.hpp"

#include <algorithm>
#include <chrono>

namespace tandem::vrrp {
namespace {

constexpr Duration kBetweenHints = std::chrono::seconds(1);

MonotonicTime after_if_set(MonotonicTime now, Duration delay) {
  return delay > Duration::zero() ? now + delay : kNever;
}

}  // namespace

void Announcer::start(const Settings& settings, MonotonicTime now) {
  begin_rounds(settings.garp_repeat, now);
  second_burst_ = after_if_set(now, settings.garp_delay);
  refresh_ = after_if_set(now, settings.garp_refresh);
  hinted_burst_ = kNever;
}

void Announcer::stop() {
  *this = {};
}

void Announcer::hint(MonotonicTime now) {
  if (hinted_burst_ == kNever) hinted_burst_ = std::max(now, hint_answered_ + kBetweenHints);
}

void Announcer::begin_rounds(int rounds, MonotonicTime now) {
  rounds_left_ = rounds;
  next_address_ = 0;
  next_emit_ = rounds > 0 ? now : kNever;
}

void Announcer::take_due(const Settings& settings, MonotonicTime now) {
  if (now >= hinted_burst_) {
    hinted_burst_ = kNever;
    hint_answered_ = now;
    begin_rounds(settings.garp_repeat, now);
  }
  if (now >= second_burst_) {
    second_burst_ = kNever;
    begin_rounds(settings.garp_repeat, now);
  }
  if (now >= refresh_) {
    refresh_ = after_if_set(now, settings.garp_refresh);
    if (rounds_left_ == 0) begin_rounds(1, now);
  }
}

void Announcer::emit(RouterId router, const Settings& settings, Event& event) {
  take_due(settings, event.now);
  if (event.now < next_emit_) return;
  const auto addresses =
      static_cast<std::uint16_t>(settings.addresses.size() + settings.unadvertised.size());
  for (; next_address_ < addresses && event.announces_left > 0; ++next_address_) {
    event.out.push_back(Announce{router, next_address_});
    --event.announces_left;
  }
  if (next_address_ >= addresses) {
    next_address_ = 0;
    --rounds_left_;
  }
  next_emit_ = rounds_left_ > 0 ? event.now + settings.garp_interval : kNever;
}

MonotonicTime Announcer::deadline() const {
  return std::min({next_emit_, second_burst_, hinted_burst_, refresh_});
}

}  // namespace tandem::vrrp
