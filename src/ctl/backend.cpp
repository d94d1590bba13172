// SPDX-License-Identifier: Apache-2.0
// tandemctl backend: backends that come, go and change while the daemon runs.
#include <algorithm>
#include <array>

#include "control/requests.hpp"
#include "ctl/command.hpp"
#include "ctl/options.hpp"
#include "ctl/render.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;

namespace {

constexpr std::array<std::string_view, 4> kActions{"add", "remove", "set", "reset"};

void check_action(const std::string& action) {
  if (std::ranges::find(kActions, action) == kActions.end())
    throw po::error("ACTION: expected add, remove, set or reset");
}

void backend_options(po::options_description& named,
                     po::positional_options_description& positional) {
  named.add_options()("action", po::value<std::string>()->required()->notifier(check_action),
                      "add, remove, set or reset")("service", po::value<std::string>()->required(),
                                                   "the service")(
      "backend", po::value<Word<control::Endpoint>>()->required(),
      "ADDRESS, ADDRESS:PORT or [IPV6-ADDRESS]:PORT")(
      "weight", po::value<std::uint64_t>()->value_name("N")->notifier(within("--weight", 0, 65535)),
      "add, set: its share of new flows; 0: none")(
      "max-connections",
      po::value<std::uint64_t>()->value_name("N")->notifier(
          within("--max-connections", 0, 1'000'000'000)),
      "add, set: the most flows at a time; 0: no limit")(
      "backup", po::value<bool>()->value_name("true|false")->implicit_value(true),
      "add, set: whether it waits for the others to fail");
  positional.add("action", 1).add("service", 1).add("backend", 1);
}

Called<Exit> run_backend(Session& session, const po::variables_map& options) {
  control::BackendRequest request;
  request.action = options["action"].as<std::string>();
  request.service = options["service"].as<std::string>();
  request.backend = options["backend"].as<Word<control::Endpoint>>().value;
  if (const auto weight = given<std::uint64_t>(options, "weight"))
    request.weight = static_cast<std::uint16_t>(*weight);
  if (const auto most = given<std::uint64_t>(options, "max-connections"))
    request.max_connections = static_cast<std::uint32_t>(*most);
  request.backup = given<bool>(options, "backup");
  return session.show("backend", request.to_json(), render_backends);
}

}  // namespace

const Command kBackend{
    "backend",
    "ACTION SERVICE BACKEND [OPTIONS]",
    "add, remove or change a backend at run time",
    "Changes the backends of SERVICE without a change of the configuration file:\n"
    "\n"
    "  add     a new backend; without a port, it has the service's\n"
    "  remove  it gets no new flows; those that it has stay until they end\n"
    "  set     the weight, the limit or the role of one that is there\n"
    "  reset   the backend is as the configuration file has it\n"
    "\n"
    "What was changed stays over reload, restart and crash: the daemon keeps it in\n"
    "node.backends_file, and it counts above the configuration file. The other node is not told:\n"
    "do the same there. Shows the backends of the service as they are then.\n",
    std::chrono::seconds(10),
    backend_options,
    run_backend,
};

}  // namespace tandem::ctl
