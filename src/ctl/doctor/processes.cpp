// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/processes.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace tandem::doctor {
namespace {

constexpr std::array kOthers{"keepalived", "vrrpd", "ucarp"};

// The file after -f or --use-file, or "--use-file=FILE".
std::string keepalived_config(const std::string& command) {
  const auto arguments = words(command);
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if ((arguments[i] == "-f" || arguments[i] == "--use-file") && i + 1 < arguments.size())
      return arguments[i + 1];
    if (arguments[i].starts_with("--use-file=")) return arguments[i].substr(11);
  }
  return "/etc/keepalived/keepalived.conf";
}

bool names(const std::string& text, const std::string& address) {
  const auto part_of_one = [](char c) {
    return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == '.' || c == ':';
  };
  for (auto at = text.find(address); at != std::string::npos; at = text.find(address, at + 1)) {
    const auto end = at + address.size();
    if ((at == 0 || !part_of_one(text[at - 1])) && (end == text.size() || !part_of_one(text[end])))
      return true;
  }
  return false;
}

std::vector<std::string> shared_addresses(const Root& root, const config::Config& config,
                                          const Process& process) {
  if (process.name != "keepalived") return {};
  const auto text = root.text(keepalived_config(process.command)).value_or("");
  std::vector<std::string> shared;
  for (const auto& router : config.vrrp)
    for (const auto& own : router.addresses)
      if (const auto address = own.prefix.address.to_string(); names(text, address))
        shared.push_back(address);
  return shared;
}

}  // namespace

std::vector<Process> read_processes(const Root& root) {
  const auto own = root.link("proc/self/ns/net");
  std::vector<Process> processes;
  for (const auto& entry : root.list("proc")) {
    const auto pid = to_number(entry);
    if (!pid) continue;
    const auto name = root.text("proc/" + entry + "/comm");
    if (!name) continue;  // it has ended
    auto command = root.text("proc/" + entry + "/cmdline").value_or("");
    std::ranges::replace(command, '\0', ' ');
    const auto there = root.link("proc/" + entry + "/ns/net");
    processes.push_back({static_cast<int>(*pid), *name, command, !own || !there || *own == *there});
  }
  return processes;
}

const Process* find_here(const std::vector<Process>& processes, const std::string& name) {
  const auto it =
      std::ranges::find_if(processes, [&](const Process& p) { return p.here && p.name == name; });
  return it == processes.end() ? nullptr : &*it;
}

const Process* other_vrrp_daemon(const std::vector<Process>& processes) {
  for (const char* name : kOthers)
    if (const Process* found = find_here(processes, name)) return found;
  return nullptr;
}

void judge_other_daemons(const Root& root, const config::Config& config,
                         const std::vector<Process>& processes, Findings& findings) {
  std::set<std::string> told;  // keepalived is several processes
  for (const Process& process : processes) {
    const bool other = std::ranges::find(kOthers, process.name) != kOthers.end();
    if (!other || !process.here || !told.insert(process.name).second) continue;
    const auto shared = shared_addresses(root, config, process);
    const std::string unit = process.name == "vrrpd" ? "frr" : process.name;
    findings.add(Check::vrrp_other_daemon, Severity::error, process.name,
                 "runs on this node (process " + std::to_string(process.pid) + ")" +
                     (shared.empty() ? "" : "; its configuration names " + listed(shared)),
                 "systemctl disable --now " + unit);
  }
  if (told.empty()) findings.good(Check::vrrp_other_daemon, "node", "runs no other VRRP daemon");
}

}  // namespace tandem::doctor
