// SPDX-License-Identifier: Apache-2.0
// From configuration to numbers: which slot, link and tracked source each named thing has. The
// numbers stay with the names over reloads, so that what did not change is not touched.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "flow/steering.hpp"
#include "speaker/vrrp_driver.hpp"
#include "vrrp/settings.hpp"

namespace tandem::speaker {

struct PlannedRouter {
  vrrp::RouterId id = 0;
  config::Vrrp config;
  vrrp::Settings settings;
  VrrpEndpoint endpoint;
  // With [sync]: services whose flows have to be here before it preempts, as they move with it.
  std::vector<std::string> synced_services;
  // Where this node serves TCP on its addresses itself.
  std::vector<config::ListenAddress> own_tcp;
};

struct Plan {
  config::Config config;
  std::vector<PlannedRouter> routers;

  // nullptr: there is none.
  [[nodiscard]] const PlannedRouter* find(vrrp::RouterId id) const;
  [[nodiscard]] bool has(const std::string& router) const;
};

// Gives out the lowest free number for a name and keeps it until the name is released.
class Numbering {
 public:
  explicit Numbering(std::size_t limit) : used_(limit) {}
  Result<std::uint16_t> number_of(const std::string& name);
  void release(const std::string& name);
  [[nodiscard]] std::optional<std::uint16_t> find(const std::string& name) const;
  [[nodiscard]] const std::map<std::string, std::uint16_t>& all() const { return numbers_; }

 private:
  std::vector<bool> used_;
  std::map<std::string, std::uint16_t> numbers_;
};

struct Numbers {
  Numbering links{kMaxLinks};          // by interface name
  Numbering routers{TD_MAX_VROUTERS};  // by router_key()
  Numbering tracked{UINT16_MAX};       // by "check NAME", "interface NAME" ...
};

// What makes a virtual router another one, so that a reload replaces rather than updates it.
[[nodiscard]] std::string router_key(const config::Vrrp& router);
[[nodiscard]] std::string tracked_check(const std::string& name);
[[nodiscard]] std::string tracked_interface(const std::string& name);
[[nodiscard]] std::string tracked_service(const std::string& name);
// Whether services with backends are served: tracked by virtual routers that have such.
inline constexpr const char* kTrackedForwarding = "forwarding";

// Errors: more interfaces or virtual routers than there are numbers.
[[nodiscard]] Result<Plan> make_plan(const config::Config& config, Numbers& numbers);

// Why a reload from one to the other needs a restart instead; empty: it does not.
[[nodiscard]] std::string needs_restart(const config::Config& from, const config::Config& to);

}  // namespace tandem::speaker
