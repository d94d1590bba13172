// SPDX-License-Identifier: Apache-2.0
#include "daemon/capabilities.hpp"

#include <sys/capability.h>

#include <array>
#include <memory>

namespace tandem::daemon {
namespace {

// To attach programs and move addresses (net_admin), for packet and AF_XDP sockets (net_raw), and
// to load programs and to find out, by its id, what a killed daemon left attached (sys_admin; bpf
// and perfmon, which are enough for a first start, are part of it). Without real-time priority
// (sys_nice) and locked memory (ipc_lock) the daemon runs on, and says so.
constexpr std::array kNeeded{CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN};

}  // namespace

std::vector<std::string> missing_capabilities() {
  const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> ours(cap_get_proc(),
                                                                           cap_free);
  std::vector<std::string> missing;
  for (const auto capability : kNeeded) {
    cap_flag_value_t has = CAP_CLEAR;
    if (ours) cap_get_flag(ours.get(), capability, CAP_EFFECTIVE, &has);
    if (has == CAP_SET) continue;
    const std::unique_ptr<char, int (*)(void*)> name(cap_to_name(capability), cap_free);
    missing.emplace_back(name.get());
  }
  return missing;
}

}  // namespace tandem::daemon
