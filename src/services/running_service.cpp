// SPDX-License-Identifier: Apache-2.0
#include "services/running_service.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "balance/mix.hpp"
#include "base/endpoint_text.hpp"
#include "services/service_numbers.hpp"

namespace tandem::services {
namespace {

bool is_nat(const RunningService& s) {
  return s.config.forward == config::Forward::nat || s.config.forward == config::Forward::fullnat;
}

}  // namespace

std::string endpoint_of(const config::Backend& b) {
  return endpoint_text(b.address, b.port);
}

namespace {

// FNV-1a, mixed.
std::uint64_t hash_of(const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return balance::mix(hash);
}

std::string name_of(const config::Service& service) {
  return service.address.to_string() + "|" + std::to_string(static_cast<int>(service.protocol)) +
         "|" + std::to_string(service.port) + "|";
}

}  // namespace

BackendTotals totals_of(std::uint16_t slot, const dataplane::DataPlane& plane) {
  return {plane.forwarder().of_backend(slot).flows, plane.traffic(slot)};
}

std::uint64_t identity_of(const config::Service& service) {
  const auto mode = std::to_string(static_cast<int>(mode_of(service.forward)));
  return hash_of(name_of(service) + mode) | 1;
}

std::uint64_t identity_of(const config::Service& service, const config::Backend& backend) {
  return hash_of(name_of(service) + endpoint_of(backend));
}

sync::BackendKey key_of(const config::Service& service, const config::Backend& backend) {
  const auto protocol = service.protocol == config::Protocol::udp ? TD_PROTO_UDP : TD_PROTO_TCP;
  return {static_cast<std::uint8_t>(protocol), service.address, service.port, backend.address,
          backend.port};
}

// ---- The quorum

std::uint64_t weight_up(const RunningService& service) {
  std::uint64_t weight = 0;
  for (const auto& b : service.backends)
    if (!b.config.backup && !b.retired && b.state == balance::State::up) weight += b.weight;
  return weight;
}

bool has_quorum(const RunningService& service) {
  return weight_up(service) >= service.config.quorum;
}

bool backups_are_due(const RunningService& service) {
  return !has_quorum(service) && std::ranges::any_of(service.backends, [](const auto& b) {
    return b.config.backup && !b.retired && b.state == balance::State::up && b.weight > 0;
  });
}

std::uint16_t weight_in_force(const RunningService& service, const RunningBackend& backend) {
  return backend.config.backup == service.backups_serve ? backend.weight : std::uint16_t{0};
}

// ---- The forwarder

namespace {

std::vector<std::uint16_t> slots_of(const RunningService& s) {
  std::vector<std::uint16_t> slots;
  for (const auto& source : s.sources) slots.push_back(source.slot);
  return slots;
}

}  // namespace

forward::ServiceSettings settings_of(const RunningService& s) {
  forward::ServiceSettings settings;
  settings.identity = identity_of(s.config);
  settings.mode = mode_of(s.config.forward);
  settings.udp = s.config.protocol == config::Protocol::udp;
  settings.kind = s.config.scheduler;
  settings.options.slow_start = s.config.slow_start;
  settings.affinity = s.config.affinity;
  settings.affinity_prefix = s.config.affinity_prefix;
  settings.one_packet = s.config.one_packet;
  settings.reject = s.config.unavailable == config::Unavailable::reject;
  settings.before_forward = s.config.sync == config::SyncWhen::before_forward;
  settings.ends_with_backend = s.config.on_down == config::OnDown::reset;
  settings.sources = slots_of(s);
  for (std::size_t i = 0; i < s.sources.size(); i++)
    if (s.sources[i].configured) settings.new_sources.push_back(static_cast<std::uint8_t>(i));
  return settings;
}

forward::BackendSettings settings_of(const RunningServices& all, const RunningService& s,
                                     const RunningBackend& b) {
  forward::BackendSettings settings;
  settings.service = s.number;
  settings.address = b.config.address;
  settings.port = b.config.port;
  settings.balance.identity = identity_of(s.config, b.config);
  settings.balance.weight = weight_in_force(s, b);
  settings.balance.max_connections = b.config.max_connections;
  settings.removed = b.retired;
  settings.balance.state =
      b.retired && b.state != balance::State::down ? balance::State::draining : b.state;
  settings.balance.up_since = b.since;
  // Those alike form a chain in the order of configuration, which replies() begins.
  bool behind = false;
  for (const auto& other : all) {
    if (other.config.protocol != s.config.protocol) continue;
    if (other.number != s.number)
      for (const auto& twin : other.backends)
        if (twin.config.port == b.config.port && twin.config.address == b.config.address)
          settings.twins.push_back(twin.slot);
    if (!is_nat(s) || !is_nat(other)) continue;
    for (const auto& twin : other.backends) {
      if (twin.slot == b.slot) {
        behind = true;
        continue;
      }
      if (twin.config.address != b.config.address || twin.config.port != b.config.port) continue;
      if (other.config.forward == config::Forward::nat) settings.shared_with.push_back(twin.slot);
      if (behind && settings.next_shared == 0) settings.next_shared = twin.slot;
    }
  }
  return settings;
}

balance::MaglevTable hash_picks(const RunningService& service) {
  std::vector<balance::MaglevTable::Candidate> candidates;
  for (const auto& b : service.backends)
    if (const auto weight = weight_in_force(service, b);
        b.state == balance::State::up && weight > 0)
      candidates.push_back({identity_of(service.config, b.config), weight, b.slot});
  return {std::move(candidates), balance::MaglevTable::size_for(service.config.backends.size())};
}

// ---- The tables

std::vector<flow::SteeredService> steered(const RunningServices& services) {
  std::vector<flow::SteeredService> steered;
  for (const auto& s : services)
    steered.push_back({.address = s.config.address,
                       .udp = s.config.protocol == config::Protocol::udp,
                       .port = s.config.port,
                       .number = s.number,
                       .mode = mode_of(s.config.forward),
                       .by_source = s.config.scheduler == balance::SchedulerKind::source_hash,
                       .sources = slots_of(s),
                       .routes_strays = s.config.strays == config::Strays::route,
                       .counted_in = s.counted.slot});
  return steered;
}

flow::SteeredReplies replies(const RunningServices& services) {
  flow::SteeredReplies replies;
  std::set<std::tuple<IpAddress, std::uint16_t, bool>> seen;  // the first of those alike has it
  std::map<IpAddress, std::uint16_t> sources;
  for (const auto& s : services) {
    if (!is_nat(s)) continue;
    const bool udp = s.config.protocol == config::Protocol::udp;
    for (const auto& b : s.backends)
      if (seen.insert({b.config.address, b.config.port, udp}).second)
        replies.backends.push_back({b.config.address, udp, b.config.port, b.slot});
    for (const auto& source : s.sources) sources[source.address] = source.slot;
  }
  for (const auto& [address, slot] : sources) replies.sources.push_back({address, slot});
  return replies;
}

}  // namespace tandem::services
