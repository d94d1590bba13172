// SPDX-License-Identifier: Apache-2.0
// tandemctl services: what each service does, and whether the counts are right.
#include "control/requests.hpp"
#include "ctl/command.hpp"
#include "ctl/options.hpp"
#include "ctl/render.hpp"
#include "ctl/table.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

Cell backends_cell(const json& backends) {
  std::string text;
  for (const char* state : {"up", "draining", "down"})
    if (backends.at(state) != 0)
      text += (text.empty() ? "" : ", ") + number(backends.at(state)) + " " + state;
  if (backends.at("up") == 0) return {text.empty() ? "none" : text, Tint::bad};
  return {text, backends.at("down") == 0 ? Tint::good : Tint::warn};
}

// Of a service with forward = "local", which the kernel takes from here.
std::vector<Cell> no_balance() {
  return std::vector<Cell>(8, {"-"});
}

std::vector<Cell> balance(const json& service) {
  const json& flows = service.at("flows");
  const json& refused = service.at("refused");
  return {{text_at(service, "scheduler")},
          backends_cell(service.at("backends")),
          {number(flows.at("active"))},
          {number(flows.at("total"))},
          {rate_text(service.at("new_per_second"))},
          {number(service.at("picks"))},
          {number(service.at("hash_picks"))},
          {number(refused), refused == 0 ? Tint::none : Tint::warn}};
}

std::vector<Cell> row_of(const json& service) {
  const bool lease = service.at("lease").get<bool>();
  std::vector<Cell> row{
      {text_at(service, "name")},
      {endpoint_text(service, "address", "port") + "/" + text_at(service, "protocol")},
      {lease ? "live" : "none", lease ? Tint::good : Tint::none},
      {text_at(service, "forward")}};
  const auto middle = service.at("scheduler").is_null() ? no_balance() : balance(service);
  row.insert(row.end(), middle.begin(), middle.end());
  row.push_back({traffic_text(service, "packets_in", "bytes_in")});
  row.push_back({traffic_text(service, "packets_out", "bytes_out")});
  return row;
}

std::string notes(const json& services, const Style& style) {
  json warnings = json::array();
  for (const json& service : services)
    if (service.contains("note"))
      warnings.push_back(text_at(service, "name") + ": " + text_at(service, "note"));
  const std::string text = warning_lines(warnings, style);
  return text.empty() ? text : text + "\n";
}

std::string room_text(const json& table) {
  const json& evicted = table.at("evicted");
  return number(table.at("flows")) + " of " + number(table.at("capacity")) +
         (evicted == 0 ? "" : " (" + number(evicted) + " evicted)");
}

std::string counts_line(const json& counts, const Style& style) {
  const std::string in_table = number(counts.at("active_in_table"));
  if (counts.at("agree") == true)
    return in_table + " active, in the flow tables as in the schedulers";
  return style.tint(Tint::bad, in_table + " active in the flow tables, " +
                                   number(counts.at("active_in_schedulers")) +
                                   " in the schedulers: these must be equal");
}

void services_options(po::options_description& named,
                      po::positional_options_description& positional) {
  named.add_options()("name", po::value<std::string>(), "only this service");
  positional.add("name", 1);
}

Called<Exit> run_services(Session& session, const po::variables_map& options) {
  const control::ServicesRequest request{given<std::string>(options, "name")};
  return session.show("services", request.to_json(), render_services);
}

}  // namespace

std::string render_services(const json& document, const Style& style) {
  const json& services = document.at("services");
  if (services.empty()) return "No service is configured.\n";
  Table table({"SERVICE", "ADDRESS", "LEASE", "FORWARD", "SCHEDULER", "BACKENDS", "ACTIVE", "FLOWS",
               "NEW/S", "PICKS", "BY HASH", "REFUSED", "IN", "OUT"});
  for (const json& service : services) table.row(row_of(service));
  const json& tables = document.at("flow_tables");
  return notes(services, style) + table.render(style) + "\nflow tables  IPv4 " +
         room_text(tables.at("ipv4")) + ", IPv6 " + room_text(tables.at("ipv6")) +
         "\ncounts       " + counts_line(document.at("counts"), style) + "\n";
}

const Command kServices{
    "services",
    "[NAME]",
    "services: backends, flows, picks, traffic",
    "Shows each service, or the one called NAME. What is wrong comes first.\n"
    "\n"
    "  LEASE     whether this node holds the service's address\n"
    "  BACKENDS  how many are up, draining and down\n"
    "  ACTIVE    flows that count as connections; the scheduler goes by these\n"
    "  FLOWS     all that are remembered, also those that are closed or idle\n"
    "  NEW/S     new flows a second\n"
    "  PICKS     backends that the scheduler picked\n"
    "  BY HASH   backends that were picked by a hash, for flows that did not begin here\n"
    "  REFUSED   flows that no backend could take\n"
    "  IN, OUT   packets and bytes from clients to backends or to this node, and back; the "
    "replies\n"
    "            of dsr and tunnel backends do not come by\n"
    "\n"
    "Below: how full the flow tables are, and the active flows as the tables and the schedulers\n"
    "count them, which are always equal.\n",
    std::chrono::seconds(5),
    services_options,
    run_services,
};

}  // namespace tandem::ctl
