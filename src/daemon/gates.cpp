// SPDX-License-Identifier: Apache-2.0
#include "daemon/gates.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

#include "vrrp/priority.hpp"

namespace tandem::daemon {
namespace {

// Flow tables and source ports take their memory at once, and keep it. Only XDP's flow tables are
// maps.
engine::MapSizes map_sizes(const config::Config& config) {
  std::set<IpAddress> sources;
  for (const auto& service : config.services)
    sources.insert(service.sources.begin(), service.sources.end());
  const auto room = std::bit_ceil(std::max<std::size_t>(sources.size(), 1));
  if (config.node.engine != "xdp") return {1, 1, static_cast<std::uint32_t>(room)};
  return {flow::FlowTable4::elements_for(static_cast<std::uint32_t>(config.flows.size)),
          flow::FlowTable6::elements_for(static_cast<std::uint32_t>(config.flows.size_ipv6)),
          static_cast<std::uint32_t>(room)};
}

flow::SteeredRouter steered(const speaker::PlannedRouter& router, const config::Config& config,
                            const speaker::InterfaceState& interface) {
  flow::SteeredRouter r;
  r.slot = router.id;
  r.ifindex = static_cast<std::uint32_t>(interface.placement.device);
  r.vlan = interface.placement.vlan;
  r.family = router.config.family;
  r.vrid = router.config.vrid;
  r.accept = router.config.accept || router.config.priority == vrrp::kOwnerPriority;
  r.virtual_mac = router.endpoint.virtual_mac;
  r.interface_mac = interface.mac;
  for (const auto& a : router.config.addresses) r.addresses.push_back(a.prefix.address);
  r.keeps_sockets = keeps_sockets(router, config);
  r.asks_as = r.family == Family::ipv4 ? interface.source_v4 : interface.source_v6;
  return r;
}

}  // namespace

Duration keeps_sockets(const speaker::PlannedRouter& router, const config::Config& config) {
  return config.sync && !router.own_tcp.empty() ? config.sync->drain_timeout : Duration{};
}

Result<std::unique_ptr<Gates>> Gates::open(const config::Config& config) {
  auto program =
      engine::SteeringProgram::open(config.node.bpffs, map_sizes(config),
                                    [](const std::string& line) { spdlog::warn("{}", line); });
  if (!program) return std::unexpected(program.error());
  const auto clock = (*program)->code().read_clock();
  if (!clock) return std::unexpected(clock.error());
  return std::unique_ptr<Gates>(new Gates(std::move(*program), *clock));
}

Gates::Gates(std::unique_ptr<engine::SteeringProgram> program, const flow::JiffyClock& clock)
    : program_(std::move(program)), clock_(clock), steering_(program_->tables()) {
  steering_.set_clock(clock_);
}

std::vector<flow::SteeredRouter> steered_routers(const speaker::Plan& plan,
                                                 const speaker::Interfaces& interfaces) {
  std::vector<flow::SteeredRouter> routers;
  for (const auto& r : plan.routers) {
    const auto& interface = *interfaces.find(r.config.interface);
    if (interface.placement.device != 0)
      routers.push_back(steered(r, plan.config, interface));  // it was there
  }
  return routers;
}

}  // namespace tandem::daemon
