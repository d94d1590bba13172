// SPDX-License-Identifier: Apache-2.0
// Up or down from a row of results: `fall` failures in a row take it down, `rise` passes in a row
// bring it up, and the first result of all decides at once.
#pragma once

#include <cstdint>

namespace tandem::health {

enum class State : std::uint8_t { unknown, up, down };

[[nodiscard]] constexpr const char* to_string(State state) noexcept {
  switch (state) {
    case State::unknown:
      return "unknown";
    case State::up:
      return "up";
    case State::down:
      return "down";
  }
  return "?";
}

class VerdictCounter {
 public:
  constexpr VerdictCounter(int fall, int rise) noexcept : fall_(fall), rise_(rise) {}

  // Takes one result and tells whether the state changed.
  constexpr bool record(bool pass) noexcept {
    consecutive_ = consecutive_ > 0 && pass == last_ ? consecutive_ + 1 : 1;
    last_ = pass;
    const State wanted = pass ? State::up : State::down;
    const int needed = state_ == State::unknown ? 1 : pass ? rise_ : fall_;
    if (wanted == state_ || consecutive_ < needed) return false;
    state_ = wanted;
    return true;
  }

  [[nodiscard]] constexpr State state() const noexcept { return state_; }
  // Results equal to the last one, the last one included.
  [[nodiscard]] constexpr int consecutive() const noexcept { return consecutive_; }

 private:
  int fall_;
  int rise_;
  State state_ = State::unknown;
  int consecutive_ = 0;
  bool last_ = false;
};

}  // namespace tandem::health
