// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/segment.hpp"

#include <algorithm>
#include <map>

namespace tandem::doctor {
namespace {

bool is_for(const config::Vrrp& router, const Heard& heard) {
  const wire::Advert& advert = heard.advert.advert;
  const IpAddress& destination = heard.advert.destination;
  return router.interface == heard.interface && router.vrid == advert.vrid &&
         router.family == advert.family &&
         (!destination.is_multicast() || destination == router.multicast_group());
}

std::string duration_text(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) +
         " ms";
}

bool same_addresses(const config::Vrrp& router, const wire::Advert& advert) {
  std::set<IpAddress> own;
  for (const auto& address : router.addresses) own.insert(address.prefix.address);
  return own == std::set<IpAddress>(advert.addresses.begin(), advert.addresses.end());
}

bool same_password(const config::Vrrp& router, const wire::Advert& advert) {
  wire::Password own{};
  std::ranges::copy_n(router.password.begin(),
                      static_cast<std::ptrdiff_t>(std::min(router.password.size(), own.size())),
                      own.begin());
  return router.password.empty() ? !advert.password : advert.password == own;
}

// How its signature does not fit; empty: it does.
std::string unfit_signature(const config::Vrrp& router, const wire::Advert& advert) {
  if (advert.signature && !router.auth) return "signs its adverts, and this node has no auth";
  if (!router.auth) return {};
  if (!advert.signature)
    return router.auth->mode == wire::SigningMode::enforce
               ? "does not sign its adverts, which auth with mode = \"enforce\" asks for"
               : "";
  if (std::ranges::find(router.auth->keys, advert.signature->key, &config::AuthKey::id) !=
      router.auth->keys.end())
    return {};
  return "signs with key " + std::to_string(advert.signature->key) + ", which this node has not";
}

// What of a peer's advert does not fit this node's configuration.
void judge_peer(const config::Vrrp& router, const Heard& heard, Findings& findings) {
  const auto& advert = heard.advert.advert;
  const std::string peer = heard.advert.source.to_string();
  const auto differs = [&](Severity severity, const std::string& what) {
    findings.add(Check::vrrp_peer, severity, router.name, peer + " " + what);
  };
  const bool v2 = advert.version == 2;
  if (advert.version != router.version)
    return differs(Severity::error, "speaks version " + std::to_string(advert.version) +
                                        ", this node " + std::to_string(router.version));
  if (v2 && !same_password(router, advert)) differs(Severity::error, "has another password");
  if (const auto unfit = unfit_signature(router, advert); !unfit.empty())
    differs(router.auth ? Severity::error : Severity::warning, unfit);
  if (advert.interval != router.advert_interval)
    differs(v2 ? Severity::error : Severity::warning,
            "sends every " + duration_text(advert.interval) + ", this node would every " +
                duration_text(router.advert_interval));
  if (!same_addresses(router, advert))
    differs(Severity::warning, "advertises other addresses than this node has");
  if (advert.priority == router.priority)
    differs(Severity::warning, "has the same priority, " + std::to_string(router.priority));
  if (advert.priority == wire::kOwnerPriority && router.priority != wire::kOwnerPriority)
    findings.add(Check::vrrp_speakers, Severity::warning, router.name,
                 peer + " says that it owns the addresses (priority 255)");
}

void judge_router(const config::Vrrp& router, const Segment& segment, Findings& findings) {
  std::map<IpAddress, const Heard*> senders;
  for (const Heard& heard : segment.heard)
    if (is_for(router, heard)) senders[heard.advert.source] = &heard;
  std::vector<std::string> names;
  for (const auto& [source, heard] : senders) {
    names.push_back(source.to_string());
    judge_peer(router, *heard, findings);
  }
  const bool stranger =
      !router.unicast_peers.empty() && std::ranges::any_of(senders, [&](const auto& sender) {
        return std::ranges::find(router.unicast_peers, sender.first) == router.unicast_peers.end();
      });
  if (senders.size() > 1)
    findings.add(Check::vrrp_speakers, Severity::error, router.name,
                 "adverts of several senders: " + listed(names));
  else if (stranger)
    findings.add(Check::vrrp_speakers, Severity::error, router.name,
                 listed(names) + " sends adverts and is none of unicast_peers");
  else
    findings.good(Check::vrrp_speakers, router.name,
                  names.empty() ? "no advert was heard" : listed(names) + " is Active");
}

void judge_foreign(const config::Config& config, const Segment& segment, Findings& findings) {
  std::set<std::pair<std::string, std::string>> told;
  for (const Heard& heard : segment.heard) {
    if (std::ranges::any_of(config.vrrp, [&](const auto& router) { return is_for(router, heard); }))
      continue;
    const wire::Advert& advert = heard.advert.advert;
    const IpAddress& destination = heard.advert.destination;
    std::string what = heard.advert.source.to_string() + " sends " + to_string(advert.family) +
                       " adverts with VRID " + std::to_string(advert.vrid);
    if (destination != wire::vrrp_group(advert.family)) what += " to " + destination.to_string();
    if (told.emplace(heard.interface, what).second)
      findings.add(Check::vrrp_foreign, Severity::note, heard.interface, what);
  }
}

std::string macs(const std::set<MacAddress>& answers) {
  std::vector<std::string> names;
  for (const auto& answer : answers) names.push_back(answer.to_string());
  return listed(names);
}

std::string with_length(const config::Vrrp& router, const IpAddress& address) {
  for (const auto& own : router.addresses)
    if (own.prefix.address == address) return own.prefix.to_string();
  return address.to_string();
}

// Does another node speak for the virtual router: is its address held by VRRP, and not by mistake?
bool is_advertised(const config::Vrrp& router, const Probed& probed, const Segment& segment,
                   const std::optional<DaemonView>& view) {
  const RouterView* running = view ? view->find(router.name) : nullptr;
  return std::ranges::any_of(segment.heard,
                             [&](const Heard& heard) { return is_for(router, heard); }) ||
         probed.answers.contains(virtual_mac(router.family, router.vrid)) ||
         (running != nullptr && running->received + running->dropped > 0) ||
         (view && std::ranges::any_of(view->dropped, [&](const DroppedAdvert& advert) {
            return advert.interface == router.interface && advert.vrid == router.vrid;
          }));
}

void judge_virtual(const config::Vrrp& router, const Probed& probed, const Segment& segment,
                   const std::optional<DaemonView>& view, Findings& findings) {
  const std::string address = probed.address.to_string();
  const bool advertised = is_advertised(router, probed, segment, view);
  const auto conflict = [&](Severity severity, const std::string& what) {
    if (advertised)
      findings.add(Check::address_conflict, severity, address,
                   what + "; a virtual router with this VRID is Active there as well",
                   "tandemctl vrrp    # on each node: why it does not take the other's adverts");
    else
      findings.add(Check::address_conflict, severity, address, what,
                   "tandemctl vrrp    # on the peer: if it is Active there, adverts do not arrive\n"
                   "ip address del " +
                       with_length(router, probed.address) +
                       " dev DEVICE    # on that host, only if it runs no VRRP");
  };
  const RouterView* running = view ? view->find(router.name) : nullptr;
  const bool active = running != nullptr && running->active;
  if (probed.answers.empty())
    findings.good(Check::address_conflict, address,
                  active ? "is this node's, and nobody else answers for it" : "nobody answers");
  else if (active)
    conflict(Severity::error, "this node is Active, and " + macs(probed.answers) + " answers, too");
  else if (probed.answers.size() > 1)
    conflict(Severity::error, macs(probed.answers) + " all answer for it");
  else if (running == nullptr && !advertised && router.unicast_peers.empty() &&
           segment.listened.contains(probed.interface))
    conflict(Severity::warning, macs(probed.answers) + " answers for it, and nobody advertises it");
  else
    findings.good(Check::address_conflict, address, macs(probed.answers) + " answers for it");
}

}  // namespace

