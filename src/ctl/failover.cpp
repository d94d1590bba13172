// SPDX-License-Identifier: Apache-2.0
// tandemctl failover: a planned handover, and taking it back.
#include <algorithm>
#include <chrono>
#include <thread>

#include "control/requests.hpp"
#include "ctl/command.hpp"
#include "ctl/render.hpp"
#include "ctl/table.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

void failover_options(po::options_description& named,
                      po::positional_options_description& positional) {
  named.add_options()("name", po::value<std::vector<std::string>>(),
                      "the virtual routers meant; default: all")("back", po::bool_switch(),
                                                                 "take an earlier handover back")(
      "force", po::bool_switch(),
      "even if no peer takes the addresses, or only one that fails, and whether or not the flows\n"
      "of connections are on the other node")(
      "wait", po::bool_switch(),
      "return when no connection to the node's own services is left where they were");
  positional.add("name", -1);
}

// What was asked for by name and not done is a refusal; with no names, "nothing to do" is fine.
Exit judge(const json& results) {
  const bool all_done = std::ranges::all_of(
      results, [](const json& result) { return result.at("done").get<bool>(); });
  return all_done ? kGood : kRefused;
}

bool is_meant(const control::FailoverRequest& request, const json& router) {
  return request.names.empty() ||
         std::ranges::find(request.names, text_at(router, "name")) != request.names.end();
}

// Connections to the node's own services that are not where the address is: here, or (back) there.
std::uint64_t left_behind(const json& router, bool back) {
  const json& sockets = router.at("sockets");
  if (sockets.is_null()) return 0;
  if (back) return sockets.at("there").get<std::uint64_t>();
  if (sockets.at("draining") == true)
    return std::max<std::uint64_t>(sockets.at("here").get<std::uint64_t>(), 1);
  return text_at(router, "state") == "Active" ? 0 : sockets.at("here").get<std::uint64_t>();
}

// The daemon bounds it, by drain_timeout.
Called<Exit> wait_for_connections(Session& session, const control::FailoverRequest& request) {
  while (true) {
    const auto document = session.client.call("vrrp", control::VrrpRequest{}.to_json());
    if (!document) return std::unexpected(document.error());
    std::uint64_t left = 0;
    for (const json& router : document->at("routers"))
      if (is_meant(request, router)) left += left_behind(router, request.back);
    if (left == 0) return kGood;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

Called<Exit> run_failover(Session& session, const po::variables_map& options) {
  control::FailoverRequest request;
  if (options.count("name") != 0) request.names = options["name"].as<std::vector<std::string>>();
  request.back = options["back"].as<bool>();
  request.force = options["force"].as<bool>();
  const auto render = [&](const json& results, const Style& style) {
    return render_failover(results, request.back, style);
  };
  auto done = session.show("failover", request.to_json(), render, judge);
  if (!done || *done != kGood || !options["wait"].as<bool>()) return done;
  session.out << std::flush;
  return wait_for_connections(session, request);
}

}  // namespace

std::string render_failover(const json& results, bool back, const Style& style) {
  if (results.empty())
    return back ? "No virtual router of this node was handed over: nothing to take back.\n"
                : "No virtual router of this node is Active: nothing to hand over.\n";
  Table table({"VIRTUAL ROUTER", "RESULT", "WHY"});
  for (const json& result : results) {
    const bool done = result.at("done").get<bool>();
    table.row({{text_at(result, "name")},
               {!done  ? "not done"
                : back ? "taken back"
                       : "handed over",
                done ? Tint::good : Tint::bad},
               {text_at(result, "why")}});
  }
  return table.render(style);
}

const Command kFailover{
    "failover",
    "[NAME...] [--back] [--force] [--wait]",
    "hand virtual routers over to the peer, or take them back",
    "Hands the virtual routers called NAME over to the peer, or all that are Active here, each\n"
    "with its sync group, and waits until the peer has them; with [sync], it begins when the\n"
    "peer has all flows, and is refused after 10 seconds. The node stays Backup for them,\n"
    "whatever its priority, until `failover --back`, or until the peer falls silent or its\n"
    "priority falls. If no peer takes them, or only one whose priority tells that it fails, the\n"
    "node stays Active; with --force it becomes Backup all the same, and if no peer is heard, it\n"
    "is Active again after Active_Down_Interval. Exits with 1 if one of them was not handed\n"
    "over. With --wait it returns when no TCP connection to services of the node's own is left\n"
    "here (with --back, at the other node), after sync.drain_timeout at the latest.\n",
    std::chrono::seconds(30),
    failover_options,
    run_failover,
};

}  // namespace tandem::ctl
