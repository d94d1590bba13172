// SPDX-License-Identifier: Apache-2.0
#include "sync/names.hpp"

#include <algorithm>
#include <span>

#include "tandem/lease.h"

namespace tandem::sync {
namespace {

std::optional<IpAddress> address_of(std::uint8_t family, const std::uint8_t* bytes) {
  if (family == TD_IPV4) return IpAddress::v4(std::span<const std::uint8_t, 4>(bytes, 4));
  if (family == TD_IPV6) return IpAddress::v6(std::span<const std::uint8_t, 16>(bytes, 16));
  return std::nullopt;
}

bool is_address(std::uint8_t family, const std::uint8_t* bytes, const IpAddress& address) {
  const std::span<const std::uint8_t> own = address.bytes();
  return family == static_cast<std::uint8_t>(address.family()) &&
         std::equal(own.begin(), own.end(), bytes);
}

}  // namespace

std::optional<ServiceName> service_name(const td_env& env, std::uint16_t number) {
  if (number == 0 || number >= TD_MAX_SERVICES) return std::nullopt;
  const td_service& s = env.tables->service[number];
  const auto address = address_of(s.family, s.address);
  if (!address) return std::nullopt;
  ServiceName name{number, s.mode, s.protocol, s.port, *address, {}};
  for (int i = 0; i < std::min<int>(s.sources, TD_SERVICE_SOURCES); i++)
    if (const auto source = address_of(s.family, env.tables->source[s.source[i] % TD_MAX_SOURCES]))
      name.sources.push_back(*source);
  return name;
}

std::optional<BackendName> backend_name(const td_env& env, std::uint16_t slot) {
  const td_backend* b = slot == 0 ? nullptr : td_backend_at(&env, slot);
  if (b == nullptr) return std::nullopt;
  const auto address = address_of(b->family, b->address);
  if (!address) return std::nullopt;
  return BackendName{slot, b->service, b->port, *address};
}

std::optional<HopName> hop_name(const td_env& env, std::uint16_t number) {
  const td_hop* h = number == 0 ? nullptr : td_hop_at(&env, number);
  if (h == nullptr || h->ifindex == 0) return std::nullopt;
  HopName name;
  name.number = number;
  std::ranges::copy(h->destination, name.destination.bytes.begin());
  std::ranges::copy(h->vlan, name.vlan.begin());
  std::ranges::copy(h->tpid, name.tpid.begin());
  return name;
}

bool is_service(const td_env& env, std::uint16_t number, const ServiceName& name) {
  if (number == 0 || number >= TD_MAX_SERVICES) return false;
  const td_service& s = env.tables->service[number];
  return s.port == name.port && s.mode == name.mode && s.protocol == name.protocol &&
         is_address(s.family, s.address, name.address);
}

bool is_backend(const td_env& env, std::uint16_t slot, std::uint16_t service,
                const BackendName& name) {
  const td_backend* b = slot == 0 ? nullptr : td_backend_at(&env, slot);
  return b != nullptr && b->service == service && b->port == name.port &&
         is_address(b->family, b->address, name.address);
}

std::uint16_t find_service(const td_env& env, const ServiceName& wanted) {
  for (std::uint16_t number = 1; number < TD_MAX_SERVICES; number++)
    if (is_service(env, number, wanted)) return number;
  return 0;
}

bool holds_lease(const td_env& env, std::uint16_t service, std::uint64_t now_ns) {
  const td_tables& tables = *env.tables;
  const std::uint16_t router = tables.service[service % TD_MAX_SERVICES].vrouter;
  return td_has_lease(&tables.vrouter[router % TD_MAX_VROUTERS], now_ns);
}

}  // namespace tandem::sync
