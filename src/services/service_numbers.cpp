// SPDX-License-Identifier: Apache-2.0
#include "services/service_numbers.hpp"

#include <algorithm>
#include <string>

namespace tandem::services {
namespace {

IpAddress address_in(const std::uint8_t* bytes, bool v4) {
  if (v4) return IpAddress::v4(std::span<const std::uint8_t, 4>(bytes, 4));
  return IpAddress::v6(std::span<const std::uint8_t, 16>(bytes, 16));
}

}  // namespace

td_mode mode_of(config::Forward forward) {
  switch (forward) {
    case config::Forward::nat:
      return TD_MODE_NAT;
    case config::Forward::fullnat:
      return TD_MODE_FULLNAT;
    case config::Forward::tunnel:
      return TD_MODE_TUNNEL;
    case config::Forward::dsr:
    case config::Forward::local:
      break;
  }
  return TD_MODE_DSR;
}

// Number 0 is none.
ServiceNumbers::ServiceNumbers()
    : services_taken_(TD_MAX_SERVICES),
      backends_taken_(TD_MAX_BACKENDS),
      sources_taken_(TD_MAX_SOURCES) {
  services_taken_[0] = backends_taken_[0] = true;
}

void ServiceNumbers::adopt(const td_env& env) {
  for (std::uint16_t number = 1; number < TD_MAX_SERVICES; number++) {
    const td_service& s = env.tables->service[number];
    if (s.family != TD_IPV4 && s.family != TD_IPV6) continue;
    const auto protocol =
        s.protocol == TD_PROTO_UDP ? config::Protocol::udp : config::Protocol::tcp;
    services_[{address_in(s.address, s.family == TD_IPV4), protocol, s.port,
               static_cast<td_mode>(s.mode)}] = number;
    services_taken_[number] = true;
    const auto sources = std::min<std::size_t>(s.sources, TD_SERVICE_SOURCES);
    for (std::size_t i = 0; i < sources; i++) {
      const std::uint16_t slot = s.source[i] % TD_MAX_SOURCES;
      sources_[address_in(env.tables->source[slot], s.family == TD_IPV4)] = slot;
      sources_taken_[slot] = true;
      adopted_sources_[number].push_back(
          {address_in(env.tables->source[slot], s.family == TD_IPV4), slot, false});
    }
  }
  for (std::uint16_t slot = 1; slot < TD_MAX_BACKENDS; slot++) {
    const td_backend& b = env.backends[slot];
    if (b.family != TD_IPV4 && b.family != TD_IPV6) continue;
    backends_[{b.service, address_in(b.address, b.family == TD_IPV4), b.port}] = slot;
    backends_taken_[slot] = true;
  }
}

template <class Key>
Result<std::uint16_t> ServiceNumbers::number_of(std::map<Key, std::uint16_t>& known,
                                                std::vector<bool>& taken, const Key& key,
                                                const char* what) {
  if (const auto found = known.find(key); found != known.end()) return found->second;
  const auto free = std::ranges::find(taken, false);
  if (free == taken.end())
    return fail("at most " + std::to_string(taken.size() - 1) + " " + what +
                " are possible, those that are going included");
  *free = true;
  return known[key] = static_cast<std::uint16_t>(free - taken.begin());
}

Result<std::uint16_t> ServiceNumbers::of_service(const config::Service& s) {
  return number_of(services_, services_taken_,
                   ServiceKey{s.address, s.protocol, s.port, mode_of(s.forward)}, "services");
}

Result<std::uint16_t> ServiceNumbers::of_backend(std::uint16_t service, const config::Backend& b) {
  return number_of(backends_, backends_taken_, BackendKey{service, b.address, b.port}, "backends");
}

std::uint16_t ServiceNumbers::of_local(const config::Service& s) {
  return number_of(locals_, backends_taken_, LocalKey{s.address, s.protocol, s.port}, "backends")
      .value_or(0);
}

Result<std::uint16_t> ServiceNumbers::of_source(const IpAddress& address, std::uint32_t room) {
  auto slot = number_of(sources_, sources_taken_, address, "source addresses");
  if (slot && *slot >= room) {
    sources_taken_[*slot] = false;
    sources_.erase(address);
    return fail("there is room for " + std::to_string(room) +
                " source addresses of fullnat until tandemd is restarted");
  }
  return slot;
}

bool ServiceNumbers::have_room(const std::set<IpAddress>& wanted, std::uint32_t room) const {
  auto all = wanted;
  for (const auto& [address, slot] : sources_) {
    if (slot >= room) return false;
    all.insert(address);
  }
  return all.size() <= room;
}

void ServiceNumbers::forget_sources() {
  sources_.clear();
  adopted_sources_.clear();
  sources_taken_.assign(sources_taken_.size(), false);
}

std::vector<SourceAddress> ServiceNumbers::sources_of(std::uint16_t number) const {
  const auto found = adopted_sources_.find(number);
  return found == adopted_sources_.end() ? std::vector<SourceAddress>{} : found->second;
}

void ServiceNumbers::release_service(std::uint16_t number) {
  adopted_sources_.erase(number);
  services_taken_[number] = false;
  std::erase_if(services_, [&](const auto& known) { return known.second == number; });
}

void ServiceNumbers::release_backend(std::uint16_t slot) {
  backends_taken_[slot] = false;
  std::erase_if(backends_, [&](const auto& known) { return known.second == slot; });
  std::erase_if(locals_, [&](const auto& known) { return known.second == slot; });
}

}  // namespace tandem::services
