// SPDX-License-Identifier: Apache-2.0
// tandemctl vrrp: everything about each virtual router.
#include "control/requests.hpp"
#include "ctl/command.hpp"
#include "ctl/options.hpp"
#include "ctl/render.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

std::string ms_text(const json& ms) {
  return duration_text(ms.get<double>() / 1e3);
}

std::string heading(const json& router, const Style& style) {
  const auto state = text_at(router, "state");
  return style.tint(Tint::strong, text_at(router, "name")) + "  " +
         style.tint(state_tint(state), state_text(state)) + " for " +
         duration_text(router.at("for_seconds").get<double>()) + ", since " +
         text_at(router, "since") + ": " + text_at(router, "cause") + "\n";
}

std::string priority_text(const json& priority) {
  const auto explanation = text_at(priority, "explanation");
  return number(priority.at("effective")) + (explanation.empty() ? "" : " (" + explanation + ")");
}

std::string peer_text(const json& peer) {
  if (peer.is_null()) return "none heard yet";
  std::string text = text_at(peer, "address") + ", priority " + number(peer.at("priority"));
  if (peer.at("lowest_priority") != peer.at("priority"))
    text += " (lowest heard " + number(peer.at("lowest_priority")) + ")";
  return text + ", seen " + duration_text(peer.at("seen_seconds_ago").get<double>()) +
         " ago, checksum " + text_at(peer, "checksum");
}

std::string signature_text(const json& auth) {
  const json& key = auth.at("peer_key");
  return "mode " + text_at(auth, "mode") + ", signs with key " + number(auth.at("active_key")) +
         (key.is_null() ? "; the peer's last advert was not signed"
                        : "; the peer's last advert was signed by key " + number(key));
}

std::string adverts_text(const json& adverts) {
  std::string text = number(adverts.at("sent")) + " sent, one in " +
                     ms_text(adverts.at("interval_ms")) + "; " + number(adverts.at("received")) +
                     " received";
  if (adverts.at("received") != 0)
    text += " (checksums: " + counts_text(adverts.at("checksum_forms")) + ")";
  return text;
}

std::string timers_text(const json& timers) {
  const json& next = timers.at("next_deadline_ms");
  return "Active_Adver_Interval " + ms_text(timers.at("active_adver_interval_ms")) +
         ", Skew_Time " + ms_text(timers.at("skew_time_ms")) + ", Active_Down_Interval " +
         ms_text(timers.at("active_down_interval_ms")) +
         (next.is_null() ? "; none is running" : "; next in " + ms_text(next));
}

std::string addresses_text(const json& addresses) {
  std::string text;
  for (const json& address : addresses) {
    if (!text.empty()) text += ", ";
    text += text_at(address, "address") + " on " + text_at(address, "device");
    if (!address.at("label").is_null()) text += " (" + text_at(address, "label") + ")";
  }
  return text;
}

std::string peer_role_text(const json& peer) {
  const bool is_unwell = peer.at("state") == "Active" && peer.at("serves") == false;
  return "the peer says " + text_at(peer, "state") + ", priority " + number(peer.at("priority")) +
         (is_unwell ? ", cannot serve, " : ", ") +
         duration_text(peer.at("seen_seconds_ago").get<double>()) + " ago";
}

std::string mismatches_text(const json& router) {
  json counts = json::object();
  counts["with other addresses"] = router.at("address_mismatches");
  counts["with another interval"] = router.at("interval_mismatches");
  return counts_text(counts);
}

// Of the node's own services; empty: nothing to tell.
std::string sockets_text(const json& router) {
  const json& sockets = router.at("sockets");
  if (sockets.is_null()) return {};
  std::string text = number(sockets.at("here")) + " here";
  if (sockets.at("draining") == true)
    text += ", which go on for " + duration_text(sockets.at("at_most_seconds").get<double>()) +
            " at most";
  if (sockets.at("there") != 0 && text_at(router, "state") == "Active")
    text += ", " + number(sockets.at("there")) +
            " at the other node, to which their packets are sent on";
  return text;
}

std::string render_router(const json& router, const Style& style) {
  std::string text = heading(router, style);
  const auto line = [&](const char* what, const std::string& value) {
    text += "  " + style.tint(Tint::faint, what) +
            std::string(14 - std::char_traits<char>::length(what), ' ') + value + "\n";
  };
  line("interface", text_at(router, "interface") + ", VRID " + number(router.at("vrid")) + ", " +
                        text_at(router, "family") + ", version " + number(router.at("version")));
  line("addresses", addresses_text(router.at("addresses")));
  line("priority", priority_text(router.at("priority")));
  line("peer", peer_text(router.at("peer")));
  if (router.contains("peer_over_sync") && !router.at("peer_over_sync").is_null())
    line("sync link", peer_role_text(router.at("peer_over_sync")));
  line("adverts", adverts_text(router.at("adverts")));
  if (router.contains("auth") && !router.at("auth").is_null())
    line("signatures", signature_text(router.at("auth")));
  line("dropped", counts_text(router.at("dropped")));
  if (const auto mismatches = mismatches_text(router); mismatches != "none")
    line("mismatches", mismatches);
  line("timers", timers_text(router.at("timers")));
  line("lease",
       router.at("lease_ms").is_null() ? "none" : ms_text(router.at("lease_ms")) + " left");
  if (!router.at("sync_group").is_null()) line("sync group", text_at(router, "sync_group"));
  if (router.at("waits_for_flows") == true)
    line("waits", "for the flows of the other node, before it preempts");
  if (router.at("waits_for_backends") == true)
    line("waits", "until its backends are up, before it preempts; not for long");
  if (router.contains("held_back") && router.at("held_back") == true)
    line("waits", "no advert is heard, but the peer says over the sync link that it is Active");
  if (router.at("handed_over") == true)
    line("handed over",
         "stays Backup while the peer is there; `tandemctl failover --back` ends it");
  if (const auto sockets = sockets_text(router); !sockets.empty()) line("sockets", sockets);
  line("transitions", number(router.at("transitions")));
  return text + warning_lines(router.at("warnings"), style);
}

void vrrp_options(po::options_description& named, po::positional_options_description& positional) {
  named.add_options()("name", po::value<std::string>(), "only this virtual router");
  positional.add("name", 1);
}

Called<Exit> run_vrrp(Session& session, const po::variables_map& options) {
  control::VrrpRequest request;
  request.name = given<std::string>(options, "name");
  return session.show("vrrp", request.to_json(), render_vrrp);
}

}  // namespace

std::string render_vrrp(const json& document, const Style& style) {
  std::string text;
  for (const json& router : document.at("routers"))
    text += (text.empty() ? "" : "\n") + render_router(router, style);
  return text.empty() ? "No virtual router is configured.\n" : text;
}

const Command kVrrp{
    "vrrp",
    "[NAME]",
    "virtual routers: state and why, priority, peer, timers, lease",
    "Shows each virtual router, or the one called NAME: its state, since when and why, how its\n"
    "priority came about, the peer that was heard, adverts sent, received and dropped, the\n"
    "timers (RFC 9568, 6.1 and 6.2) and the lease on its addresses.\n",
    std::chrono::seconds(5),
    vrrp_options,
    run_vrrp,
};

}  // namespace tandem::ctl
