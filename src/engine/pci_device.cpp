// SPDX-License-Identifier: Apache-2.0
#include "engine/pci_device.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace tandem::engine {
namespace {

namespace fs = std::filesystem;

// Drivers that leave a device to a process; and the kernel's own that share theirs with one.
constexpr std::array<std::string_view, 5> kGood = {"vfio-pci", "igb_uio", "uio_pci_generic",
                                                   "mlx4_core", "mlx5_core"};

std::string first_in(const fs::path& directory) {
  std::error_code none;
  const fs::directory_iterator it(directory, none);
  return none || it == fs::directory_iterator{} ? "" : it->path().filename().string();
}

std::string word_in(const fs::path& file) {
  std::string word;
  std::ifstream(file) >> word;
  return word;
}

}  // namespace

PciDevice::PciDevice(std::string address, std::string sys)
    : address_(std::move(address)),
      sys_(std::move(sys)),
      device_(sys_ + "/bus/pci/devices/" + address_) {}

std::string PciDevice::driver() const {
  std::error_code none;
  return fs::read_symlink(device_ + "/driver", none).filename().string();
}

// A virtio device has it one level further down.
std::string PciDevice::interface() const {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(device_, none))
    if (entry.path().filename().string().starts_with("virtio"))
      if (auto name = first_in(entry.path() / "net"); !name.empty()) return name;
  return first_in(device_ + "/net");
}

bool PciDevice::has_iommu() const {
  return fs::exists(device_ + "/iommu_group");
}

std::string PciDevice::how_to_bind() const {
  const std::string unsafe = sys_ + "/module/vfio/parameters/enable_unsafe_noiommu_mode";
  std::string how = "modprobe vfio-pci && dpdk-devbind.py --bind=vfio-pci " + address_;
  if (has_iommu() || word_in(unsafe) == "Y") return how;
  how +=
      "; but this machine has no IOMMU switched on, which vfio-pci takes: boot with "
      "intel_iommu=on or amd_iommu=on, and VT-d or AMD-Vi on in the firmware";
  if (fs::exists(unsafe))
    how += "; or, where the device may do as it likes to all of the memory: echo 1 > " + unsafe;
  return how;
}

Result<void> PciDevice::check() const {
  if (!fs::exists(device_))
    return fail("there is no PCI device " + address_ + ", expected one that `lspci -D` lists");
  const std::string bound = driver();
  if (std::ranges::find(kGood, bound) != kGood.end()) return {};
  if (bound.empty()) return fail(address_ + " has no driver, expected vfio-pci: " + how_to_bind());
  std::string command = how_to_bind();
  std::string with = bound;
  if (const auto name = interface(); !name.empty()) {
    with += ", as " + name;
    command = "ip link set " + name + " down && " + command;
  }
  return fail(address_ + " is the kernel's (driver " + with +
              "), expected vfio-pci. This takes it from the kernel, and ends all connections over "
              "it: " +
              command);
}

}  // namespace tandem::engine
