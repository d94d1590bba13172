// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <tuple>

#include "config/rules.hpp"
#include "config/schema.hpp"

namespace tandem::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One virtual router, and where its parts are.
struct Router {
  const Vrrp& vrrp;
  const Value& table;
  Problems& problems;

  [[nodiscard]] Location at(std::string_view key) const { return place(table, {key}); }
  [[nodiscard]] Location at(std::string_view list, std::size_t index, std::string_view key) const {
    return place(table, {list, index, key});
  }
};

// Version 2 counts seconds in a byte (RFC 3768, 5.3.7), version 3 centiseconds in twelve bits
// (RFC 9568, 5.2.7).
void check_interval(const Router& router) {
  const auto* entry = router.table.find("advert_interval");
  if (entry == nullptr) return;  // the default fits both
  const auto interval = router.vrrp.advert_interval;
  const bool v2 = router.vrrp.version == 2;
  const Duration step = v2 ? Duration(seconds(1)) : milliseconds(10);
  const Duration longest = step * (v2 ? 255 : 4095);
  if (interval % step == Duration{} && interval >= step && interval <= longest) return;
  router.problems.error(router.at("advert_interval"),
                        "advert_interval: " + shown(entry->value) + " does not fit version " +
                            (v2 ? "2, expected whole seconds from \"1s\" to \"255s\""
                                : "3, expected whole centiseconds from \"10ms\" to \"40.95s\""));
}

// Adverts carry one family, and the family tells virtual routers with one VRID apart.
void check_families(const Router& router) {
  const auto family = router.vrrp.family;
  const std::string expected = std::string(", expected ") + to_string(family) +
                               ", as the first of this virtual router's addresses";
  const auto check = [&](const IpAddress& address, std::string_view key, Location where) {
    if (!address.is_unspecified() && address.family() != family)
      router.problems.error(where, std::string(key) + ": " + address.to_string() +
                                       " is an address of the other family" + expected);
  };
  for (std::size_t i = 0; i < router.vrrp.addresses.size(); ++i)
    check(router.vrrp.addresses[i].prefix.address, "addresses",
          router.at("addresses", i, "address"));
  for (std::size_t i = 0; i < router.vrrp.unicast_peers.size(); ++i)
    check(router.vrrp.unicast_peers[i], "unicast_peers", router.at("unicast_peers", i, ""));
  if (router.vrrp.unicast_source)
    check(*router.vrrp.unicast_source, "unicast_source", router.at("unicast_source"));
  if (router.vrrp.group) check(*router.vrrp.group, "group", router.at("group"));
}

void check_version(const Router& router) {
  const auto& vrrp = router.vrrp;
  const bool v6 = vrrp.family == Family::ipv6;
  if (vrrp.version == 2 && v6)
    router.problems.error(router.at("version"), "version: 2 has no IPv6, expected 3");
  if (vrrp.version != 2 && !vrrp.password.empty())
    router.problems.error(router.at("password"),
                          "password: version 3 has no authentication, expected no password or "
                          "version = 2");
  if (vrrp.checksum == wire::ChecksumForm::message && (v6 || vrrp.version == 2))
    router.problems.warn(router.at("checksum"),
                         "checksum: has no effect here, expected only with version 3 and IPv4");
}

void check_auth(const Router& router) {
  if (!router.vrrp.auth) return;
  const Auth& auth = *router.vrrp.auth;
  const auto* table = router.table.find("auth");
  const auto at = [&](std::initializer_list<Step> way) { return place(table->value, way); };
  if (!router.vrrp.password.empty())
    router.problems.error(router.at("password"),
                          "password: the adverts are signed, expected either auth or password");
  for (std::size_t i = 0; i < auth.keys.size(); ++i) {
    const auto first = std::ranges::find(auth.keys, auth.keys[i].id, &AuthKey::id);
    if (auth.keys[i].id != 0 && first != auth.keys.begin() + static_cast<std::ptrdiff_t>(i))
      router.problems.error(at({"keys", i, "id"}), "id: " + std::to_string(auth.keys[i].id) +
                                                       " is there twice, expected each key once");
  }
  if (auth.active_key && !auth.keys.empty() &&
      std::ranges::find(auth.keys, *auth.active_key, &AuthKey::id) == auth.keys.end())
    router.problems.error(at({"active_key"}), "active_key: no key has the id " +
                                                  std::to_string(*auth.active_key) +
                                                  ", expected one of keys");
  if (auth.anti_replay == wire::AntiReplay::monotonic && auth.time_window)
    router.problems.warn(at({"time_window"}),
                         "time_window: has no effect with anti_replay = \"monotonic\", expected "
                         "anti_replay = \"time\"");
}

void check_ipv6_addresses(const Router& router) {
  if (router.vrrp.family != Family::ipv6) return;
  const auto& addresses = router.vrrp.addresses;
  // RFC 9568, 5.2.9: the first address of an advert is the virtual router's link-local one.
  const auto leading = std::ranges::find_if(addresses, &VirtualAddress::advertised);
  if (leading == addresses.end()) return;  // an error elsewhere
  const auto& first = leading->prefix.address;
  if (!first.is_unspecified() && !first.is_link_local())
    router.problems.warn(
        router.at("addresses", static_cast<std::size_t>(leading - addresses.begin()), "address"),
        "addresses: " + first.to_string() +
            " is not link-local, expected a link-local address first (RFC 9568, "
            "5.2.9)");
  // Ethernet, IPv6 and VRRP headers; a signature.
  const std::size_t most = (1500 - 40 - 8 - (router.vrrp.auth ? 28 : 0)) / 16;
  const auto advertised =
      static_cast<std::size_t>(std::ranges::count_if(addresses, &VirtualAddress::advertised));
  if (advertised > most)
    router.problems.warn(router.at("addresses"),
                         "addresses: " + std::to_string(advertised) +
                             " make adverts longer than 1500 bytes, expected at most " +
                             std::to_string(most) + " IPv6 addresses");
}

