// SPDX-License-Identifier: Apache-2.0
// Source ports, shared out between three who use the same addresses, since a backend could not tell
// two connections of one port apart: fullnat, the checks of backends, and the node's own kernel, which
// takes its ports from net.ipv4.ip_local_port_range (both families) but for ip_local_reserved_ports.
//
//   1024 to 65535   without the kernel's range: fullnat's, but for a few that checks leave by
//   no such left    the last ones of the range are reserved, and fullnat's
//   the range is moved onto ports that flows have: those are reserved until the flows end
//
// What is reserved here is added to the operator's list, and taken out again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::services {

using PortSet = std::vector<bool>;  // by number, of kPortNumbers

inline constexpr std::size_t kPortNumbers = 65536;
inline constexpr std::size_t kFewPorts = 1024;    // what fullnat and checks have at least
inline constexpr std::size_t kCheckPorts = 1024;  // of checks, where there are many

// "8080,9000-9010", as the kernel has it. What cannot be read is left out.
[[nodiscard]] PortSet parse_ports(std::string_view list);
// The same again. At most `ranges` of them: ports between those are in, too, if it takes that.
[[nodiscard]] std::string to_list(const PortSet& ports, std::size_t ranges);

struct PortShares {
  PortSet kernel;                     // its range, without what the operator reserves
  PortSet usable;                     // by fullnat
  std::vector<std::uint16_t> checks;  // none of the two
  PortSet reserved;                   // of the kernel's, for fullnat; none if it need not be
};
// range: "32768\t60999"; reserved: by the operator. taken: by flows.
[[nodiscard]] PortShares share_out(std::string_view range, const PortSet& reserved,
                                   const PortSet& taken);

// The settings of this network namespace, looked at time and again by the control thread.
class KernelPorts {
 public:
  explicit KernelPorts(std::string directory = "/proc/sys/net/ipv4/");
  KernelPorts(const KernelPorts&) = delete;
  KernelPorts& operator=(const KernelPorts&) = delete;
  ~KernelPorts();  // what it reserved is the kernel's again

  // true: somebody changed them since the last share_out().
  [[nodiscard]] bool changed();
  const PortShares& share_out(const PortSet& taken);
  // taken: by flows. Those of the kernel's share are reserved, and no others any more.
  void keep(const PortSet& taken);

  // Sentences for the operator.
  [[nodiscard]] std::vector<std::string> troubles() const;

 private:
  [[nodiscard]] std::string line_of(const char* setting) const;
  void read();
  void reserve(const PortSet& wanted);

  std::string directory_;
  std::string range_, list_;  // as they were read, or written
  bool seen_ = false;
  PortSet operators_, ours_;  // what each has reserved
  PortShares shares_;
  std::size_t strays_ = 0;  // ports of the kernel's share that flows have
  std::string refused_;     // why nothing can be reserved
};

}  // namespace tandem::services
