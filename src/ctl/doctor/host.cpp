// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/host.hpp"

#include <sys/timex.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

namespace tandem::doctor {
namespace {

constexpr const char* kClockSource = "sys/devices/system/clocksource/clocksource0/";
// Read in some tens of cycles, without leaving the CPU.
constexpr std::array kQuickClocks{"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "xen",
                                  "arch_sys_counter"};

bool is_quick(const std::string& source) {
  return std::ranges::find(kQuickClocks, source) != kQuickClocks.end();
}

std::size_t count_denials(const Root& root) {
  constexpr std::streamoff kLooked = 1 << 20;  // bytes at the log's end
  std::ifstream log(root.path("var/log/audit/audit.log"), std::ios::binary | std::ios::ate);
  if (!log) return 0;
  log.seekg(std::max<std::streamoff>(0, log.tellg() - kLooked));
  std::size_t denials = 0;
  for (std::string line; std::getline(log, line);)
    if (line.find("avc:  denied") != std::string::npos &&
        line.find("comm=\"tandemd\"") != std::string::npos)
      denials++;
  return denials;
}

void judge_clock(const Host& host, Findings& findings) {
  if (host.clock_synchronised == true)
    findings.good(Check::clock_synchronised, "clock", "is synchronised");
  else if (host.clock_synchronised == false)
    findings.add(Check::clock_synchronised, Severity::note, "clock", "is not synchronised",
                 "timedatectl set-ntp true");
  if (host.clock_source.empty()) return;
  if (is_quick(host.clock_source))
    return findings.good(Check::clock_source, "clock source", host.clock_source);
  const auto better = std::ranges::find_if(host.clock_sources, is_quick);
  findings.add(Check::clock_source, Severity::warning, "clock source",
               host.clock_source + ", which takes long to read",
               better == host.clock_sources.end()
                   ? ""
                   : "echo " + *better + " > /" + kClockSource + "current_clocksource");
}

void judge_governor(const Host& host, Findings& findings) {
  if (host.governors.empty()) return;  // the machine decides by itself, or is virtual
  const bool fast = host.governors == std::vector<std::string>{"performance"};
  if (fast) return findings.good(Check::cpu_governor, "CPUs", "governor performance");
  findings.add(Check::cpu_governor, Severity::note, "CPUs", "governor " + listed(host.governors),
               "cpupower frequency-set -g performance");
}

void judge_selinux(const Host& host, Findings& findings) {
  if (!host.selinux_enforces) return;
  const std::string state = *host.selinux_enforces ? "enforcing" : "permissive";
  if (host.denials == 0)
    return findings.good(Check::selinux, "SELinux", state + ", no denial for tandemd in the log");
  findings.add(Check::selinux, *host.selinux_enforces ? Severity::warning : Severity::note,
               "SELinux", state + ", " + std::to_string(host.denials) + " denials for tandemd",
               "ausearch -m avc -c tandemd | audit2allow -M tandemd\nsemodule -i tandemd.pp");
}

void judge_irqbalance(const config::Config& config, const std::vector<Process>& processes,
                      Findings& findings) {
  if (config.node.engine != "dpdk" || config.dpdk.cpus.empty()) return;
  const bool runs = std::ranges::any_of(processes, [](const Process& process) {
    return process.name == "irqbalance";  // whatever namespace: it moves all of the machine's
  });
  if (!runs) return findings.good(Check::irqbalance, "irqbalance", "does not run");
  std::string cpus;
  for (const auto cpu : config.dpdk.cpus) cpus += (cpus.empty() ? "" : ",") + std::to_string(cpu);
  findings.add(Check::irqbalance, Severity::warning, "irqbalance",
               "runs, and may move interrupts to the workers' CPUs " + cpus,
               "echo IRQBALANCE_BANNED_CPULIST=" + cpus +
                   " >> /etc/default/irqbalance\nsystemctl restart irqbalance");
}

}  // namespace

Host read_host(const Root& root) {
  Host host;
  const std::string clocks = kClockSource;
  host.clock_source = root.text(clocks + "current_clocksource").value_or("");
  host.clock_sources = words(root.text(clocks + "available_clocksource").value_or(""));
  std::set<std::string> governors;
  for (const auto& cpu : root.list("sys/devices/system/cpu"))
    if (const auto governor =
            root.text("sys/devices/system/cpu/" + cpu + "/cpufreq/scaling_governor"))
      governors.insert(*governor);
  host.governors.assign(governors.begin(), governors.end());
  if (const auto enforces = root.number("sys/fs/selinux/enforce"))
    host.selinux_enforces = *enforces != 0;
  host.denials = count_denials(root);
  return host;
}

bool clock_is_synchronised() {
  timex state{};
  return adjtimex(&state) != TIME_ERROR;
}

void judge_host(const config::Config& config, const Host& host,
                const std::vector<Process>& processes, Findings& findings) {
  judge_clock(host, findings);
  judge_governor(host, findings);
  judge_irqbalance(config, processes, findings);
  judge_selinux(host, findings);
}

}  // namespace tandem::doctor
