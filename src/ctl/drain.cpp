// SPDX-License-Identifier: Apache-2.0
// tandemctl drain, undrain and weight: what a backend gets of new flows, changed at run time.
#include <algorithm>
#include <optional>
#include <ostream>
#include <thread>

#include "control/requests.hpp"
#include "ctl/command.hpp"
#include "ctl/options.hpp"
#include "ctl/render.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

void undrain_options(po::options_description& named,
                     po::positional_options_description& positional) {
  named.add_options()("service", po::value<std::string>()->required(), "the service")(
      "backend", po::value<Word<control::Endpoint>>(),
      "ADDRESS, ADDRESS:PORT or [IPV6-ADDRESS]:PORT; default: all backends of the service");
  positional.add("service", 1).add("backend", 1);
}

void drain_options(po::options_description& named, po::positional_options_description& positional) {
  undrain_options(named, positional);
  named.add_options()("wait", po::bool_switch(),
                      "return when the backends have no connection any more")(
      "timeout", po::value<std::uint64_t>()->value_name("SECONDS"),
      "with --wait: give up, with the exit status 1, after so long");
}

control::DrainRequest drain_request(const po::variables_map& options) {
  return {options["service"].as<std::string>(), given_word<control::Endpoint>(options, "backend")};
}

bool is_drained(const control::DrainRequest& request, const json& backend) {
  const auto address = IpAddress::parse(text_at(backend, "address"));
  const auto port = backend.at("port").get<std::uint16_t>();
  if (request.backend && (!address || !request.backend->names(*address, port))) return true;
  return backend.at("active") == 0;
}

Called<Exit> wait_for_the_last(Session& session, const control::DrainRequest& request,
                               std::optional<std::uint64_t> timeout) {
  const auto end = MonotonicClock::now() + std::chrono::seconds(timeout.value_or(0));
  const control::BackendsRequest question{request.service};
  while (true) {
    const auto document = session.client.call("backends", question.to_json());
    if (!document) return std::unexpected(document.error());
    if (std::ranges::all_of(document->at("backends"),
                            [&](const json& backend) { return is_drained(request, backend); }))
      return kGood;
    if (timeout && MonotonicClock::now() >= end) return kRefused;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

Called<Exit> run_drain(Session& session, const po::variables_map& options) {
  const auto request = drain_request(options);
  const auto done = session.show("drain", request.to_json(), render_backends);
  if (!done || *done != kGood || !options["wait"].as<bool>()) return done;
  session.out << std::flush;
  return wait_for_the_last(session, request, given<std::uint64_t>(options, "timeout"));
}

Called<Exit> run_undrain(Session& session, const po::variables_map& options) {
  return session.show("undrain", drain_request(options).to_json(), render_backends);
}

void weight_options(po::options_description& named,
                    po::positional_options_description& positional) {
  named.add_options()("service", po::value<std::string>()->required(), "the service")(
      "backend", po::value<Word<control::Endpoint>>()->required(),
      "ADDRESS, ADDRESS:PORT or [IPV6-ADDRESS]:PORT")(
      "weight", po::value<std::uint64_t>()->required()->notifier(within("WEIGHT", 0, 65535)),
      "0 to 65535; 0: no new flows");
  positional.add("service", 1).add("backend", 1).add("weight", 1);
}

Called<Exit> run_weight(Session& session, const po::variables_map& options) {
  const control::WeightRequest request{
      options["service"].as<std::string>(), options["backend"].as<Word<control::Endpoint>>().value,
      static_cast<std::uint16_t>(options["weight"].as<std::uint64_t>())};
  return session.show("weight", request.to_json(), render_backends);
}

}  // namespace

const Command kDrain{
    "drain",
    "SERVICE [BACKEND] [--wait]",
    "let backends keep their flows, but get no new ones",
    "Drains BACKEND, or all backends of SERVICE: they keep the flows they have, and get no new\n"
    "ones, whatever their checks say. Without a port, BACKEND means all of SERVICE at that\n"
    "address. With [sync] the other node does the same. The configuration file is not changed.\n"
    "Shows the backends as they are then; when one's ACTIVE is 0, it can be switched off.\n"
    "With --wait it returns when that is so for all of them.\n",
    std::chrono::seconds(5),
    drain_options,
    run_drain,
};

const Command kUndrain{
    "undrain",
    "SERVICE [BACKEND]",
    "let drained backends get new flows again",
    "Takes `tandemctl drain` back for BACKEND, or for all backends of SERVICE, with [sync] on\n"
    "both nodes, wherever it was set. Shows the backends as they are then: up or down, as their\n"
    "checks say.\n",
    std::chrono::seconds(5),
    undrain_options,
    run_undrain,
};

const Command kWeight{
    "weight",
    "SERVICE BACKEND WEIGHT",
    "set a backend's share of new flows",
    "Sets the weight of BACKEND in SERVICE: a backend of weight 200 gets twice as many flows as\n"
    "one of weight 100; one of weight 0 gets no new ones. Flows that are there stay where they\n"
    "are. With [sync] the other node does the same if its file has the same weight. The\n"
    "configuration file is not changed. Shows the backend as it is then.\n",
    std::chrono::seconds(5),
    weight_options,
    run_weight,
};

}  // namespace tandem::ctl
