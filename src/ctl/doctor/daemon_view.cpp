// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/daemon_view.hpp"

#include <unistd.h>

#include <algorithm>

#include "ctl/doctor/root.hpp"
#include "wire/vrrp.hpp"

namespace tandem::doctor {

using nlohmann::json;

namespace {

constexpr const char* kDaemonSubject = "tandemd";

const json* router_in(const json& vrrp, const std::string& name) {
  for (const json& router : vrrp.at("routers"))
    if (router.at("name") == name) return &router;
  return nullptr;
}

// Adverts, for any reason.
std::uint64_t dropped_in(const json& router) {
  std::uint64_t sum = 0;
  for (const json& count : router.value("dropped", json::object()))
    sum += count.get<std::uint64_t>();
  return sum;
}

RouterView parse_router(const json& last, const std::vector<json>& samples) {
  RouterView view;
  view.name = last.at("name").get<std::string>();
  view.active = true;
  for (const json& sample : samples) {
    const json* router = router_in(sample, view.name);
    if (router == nullptr) continue;
    view.active = view.active && router->at("state").get<std::string>().starts_with("Active");
    if (const json& peer = router->at("peer"); !peer.is_null()) {
      view.peers.insert(peer.at("address").get<std::string>());
      view.peer_priority = peer.at("priority").get<int>();
    }
  }
  view.priority = last.at("priority").at("effective").get<int>();
  const json* first = router_in(samples.front(), view.name);
  const auto growth = [&](const json& now, const json& before) {
    return now.get<std::uint64_t>() -
           std::min(before.get<std::uint64_t>(), now.get<std::uint64_t>());
  };
  const json& start = first != nullptr ? *first : last;
  view.received = growth(last.at("adverts").at("received"), start.at("adverts").at("received"));
  // Not of the while alone: keepalived, which hears adverts that it does not take, sends hardly any.
  if (!last.at("warnings").empty()) view.dropped = dropped_in(last);
  view.address_mismatches = growth(last.at("address_mismatches"), start.at("address_mismatches"));
  view.interval_mismatches =
      growth(last.at("interval_mismatches"), start.at("interval_mismatches"));
  return view;
}

std::optional<DroppedAdvert> parse_dropped(const json& event) {
  if (event.at("kind") != "dropped_advert") return std::nullopt;
  const json& source = event.at("source");
  const json& vrid = event.at("vrid");
  return DroppedAdvert{event.at("interface").get<std::string>(),
                       source.is_null() ? "an unknown sender" : source.get<std::string>(),
                       event.at("reason").get<std::string>(), vrid.is_null() ? 0 : vrid.get<int>()};
}

void judge_router(const RouterView& router, Findings& findings) {
  const std::vector<std::string> peers(router.peers.begin(), router.peers.end());
  const auto speakers = [&](Severity severity, const std::string& what) {
    findings.add(Check::vrrp_speakers, severity, router.name, what);
  };
  const auto peer = [&](Severity severity, const std::string& what) {
    findings.add(Check::vrrp_peer, severity, router.name, what);
  };
  if (peers.size() > 1)
    speakers(Severity::error, "adverts of several senders: " + listed(peers));
  else if (router.active && router.received > 1)
    speakers(Severity::error, listed(peers) + " goes on sending adverts (priority " +
                                  std::to_string(router.peer_priority) +
                                  ") although this node is Active");
  else
    speakers(Severity::ok, peers.empty() ? "no other speaker was heard yet"
                                         : listed(peers) + " is the only other speaker");
  if (peers.empty()) return;
  if (router.peer_priority == wire::kOwnerPriority && router.priority != wire::kOwnerPriority)
    speakers(Severity::warning, listed(peers) + " says that it owns the addresses (priority 255)");
  if (router.address_mismatches > 0)
    peer(Severity::warning, listed(peers) + " advertises other addresses than this node has");
  if (router.interval_mismatches > 0)
    peer(Severity::warning, listed(peers) + " advertises another interval");
  if (router.peer_priority == router.priority)
    peer(Severity::warning, "both nodes have priority " + std::to_string(router.priority) +
                                ": who is Active depends on who was first, or on addresses");
}

void judge_dropped(const DroppedAdvert& advert, bool configured, Findings& findings) {
  const std::string vrid = "VRID " + std::to_string(advert.vrid);
  if (advert.reason == "unknown_vrid" || !configured)
    return findings.add(Check::vrrp_foreign, Severity::note, advert.interface,
                        advert.source + " sends adverts with " + vrid);
  const bool stranger = advert.reason == "not_a_peer" || advert.reason == "own";
  findings.add(stranger ? Check::vrrp_speakers : Check::vrrp_peer, Severity::error,
               advert.interface,
               "adverts of " + advert.source + " with " + vrid + " are dropped: " + advert.reason,
               "tandemctl events");
}

}  // namespace

DaemonView DaemonView::parse(const json& status, const std::vector<json>& vrrp,
                             const json& events) {
  DaemonView view;
  view.config_file = status.at("config_file").get<std::string>();
  for (const json& warning : status.at("warnings")) view.warnings.push_back(warning);
  const json& thread = status.at("vrrp_thread");
  view.realtime = thread.at("realtime").get<bool>();
  view.memory_locked = thread.at("memory_locked").get<bool>();
  for (const json& router : vrrp.back().at("routers")) {
    view.routers.push_back(parse_router(router, vrrp));
    for (const json& warning : router.at("warnings"))
      view.warnings.push_back(router.at("name").get<std::string>() + ": " +
                              warning.get<std::string>());
  }
  for (const json& event : events.at("events"))
    if (auto dropped = parse_dropped(event)) view.dropped.insert(std::move(*dropped));
  return view;
}

const RouterView* DaemonView::find(const std::string& router) const {
  const auto it = std::ranges::find(routers, router, &RouterView::name);
  return it == routers.end() ? nullptr : &*it;
}

void judge_daemon(const std::optional<DaemonView>& view, const std::string& unreachable, int pid,
                  const std::string& config_file, Findings& findings) {
  if (!view && pid != 0) {
    findings.add(Check::daemon_running, geteuid() == 0 ? Severity::warning : Severity::note,
                 kDaemonSubject,
                 "runs (process " + std::to_string(pid) + "), but was not asked: " + unreachable +
                     (geteuid() == 0 ? "" : "; this may need root"));
    return;
  }
  if (!view) {
    findings.add(Check::daemon_running, Severity::warning, kDaemonSubject, unreachable,
                 "systemctl start tandemd");
    return;
  }
  if (view->config_file == config_file)
    findings.good(Check::daemon_running, kDaemonSubject, "runs with " + config_file);
  else
    findings.add(Check::daemon_running, Severity::note, kDaemonSubject,
                 "runs with " + view->config_file + ", and " + config_file + " is looked at");
  for (const auto& warning : view->warnings)
    findings.add(Check::daemon_warnings, Severity::warning, kDaemonSubject, warning);
  if (view->warnings.empty())
    findings.good(Check::daemon_warnings, kDaemonSubject, "has no warning");
  if (!view->realtime || !view->memory_locked)
    findings.add(Check::kernel_memlock, Severity::warning, kDaemonSubject,
                 std::string("its VRRP thread runs ") +
                     (view->realtime ? "in real time" : "without real-time priority") +
                     (view->memory_locked ? "" : ", its memory is not locked"),
                 "systemctl edit tandemd    # LimitMEMLOCK=infinity, LimitRTPRIO=50");
  else
    findings.good(Check::kernel_memlock, kDaemonSubject, "runs in real time, its memory is locked");
}

void judge_heard_by_daemon(const config::Config& config, const DaemonView& view,
                           Findings& findings) {
  for (const RouterView& router : view.routers) judge_router(router, findings);
  for (const DroppedAdvert& advert : view.dropped)
    judge_dropped(advert,
                  std::ranges::any_of(config.vrrp,
                                      [&](const auto& router) {
                                        return router.vrid == advert.vrid &&
                                               router.interface == advert.interface;
                                      }),
                  findings);
}

}  // namespace tandem::doctor
