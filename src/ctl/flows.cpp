// SPDX-License-Identifier: Apache-2.0
// tandemctl flows: which client goes to which backend.
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

std::string flows_table(const json& flows, const Style& style) {
  // Of fullnat alone.
  const bool source_ports =
      std::ranges::any_of(flows, [](const json& flow) { return flow.contains("source_port"); });
  std::vector<std::string> headings{"CLIENT", "SERVICE", "BACKEND", "STATE", "IDLE", "ACTIVE"};
  if (source_ports) headings.emplace_back("SOURCE PORT");
  Table table(std::move(headings));
  for (const json& flow : flows) {
    std::vector<Cell> row{{endpoint_text(flow, "client", "client_port")},
                          {text_at(flow, "service")},
                          {endpoint_text(flow, "backend", "backend_port")},
                          {text_at(flow, "state")},
                          {duration_text(flow.at("idle_seconds").get<double>())},
                          {flow.at("counted").get<bool>() ? "yes" : "no"}};
    if (source_ports)
      row.push_back({flow.contains("source_port") ? number(flow.at("source_port")) : "-"});
    table.row(std::move(row));
  }
  return table.empty() ? "" : table.render(style);
}

void flows_options(po::options_description& named, po::positional_options_description&) {
  named.add_options()("service", po::value<std::string>()->value_name("NAME"),
                      "only this service's")(
      "backend", po::value<Word<control::Endpoint>>()->value_name("ADDRESS[:PORT]"),
      "only those to this backend")("client", po::value<Word<IpAddress>>()->value_name("ADDRESS"),
                                    "only this client's")(
      "state", po::value<Word<td_flow_state>>()->value_name("STATE"), "only those in this state")(
      "limit,n",
      po::value<std::uint64_t>()->default_value(100)->value_name("N")->notifier(
          within("--limit", 1, control::kMostFlowsShown)),
      "show at most N flows")("count", po::bool_switch(), "only tell how many there are");
}

Called<Exit> run_flows(Session& session, const po::variables_map& options) {
  const control::FlowsRequest request{.service = given<std::string>(options, "service"),
                                      .backend = given_word<control::Endpoint>(options, "backend"),
                                      .client = given_word<IpAddress>(options, "client"),
                                      .state = given_word<td_flow_state>(options, "state"),
                                      .limit = options["limit"].as<std::uint64_t>(),
                                      .count_only = options["count"].as<bool>()};
  return session.show("flows", request.to_json(), render_flows);
}

}  // namespace

std::string render_flows(const json& document, const Style& style) {
  const json& flows = document.at("flows");
  const auto matched = document.at("matched").get<std::uint64_t>();
  std::string text = flows_table(flows, style);
  if (flows.empty()) return text + "Flows that match: " + std::to_string(matched) + "\n";
  if (matched > flows.size())
    text += "\n" + std::to_string(flows.size()) + " of " + std::to_string(matched) +
            " flows that match; see --limit.\n";
  return text;
}

const Command kFlows{
    "flows",
    "[OPTIONS]",
    "flows: which client goes to which backend",
    "Shows flows that all the options given fit, in no particular order.\n"
    "\n"
    "  STATE        syn_sent, established; fin_client, fin_server: closed by that side;\n"
    "               closed: by both; reset; active: UDP; joined: by a client's ACK in the\n"
    "               middle, and not confirmed yet\n"
    "  IDLE         since the last packet\n"
    "  ACTIVE       whether it counts as a connection of its backend\n"
    "  SOURCE PORT  the port that a fullnat backend sees\n",
    std::chrono::seconds(30),
    flows_options,
    run_flows,
};

}  // namespace tandem::ctl
