// SPDX-License-Identifier: Apache-2.0
#include "balance/slow_start.hpp"

namespace tandem::balance {
namespace {

// Ramps of more than a year are none that anybody waits for, and less would overflow.
constexpr Duration kLongest = std::chrono::hours(24 * 365);

}  // namespace

// How many steps of the weight are in force: 1 to kRampSteps.
std::uint32_t SlowStart::steps(const Backend& backend, MonotonicTime now) const noexcept {
  if (duration_ <= Duration::zero() || duration_ > kLongest) return kRampSteps;
  if (backend.up_since >= now) return 1;
  // Compared before it is subtracted: up_since may be the beginning of time.
  if (backend.up_since <= now - duration_) return kRampSteps;
  const Duration elapsed = now - backend.up_since;
  return 1 + static_cast<std::uint32_t>(elapsed.count() * kRampSteps / duration_.count());
}

// When the next step is due after the one in force at `now`.
MonotonicTime SlowStart::after(const Backend& backend, MonotonicTime now) const noexcept {
  const std::uint32_t done = steps(backend, now);
  if (done >= kRampSteps) return kNever;
  // Rounded up: at this instant the division in steps() yields `done`.
  return backend.up_since + Duration((done * duration_.count() + kRampSteps - 1) / kRampSteps);
}

std::uint32_t SlowStart::weight_of(const Backend& backend, MonotonicTime now) const noexcept {
  return backend.weight * steps(backend, now);
}

void SlowStart::watch(Member& member, MonotonicTime now) {
  stop(member);
  member.next_step = after(member.backend, now);
  if (member.next_step != kNever) ramping_.push(member);
  plan();
}

void SlowStart::stop(Member& member) noexcept {
  if (member.ramp_place != kNotInHeap) ramping_.erase(member);
  plan();
}

Member* SlowStart::step(MonotonicTime now) {
  Member& member = ramping_.top();
  member.next_step = after(member.backend, now);
  if (member.next_step == kNever)
    ramping_.erase(member);
  else
    ramping_.update(member);
  plan();
  return &member;
}

}  // namespace tandem::balance
