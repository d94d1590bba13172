// SPDX-License-Identifier: Apache-2.0
// Records on their way from XDP to a thread: the consumer's end of a BPF ring buffer.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "tandem/abi.h"
#include "tandem/flow_track.h"

struct ring_buffer;

namespace tandem::engine {

// Of records of any kind, each at least `record` bytes long; shorter ones are passed over.
class RawRing {
 public:
  using Take = void (*)(void* context, const void* record);

  static Result<RawRing> open(int map_fd, std::size_t record);
  [[nodiscard]] int poll_fd() const noexcept;
  int drain(int most, Take take, void* context) noexcept;

 private:
  struct Deleter {
    void operator()(ring_buffer* ring) const;
  };
  struct Batch {
    std::size_t record = 0;
    Take take = nullptr;
    void* context = nullptr;
    int left = 0;
    int taken = 0;
  };
  static int on_sample(void* batch, void* data, std::size_t size);

  std::unique_ptr<Batch> batch_;  // libbpf keeps its address
  std::unique_ptr<ring_buffer, Deleter> ring_;
};

template <class Record>
class Ring {
 public:
  static Result<Ring> open(int map_fd) {
    auto raw = RawRing::open(map_fd, sizeof(Record));
    if (!raw) return std::unexpected(raw.error());
    return Ring(std::move(*raw));
  }

  // Readable when records wait.
  [[nodiscard]] int poll_fd() const noexcept { return raw_.poll_fd(); }

  // Calls take(const Record&) for at most `most` records, oldest first, and returns how many there
  // were. No allocation, no system call. The record is valid during the call only.
  template <class TakeRecord>
  int drain(int most, TakeRecord take) noexcept {
    const auto call = [](void* context, const void* record) {
      (*static_cast<TakeRecord*>(context))(*static_cast<const Record*>(record));
    };
    return raw_.drain(most, call, &take);
  }

 private:
  explicit Ring(RawRing raw) : raw_(std::move(raw)) {}
  RawRing raw_;
};

using AdvertRing = Ring<td_advert>;
using EndRing = Ring<td_flow_end>;
using CaptureRing = Ring<td_captured>;

}  // namespace tandem::engine
