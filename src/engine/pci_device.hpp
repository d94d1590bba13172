// SPDX-License-Identifier: Apache-2.0
// A PCI device as sysfs shows it: whether DPDK can have it, and if not, the command that helps.
#pragma once

#include <string>

#include "base/result.hpp"

namespace tandem::engine {

class PciDevice {
 public:
  // address: "0000:03:00.0". sys: for tests.
  explicit PciDevice(std::string address, std::string sys = "/sys");

  // Errors: there is no such device; the kernel's driver has it, or none; its memory accesses
  // cannot be confined, since there is no IOMMU.
  [[nodiscard]] Result<void> check() const;

 private:
  [[nodiscard]] std::string driver() const;     // "" without
  [[nodiscard]] std::string interface() const;  // the kernel's, "" without
  [[nodiscard]] bool has_iommu() const;
  [[nodiscard]] std::string how_to_bind() const;

  std::string address_, sys_, device_;
};

}  // namespace tandem::engine
