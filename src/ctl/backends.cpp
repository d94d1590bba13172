// SPDX-License-Identifier: Apache-2.0
// tandemctl backends: the state and the load of each.
#include <algorithm>

#include "control/requests.hpp"
#include "ctl/command.hpp"
#include "ctl/options.hpp"
#include "ctl/render.hpp"
#include "ctl/table.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

Tint backend_tint(const std::string& state) {
  if (state == "up") return Tint::good;
  return state == "draining" ? Tint::warn : Tint::bad;
}

std::string weight_text(const json& backend) {
  const std::string text = number(backend.at("weight"));
  const json& configured = backend.at("configured_weight");
  if (configured == backend.at("weight")) return text;
  const json set_on = backend.value("weight_set_on", json());
  const std::string node = set_on.is_string() ? text_at(backend, "weight_set_on") : "";
  return text + " (" + (node.empty() ? "" : "set on " + node + "; ") +
         "file: " + number(configured) + ")";
}

// Through all services on both nodes; a node of an earlier version does not say.
std::uint64_t server_connections(const json& backend) {
  const auto server = backend.find("server");
  if (server == backend.end()) return backend.at("active").get<std::uint64_t>();
  return server->at("own").get<std::uint64_t>() + server->at("peers").get<std::uint64_t>();
}

Cell active_cell(const json& backend) {
  const json& active = backend.at("active");
  const json& most = backend.at("max_connections");
  const std::uint64_t all = server_connections(backend);
  std::string text = number(active);
  if (all != active) text += " (server: " + std::to_string(all) + ")";
  if (most == 0) return {text};
  return {text + " of " + number(most),
          std::max(active.get<std::uint64_t>(), all) < most ? Tint::none : Tint::warn};
}

Cell next_hop_cell(const json& next_hop) {
  if (next_hop.is_null()) return {"unknown", Tint::warn};
  return {text_at(next_hop, "device") + " " + text_at(next_hop, "mac")};
}

void backends_options(po::options_description& named,
                      po::positional_options_description& positional) {
  named.add_options()("service", po::value<std::string>(), "only this service's");
  positional.add("service", 1);
}

Called<Exit> run_backends(Session& session, const po::variables_map& options) {
  const control::BackendsRequest request{given<std::string>(options, "service")};
  return session.show("backends", request.to_json(), render_backends);
}

}  // namespace

std::string render_backends(const json& document, const Style& style) {
  Table table({"SERVICE", "BACKEND", "STATE", "FOR", "WEIGHT", "ACTIVE", "FLOWS", "NEW/S", "PICKS",
               "IN", "OUT", "NEXT HOP", "WHY"});
  for (const json& backend : document.at("backends")) {
    const auto state = text_at(backend, "state");
    const bool is_backup = backend.value("backup", false);
    const bool in_use = backend.value("in_use", true);
    table.row({{text_at(backend, "service")},
               {endpoint_text(backend, "address", "port")},
               {state + (is_backup ? " (backup)"
                         : in_use  ? ""
                                   : " (backups serve)"),
                is_backup && !in_use ? Tint::none : backend_tint(state)},
               {duration_text(backend.at("for_seconds").get<double>())},
               {weight_text(backend)},
               active_cell(backend),
               {number(backend.at("total"))},
               {rate_text(backend.at("new_per_second"))},
               {number(backend.at("picks"))},
               {traffic_text(backend, "packets_in", "bytes_in")},
               {traffic_text(backend, "packets_out", "bytes_out")},
               next_hop_cell(backend.at("next_hop")),
               {text_at(backend, "why")}});
  }
  return table.empty() ? "There is no backend.\n" : table.render(style);
}

const Command kBackends{
    "backends",
    "[SERVICE]",
    "backends: state and why, load, next hop",
    "Shows the backends of all services, or of SERVICE: up, draining (keeps its flows, gets no\n"
    "new ones) or down, for how long and why.\n"
    "\n"
    "  STATE     a backup gets new flows only while the service has no quorum of others; then\n"
    "            those get none\n"
    "  WEIGHT    in use; where `tandemctl weight` set another than the file's, both, and on which\n"
    "            node it was set\n"
    "  ACTIVE    flows that count as connections, of how many it may have; where its server has\n"
    "            others through other services, those of all (with [sync] of both nodes, where\n"
    "            they count for `least_conn` and `max_connections`)\n"
    "  FLOWS     all that are remembered, also those that are closed or idle\n"
    "  NEW/S     new flows a second\n"
    "  PICKS     how often the scheduler picked it\n"
    "  IN, OUT   packets and bytes from clients to it, and back; the replies of dsr and tunnel\n"
    "            backends do not come by\n"
    "  NEXT HOP  the interface and the MAC address that frames to it go to\n",
    std::chrono::seconds(5),
    backends_options,
    run_backends,
};

}  // namespace tandem::ctl
