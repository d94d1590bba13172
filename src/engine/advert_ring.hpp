// SPDX-License-Identifier: Apache-2.0
// Adverts on their way from XDP to the VRRP thread: the consumer's end of the BPF ring buffer.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "tandem/abi.h"

struct ring_buffer;

namespace tandem::engine {

class AdvertRing {
 public:
  using Take = void (*)(void* context, const td_advert& advert);

  static Result<AdvertRing> open(int map_fd);

  // Readable when adverts wait.
  [[nodiscard]] int poll_fd() const noexcept;
  // Hands over at most `most` adverts, oldest first, and returns how many there were. No
  // allocation, no system call. The advert is valid during the call only.
  int drain(int most, Take take, void* context) noexcept;

 private:
  struct Deleter {
    void operator()(ring_buffer* ring) const;
  };
  struct Batch {
    Take take = nullptr;
    void* context = nullptr;
    int left = 0;
    int taken = 0;
  };
  static int on_sample(void* batch, void* data, std::size_t size);

  std::unique_ptr<Batch> batch_;  // libbpf keeps its address
  std::unique_ptr<ring_buffer, Deleter> ring_;
};

}  // namespace tandem::engine