void check_peers(const Router& router) {
  const auto& peers = router.vrrp.unicast_peers;
  if (router.vrrp.group && !peers.empty())
    router.problems.warn(router.at("group"),
                         "group: has no effect with unicast_peers, expected one of the two");
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (peers[i].is_unspecified()) continue;
    const auto where = router.at("unicast_peers", i, "");
    if (std::find(peers.begin(), peers.begin() + static_cast<std::ptrdiff_t>(i), peers[i]) !=
        peers.begin() + static_cast<std::ptrdiff_t>(i))
      router.problems.error(where, "unicast_peers: " + peers[i].to_string() +
                                       " is there twice, expected each peer once");
    if (peers[i] == router.vrrp.unicast_source)
      router.problems.error(where, "unicast_peers: " + peers[i].to_string() +
                                       " is unicast_source, expected addresses of other nodes");
  }
}

void check_preemption(const Router& router) {
  if (!router.vrrp.preempt && router.vrrp.preempt_delay > Duration{})
    router.problems.warn(router.at("preempt_delay"),
                         "preempt_delay: has no effect with preempt = false, expected "
                         "preempt = true");
}

// The owner's priority is 255 for as long as it is there (RFC 9568, 5.2.4).
void check_owner(const Router& router) {
  if (router.vrrp.priority != 255) return;
  for (std::size_t i = 0; i < router.vrrp.track.size(); ++i)
    if (router.vrrp.track[i].weight)
      router.problems.error(router.at("track", i, "weight"),
                            "weight: the priority 255 of an owner does not move, expected a "
                            "priority below 255 or no weight");
}

// Positive weights alone: while a check fails, the priority is what is configured, and a peer whose
// check passes has to come above that by its own weights, which are the same there as a rule.
void check_raising_weights(const Router& router) {
  const int usual = Vrrp{}.priority;
  const auto& track = router.vrrp.track;
  int highest = usual;
  for (const auto& item : track) highest += *item.weight;
  if (track.empty() || router.vrrp.priority < highest) return;
  router.problems.warn(
      router.at("track", 0, "weight"),
      "weight: positive ones do not lower the priority: it stays at " +
          std::to_string(router.vrrp.priority) + " when all fails, and a peer of priority " +
          std::to_string(usual) + " with the same weights comes to " + std::to_string(highest) +
          " and never takes over, expected more than " +
          std::to_string(router.vrrp.priority - usual) + " together, or negative ones");
}

// A weight too small to bring the priority below the peer's never moves the addresses. The peer's
// priority is not in this file, so that of a peer without one is taken.
void check_weights(const Router& router) {
  const int usual = Vrrp{}.priority;
  const auto& track = router.vrrp.track;
  if (router.vrrp.priority == 255) return;
  if (std::ranges::any_of(track, [](const Track& t) { return !t.weight; })) return;
  int lowest = router.vrrp.priority;
  std::string sum = std::to_string(lowest);
  const Track* first = nullptr;
  for (const auto& item : track) {
    if (*item.weight >= 0) continue;
    if (first == nullptr) first = &item;
    lowest += *item.weight;
    sum += " - " + std::to_string(-*item.weight);
  }
  if (first == nullptr) return check_raising_weights(router);
  if (lowest < usual) return;
  router.problems.warn(router.at("track", static_cast<std::size_t>(first - track.data()), "weight"),
                       "weight: the lowest that the priority can fall to is " +
                           std::to_string(lowest) + " (" + sum +
                           "), and a peer below that never takes over, expected less than " +
                           std::to_string(usual) + ", or less than the peer's priority");
}

// RFC 9568, 5.2.3: a VRID is one virtual router on an interface, for each family.
void check_identities(const File& file, Problems& problems) {
  std::map<std::tuple<std::string_view, std::uint8_t, Family>, std::string_view> taken;
  for (std::size_t i = 0; i < file.config.vrrp.size(); ++i) {
    const auto& router = file.config.vrrp[i];
    if (router.vrid == 0 || router.interface.empty()) continue;
    const auto [first, is_new] = taken.emplace(
        std::tuple(std::string_view(router.interface), router.vrid, router.family), router.name);
    if (!is_new)
      problems.error(place(file.root, {"vrrp", i, "vrid"}),
                     "vrid: " + std::to_string(router.vrid) + " is that of " +
                         in_quotes(first->second) + " on " + in_quotes(router.interface) +
                         " with " + to_string(router.family) +
                         ", expected one virtual router for each interface, VRID and family");
  }
}

}  // namespace

void check_routers(const File& file, Problems& problems) {
  check_identities(file, problems);
  const auto* tables = file.root.find("vrrp");
  for (std::size_t i = 0; i < file.config.vrrp.size(); ++i) {
    const Router router{file.config.vrrp[i], (*tables->value.get<Value::Array>())[i], problems};
    check_interval(router);
    check_owner(router);
    check_weights(router);
    check_preemption(router);
    check_version(router);
    check_auth(router);
    if (router.vrrp.addresses.empty()) continue;  // of no family
    check_families(router);
    check_ipv6_addresses(router);
    check_peers(router);
  }
}

}  // namespace tandem::config
