// SPDX-License-Identifier: Apache-2.0
#include "config/pair.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>

#include "base/endpoint_text.hpp"
#include "config/duration.hpp"
#include "config/value.hpp"

namespace tandem::config {
namespace {

std::set<IpAddress> advertised(const Vrrp& router) {
  std::set<IpAddress> addresses;
  for (const auto& item : router.addresses)
    if (item.advertised) addresses.insert(item.prefix.address);
  return addresses;
}

std::string listed(const std::set<IpAddress>& addresses) {
  std::string text;
  for (const auto& address : addresses) text += (text.empty() ? "" : ", ") + address.to_string();
  return text;
}

std::string endpoint(const Service& service) {
  return endpoint_text(service.address, service.port) +
         (service.protocol == Protocol::udp ? "/udp" : "");
}

std::string group_of(const Vrrp& router) {
  if (router.group) return router.group->to_string();
  return router.family == Family::ipv4 ? "224.0.0.18" : "ff02::12";
}

bool signs(const Vrrp& router) {
  return router.auth && router.auth->mode != wire::SigningMode::receive_only;
}

// Why `hearer` drops the adverts of `sender`, by their signatures; empty: it does not.
std::string refusal(const Vrrp& sender, const Vrrp& hearer) {
  if (!hearer.auth) return {};
  if (!signs(sender))
    return hearer.auth->mode == wire::SigningMode::enforce ? "are not signed" : "";
  const int key = sender.auth->signing_key();
  const auto& keys = hearer.auth->keys;
  return std::ranges::find(keys, key, &AuthKey::id) == keys.end()
             ? "are signed with key " + std::to_string(key)
             : "";
}

class Comparison {
 public:
  Comparison(const Config& ours, const Config& theirs) : ours_(ours), theirs_(theirs) {}

  std::vector<Problem> compare() {
    if (ours_.node.name == theirs_.node.name)
      error({}, "node: name: both are called " + in_quotes(ours_.node.name) +
                    ", expected names that differ");
    for (const auto& router : ours_.vrrp) compare(router);
    for (const auto& router : theirs_.vrrp)
      if (other_router(router, ours_) == nullptr)
        error({}, "vrrp: the peer has " + in_quotes(router.name) + " with VRID " +
                      std::to_string(router.vrid) + ", expected the same here");
    compare_sync();
    for (const auto& service : ours_.services) compare(service);
    for (const auto& service : theirs_.services)
      if (other_service(service, ours_) == nullptr)
        warn({}, "service: the peer has " + in_quotes(service.name) + " on " + endpoint(service) +
                     ", expected the same here");
    return std::move(problems_);
  }

 private:
  void error(Location where, std::string what) {
    problems_.push_back({Severity::error, where, std::move(what)});
  }
  void warn(Location where, std::string what) {
    problems_.push_back({Severity::warning, where, std::move(what)});
  }

  // One VRID may be in use on several networks: there the addresses tell.
  static const Vrrp* other_router(const Vrrp& router, const Config& config) {
    const Vrrp* found = nullptr;
    for (const auto& other : config.vrrp) {
      if (other.vrid != router.vrid || other.family != router.family) continue;
      if (advertised(other) == advertised(router)) return &other;
      if (found == nullptr || other.interface == router.interface) found = &other;
    }
    return found;
  }

  static const Service* other_service(const Service& service, const Config& config) {
    const auto found = std::ranges::find_if(config.services, [&](const Service& other) {
      return other.address == service.address && other.protocol == service.protocol &&
             other.port == service.port;
    });
    return found == config.services.end() ? nullptr : &*found;
  }

  void compare(const Vrrp& router) {
    const std::string name = "vrrp " + in_quotes(router.name) + ": ";
    const Vrrp* other = other_router(router, theirs_);
    if (other == nullptr)
      return error(router.where, name + "the peer has no virtual router with VRID " +
                                     std::to_string(router.vrid) + " and " +
                                     to_string(router.family) + ", expected one");
    const auto differs = [&](const char* key, const std::string& here, const std::string& there) {
      if (here != there)
        error(router.where, name + key + ": " + here + " here and " + there +
                                " at the peer, expected the same on both");
    };
    differs("version", std::to_string(router.version), std::to_string(other->version));
    differs("addresses", listed(advertised(router)), listed(advertised(*other)));
    differs("advert_interval", to_text(router.advert_interval), to_text(other->advert_interval));
    differs("down_adverts", std::to_string(router.down_adverts),
            std::to_string(other->down_adverts));
    differs("group", group_of(router), group_of(*other));
    if (router.version == 3 && router.family == Family::ipv4 && router.checksum != other->checksum)
      error(router.where, name + "checksum: differs from the peer's, expected the same on both");
    if (router.password != other->password)  // is not shown
      error(router.where, name + "password: differs from the peer's, expected the same on both");
    if (const auto why = refusal(router, *other); !why.empty())
      error(router.where, name + "auth: adverts from here " + why +
                              ", and the peer drops them, expected the same auth on both");
    if (const auto why = refusal(*other, router); !why.empty())
      error(router.where, name + "auth: adverts of the peer " + why +
                              ", and this node drops them, expected the same auth on both");
    if (router.unicast_peers.empty() != other->unicast_peers.empty())
      error(router.where, name +
                              "unicast_peers: adverts go to addresses on one node and to a "
                              "multicast group on the other, expected the same on both");
    if (router.priority == other->priority)
      warn(router.where, name + "priority: " + std::to_string(router.priority) +
                             " is the peer's, too: the greater address decides, expected "
                             "priorities that differ");
  }

  void compare_sync() {
    if (ours_.sync.has_value() != theirs_.sync.has_value())
      return error({}, std::string("sync: is ") + (ours_.sync ? "here" : "at the peer") +
                           " only, expected it on both");
    if (!ours_.sync) return;
    const auto is_mirrored = [](const Sync& a, const Sync& b) { return a.listen == b.peer; };
    if (!is_mirrored(*ours_.sync, *theirs_.sync))
      error({}, "sync: listen: is not the peer's `peer`, expected the same, in the same order");
    if (!is_mirrored(*theirs_.sync, *ours_.sync))
      error({}, "sync: peer: is not the peer's `listen`, expected the same, in the same order");
  }

  static std::set<std::tuple<IpAddress, std::uint16_t, std::uint16_t>> backends(
      const Service& service) {
    std::set<std::tuple<IpAddress, std::uint16_t, std::uint16_t>> all;
    for (const auto& backend : service.backends)
      all.emplace(backend.address, backend.port, backend.weight);
    return all;
  }

  void compare(const Service& service) {
    const std::string name = "service " + in_quotes(service.name) + ": ";
    const Service* other = other_service(service, theirs_);
    if (other == nullptr)
      return warn(service.where,
                  name + "the peer has none on " + endpoint(service) + ", expected the same there");
    const auto differs = [&](const char* key, bool same) {
      if (!same)
        warn(service.where, name + key + ": differs from the peer's, expected the same on both");
    };
    differs("forward", service.forward == other->forward);
    differs("scheduler", service.scheduler == other->scheduler);
    differs("backends", backends(service) == backends(*other));
    differs("affinity", service.affinity == other->affinity &&
                            service.affinity_prefix == other->affinity_prefix);
    differs("quorum", service.quorum == other->quorum);
    differs("one_packet", service.one_packet == other->one_packet);
  }

  const Config& ours_;
  const Config& theirs_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> compare_pair(const Config& ours, const Config& theirs) {
  return Comparison(ours, theirs).compare();
}

}  // namespace tandem::config
