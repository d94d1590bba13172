// SPDX-License-Identifier: Apache-2.0
// tandemctl support-bundle: what somebody needs who is to help, in one file, without secrets.
#include <sys/utsname.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <ostream>
#include <regex>

#include "config/load.hpp"
#include "control/client.hpp"
#include "ctl/archive/backup.hpp"
#include "ctl/archive/file.hpp"
#include "ctl/backup.hpp"
#include "ctl/command.hpp"
#include "ctl/command_line.hpp"
#include "ctl/options.hpp"
#include "ctl/support.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

constexpr Duration kAnswersWithin = std::chrono::seconds(5);
constexpr std::array kDocuments{"status", "vrrp", "services", "backends", "sync", "events"};
constexpr std::array kSystemFiles{"/etc/os-release",
                                  "/proc/version",
                                  "/proc/cmdline",
                                  "/proc/cpuinfo",
                                  "/proc/meminfo",
                                  "/proc/interrupts",
                                  "/proc/net/dev",
                                  "/proc/net/softnet_stat",
                                  "/proc/net/snmp",
                                  "/proc/net/netstat",
                                  "/proc/sys/kernel/random/boot_id"};
constexpr std::array kCommands{
    std::pair{"ip-address.txt", "ip -details -statistics address 2>&1"},
    std::pair{"ip-route.txt", "ip route show table all 2>&1"},
    std::pair{"ip-6-route.txt", "ip -6 route show table all 2>&1"},
    std::pair{"ip-neighbour.txt", "ip neighbour 2>&1"},
    std::pair{"journal.txt", "journalctl --unit tandemd --lines 5000 --no-pager 2>&1"},
};

void support_options(po::options_description& named,
                     po::positional_options_description& positional) {
  named.add_options()("file", po::value<std::string>(),
                      "where it goes; default: tandem-support-TIME.tar.gz here")(
      "config,c",
      po::value<std::string>()->value_name("FILE")->default_value("/etc/tandem/tandem.toml"),
      "the node's configuration");
  positional.add("file", 1);
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return path + " cannot be read\n";
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string output_of(const char* command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command, "r"), ::pclose);
  if (!pipe) return std::string(command) + " could not be run\n";
  std::string text;
  std::array<char, 4096> buffer{};
  while (const auto n = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
    text.append(buffer.data(), n);
  return text;
}

// The daemon's documents, each whole or with the reason why it is not there.
std::string document_of(const std::string& socket, const char* command) {
  auto client = control::Client::connect(socket, kAnswersWithin);
  if (!client) return client.error().message + "\n";
  const json arguments =
      std::string_view(command) == "events" ? json{{"limit", 5000}} : json::object();
  const auto document = client->call(command, arguments);
  if (!document) return document.error().message + "\n";
  return document->dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::vector<archive::Entry> contents(const LocalContext& local, const std::string& config) {
  std::vector<archive::Entry> entries;
  const auto add = [&](const std::string& name, std::string text) {
    archive::Entry entry;
    entry.path = name;
    entry.mode = 0600;
    entry.user = entry.group = "root";
    entry.content = std::move(text);
    entries.push_back(std::move(entry));
  };
  add("version.txt",
      std::string("tandemctl ") + TANDEM_VERSION + "\n" + output_of("tandemd --version 2>&1"));
  for (const char* command : kDocuments)
    add(std::string(command) + ".json", document_of(local.socket, command));
  const auto loaded = config::load_file(config);
  std::string problems;
  for (const auto& problem : loaded.problems) problems += config::format(problem, config) + '\n';
  add("configuration-problems.txt", problems);
  const auto files = loaded.files.empty() ? std::vector{config} : loaded.files;
  for (const auto& file : files) add("configuration" + file, without_secrets(text_of(file)));
  for (const char* file : kSystemFiles) add(std::string("system") + file, text_of(file));
  for (const auto& [name, command] : kCommands)
    add(std::string("system/") + name, output_of(command));
  return entries;
}

Exit run_support(const LocalContext& local, const po::variables_map& options) {
  const auto config = absolute_path(options["config"].as<std::string>());
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto file = absolute_path(
      given<std::string>(options, "file").value_or(archive::file_name("support", now)));
  const auto entries = contents(local, config);
  if (auto written = archive::write_files(file, entries); !written)
    return complain(local, written.error());
  if (local.json)
    local.out
        << json{{"archive", file}, {"entries", entries.size()}, {"version", TANDEM_VERSION}}.dump(2)
        << '\n';
  else
    local.out << file << ": " << entries.size()
              << " files; it has addresses and names of this node: look through it before you give "
                 "it away\n";
  return kGood;
}

}  // namespace

std::string without_secrets(std::string text) {
  static const std::regex kPassword(
      R"re((password|secret|token|key)(["']?\s*=\s*)("(\\.|[^"\\])*"|'[^']*'))re",
      std::regex::icase);
  static const std::regex kUser(R"re((://)[^/@\s"']+@)re");
  text = std::regex_replace(text, kPassword, "$1$2\"(removed)\"");
  return std::regex_replace(text, kUser, "$1(removed)@");
}

const Command kSupportBundle{
    "support-bundle",
    "[FILE]",
    "what somebody needs who is to help, without secrets",
    "Writes a compressed tar archive for whoever is to help: the daemon's documents and events,\n"
    "the configuration with what it includes, what is wrong with it, the journal of the unit,\n"
    "interfaces, routes and figures of the kernel. Works without a running daemon. Passwords in\n"
    "the configuration are left out, and so are keys, which stand in files of their own. What\n"
    "commands of the configuration have as arguments is in it: look through it.\n",
    {},
    support_options,
    nullptr,
    nullptr,
    run_support,
};

}  // namespace tandem::ctl
