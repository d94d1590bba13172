// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "config/duration.hpp"
#include "config/schema.hpp"
#include "config/service_item.hpp"

namespace tandem::config {
namespace {

using Addresses = std::set<IpAddress>;

void check_endpoints(const std::vector<ServiceItem>& items, const Addresses& virtual_addresses,
                     Problems& problems) {
  std::map<std::tuple<IpAddress, Protocol, std::uint16_t>, std::string_view> taken;
  for (const auto& item : items) {
    const auto& service = item.service;
    if (service.address.is_unspecified()) continue;
    if (!virtual_addresses.contains(service.address))
      problems.error(item.at("address"),
                     "address: " + service.address.to_string() +
                         " is an address of no virtual router, expected one of a [[vrrp]]");
    if (service.port == 0) continue;
    const auto [first, is_new] =
        taken.emplace(std::tuple(service.address, service.protocol, service.port), service.name);
    if (!is_new)
      problems.error(item.at("port"),
                     "port: service " + in_quotes(first->second) +
                         " has the same address, protocol and port, expected one service on them");
  }
}

// What has an effect on backends only, where there is none.
void check_local(const ServiceItem& item, Problems& problems) {
  constexpr std::array kOfBackends{
      "backends", "scheduler", "check",  "slow_start", "affinity",   "unavailable",     "sources",
      "strays",   "on_down",   "quorum", "notify",     "one_packet", "affinity_prefix", "sync"};
  for (const std::string_view key : kOfBackends)
    if (item.table.find(key) != nullptr)
      problems.error(item.at(key),
                     std::string(key) +
                         ": has no effect with forward = \"local\", which hands packets to this "
                         "node, expected forward = \"dsr\", \"nat\", \"fullnat\" or \"tunnel\"");
}

void check_check(const ServiceItem& item, Problems& problems) {
  const auto& check = *item.service.check;
  if (const auto* table = item.table.find("check"))
    check_terms(table->value, check.http || check.https, check.https.has_value(),
                check.terms.verify, problems);
  if (check.timeout > check.interval)
    problems.warn(place(item.table, {"check", "timeout"}),
                  "timeout: " + in_quotes(to_text(check.timeout)) +
                      " is longer than the interval, expected at most " +
                      in_quotes(to_text(check.interval)));
  const bool over_tcp = check.http || check.https || check.tcp;
  if (over_tcp && check.port == 0 && item.service.protocol == Protocol::udp)
    problems.warn(item.at("check"),
                  "check: goes over TCP to the port of a UDP service, expected the key port");
}

const Vrrp* router_of(const IpAddress& address, const Config& config) {
  const auto router =
      std::ranges::find_if(config.vrrp, [&](const Vrrp& v) { return v.has(address); });
  return router == config.vrrp.end() ? nullptr : &*router;
}

// One that moves has to move with the service: the other node answers for it when this one still has
// connections from it.
void check_virtual_source(const ServiceItem& item, std::size_t index, const File& file,
                          Problems& problems) {
  const auto& source = item.service.sources[index];
  const Location at = item.at("sources", index, "");
  const Vrrp* const router = router_of(source, file.config);
  const Vrrp* const home = router_of(item.service.address, file.config);
  if (router == nullptr) {
    if (file.config.sync)
      problems.warn(at, "sources: " + source.to_string() +
                            " stays on this node, so that connections from it do not outlive a "
                            "move, expected a virtual address that moves with the service's");
    return;
  }
  if (home == nullptr) return;  // an error already
  if (!router->moves_with(*home))
    problems.error(at, "sources: " + source.to_string() + " is a virtual address of " +
                           in_quotes(router->name) + ", which does not move with " +
                           in_quotes(home->name) +
                           " of the service, expected one of the same sync_group, or an address "
                           "that stays on this node");
  for (const auto& other : file.config.services)
    if (other.address == source)
      problems.error(at, "sources: " + source.to_string() + " is the address of service " +
                             in_quotes(other.name) +
                             ", expected a virtual address that no service is on");
}

void check_source(const ServiceItem& item, std::size_t index, const File& file,
                  Problems& problems) {
  const auto& service = item.service;
  const auto& source = service.sources[index];
  const auto complain = [&](std::string_view what) {
    problems.error(item.at("sources", index, ""),
                   "sources: " + source.to_string() + std::string(what));
  };
  if (source.family() != service.address.family())
    complain(std::string(" is an address of the other family, expected ") +
             to_string(service.address.family()) + ", as the service's");
  check_virtual_source(item, index, file, problems);
  for (std::size_t i = 0; i < index; ++i)
    if (service.sources[i] == source) return complain(" is there twice, expected each source once");
}

void check_sources(const ServiceItem& item, const File& file, Problems& problems) {
  const auto& service = item.service;
  const auto* entry = item.table.find("sources");
  if (service.forward != Forward::fullnat) {
    if (entry != nullptr)
      problems.error(item.at("sources"), "sources: has no effect with forward = " + item.forward() +
                                             ", expected forward = \"fullnat\"");
    return;
  }
  if (entry == nullptr)
    problems.error(item.table.where,
                   "sources: missing in a [[service]] with forward = \"fullnat\"" +
                       std::string(", expected addresses of this node"));
  if (service.address.is_unspecified()) return;
  for (std::size_t i = 0; i < service.sources.size(); ++i)
    if (!service.sources[i].is_unspecified()) check_source(item, i, file, problems);
}

void check_affinity(const ServiceItem& item, Problems& problems) {
  const auto& service = item.service;
  if (service.affinity_prefix == 0) return;
  const int bits = service.address.is_v4() ? 32 : 128;
  if (service.affinity_prefix > bits)
    problems.error(item.at("affinity_prefix"),
                   "affinity_prefix: " + std::to_string(service.affinity_prefix) +
                       " is longer than an address of the service's family, expected at most " +
                       std::to_string(bits));
  if (service.affinity == Duration{})
    problems.warn(item.at("affinity_prefix"),
                  "affinity_prefix: has no effect without affinity, expected both");
}

// With nat the replies would find no flow that tells whose they are.
void check_one_packet(const ServiceItem& item, Problems& problems) {
  const auto& service = item.service;
  if (!service.one_packet) return;
  if (service.protocol != Protocol::udp)
    problems.error(item.at("one_packet"),
                   "one_packet: TCP has connections, expected protocol = \"udp\"");
  if (service.forward == Forward::nat || service.forward == Forward::fullnat)
    problems.error(item.at("one_packet"),
                   "one_packet: forward = " + item.forward() +
                       " needs a flow for the replies, expected \"dsr\" or \"tunnel\"");
}

void check_quorum(const ServiceItem& item, Problems& problems) {
  const auto& backends = item.service.backends;
  std::uint64_t weight = 0;
  for (const auto& backend : backends)
    if (!backend.backup) weight += backend.weight;
  if (backends.empty() || weight >= item.service.quorum) return;
  if (std::ranges::all_of(backends, &Backend::backup))
    problems.warn(item.at("backends"),
                  "backends: all are backups, so that the service is never up, expected one that "
                  "is not");
  else if (item.table.find("quorum") != nullptr)
    problems.warn(item.at("quorum"), "quorum: all backends but the backups have a weight of " +
                                         std::to_string(weight) +
                                         " together, so that the service is never up, expected "
                                         "that at most");
}

void check_when_synced(const ServiceItem& item, const File& file, Problems& problems) {
  if (item.service.sync == SyncWhen::before_forward && !file.config.sync)
    problems.error(
        item.at("sync"),
        "sync: \"before-forward\" waits for the other node, expected a [sync] table that "
        "says where it is, or sync = \"after\"");
  if (item.service.sync == SyncWhen::before_forward && item.service.one_packet)
    problems.error(
        item.at("sync"),
        "sync: with one_packet there is no flow that the other node could have, expected "
        "sync = \"after\"");
}

// nat: the backends answer by way of their gateway.
void check_gateway(const ServiceItem& item, const File& file, Problems& problems) {
  const Vrrp* const home = router_of(item.service.address, file.config);
  if (item.service.forward != Forward::nat || !file.config.sync || home == nullptr) return;
  const auto is_near = [&](const IpAddress& backend) {
    return std::ranges::any_of(file.config.vrrp, [&](const Vrrp& router) {
      return router.moves_with(*home) &&
             std::ranges::any_of(router.addresses, [&](const VirtualAddress& address) {
               return address.prefix.contains(backend);
             });
    });
  };
  for (std::size_t i = 0; i < item.service.backends.size(); ++i)
    if (const auto& backend = item.service.backends[i].address;
        !backend.is_unspecified() && !is_near(backend))
      return problems.warn(
          item.at("backends", i, "address"),
          "backends: " + backend.to_string() +
              " is in the network of no virtual address that moves "
              "with " +
              in_quotes(home->name) +
              ", so that its gateway does not move along, and its connections do not outlive a "
              "move; expected such an address, in the same sync_group, as the gateway of backends");
}

void check_number_of_sources(const std::vector<ServiceItem>& items, Problems& problems) {
  Addresses different;
  for (const auto& item : items)
    for (std::size_t i = 0; i < item.service.sources.size(); ++i)
      if (different.insert(item.service.sources[i]).second && different.size() == kMostSources + 1)
        problems.error(item.at("sources", i, ""),
                       "sources: one address too many, expected at most " +
                           std::to_string(kMostSources) + " different ones in all [[service]]");
}

}  // namespace

void check_services(const File& file, Problems& problems) {
  const auto items = services_of(file);
  const auto virtual_addresses = virtual_addresses_of(file.config);
  check_endpoints(items, virtual_addresses, problems);
  check_number_of_sources(items, problems);
  for (const auto& item : items) {
    if (!item.forward_is_known()) continue;
    if (item.service.forward == Forward::local) {
      check_local(item, problems);
      continue;
    }
    check_sources(item, file, problems);
    check_affinity(item, problems);
    check_one_packet(item, problems);
    check_quorum(item, problems);
    check_gateway(item, file, problems);
    check_when_synced(item, file, problems);
    if (item.service.check) check_check(item, problems);
  }
}

}  // namespace tandem::config
