// SPDX-License-Identifier: Apache-2.0
// tandemctl explain: what would become of a packet.
#include "control/requests.hpp"
#include "ctl/command.hpp"
#include "ctl/options.hpp"
#include "ctl/render.hpp"
#include "ctl/table.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

std::string steps_list(const json& steps, const Style& style) {
  std::string text;
  std::size_t width = 0;
  for (const json& step : steps) width = std::max(width, text_at(step, "what").size());
  for (const json& step : steps) {
    const bool good = step.at("good").get<bool>();
    const std::string what = text_at(step, "what");
    text += style.tint(good ? Tint::good : Tint::bad, good ? "  ok  " : "  no  ") + what +
            std::string(width - what.size() + 2, ' ') + text_at(step, "result") + "\n";
  }
  return text;
}

std::string flow_text(const json& flow) {
  return endpoint_text(flow, "client", "client_port") + " to " +
         endpoint_text(flow, "backend", "backend_port") + ", " + text_at(flow, "state") +
         (flow.at("counted").get<bool>() ? ", active" : ", not active") + ", idle for " +
         duration_text(flow.at("idle_seconds").get<double>());
}

std::string pick_text(const json& pick) {
  const std::string by = text_at(pick, "by");
  return endpoint_text(pick, "backend", "backend_port") +
         (by == "flow" ? ", as its flow has it" : ", by " + by);
}

std::string egress_text(const json& egress) {
  std::string vlan;
  for (const json& tag : egress.at("vlan")) vlan += (vlan.empty() ? "" : ".") + number(tag);
  return text_at(egress, "device") + (vlan.empty() ? "" : ", VLAN " + vlan) + ", from " +
         text_at(egress, "source_mac") + " to " + text_at(egress, "destination_mac") + ", MTU " +
         number(egress.at("mtu"));
}

Tint verdict_tint(const std::string& verdict) {
  if (verdict == "forward") return Tint::good;
  return verdict == "drop" ? Tint::bad : Tint::none;
}

// DST:PORT alone says which service is meant.
void expect_port(const Word<control::Endpoint>& word) {
  if (!word.value.port)
    throw po::error("'" + word.value.to_string() +
                    "': expected ADDRESS:PORT or [IPV6-ADDRESS]:PORT");
}

void explain_options(po::options_description& named,
                     po::positional_options_description& positional) {
  named.add_options()("source", po::value<Word<control::Endpoint>>()->required(),
                      "the client: ADDRESS, ADDRESS:PORT or [IPV6-ADDRESS]:PORT")(
      "destination", po::value<Word<control::Endpoint>>()->required()->notifier(expect_port),
      "where it sends to: ADDRESS:PORT or [IPV6-ADDRESS]:PORT")(
      "protocol", po::value<Word<config::Protocol>>(), "tcp or udp; default: tcp");
  positional.add("source", 1).add("destination", 1).add("protocol", 1);
}

Called<Exit> run_explain(Session& session, const po::variables_map& options) {
  const auto source = options["source"].as<Word<control::Endpoint>>().value;
  const auto destination = options["destination"].as<Word<control::Endpoint>>().value;
  const auto protocol = given_word<config::Protocol>(options, "protocol");
  const control::ExplainRequest request{source.address, source.port, destination.address,
                                        destination.port.value_or(0),
                                        protocol.value_or(config::Protocol::tcp)};
  return session.show("explain", request.to_json(), render_explain);
}

}  // namespace

std::string render_explain(const json& document, const Style& style) {
  std::string text = steps_list(document.at("steps"), style) + "\n";
  const auto line = [&](const char* what, const std::string& value) {
    text += style.tint(Tint::faint, what) +
            std::string(9 - std::char_traits<char>::length(what), ' ') + value + "\n";
  };
  if (const json& flow = document.at("flow"); !flow.is_null()) line("flow", flow_text(flow));
  if (const json& pick = document.at("pick"); !pick.is_null()) line("pick", pick_text(pick));
  const char* what = "rewrite";
  for (const json& rewrite : document.at("rewrite")) {
    line(what, printable(rewrite.get<std::string>()));
    what = "";
  }
  if (const json& egress = document.at("egress"); !egress.is_null())
    line("egress", egress_text(egress));
  const std::string verdict = text_at(document, "verdict");
  line("verdict", style.tint(verdict_tint(verdict), verdict) + ", " + text_at(document, "reason"));
  return text;
}

const Command kExplain{
    "explain",
    "SRC[:PORT] DST:PORT [PROTO]",
    "what would become of a packet, and why",
    "Tells, step by step, what this node would do with a packet from SRC to DST: whose virtual\n"
    "address it is and whether its lease is live, which service takes it, the flow it belongs to\n"
    "or the backend that a new flow would get, what would be changed in it, and where it would\n"
    "leave. The answer comes from the code that forwards; nothing is sent, and nothing is\n"
    "counted. Without a port of the source, the packet begins a flow that is not there yet.\n"
    "IPv6 addresses with a port stand in brackets. PROTO is tcp (the default) or udp.\n"
    "\n"
    "  tandemctl explain 203.0.113.7:40000 192.0.2.100:8080\n"
    "  tandemctl explain 2001:db8:3::7 [2001:db8:2::100]:53 udp\n",
    std::chrono::seconds(5),
    explain_options,
    run_explain,
};

}  // namespace tandem::ctl
