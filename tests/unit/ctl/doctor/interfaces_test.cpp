// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/interfaces.hpp"

#include "ctl/doctor/workers.hpp"
#include "tree.hpp"

namespace tandem::doctor {
namespace {

Device good_device() {
  Device device;
  device.name = "eth0";
  device.exists = device.up = device.carrier = true;
  device.speed = 10'000;
  device.duplex = "full";
  device.mtu = 1500;
  device.driver = "ixgbe";
  device.channels = Channels{4, 63, true};
  device.rings = Rings{4096, 4096};
  device.features = {{"rx-lro", {}}, {"rx-gro-hw", {}}, {"rx-vlan-hw-parse", {}}};
  device.irqs = {{40, {0}}, {41, {1}}, {42, {2}}, {43, {3}}};
  device.xdp = Attached::native;
  device.addresses = {prefix("192.0.2.2/24")};
  return device;
}

Network network_of(const Device& device) {
  Network network;
  network.devices["eth0"] = device;
  network.bottom["eth0"] = "eth0";
  network.cpus = {0, 1, 2, 3};
  return network;
}

Findings judged(const Device& device, config::Config config = one_router()) {
  Findings findings;
  judge_interfaces(config, network_of(device), findings);
  return findings;
}

Finding judge(const Device& device, Check check, const config::Config& config = one_router()) {
  return worst(check, judged(device, config));
}

TEST(DoctorInterfaces, AreGood) {
  for (const Finding& finding : judged(good_device()).take())
    EXPECT_EQ(finding.severity, Severity::ok) << finding.what;
}

TEST(DoctorInterfaces, AreMissingOrDown) {
  Device device = good_device();
  device.duplex = "half";
  EXPECT_EQ(judge(device, Check::interface_speed).severity, Severity::warning);
  device.carrier = false;
  EXPECT_EQ(judge(device, Check::interface_up).severity, Severity::error);
  EXPECT_EQ(judge(device, Check::interface_up).fix, "");
  device.up = false;
  EXPECT_EQ(judge(device, Check::interface_up).fix, "ip link set dev eth0 up");
  device.exists = false;
  EXPECT_EQ(judge(device, Check::interface_present).severity, Severity::error);
}

TEST(DoctorInterfaces, TellXdpsMode) {
  Device device = good_device();
  device.xdp = Attached::generic;
  EXPECT_EQ(judge(device, Check::interface_xdp).severity, Severity::warning);
  device.xdp = Attached::nothing;
  EXPECT_EQ(judge(device, Check::interface_xdp).severity, Severity::note);
  device.native_xdp = true;
  EXPECT_EQ(judge(device, Check::interface_xdp).severity, Severity::ok);
  device.native_xdp = false;
  EXPECT_EQ(judge(device, Check::interface_xdp).severity, Severity::warning);
  auto config = one_router();
  config.interfaces[0].xdp_mode = config::XdpMode::native;
  EXPECT_EQ(judge(device, Check::interface_xdp, config).severity, Severity::error);
}

TEST(DoctorInterfaces, HaveTooFewOrTooManyQueues) {
  Device device = good_device();
  device.channels = Channels{63, 63, true};
  EXPECT_EQ(judge(device, Check::interface_queues).fix, "ethtool -L eth0 combined 60");
  device.driver = "i40e";
  EXPECT_EQ(judge(device, Check::interface_queues).severity, Severity::ok);
  device.channels = Channels{1, 8, false};
  EXPECT_EQ(judge(device, Check::interface_queues).fix, "ethtool -L eth0 rx 4");
  device.channels = Channels{1, 1, false};
  EXPECT_EQ(judge(device, Check::interface_queues).severity, Severity::ok);
  auto config = one_router();
  config.node.engine = "dpdk";
  config.dpdk.cpus = {2, 3};
  EXPECT_EQ(judge(device, Check::interface_queues, config).severity, Severity::error);
}

TEST(DoctorInterfaces, HaveAShortRing) {
  Device device = good_device();
  device.rings = Rings{512, 8192};
  EXPECT_EQ(judge(device, Check::interface_rings).fix, "ethtool -G eth0 rx 4096");
  device.rings = Rings{512, 512};
  EXPECT_EQ(judge(device, Check::interface_rings).severity, Severity::ok);
}

TEST(DoctorInterfaces, HaveAllInterruptsOnOneCpu) {
  Device device = good_device();
  for (Irq& irq : device.irqs) irq.cpus = {0};
  const Finding finding = judge(device, Check::interface_irqs);
  EXPECT_EQ(finding.severity, Severity::warning);
  EXPECT_TRUE(finding.fix.ends_with("echo 3 > /proc/irq/43/smp_affinity_list")) << finding.fix;
}

TEST(DoctorInterfaces, MergeFrames) {
  Device device = good_device();
  device.features["rx-lro"] = {true, false};
  EXPECT_EQ(judge(device, Check::interface_lro).fix, "ethtool -K eth0 rx-lro off");
  device.features["rx-lro"] = {true, true};
  EXPECT_EQ(judge(device, Check::interface_lro).fix, "");
  EXPECT_EQ(judge(device, Check::interface_lro).severity, Severity::warning);
}

TEST(DoctorInterfaces, TakeTagsOffOnlyWhereTheyAreRead) {
  Device device = good_device();
  device.features["rx-vlan-hw-parse"] = {true, false};
  EXPECT_TRUE(of(Check::interface_vlan, judged(device)).empty());
  auto config = one_router();
  config.interfaces[0].vlan = {100};
  const Finding finding = judge(device, Check::interface_vlan, config);
  EXPECT_EQ(finding.severity, Severity::error);
  EXPECT_EQ(finding.fix, "ethtool -K eth0 rx-vlan-hw-parse off");
}

TEST(DoctorInterfaces, HaveJumboFrames) {
  Device device = good_device();
  device.mtu = 9000;
  EXPECT_EQ(judge(device, Check::interface_mtu).severity, Severity::ok);  // it was taken
  device.xdp = Attached::generic;
  EXPECT_EQ(judge(device, Check::interface_mtu).severity, Severity::warning);
}

TEST(DoctorInterfaces, HaveNoRoomForATunnel) {
  auto config = one_router();
  config.services.push_back(service(config::Forward::tunnel));
  config.services[0].backends.push_back(backend("198.51.100.21"));
  Network network = network_of(good_device());
  Device back = good_device();
  back.name = "eth1";
  back.addresses = {prefix("198.51.100.2/24")};
  const auto judge_with = [&](std::int64_t mtu) {
    back.mtu = mtu;
    network.devices["eth1"] = back;
    Findings findings;
    judge_mtu(config, network, findings);
    return worst(Check::tunnel_mtu, std::move(findings));
  };
  EXPECT_EQ(judge_with(1520).severity, Severity::ok);
  EXPECT_EQ(judge_with(1519).fix, "ip link set dev eth1 mtu 1520");
}

TEST(DoctorInterfaces, AreBondsBridgesAndPorts) {
  Device device = good_device();
  device.kind = "bond";
  EXPECT_EQ(judge(device, Check::interface_stack).severity, Severity::note);
  auto config = one_router();
  config.node.engine = "dpdk";
  EXPECT_EQ(judge(device, Check::interface_stack, config).severity, Severity::error);
  device.kind = "";
  device.master = "br0";
  EXPECT_EQ(judge(device, Check::interface_stack).severity, Severity::warning);
}

TEST(DoctorInterfaces, AreReadFromSysfs) {
  Tree tree;
  tree.file("sys/class/net/eth0/ifindex", "2")
      .file("sys/class/net/eth0/flags", "0x1003")
      .file("sys/class/net/eth0/carrier", "1")
      .file("sys/class/net/eth0/speed", "25000")
      .file("sys/class/net/eth0/mtu", "9000")
      .link("sys/class/net/eth0/master", "../bond0")
      .link("sys/class/net/eth0/device/driver", "../../bus/pci/drivers/ice")
      .file("sys/class/net/eth0/device/msi_irqs/77", "msix")
      .file("proc/irq/77/effective_affinity_list", "2-3,6")
      .file("sys/class/net/eth0.7/ifindex", "3")
      .file("sys/class/net/eth0.7/uevent", "DEVTYPE=vlan\nINTERFACE=eth0.7")
      .file("sys/class/net/eth0.7/lower_eth0/ifindex", "2");
  const Device device = read_device(tree.root(), "eth0");
  EXPECT_TRUE(device.exists && device.up && device.carrier);
  EXPECT_EQ(device.speed, 25'000);
  EXPECT_EQ(device.mtu, 9000);
  EXPECT_EQ(device.master, "bond0");
  EXPECT_EQ(device.driver, "ice");
  ASSERT_EQ(device.irqs.size(), 1U);
  EXPECT_EQ(device.irqs[0].cpus, (std::vector<int>{2, 3, 6}));
  EXPECT_EQ(bottom_device(tree.root(), "eth0.7"), "eth0");
  EXPECT_FALSE(read_device(tree.root(), "eth1").exists);
}

// ---- reverse paths, ARP ----------------------------------------------------
Findings neighbours(const config::Config& config, const Network& network, const Sysctls& sysctls) {
  Findings findings;
  judge_neighbours(config, network, sysctls, findings);
  return findings;
}

TEST(DoctorNeighbours, StrictReversePathsMatterWithSeveralInterfaces) {
  auto config = one_router();
  const Network network = network_of(good_device());
  Sysctls sysctls{{{"net/ipv4/conf/all/rp_filter", 1}, {"net/ipv4/conf/eth0/rp_filter", 0}}};
  EXPECT_EQ(worst(Check::rp_filter, neighbours(config, network, sysctls)).severity, Severity::note);
  config.interfaces.push_back(interface("eth1"));
  const auto finding = worst(Check::rp_filter, neighbours(config, network, sysctls));
  EXPECT_EQ(finding.severity, Severity::warning);
  EXPECT_EQ(finding.fix, "sysctl -w net.ipv4.conf.eth0.rp_filter=2");
  sysctls.values["net/ipv4/conf/eth0/rp_filter"] = 2;  // the greater of the two counts
  EXPECT_EQ(worst(Check::rp_filter, neighbours(config, network, sysctls)).severity, Severity::ok);
}

TEST(DoctorNeighbours, ArpIgnoreKeepsTheKernelSilent) {
  auto config = one_router();
  const Network network = network_of(good_device());
  Sysctls sysctls{{{"net/ipv4/conf/eth0/arp_ignore", 1}}};
  EXPECT_TRUE(of(Check::arp_ignore, neighbours(config, network, sysctls)).empty());
  config.vrrp[0].addresses[0].device = "lo";
  EXPECT_EQ(worst(Check::arp_ignore, neighbours(config, network, sysctls)).severity,
            Severity::error);
  config.vrrp[0].mac = config::MacMode::virtual_mac;  // XDP answers
  EXPECT_TRUE(of(Check::arp_ignore, neighbours(config, network, sysctls)).empty());
}

TEST(DoctorNeighbours, AnInterfaceWithoutAGateAnswers) {
  const auto config = one_router();
  Network network = network_of(good_device());
  Device other = good_device();
  other.name = "eth1";
  other.addresses = {prefix("192.0.2.7/24")};
  network.devices["eth1"] = other;
  Sysctls sysctls;
  const auto finding = worst(Check::ungated_interface, neighbours(config, network, sysctls));
  EXPECT_EQ(finding.subject, "eth1");
  EXPECT_EQ(finding.fix, "sysctl -w net.ipv4.conf.eth1.arp_ignore=1");
  sysctls.values["net/ipv4/conf/eth1/arp_ignore"] = 1;
  EXPECT_TRUE(of(Check::ungated_interface, neighbours(config, network, sysctls)).empty());
}

TEST(DoctorNeighbours, BackendsAreToldWhatTheyNeed) {
  auto config = one_router();
  config.services.push_back(service(config::Forward::dsr));
  const Network network = network_of(good_device());
  const auto dsr = worst(Check::backend_arp, neighbours(config, network, {}));
  EXPECT_NE(dsr.fix.find("arp_ignore=1"), std::string::npos);
  EXPECT_EQ(dsr.fix.find("modprobe"), std::string::npos);
  config.services[0].forward = config::Forward::tunnel;
  config.services[0].backends.push_back(backend("2001:db8::21"));
  EXPECT_NE(worst(Check::backend_arp, neighbours(config, network, {})).fix.find("ip6tnl0"),
            std::string::npos);
  config.services[0].forward = config::Forward::nat;
  EXPECT_TRUE(of(Check::backend_arp, neighbours(config, network, {})).empty());
}

// ---- workers ---------------------------------------------------------------
TEST(DoctorWorkers, NeedHugePagesCpusAndNics) {
  Tree tree;
  tree.file("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "100")
      .file("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "100")
      .file("sys/devices/system/cpu/isolated", "2-3")
      .file("sys/bus/pci/drivers/vfio-pci/0000:03:00.0/class", "0x020000")
      .file("sys/bus/pci/drivers/vfio-pci/0000:04:00.0/class", "0x030000");
  auto config = one_router();
  config.node.engine = "dpdk";
  config.dpdk.cpus = {1, 2, 9};
  const auto ground = read_worker_ground(tree.root(), config);
  EXPECT_EQ(ground.unbound, std::vector<std::string>{"0000:03:00.0 (vfio-pci)"});
  const auto judge_ground = [&](Check check, bool running = false) {
    Findings findings;
    Network network = network_of(good_device());
    judge_workers(config, ground, network, running, findings);
    return of(check, std::move(findings));
  };
  // 256 MB of buffers are 128 pages.
  EXPECT_EQ(judge_ground(Check::huge_pages)[0].fix, "sysctl -w vm.nr_hugepages=128");
  EXPECT_EQ(judge_ground(Check::huge_pages, true)[0].severity, Severity::ok);
  const auto cpus = judge_ground(Check::worker_cpus);
  ASSERT_EQ(cpus.size(), 4U);
  EXPECT_EQ(cpus[0].what, "a worker is to run there, and it is not online");
  EXPECT_EQ(cpus[1].what, "a worker's, and not isolated: other tasks run there, too");
  EXPECT_EQ(cpus[2].subject, "CPU 1");
  EXPECT_EQ(cpus[3].what, "a worker's, and takes interrupts of eth0");
  EXPECT_EQ(judge_ground(Check::driver_binding)[0].severity, Severity::note);
  config.interfaces.push_back(interface("eth9"));
  EXPECT_EQ(judge_ground(Check::driver_binding)[0].severity, Severity::error);
  EXPECT_EQ(judge_ground(Check::hugetlbfs)[0].fix, "mount -t hugetlbfs hugetlbfs /dev/hugepages");
}

}  // namespace
}  // namespace tandem::doctor
