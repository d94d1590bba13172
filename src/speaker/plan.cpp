// SPDX-License-Identifier: Apache-2.0
#include "speaker/plan.hpp"

#include <algorithm>

#include "config/secret_file.hpp"

namespace tandem::speaker {
namespace {

wire::Password to_password(const std::string& text) {
  wire::Password password{};
  std::copy_n(text.begin(), std::min(text.size(), password.size()), password.begin());
  return password;
}

// Services that are forwarded, on addresses of this virtual router and of those that move with it.
std::vector<std::string> services_with(const config::Vrrp& router, const config::Config& config) {
  std::vector<std::string> names;
  for (const auto& v : config.vrrp) {
    if (!v.moves_with(router)) continue;
    for (const auto& service : config.services)
      if (service.forward != config::Forward::local && v.has(service.address))
        names.push_back(service.name);
  }
  return names;
}

std::vector<config::ListenAddress> own_tcp_of(const config::Vrrp& router,
                                              const config::Config& config) {
  std::vector<config::ListenAddress> ends;
  for (const auto& service : config.services)
    if (service.forward == config::Forward::local && service.protocol == config::Protocol::tcp &&
        router.has(service.address))
      ends.push_back({service.address, service.port});
  return ends;
}

// Below any healthy peer, above nobody. The address owner's priority never moves: Fault.
std::optional<int> lowered_for(const config::Vrrp& router) {
  return router.priority == wire::kOwnerPriority ? std::nullopt : std::optional(-253);
}

Result<std::vector<vrrp::Tracked>> plan_tracks(const config::Vrrp& router,
                                               const config::Config& config, Numbers& numbers) {
  std::vector<vrrp::Tracked> tracked;
  for (const auto& t : router.track) {
    const auto name = !t.check.empty()     ? tracked_check(t.check)
                      : !t.service.empty() ? tracked_service(t.service)
                                           : tracked_interface(t.interface);
    const auto source = numbers.tracked.number_of(name);
    if (!source) return std::unexpected(source.error());
    tracked.push_back({name, *source, t.weight});
  }
  if (services_with(router, config).empty()) return tracked;
  const auto source = numbers.tracked.number_of(kTrackedForwarding);
  if (!source) return std::unexpected(source.error());
  tracked.push_back({kTrackedForwarding, *source, lowered_for(router), true});
  return tracked;
}

Result<std::optional<vrrp::Auth>> plan_auth(const config::Vrrp& v) {
  if (!v.auth) return std::nullopt;
  vrrp::Auth auth{v.auth->mode,
                  static_cast<std::uint8_t>(v.auth->signing_key()),
                  {},
                  v.auth->anti_replay,
                  v.auth->window(v.advert_interval)};
  for (const auto& key : v.auth->keys) {
    const auto secret = config::read_secret(key.file);
    if (!secret) return fail("vrrp '" + v.name + "': auth: " + secret.error().message);
    auth.keys.push_back({static_cast<std::uint8_t>(key.id), *secret});
  }
  return auth;
}

Result<vrrp::Settings> plan_settings(const config::Vrrp& v, const config::Config& config,
                                     Numbers& numbers) {
  auto tracked = plan_tracks(v, config, numbers);
  if (!tracked) return std::unexpected(tracked.error());
  auto auth = plan_auth(v);
  if (!auth) return std::unexpected(auth.error());
  vrrp::Settings s;
  s.name = v.name;
  s.vrid = v.vrid;
  s.family = v.family;
  s.version = v.version;
  s.priority = v.priority;
  s.advert_interval = v.advert_interval;
  s.max_learned_interval = v.max_learned_interval;
  s.down_adverts = v.down_adverts;
  s.preempt = v.preempt;
  s.preempt_delay = v.preempt_delay;
  s.startup_delay = v.startup_delay;
  const auto interface =
      std::ranges::find(config.interfaces, v.interface, &config::Interface::name);
  if (interface != config.interfaces.end()) s.link_up_delay = interface->up_delay;
  for (const auto& a : v.addresses)
    (a.advertised ? s.addresses : s.unadvertised).push_back(a.prefix.address);
  s.checksum = v.checksum;
  if (!v.password.empty()) s.password = to_password(v.password);
  s.auth = std::move(*auth);
  s.group = v.group;
  s.unicast_peers = v.unicast_peers;
  s.unicast_source = v.unicast_source;
  s.check_unicast_source = v.check_unicast_source;
  s.tracked = std::move(*tracked);
  s.sync_group = v.sync_group;
  s.garp_repeat = v.garp_repeat;
  s.garp_delay = v.garp_delay;
  s.garp_refresh = v.garp_refresh;
  s.garp_interval = v.garp_interval;
  return s;
}

// `config` made sure that each device is an [[interface]], which has a number.
VrrpEndpoint plan_endpoint(const config::Vrrp& v, const Numbers& numbers) {
  VrrpEndpoint endpoint{
      *numbers.links.find(v.interface), v.mac == config::MacMode::virtual_mac, {}};
  for (const bool advertised : {true, false})  // as the virtual router counts them
    for (const auto& a : v.addresses)
      if (a.advertised == advertised)
        endpoint.address_links.push_back(a.device.empty() ? endpoint.link
                                                          : *numbers.links.find(a.device));
  return endpoint;
}

// A key of an interface that cannot change.
std::string fixed_difference(const config::Interface& from, const config::Interface& to) {
  if (from.xdp_mode != to.xdp_mode) return "xdp_mode";
  if (from.driver != to.driver) return "driver";
  if (from.pci != to.pci) return "pci";
  if (from.devargs != to.devargs) return "devargs";
  return to.has_own_port() && from.device != to.device ? "device" : "";
}

}  // namespace

const PlannedRouter* Plan::find(vrrp::RouterId id) const {
  const auto found = std::ranges::find(routers, id, &PlannedRouter::id);
  return found == routers.end() ? nullptr : &*found;
}

bool Plan::has(const std::string& router) const {
  return std::ranges::any_of(routers, [&](const auto& r) { return r.config.name == router; });
}

Result<std::uint16_t> Numbering::number_of(const std::string& name) {
  if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
  const auto free = std::ranges::find(used_, false);
  if (free == used_.end())
    return fail(name + ": at most " + std::to_string(used_.size()) + " of its kind are possible");
  *free = true;
  return numbers_[name] = static_cast<std::uint16_t>(free - used_.begin());
}

void Numbering::release(const std::string& name) {
  if (const auto known = numbers_.find(name); known != numbers_.end()) {
    used_[known->second] = false;
    numbers_.erase(known);
  }
}

std::optional<std::uint16_t> Numbering::find(const std::string& name) const {
  const auto known = numbers_.find(name);
  return known == numbers_.end() ? std::nullopt : std::optional(known->second);
}

std::string router_key(const config::Vrrp& r) {
  return r.name + "|" + r.interface + "|" + std::to_string(r.vrid) + "|" + to_string(r.family) +
         "|v" + std::to_string(r.version) +
         (r.mac == config::MacMode::virtual_mac ? "|virtual" : "|interface") +
         (r.unicast_source ? "|" + r.unicast_source->to_string() : "");
}

std::string tracked_check(const std::string& name) {
  return "check " + name;
}
std::string tracked_interface(const std::string& name) {
  return "interface " + name;
}
std::string tracked_service(const std::string& name) {
  return "service " + name;
}

// How long it takes at most to find the backends of its services up: the rises of their checks after
// one that was under way, and a next hop that has not answered for a while is asked each 8 s.
Duration time_to_judge(const config::Vrrp& router, const config::Config& config) {
  constexpr Duration kNextHop = std::chrono::seconds(10), kMost = std::chrono::seconds(30);
  Duration longest{};
  for (const auto& service : config.services) {
    const auto is_its = [&](const config::VirtualAddress& a) {
      return a.prefix.address == service.address;
    };
    if (service.backends.empty() || !std::ranges::any_of(router.addresses, is_its)) continue;
    longest = std::max(longest, kNextHop);
    if (const auto& check = service.check)
      longest = std::max(longest, (check->rise + 1) * check->interval + 2 * check->timeout);
  }
  return std::min(longest, kMost);
}

Result<Plan> make_plan(const config::Config& config, Numbers& numbers) {
  Plan plan;
  plan.config = config;
  for (const auto& interface : config.interfaces)
    if (auto n = numbers.links.number_of(interface.name); !n) return std::unexpected(n.error());
  for (const auto& v : config.vrrp) {
    auto id = numbers.routers.number_of(router_key(v));
    if (!id) return std::unexpected(id.error());
    auto settings = plan_settings(v, config, numbers);
    if (!settings) return std::unexpected(settings.error());
    auto services = config.sync ? services_with(v, config) : std::vector<std::string>{};
    auto own_tcp = own_tcp_of(v, config);
    const bool keeps_sockets =
        config.sync && config.sync->drain_timeout != Duration{} && !own_tcp.empty();
    settings->waits_for_flows = !services.empty() || keeps_sockets;
    settings->backends_patience = time_to_judge(v, config);
    plan.routers.push_back({*id, v, std::move(*settings), plan_endpoint(v, numbers),
                            std::move(services), std::move(own_tcp)});
  }
  return plan;
}

std::string needs_restart(const config::Config& from, const config::Config& to) {
  if (from.node.name != to.node.name) return "node.name";
  if (from.node.engine != to.node.engine) return "node.engine";
  if (from.node.control_socket != to.node.control_socket) return "node.control_socket";
  if (from.node.socket_group != to.node.socket_group) return "node.socket_group";
  if (from.node.bpffs != to.node.bpffs) return "node.bpffs";
  if (from.node.http != to.node.http) return "node.http";
  if (from.node.peer_http != to.node.peer_http) return "node.peer_http";
  if (from.node.backends_file != to.node.backends_file) return "node.backends_file";
  if (from.dpdk != to.dpdk) return "dpdk";
  if (from.sync != to.sync) return "sync";
  if (from.flows.size != to.flows.size) return "flows.size";
  if (from.flows.size_ipv6 != to.flows.size_ipv6) return "flows.size_ipv6";
  const auto is_pci = [](const config::Interface& i) { return i.driver == "pci"; };
  // DPDK has looked away from them at its start.
  if (std::ranges::any_of(to.interfaces, is_pci) && std::ranges::none_of(from.interfaces, is_pci))
    return "the first interface with driver = \"pci\"";
  for (const auto& interface : to.interfaces)
    for (const auto& old : from.interfaces)
      if (const auto key = fixed_difference(old, interface);
          old.name == interface.name && !key.empty())
        return key + " of interface '" + interface.name + "'";
  return {};
}

}  // namespace tandem::speaker
