// SPDX-License-Identifier: Apache-2.0
// The buffers of one AF_XDP socket: frames of one size in one piece of memory, and where each is.
//
//         take()                                    move()     move()
//   free -+--> receiving (fill ring, driver, rx ring) --> caller --> sending (tx ring, driver,
//    ^    |                                                ^  |      |        completion ring)
//    |    `--> (a frame that the caller makes itself) -----'  |      |
//    `--------------------------------------------------------+------'  move(), take_back()
//
// Each frame is in one place, always. A frame goes by its address, as in the rings: an offset into
// the memory, any byte of the frame.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.hpp"

namespace tandem::engine {

enum class Place : std::uint8_t { free, receiving, caller, sending };

class Umem {
 public:
  // frame_size: bytes, a power of two.
  static Result<Umem> map(std::uint32_t frames, std::uint32_t frame_size);

  [[nodiscard]] std::uint8_t* memory() const noexcept { return memory_.get(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return memory_.get_deleter().bytes; }
  [[nodiscard]] std::uint32_t frames() const noexcept {
    return static_cast<std::uint32_t>(places_.size());
  }
  [[nodiscard]] std::uint32_t frame_size() const noexcept { return frame_size_; }
  [[nodiscard]] std::uint32_t count(Place place) const noexcept {
    return counts_[static_cast<std::size_t>(place)];
  }
  [[nodiscard]] std::uint64_t begin_of(std::uint64_t address) const noexcept {
    return address & ~std::uint64_t{frame_size_ - 1};
  }

  // The first byte of a frame that was free; count(Place::free) must not be 0.
  std::uint64_t take(Place to) noexcept;
  void move(std::uint64_t address, Place from, Place to) noexcept;
  // Everything that is at `from` becomes free.
  void take_back(Place from) noexcept;

 private:
  struct Unmap {
    std::size_t bytes;
    void operator()(std::uint8_t* memory) const;
  };

  std::unique_ptr<std::uint8_t, Unmap> memory_;
  std::uint32_t frame_size_ = 0;
  std::vector<Place> places_;
  std::vector<std::uint32_t> free_;  // the last one is taken first: it may be in the cache yet
  std::array<std::uint32_t, 4> counts_{};
};

}  // namespace tandem::engine
