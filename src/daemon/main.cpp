// SPDX-License-Identifier: Apache-2.0
// tandemd: reads the configuration, checks it, runs the node until it is told to stop.
#include <sched.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/program_options.hpp>
#include <iostream>
#include <utility>

#include "config/load.hpp"
#include "config/pair.hpp"
#include "daemon/capabilities.hpp"
#include "daemon/clean_up.hpp"
#include "daemon/log.hpp"
#include "daemon/node.hpp"
#include "daemon/system_check.hpp"
#include "engine/version.hpp"

namespace {

namespace options = boost::program_options;
using namespace tandem;

struct CommandLine {
  std::string config_file;
  bool check = false;
  bool offline = false;
  std::string node;       // empty: see config/compose.hpp
  std::string peer_file;  // empty: is not compared
  bool clean_up = false;
};

// nullopt: exit with `status`.
std::optional<CommandLine> read_command_line(int argc, char** argv, int& status) {
  CommandLine line;
  options::options_description described(
      "tandemd: layer-4 load balancer with VRRP\n\nUsage: tandemd [-c] [FILE] "
      "[--node NAME] [--check [--offline] [--peer FILE] | --clean-up]\n\nOptions");
  described.add_options()(
      "config,c", options::value(&line.config_file)->default_value("/etc/tandem/tandem.toml"),
      "configuration file")(
      "check", options::bool_switch(&line.check),
      "validate the configuration and exit: 0 good, 1 with one line for each problem")(
      "offline", options::bool_switch(&line.offline),
      "with --check: the file alone, without interfaces and commands of this machine")(
      "peer", options::value(&line.peer_file)->value_name("FILE"),
      "with --check: compare it with the other node's file, which may be the same one")(
      "node", options::value(&line.node)->value_name("NAME"),
      "the node whose section counts, for a file with [node.\"NAME\"]; default: $TANDEM_NODE, "
      "the file's node.name, the host's name")(
      "clean-up", options::bool_switch(&line.clean_up),
      "take off what a daemon left that does not run any more, its flows too, and exit")(
      "version", "print the version, features and libraries, and exit")("help,h",
                                                                        "print this and exit");
  try {
    options::variables_map values;
    // One more is an error, rather than a file that nobody looks at.
    options::positional_options_description positional;
    positional.add("config", 1);
    options::store(
        options::command_line_parser(argc, argv).options(described).positional(positional).run(),
        values);
    options::notify(values);
    if (!line.check && (line.offline || !line.peer_file.empty()))
      throw options::error("--offline and --peer are for --check");
    status = 0;
    if (values.contains("help")) {
      std::cout << described;
      return std::nullopt;
    }
    if (values.contains("version")) {
      std::cout << engine::version_text("tandemd");
      return std::nullopt;
    }
    return line;
  } catch (const options::error& error) {
    std::cerr << "tandemd: " << error.what() << "; see tandemd --help\n";
    status = 2;
    return std::nullopt;
  }
}

// Prints every problem, to stdout if that is all that was asked for. true: none is an error.
bool report(const config::Loaded& loaded, const std::string& file, std::ostream& out) {
  for (const auto& problem : loaded.problems) out << config::format(problem, file) << "\n";
  return loaded.good();
}

// What does not fit the other node's file. Its own mistakes are told, too.
void compare_with_peer(const CommandLine& line, config::Loaded& loaded) {
  const std::string& name = loaded.config.node.name;
  const std::string other = config::other_node(line.peer_file, name);
  auto peer = config::load_file(line.peer_file, other);
  for (auto& problem : peer.problems) {
    if (problem.file.empty()) problem.file = line.peer_file;
    problem.where.file = 0;
    if (line.peer_file != line.config_file) loaded.problems.push_back(std::move(problem));
  }
  if (peer.good()) loaded.add(config::compare_pair(loaded.config, peer.config));
}

config::Loaded load(const CommandLine& line) {
  auto loaded = config::load_file(line.config_file);
  if (!line.peer_file.empty() && loaded.good()) compare_with_peer(line, loaded);
  if (line.offline) return loaded;
  if (auto links = netlink::Links::open())
    loaded.add(daemon::check_system(loaded.config, *links));
  else
    loaded.problems.push_back({config::Severity::error, {}, links.error().message});
  return loaded;
}

bool is_allowed() {
  const auto missing = daemon::missing_capabilities();
  if (missing.empty()) return true;
  std::cerr << "tandemd: has to load XDP programs and own addresses, but has no ";
  for (const char* gap = ""; const auto& name : missing)
    std::cerr << std::exchange(gap, ", ") << name;
  std::cerr << "; run it as root, or as the systemd unit does\n";
  return false;
}

// Every check that runs has a socket or a pipe: as many descriptors as the system allows.
void allow_many_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// The kernel's address list follows a takeover from this thread: on a busy host it goes before
// ordinary work. Children start without it.
void go_before_ordinary_work() {
  const sched_param ordinary{};
  if (sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &ordinary) == 0)
    setpriority(PRIO_PROCESS, 0, -10);
}

int run(const std::string& file, const config::Config& config) {
  boost::asio::io_context loop(1);
  // Before the start, which must not be cut short either.
  boost::asio::signal_set ends(loop, SIGTERM, SIGINT);
  boost::asio::signal_set hangup(loop, SIGHUP);
  auto node = daemon::Node::start(loop, file, config);
  if (!node) {
    spdlog::critical("{}", node.error().message);
    return 1;
  }
  ends.async_wait([&](const boost::system::error_code& error, int signal) {
    if (!error) (*node)->stop(signal == SIGTERM);
  });
  std::function<void()> await_hangup = [&] {
    hangup.async_wait([&](const boost::system::error_code& error, int) {
      if (error) return;
      (*node)->reload();
      await_hangup();
    });
  };
  await_hangup();
  spdlog::info("{} runs with {}", config.node.name, file);
  loop.run();
  spdlog::info("stopped");
  return 0;
}

// bpffs: of the configuration, whatever else is wrong with that.
int clean_up(const std::string& bpffs) {
  const auto done = daemon::clean_up(bpffs);
  if (!done) std::cerr << "tandemd: " << done.error().message << "\n";
  return done ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  int status = 0;
  const auto line = read_command_line(argc, argv, status);
  if (!line) return status;
  // For a reload, too, and before there are threads.
  if (!line->node.empty()) setenv("TANDEM_NODE", line->node.c_str(), 1);
  const auto loaded = load(*line);
  if (line->check) return report(loaded, line->config_file, std::cout) ? 0 : 1;
  if (line->clean_up) return is_allowed() ? clean_up(loaded.config.node.bpffs) : 1;
  if (!report(loaded, line->config_file, std::cerr)) return 1;
  if (!is_allowed()) return 1;
  daemon::open_log();
  daemon::set_log_level(loaded.config.node.log_level);
  allow_many_descriptors();
  go_before_ordinary_work();
  return run(line->config_file, loaded.config);
}
