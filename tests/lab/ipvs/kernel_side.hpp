// SPDX-License-Identifier: Apache-2.0
// The kernel's IPVS answers a trace: one service 192.0.2.100:80 with wlc and direct routing, whose
// backends are 198.51.100.B. Client's segments are written to a TAP device as Ethernet frames; the
// MAC address that the kernel then sends them to tells the backend. The init program has made the
// device, its addresses, and neighbours 02:00:00:00:00:B for 198.51.100.B.
#pragma once

#include <array>

#include "ipvs/trace.hpp"

namespace tandem::ipvs {

// A descriptor, closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

class KernelSide final : public Side {
 public:
  // Throws std::system_error, as all calls do that the kernel refuses.
  KernelSide();
  ~KernelSide() override;
  void add(std::uint16_t backend, std::uint16_t weight) override;
  std::optional<std::uint16_t> segment(std::uint32_t flow, std::uint8_t flags) override;
  void wait(std::uint32_t seconds) override;
  std::vector<Count> counts() override;

 private:
  std::optional<std::uint16_t> forwarded();

  Descriptor tap_;
  Descriptor control_;
  std::array<std::uint8_t, 6> mac_{};  // of the TAP device
  std::vector<std::uint16_t> backends_;
};

}  // namespace tandem::ipvs
