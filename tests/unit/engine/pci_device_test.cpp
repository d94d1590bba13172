// SPDX-License-Identifier: Apache-2.0
// What is said of a PCI device that DPDK cannot have, by trees that look like sysfs.
#include "engine/pci_device.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace tandem::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAddress = "0000:03:00.0";

class Pci : public testing::Test {
 protected:
  Pci() {
    std::string name = (fs::temp_directory_path() / "tandem-sys-XXXXXX").string();
    sys_ = mkdtemp(name.data());
  }
  ~Pci() override { fs::remove_all(sys_); }

  fs::path device() const { return sys_ / "bus/pci/devices" / kAddress; }
  void plug() { fs::create_directories(device()); }
  void bind(const std::string& driver) {
    fs::create_directories(sys_ / "bus/pci/drivers" / driver);
    fs::create_symlink(sys_ / "bus/pci/drivers" / driver, device() / "driver");
  }
  void translate() { fs::create_directories(device() / "iommu_group"); }
  void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text << '\n';
  }
  std::string trouble() const {
    const auto good = PciDevice(kAddress, sys_.string()).check();
    return good ? "" : good.error().message;
  }

  fs::path sys_;
};

TEST_F(Pci, ThatIsNotThere) {
  EXPECT_EQ(trouble(), "there is no PCI device 0000:03:00.0, expected one that `lspci -D` lists");
}

TEST_F(Pci, WithoutADriver) {
  plug();
  translate();
  EXPECT_EQ(trouble(),
            "0000:03:00.0 has no driver, expected vfio-pci: modprobe vfio-pci && dpdk-devbind.py "
            "--bind=vfio-pci 0000:03:00.0");
}

TEST_F(Pci, ThatIsTheKernelsNamesItsInterface) {
  plug();
  translate();
  bind("ixgbe");
  fs::create_directories(device() / "net/eth2");
  EXPECT_EQ(
      trouble(),
      "0000:03:00.0 is the kernel's (driver ixgbe, as eth2), expected vfio-pci. This takes it "
      "from the kernel, and ends all connections over it: ip link set eth2 down && modprobe "
      "vfio-pci && dpdk-devbind.py --bind=vfio-pci 0000:03:00.0");
}

TEST_F(Pci, OfVirtioIsFoundBelowItsVirtioDevice) {
  plug();
  translate();
  bind("virtio-pci");
  fs::create_directories(device() / "virtio3/net/ens3");
  EXPECT_NE(trouble().find("(driver virtio-pci, as ens3)"), std::string::npos) << trouble();
}

TEST_F(Pci, WithoutAnIommu) {
  plug();
  EXPECT_NE(trouble().find("no IOMMU switched on, which vfio-pci takes: boot with intel_iommu=on"),
            std::string::npos)
      << trouble();
  EXPECT_EQ(trouble().find("echo 1"), std::string::npos) << "this kernel has no such mode";
  const auto unsafe = sys_ / "module/vfio/parameters/enable_unsafe_noiommu_mode";
  write(unsafe, "N");
  EXPECT_NE(trouble().find("echo 1 > " + unsafe.string()), std::string::npos) << trouble();
  write(unsafe, "Y");
  EXPECT_EQ(trouble().find("IOMMU"), std::string::npos) << trouble();
}

TEST_F(Pci, ThatDpdkCanHave) {
  plug();
  translate();
  bind("vfio-pci");
  EXPECT_EQ(trouble(), "");
}

TEST_F(Pci, ThatSharesItsDriverWithTheKernel) {
  plug();
  bind("mlx5_core");
  EXPECT_EQ(trouble(), "");
}

}  // namespace
}  // namespace tandem::engine
