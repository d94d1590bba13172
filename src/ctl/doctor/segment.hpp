// SPDX-License-Identifier: Apache-2.0
// What can be heard and asked on the configured networks: adverts, and who answers for addresses.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/time.hpp"
#include "config/config.hpp"
#include "ctl/doctor/daemon_view.hpp"
#include "ctl/doctor/finding.hpp"
#include "ctl/doctor/interfaces.hpp"
#include "wire/vrrp.hpp"

namespace tandem::doctor {

struct Heard {
  std::string interface;
  wire::ReceivedAdvert advert;
};

// An address that was asked for.
struct Probed {
  std::string interface;
  IpAddress address;
  std::string router;            // whose it is; empty: the node's own address
  std::set<MacAddress> answers;  // other than this node's
};

struct Segment {
  std::vector<Heard> heard;
  std::set<std::string> listened;  // interfaces on which adverts reach a socket
  std::vector<Probed> probed;
  std::vector<std::string> troubles;
};

// Asks twice who has each address (claims.hpp), then listens for `duration`. Interfaces that read
// VLAN tags by themselves are left out: a socket does not see what their gate sees.
[[nodiscard]] Segment explore(const config::Config& config, const Network& network,
                              Duration duration);

// Where no daemon hears for us.
void judge_heard(const config::Config& config, const Segment& segment, Findings& findings);
void judge_conflicts(const config::Config& config, const Segment& segment,
                     const std::optional<DaemonView>& view, Findings& findings);

}  // namespace tandem::doctor