void judge_heard(const config::Config& config, const Segment& segment, Findings& findings) {
  for (const auto& interface : config.interfaces)
    if (!segment.listened.contains(interface.name))
      findings.add(
          Check::vrrp_speakers, Severity::note, interface.name,
          "its adverts cannot be heard: an XDP program takes them, or tags are read there");
  for (const auto& router : config.vrrp)
    if (segment.listened.contains(router.interface)) judge_router(router, segment, findings);
  judge_foreign(config, segment, findings);
}

void judge_conflicts(const config::Config& config, const Segment& segment,
                     const std::optional<DaemonView>& view, Findings& findings) {
  for (const auto& trouble : segment.troubles)
    findings.add(Check::address_conflict, Severity::note, "probes", trouble);
  for (const Probed& probed : segment.probed) {
    const auto router = std::ranges::find(config.vrrp, probed.router, &config::Vrrp::name);
    if (router != config.vrrp.end())
      judge_virtual(*router, probed, segment, view, findings);
    else if (probed.answers.empty())
      findings.good(Check::address_own, probed.address.to_string(), "nobody else has it");
    else
      findings.add(Check::address_own, Severity::error, probed.address.to_string(),
                   "is this node's on " + probed.interface + ", and " + macs(probed.answers) +
                       " answers for it, too",
                   "ip neigh show dev " + probed.interface);
  }
}

}  // namespace tandem::doctor
