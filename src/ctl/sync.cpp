// SPDX-License-Identifier: Apache-2.0
// tandemctl sync and sync-key: whether both nodes have the same flows, and the secret that they
// need for it.
#include <ostream>

#include "ctl/command.hpp"
#include "ctl/options.hpp"
#include "ctl/render.hpp"
#include "ctl/table.hpp"
#include "sync/key.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

void no_options(po::options_description&, po::positional_options_description&) {}

Exit judge_sync(const json& document) {
  return document.at("in_sync").get<bool>() ? kGood : kRefused;
}

Called<Exit> run_sync(Session& session, const po::variables_map&) {
  return session.show("sync", json::object(), render_sync, judge_sync);
}

void key_options(po::options_description& named, po::positional_options_description& positional) {
  named.add_options()("file", po::value<std::string>()->required(), "the file to be made");
  positional.add("file", 1);
}

Exit run_key(const LocalContext& local, const po::variables_map& options) {
  const auto& file = options["file"].as<std::string>();
  if (const auto made = sync::make_key(file); !made) {
    local.err << "tandemctl: " << made.error().message << '\n';
    return kRefused;
  }
  local.out << file << " is made. Copy it to the other node, and name it there and here in"
            << " sync.key_file.\n";
  return kGood;
}

std::string session_line(const json& document) {
  if (!document.at("connected").get<bool>()) return "No session";
  return "In session with " + text_at(document, "peer") + " over link " +
         number(document.at("link"));
}

}  // namespace

std::string render_sync(const json& document, const Style& style) {
  Table table({"SERVICE", "DECIDED", "STATE"});
  for (const json& service : document.at("services")) {
    const std::string state = text_at(service, "state");
    table.row({{text_at(service, "service")},
               {service.at("owner").get<bool>() ? "here" : "there"},
               {state, state == "in sync" ? Tint::good : Tint::warn}});
  }
  json warnings = json::array();
  if (document.at("trouble") != "") warnings.push_back(document.at("trouble"));
  return session_line(document) + ". Flows sent " + number(document.at("flows_sent")) +
         ", received " + number(document.at("flows_received")) + "; repairs " +
         number(document.at("repairs")) + ", conflicts " + number(document.at("conflicts")) +
         ".\n" + warning_lines(warnings, style) + "\n" + table.render(style);
}

const Command kSync{
    "sync",
    "",
    "whether the other node has the same flows",
    "Shows the session with the other node, and for each forwarded service which node decides\n"
    "about its flows, and whether both have the same. In sync means that every range of flows\n"
    "was equal when it was compared last, which is every 10 seconds or less.\n"
    "\n"
    "The exit status is 1 if any service is not in sync.\n",
    std::chrono::seconds(5),
    no_options,
    run_sync,
};

const Command kSyncKey{
    "sync-key",
    "FILE",
    "make the secret that flow synchronization needs",
    "Makes FILE with a new secret, for its owner alone. Both nodes need the same file. Does not\n"
    "write over one that is there.\n",
    {},
    key_options,
    nullptr,
    nullptr,
    run_key,
};

}  // namespace tandem::ctl
