// SPDX-License-Identifier: Apache-2.0
// A service with its backends as it is at a moment: configured, checked, moved by the operator. And
// what follows from that for the forwarder and for the steering tables.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "balance/maglev_table.hpp"
#include "config/config.hpp"
#include "dataplane/data_plane.hpp"
#include "flow/steering.hpp"
#include "forward/settings.hpp"
#include "netlink/next_hop.hpp"
#include "services/pick_blocks.hpp"
#include "services/service_numbers.hpp"
#include "sync/message.hpp"
#include "tandem/tables.h"

namespace tandem::services {

// What went through the slot of a backend or a service of this node's own, whoever had the slot.
struct BackendTotals {
  std::uint64_t picks = 0;
  td_traffic traffic{};
};

// Since the process began, and before that as far as XDP counted.
[[nodiscard]] BackendTotals totals_of(std::uint16_t slot, const dataplane::DataPlane& plane);

struct RunningBackend {
  config::Backend config;
  std::uint16_t slot = 0;
  std::uint16_t weight = 0;        // in use
  std::string weight_set_on{};     // the node where the operator set it; "": it is the file's
  bool drained = false;            // by the operator
  std::string drained_on{};        // the node where; "": this one
  bool retired = false;            // no longer configured: stays for the flows that it has
  std::optional<bool> check_up{};  // nullopt: no verdict yet, or no check
  std::string check_why{};
  std::optional<std::size_t> check{};  // its place among the checks
  balance::State state = balance::State::down;
  std::string why{};  // it is in this state
  MonotonicTime since{};
  std::optional<netlink::NextHop> next_hop{};
  double new_per_second = 0;
  std::uint64_t flows_before = 0;  // a second ago
  BackendTotals before{};          // when it got its slot: not its own
};

// forward = "local": the slot that counts it; 0: there was none left, and it is not counted.
struct CountedSlot {
  std::uint16_t slot = 0;
  td_traffic before{};  // when it got its slot: not its own
};

struct RunningService {
  config::Service config;
  std::uint16_t number = 0;  // 0: it has no backends
  CountedSlot counted{};
  // fullnat. A flow names its source by the place here, so it stays: one that is no longer
  // configured keeps its place until a new one needs it and no flow has it.
  std::vector<SourceAddress> sources;
  std::vector<RunningBackend> backends;
  std::array<std::optional<PickBlocks::Region>, 2> picks;
  int filled = 0;              // which of them is in use
  bool table_is_due = false;   // the hash picks are to be made anew
  bool backups_serve = false;  // and the others get no new flows
  // Its quorum is up. At the start it counts as up until its backends have been looked at.
  bool up = true;
  MonotonicTime since{};  // in that state; at first: staged
  bool was_up = false;    // as backends were seen
};

using RunningServices = std::vector<RunningService>;

// The same on both nodes, and not 0.
[[nodiscard]] std::uint64_t identity_of(const config::Service& service);
[[nodiscard]] std::uint64_t identity_of(const config::Service& service,
                                        const config::Backend& backend);

// What both nodes know the backend by.
[[nodiscard]] sync::BackendKey key_of(const config::Service& service,
                                      const config::Backend& backend);

// "198.51.100.21:8080"
[[nodiscard]] std::string endpoint_of(const config::Backend& backend);

// ---- The quorum
[[nodiscard]] std::uint64_t weight_up(const RunningService& service);  // backups aside
[[nodiscard]] bool has_quorum(const RunningService& service);
// Whether backups get the new flows: there is no quorum, and one of them can take them.
[[nodiscard]] bool backups_are_due(const RunningService& service);
// Of new flows; 0 where the others serve, or the backups.
[[nodiscard]] std::uint16_t weight_in_force(const RunningService& service,
                                            const RunningBackend& backend);

// ---- What the forwarder is told
[[nodiscard]] forward::ServiceSettings settings_of(const RunningService& service);
// All but what depends on routes: next hop, and a tunnel's outer address.
[[nodiscard]] forward::BackendSettings settings_of(const RunningServices& all,
                                                   const RunningService& service,
                                                   const RunningBackend& backend);
// The table of hash picks, of backends that may get flows.
[[nodiscard]] balance::MaglevTable hash_picks(const RunningService& service);

// ---- What the tables are told. Services without backends have number 0.
[[nodiscard]] std::vector<flow::SteeredService> steered(const RunningServices& services);
[[nodiscard]] flow::SteeredReplies replies(const RunningServices& services);

}  // namespace tandem::services
