// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/examination.hpp"

#include <algorithm>
#include <set>

#include "config/load.hpp"
#include "ctl/doctor/firewall.hpp"
#include "ctl/doctor/host.hpp"
#include "ctl/doctor/interfaces.hpp"
#include "ctl/doctor/kernel.hpp"
#include "ctl/doctor/leftovers.hpp"
#include "ctl/doctor/listeners.hpp"
#include "ctl/doctor/processes.hpp"
#include "ctl/doctor/segment.hpp"
#include "ctl/doctor/settings.hpp"
#include "ctl/doctor/sysctls.hpp"
#include "ctl/doctor/workers.hpp"

namespace tandem::doctor {
namespace {

constexpr Duration kForAnswers = std::chrono::seconds(1);

Network look_at_network(const Root& root, const config::Config& config) {
  Network network = read_network(root, config);
  auto addresses = read_addresses();
  for (auto& [name, device] : network.devices) {
    ask_driver(device);
    ask_xdp(device);
    device.addresses = std::move(addresses[name]);
  }
  return network;
}

Sysctls look_at_sysctls(const Root& root, const Network& network) {
  std::set<std::string> names;
  for (const auto& [name, device] : network.devices) names.insert(name);
  return read_sysctls(root, names);
}

void examine_node(const Question& question, const config::Config& config, const Root& root,
                  Findings& findings) {
  Kernel kernel = probe_kernel();
  read_kernel(root, config, kernel);
  const Network network = look_at_network(root, config);
  const Sysctls sysctls = look_at_sysctls(root, network);
  const auto processes = read_processes(root);
  Host host = read_host(root);
  host.clock_synchronised = clock_is_synchronised();
  // The daemon has heard the adverts; answers to probes take no time.
  const Duration listen =
      question.daemon ? std::min<Duration>(question.listen, kForAnswers) : question.listen;
  const bool quiet = question.listen == Duration::zero();
  const Segment segment = quiet ? Segment{} : explore(config, network, listen);

  const Process* daemon = find_here(processes, "tandemd");
  judge_daemon(question.daemon, question.unreachable, daemon != nullptr ? daemon->pid : 0,
               question.config_file, findings);
  judge_pins(read_foreign_pins(root, config), findings);
  judge_other_daemons(root, config, processes, findings);
  if (question.daemon) {
    judge_heard_by_daemon(config, *question.daemon, findings);
  } else {
    if (!quiet) judge_heard(config, segment, findings);
    judge_left_addresses(config, network, segment, processes, findings);
  }
  judge_conflicts(config, segment, question.daemon, findings);
  judge_kernel(kernel, findings);
  judge_interfaces(config, network, findings);
  judge_neighbours(config, network, sysctls, findings);
  judge_firewall(config, read_firewall(root), findings);
  judge_listeners(config, read_listeners(root), sysctls, findings);
  judge_sysctls(config, sysctls, findings);
  judge_workers(config, read_worker_ground(root, config), network, question.daemon.has_value(),
                findings);
  judge_host(config, host, processes, findings);
}

}  // namespace

std::vector<Finding> examine(const Question& question) {
  const Root root;
  Findings findings;
  const auto loaded = config::load_file(question.config_file);
  judge_settings(loaded, question.config_file, findings);
  judge_permissions(root, loaded.config, question.config_file, findings);
  // Of a broken file nothing is believed; kernel and host are judged all the same.
  examine_node(question, loaded.good() ? loaded.config : config::Config{}, root, findings);
  return std::move(findings).take();
}

}  // namespace tandem::doctor
