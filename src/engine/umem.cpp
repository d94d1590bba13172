// SPDX-License-Identifier: Apache-2.0
#include "engine/umem.hpp"

#include <sys/mman.h>

#include <cassert>

namespace tandem::engine {

void Umem::Unmap::operator()(std::uint8_t* memory) const {
  munmap(memory, bytes);
}

Result<Umem> Umem::map(std::uint32_t frames, std::uint32_t frame_size) {
  const std::size_t bytes = std::size_t{frames} * frame_size;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return fail_errno("cannot map " + std::to_string(bytes) + " bytes for frames");
  Umem self;
  self.memory_ = {static_cast<std::uint8_t*>(memory), Unmap{bytes}};
  self.frame_size_ = frame_size;
  self.places_.assign(frames, Place::free);
  self.free_.reserve(frames);
  for (std::uint32_t i = frames; i-- > 0;) self.free_.push_back(i);
  self.counts_[static_cast<std::size_t>(Place::free)] = frames;
  return self;
}

std::uint64_t Umem::take(Place to) noexcept {
  assert(!free_.empty());
  const std::uint32_t index = free_.back();
  free_.pop_back();
  places_[index] = to;
  counts_[static_cast<std::size_t>(Place::free)]--;
  counts_[static_cast<std::size_t>(to)]++;
  return std::uint64_t{index} * frame_size_;
}

void Umem::move(std::uint64_t address, Place from, Place to) noexcept {
  const auto index = static_cast<std::uint32_t>(address / frame_size_);
  assert(index < places_.size() && places_[index] == from);
  places_[index] = to;
  counts_[static_cast<std::size_t>(from)]--;
  counts_[static_cast<std::size_t>(to)]++;
  if (to == Place::free) free_.push_back(index);
}

void Umem::take_back(Place from) noexcept {
  for (std::uint32_t i = 0; i < places_.size(); i++)
    if (places_[i] == from) move(std::uint64_t{i} * frame_size_, from, Place::free);
}

}  // namespace tandem::engine
