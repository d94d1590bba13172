// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/workers.hpp"

#include <linux/magic.h>

#include <algorithm>

#include "ctl/doctor/kernel.hpp"

namespace tandem::doctor {
namespace {

constexpr const char* kPages = "sys/kernel/mm/hugepages/hugepages-2048kB/";
constexpr std::int64_t kPageMb = 2;
// Of a flow table, for each flow (docs/troubleshooting.md).
constexpr std::int64_t kFlow4Bytes = 24;
constexpr std::int64_t kFlow6Bytes = 48;

std::int64_t pages_for(std::int64_t bytes) {
  const std::int64_t page = kPageMb << 20;
  return (bytes + page - 1) / page;
}

bool has_backends(const config::Config& config) {
  return std::ranges::any_of(config.services,
                             [](const auto& s) { return s.forward != config::Forward::local; });
}

void judge_pages(const config::Config& config, const WorkerGround& ground, bool running,
                 Findings& findings) {
  std::int64_t wanted = (config.dpdk.memory_mb + kPageMb - 1) / kPageMb;
  if (has_backends(config))
    wanted += pages_for(config.flows.size * kFlow4Bytes) +
              pages_for(config.flows.size_ipv6 * kFlow6Bytes);
  const std::string free = std::to_string(ground.free) + " of " + std::to_string(ground.pages) +
                           " huge pages of 2 MB are free";
  if (running || ground.free >= wanted) return findings.good(Check::huge_pages, "huge pages", free);
  const auto more = ground.pages + wanted - ground.free;
  findings.add(Check::huge_pages, Severity::error, "huge pages",
               free + ", and " + std::to_string(wanted) + " are needed",
               "sysctl -w vm.nr_hugepages=" + std::to_string(more));
}

void judge_cpus(const config::Config& config, const WorkerGround& ground, const Network& network,
                Findings& findings) {
  for (const int cpu : config.dpdk.cpus) {
    const std::string subject = "CPU " + std::to_string(cpu);
    const auto add = [&](Severity severity, const std::string& what) {
      findings.add(Check::worker_cpus, severity, subject, what);
    };
    if (std::ranges::find(network.cpus, cpu) == network.cpus.end()) {
      add(Severity::error, "a worker is to run there, and it is not online");
      continue;
    }
    std::vector<std::string> interrupted;
    for (const auto& [name, device] : network.devices)
      if (std::ranges::any_of(device.irqs,
                              [&](const Irq& irq) { return irq.cpus == std::vector<int>{cpu}; }))
        interrupted.push_back(name);
    if (!interrupted.empty())
      add(Severity::note, "a worker's, and takes interrupts of " + listed(interrupted));
    if (std::ranges::find(ground.isolated, cpu) == ground.isolated.end())
      add(Severity::warning, "a worker's, and not isolated: other tasks run there, too");
    else if (interrupted.empty())
      add(Severity::ok, "a worker's, isolated");
  }
}

void judge_binding(const config::Config& config, const WorkerGround& ground, const Network& network,
                   Findings& findings) {
  const bool missing = std::ranges::any_of(config.interfaces, [&](const auto& interface) {
    return !network.devices.contains(interface.name);
  });
  for (const auto& device : ground.unbound)
    findings.add(Check::driver_binding, missing ? Severity::error : Severity::note,
                 device.substr(0, device.find(' ')),
                 "is taken from the kernel: " + device + " has no interface",
                 "dpdk-devbind.py --status");
}

}  // namespace

WorkerGround read_worker_ground(const Root& root, const config::Config& config) {
  WorkerGround ground;
  const std::string pages = kPages;
  ground.pages = root.number(pages + "nr_hugepages").value_or(0);
  ground.free = root.number(pages + "free_hugepages").value_or(0);
  ground.hugetlbfs = is_on(root, config.dpdk.huge_pages, HUGETLBFS_MAGIC);
  ground.isolated = cpu_list(root.text("sys/devices/system/cpu/isolated").value_or(""));
  for (const char* driver : {"vfio-pci", "igb_uio", "uio_pci_generic"}) {
    const std::string at = std::string("sys/bus/pci/drivers/") + driver + "/";
    for (const auto& device : root.list(at))
      if (root.text(at + device + "/class").value_or("").starts_with("0x02"))  // network
        ground.unbound.push_back(device + " (" + driver + ")");
  }
  return ground;
}

void judge_workers(const config::Config& config, const WorkerGround& ground, const Network& network,
                   bool running, Findings& findings) {
  judge_binding(config, ground, network, findings);
  if (config.node.engine != "dpdk") return;
  judge_pages(config, ground, running, findings);
  if (ground.hugetlbfs)
    findings.good(Check::hugetlbfs, config.dpdk.huge_pages, "is a hugetlbfs");
  else
    findings.add(Check::hugetlbfs, Severity::error, config.dpdk.huge_pages, "is no hugetlbfs",
                 "mount -t hugetlbfs hugetlbfs " + config.dpdk.huge_pages);
  judge_cpus(config, ground, network, findings);
}

}  // namespace tandem::doctor
