// SPDX-License-Identifier: Apache-2.0
// tandemctl status: the node at a glance.
#include <chrono>
#include <ostream>
#include <thread>

#include "control/requests.hpp"
#include "ctl/command.hpp"
#include "ctl/options.hpp"
#include "ctl/render.hpp"
#include "ctl/table.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

std::string routers_table(const json& routers, const Style& style) {
  Table table({"VIRTUAL ROUTER", "STATE", "FOR", "PRIORITY", "PEER", "ADDRESSES"});
  for (const json& router : routers) {
    const auto state = text_at(router, "state");
    std::string addresses;
    for (const json& address : router.at("addresses"))
      addresses += (addresses.empty() ? "" : ", ") + text_at(address, "address");
    const json& peer = router.at("peer");
    table.row(
        {{text_at(router, "name")},
         {state_text(state), state_tint(state)},
         {duration_text(router.at("for_seconds").get<double>())},
         {number(router.at("priority").at("effective"))},
         {peer.is_null() ? "-"
                         : text_at(peer, "address") + " (" + number(peer.at("priority")) + ")"},
         {addresses}});
  }
  return table.empty() ? "" : "\n" + table.render(style);
}

std::string interfaces_table(const json& interfaces, const Style& style) {
  Table table({"INTERFACE", "DEVICE", "VLAN", "MAC", "LINK", "XDP"});
  for (const json& interface : interfaces) {
    const bool up = interface.at("up").get<bool>();
    const json& mode = interface.at("xdp_mode");
    const std::string way = interface.value("xdp_way", json()) == "alone" ? ", alone" : "";
    std::string vlan;
    for (const json& tag : interface.at("vlan")) vlan += (vlan.empty() ? "" : ".") + number(tag);
    table.row({{text_at(interface, "name")},
               {text_at(interface, "device")},
               {vlan.empty() ? "-" : vlan},
               {text_at(interface, "mac")},
               {up ? "up" : "down", up ? Tint::good : Tint::bad},
               {mode.is_null() ? "none" : text_at(interface, "xdp_mode") + way,
                mode == "native" ? Tint::good : Tint::warn}});
  }
  return table.empty() ? "" : "\n" + table.render(style);
}

std::string checks_table(const json& checks, const Style& style) {
  Table table({"CHECK", "KIND", "RESULT", "FOR", "LAST"});
  for (const json& check : checks) {
    const json& up = check.at("up");
    const bool known = up.is_boolean();
    table.row({{text_at(check, "name")},
               {text_at(check, "kind")},
               {!known ? "unknown" : (up == true ? "up" : "down"),
                !known ? Tint::warn : (up == true ? Tint::good : Tint::bad)},
               {known ? duration_text(check.at("for_seconds").get<double>()) : "-"},
               {text_at(check, "last_result")}});
  }
  return table.empty() ? "" : "\n" + table.render(style);
}

std::string counters(const json& document) {
  const json& adverts = document.at("adverts");
  const json& thread = document.at("vrrp_thread");
  const json& lateness = thread.at("lateness");
  const auto late = [&](const char* key) {
    return duration_text(lateness.at(key).get<double>() / 1e6);
  };
  std::string text = "\nadverts      " + number(adverts.at("received")) +
                     " received; dropped: " + counts_text(adverts.at("dropped"));
  if (adverts.at("ring_full") != 0)
    text += "; " + number(adverts.at("ring_full")) + " lost as the ring was full";
  text += "\npackets      " + counts_text(document.at("packets"));
  text += "\nVRRP thread  " + text_at(thread, "scheduler") + ", memory " +
          (thread.at("memory_locked") == true ? "locked" : "not locked");
  if (lateness.at("count") != 0)
    text += "; adverts late by " + late("p50_us") + " (p50), " + late("p99_us") + " (p99), " +
            late("p99.9_us") + " (p99.9), " + late("max_us") + " (max)";
  if (const std::string stalls = counts_text(thread.at("stalls")); stalls != "none")
    text += "; stalls: " + stalls;
  text += "\naddresses    put back " + number(document.at("addresses_restored")) + " times\n";
  return text;
}

void status_options(po::options_description& named, po::positional_options_description&) {
  named.add_options()("exit-code", po::bool_switch(), "exit with 1 if there is a warning")(
      "wait",
      po::value<std::uint64_t>()->value_name("SECONDS")->notifier(within("SECONDS", 1, 86400)),
      "wait until there is no warning, so long at most; then as with --exit-code");
}

// The document of `status`, with the virtual routers in it.
Called<json> ask(Session& session) {
  auto document = session.client.call("status", control::StatusRequest{}.to_json());
  if (!document) return document;
  auto vrrp = session.client.call("vrrp", control::VrrpRequest{}.to_json());
  if (!vrrp) return vrrp;
  (*document)["routers"] = std::move(vrrp->at("routers"));
  return document;
}

Called<Exit> run_status(Session& session, const po::variables_map& options) {
  const bool waits = options.contains("wait");
  const auto until =
      MonotonicClock::now() +
      std::chrono::seconds(waits ? options["wait"].as<std::uint64_t>() : std::uint64_t{0});
  auto document = ask(session);
  while (document && !document->at("warnings").empty() && MonotonicClock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    document = ask(session);
  }
  if (!document) return std::unexpected(document.error());
  if (session.json)
    session.print(*document);
  else
    session.out << render_status(*document, session.style);
  const bool judges = waits || options["exit-code"].as<bool>();
  return judges && !document->at("warnings").empty() ? kRefused : kGood;
}

}  // namespace

std::string render_status(const json& document, const Style& style) {
  return style.tint(Tint::strong, text_at(document, "node")) + "  Tandem " +
         text_at(document, "version") + ", engine " + text_at(document, "engine") + ", up for " +
         duration_text(document.at("uptime_seconds").get<double>()) + ", " +
         text_at(document, "config_file") + "\n" + warning_lines(document.at("warnings"), style) +
         routers_table(document.at("routers"), style) +
         interfaces_table(document.at("interfaces"), style) +
         checks_table(document.at("checks"), style) + counters(document);
}

const Command kStatus{
    "status",
    "[--exit-code] [--wait SECONDS]",
    "the node at a glance: virtual routers, interfaces, checks, counters",
    "Shows the node's virtual routers, interfaces and checks, how many adverts and packets were\n"
    "taken, passed and dropped and why, and how punctual the VRRP thread is. Warnings come first: "
    "what\n"
    "is wrong at the moment, and what to do; none means that all is well. For scripts, "
    "--exit-code\n"
    "makes them exit status 1, and --wait waits until there is no warning.\n",
    std::chrono::seconds(5),
    status_options,
    run_status,
};

}  // namespace tandem::ctl
