// SPDX-License-Identifier: Apache-2.0
// Wakes a thread that waits for a descriptor to be readable.
#pragma once

#include <sys/eventfd.h>

#include "base/descriptor.hpp"

namespace tandem {

class EventFd {
 public:
  EventFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  // false: the system has no more descriptors.
  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(fd_); }
  [[nodiscard]] int get() const noexcept { return fd_.get(); }

  // From any thread: readable until drain().
  void signal() const noexcept { (void)::eventfd_write(fd_.get(), 1); }
  void drain() const noexcept {
    eventfd_t count = 0;
    (void)::eventfd_read(fd_.get(), &count);
  }

 private:
  Descriptor fd_;
};

}  // namespace tandem
