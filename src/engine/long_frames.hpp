// SPDX-License-Identifier: Apache-2.0
// Memory for frames that are longer than a buffer of AF_XDP: each is put together in one piece, with
// the head room that all frames have.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/frame.hpp"

namespace tandem::engine {

class LongFrames {
 public:
  static constexpr std::uint32_t kMost = 8;         // at a time
  static constexpr std::uint32_t kLongest = 65536;  // bytes of a frame

  LongFrames() : memory_(std::make_unique<std::uint8_t[]>(std::size_t{kMost} * kSize)) {}

  // nullptr: none is free.
  std::uint8_t* take() noexcept {
    for (std::uint32_t i = 0; i < kMost; i++)
      if (!taken_[i]) {
        taken_[i] = true;
        count_++;
        return &memory_[std::size_t{i} * kSize];
      }
    return nullptr;
  }
  void give_back(const std::uint8_t* first) noexcept {
    taken_[static_cast<std::size_t>(first - memory_.get()) / kSize] = false;
    count_--;
  }
  [[nodiscard]] bool owns(const std::uint8_t* first) const noexcept {
    return first >= memory_.get() && first < memory_.get() + std::size_t{kMost} * kSize;
  }
  [[nodiscard]] std::uint32_t taken() const noexcept { return count_; }
  static constexpr std::uint32_t kSize = kHeadroom + kLongest;

 private:
  std::unique_ptr<std::uint8_t[]> memory_;
  std::array<bool, kMost> taken_{};
  std::uint32_t count_ = 0;
};

// How a socket was bound: an errno, 0 if all is well.
struct Bound {
  int error = 0;
  bool long_frames = false;
};

// bind: binds with long frames, or without, and returns an errno. Without is tried only where kernel or
// driver do not have them: a queue that is busy, say, may be free a moment later.
template <class Bind>
Bound bind_long_first(bool wanted, Bind bind) {
  if (!wanted) return {bind(false), false};
  const int error = bind(true);
  if (error == EINVAL || error == EOPNOTSUPP) return {bind(false), false};
  return {error, error == 0};
}

}  // namespace tandem::engine
