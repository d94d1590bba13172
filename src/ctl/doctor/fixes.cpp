// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/fixes.hpp"

#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "ctl/doctor/sysctls.hpp"

namespace tandem::doctor {
namespace {

constexpr const char* kSysctlFile = "/etc/sysctl.d/90-tandem.conf";

std::string write_sysctl(const Root& root, const Action& action) {
  const auto path = root.path("proc/sys/" + action.target);
  std::ofstream file(path);
  file << action.value << '\n' << std::flush;
  return file.good() ? "" : std::string("cannot write ") + path.string();
}

std::string mount_bpffs(const Root& root, const Action& action) {
  const auto path = root.path(action.target);
  if (mount("bpf", path.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") == 0)
    return "";
  return "cannot mount a BPF file system at " + path.string() + ": " + std::strerror(errno);
}

}  // namespace

std::vector<Action> planned(const std::vector<Finding>& findings) {
  std::vector<Action> actions;
  for (const Finding& finding : findings)
    for (const Action& action : finding.actions)
      if (std::ranges::find(actions, action) == actions.end()) actions.push_back(action);
  return actions;
}

std::vector<Done> carry_out(const Root& root, const std::vector<Action>& actions) {
  std::vector<Done> done;
  for (const Action& action : actions) {
    switch (action.kind) {
      case Action::Kind::sysctl:
        done.push_back({action, write_sysctl(root, action)});
        break;
      case Action::Kind::mount_bpffs:
        done.push_back({action, mount_bpffs(root, action)});
        break;
    }
  }
  return done;
}

std::string describe(const Action& action) {
  if (action.kind == Action::Kind::sysctl) return sysctl_line(action);
  return "mounted a BPF file system at " + action.target;
}

std::string permanence(const std::vector<Done>& done) {
  std::string text;
  for (const Done& one : done) {
    if (!one.trouble.empty()) continue;
    const bool sysctl = one.action.kind == Action::Kind::sysctl;
    const std::string line =
        sysctl ? sysctl_line(one.action)
               : "bpf " + one.action.target + " bpf nosuid,nodev,noexec,mode=0700 0 0";
    text += "echo '" + line + "' >> " + (sysctl ? kSysctlFile : "/etc/fstab") + "\n";
  }
  return text;
}

}  // namespace tandem::doctor
