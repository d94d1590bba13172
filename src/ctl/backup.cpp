// SPDX-License-Identifier: Apache-2.0
// tandemctl backup: the node's configuration, and all that it needs besides, in one archive.
#include "ctl/archive/backup.hpp"

#include <charconv>
#include <filesystem>
#include <ostream>

#include "ctl/archive/file.hpp"
#include "ctl/backup.hpp"
#include "ctl/command.hpp"
#include "ctl/options.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

void backup_options(po::options_description& named,
                    po::positional_options_description& positional) {
  named.add_options()("directory", po::value<std::string>()->default_value(kBackups),
                      "where the archive goes")(
      "config,c", po::value<std::string>()->default_value("/etc/tandem/tandem.toml"),
      "the node's configuration")(
      "keep", po::value<std::string>()->default_value("30d"),
      "remove this node's archives in the directory that are older, but never the newest")(
      "root", po::value<std::string>()->default_value("/"), "where the node's file system is")(
      "verify", po::value<std::string>()->value_name("FILE"),
      "write nothing, but read this archive and compare its checksums");
  positional.add("directory", 1);
}

Result<std::chrono::seconds> days(const std::string& text) {
  int number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || std::string_view(rest, end) != "d" || number < 1 || number > 36'500)
    return fail("--keep: '" + text + "', expected days from 1d to 36500d");
  return std::chrono::days(number);
}

Exit verify(const LocalContext& local, const std::string& file) {
  const auto manifest = archive::read_archive(file);
  if (!manifest) return complain(local, manifest.error());
  if (local.json)
    local.out << archive::to_text(*manifest);
  else
    local.out << file << ": good: node " << printable(manifest->node) << ", "
              << printable(manifest->time) << ", " << manifest->entries.size() << " entries\n";
  return kGood;
}

Exit run_backup(const LocalContext& local, const po::variables_map& options) {
  if (const auto file = given<std::string>(options, "verify")) return verify(local, *file);
  const auto keep = days(options["keep"].as<std::string>());
  if (!keep) {
    complain(local, keep.error());
    return kUsage;
  }
  const auto directory = absolute_path(options["directory"].as<std::string>());
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto backup =
      archive::back_up(options["root"].as<std::string>(),
                       absolute_path(options["config"].as<std::string>()), directory, now);
  if (!backup) return complain(local, backup.error());
  for (const auto& warning : backup->warnings)
    local.err << "tandemctl: the configuration has mistakes: " << printable(warning) << '\n';
  const auto dropped = archive::drop_old(directory, backup->manifest.node, *keep, now);
  if (!dropped) return complain(local, dropped.error());
  if (local.json) {
    local.out << json{{"archive", backup->path},
                      {"entries", backup->manifest.entries.size()},
                      {"removed", *dropped}}
                     .dump(2, ' ', false, json::error_handler_t::replace)
              << '\n';
    return kGood;
  }
  local.out << backup->path << ": " << backup->manifest.entries.size() << " entries\n";
  for (const auto& path : *dropped)
    local.out << "removed " << path << ", older than " << options["keep"].as<std::string>() << '\n';
  return kGood;
}

}  // namespace

Exit complain(const LocalContext& local, const Error& error) {
  local.err << "tandemctl: " << printable(error.message, true) << '\n';
  return kRefused;
}

const Command kBackup{
    "backup",
    "[DIRECTORY]",
    "archive this node's configuration and what it needs besides",
    "Writes an archive, tandem-NODE-TIME.tar.gz, that no one but its owner can read: it has keys.\n"
    "In it are, with permissions and owners:\n"
    "\n"
    "  the directory of the configuration, if it is called tandem; else the file alone\n"
    "  commands that the configuration names, and files among their arguments\n"
    "  /etc/nginx, and the certificates, keys and files that it includes from elsewhere\n"
    "  /etc/sysctl.d, /etc/sysctl.conf, and the current values of settings that matter\n"
    "  drop-ins of the unit tandemd.service\n"
    "\n"
    "What packages bring is not. No daemon needs to run. A list with checksums is part of the\n"
    "archive; --verify compares them.\n",
    {},
    backup_options,
    nullptr,
    nullptr,
    run_backup,
};

}  // namespace tandem::ctl
