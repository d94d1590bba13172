// SPDX-License-Identifier: Apache-2.0
// tandemctl restore: what tandemctl backup archived, put back.
#include "ctl/archive/restore.hpp"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iostream>

#include "config/load.hpp"
#include "ctl/archive/backup.hpp"
#include "ctl/archive/file.hpp"
#include "ctl/archive/oddities.hpp"
#include "ctl/archive/selection.hpp"
#include "ctl/backup.hpp"
#include "ctl/command.hpp"
#include "ctl/options.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

void restore_options(po::options_description& named,
                     po::positional_options_description& positional) {
  named.add_options()("file", po::value<std::string>()->required(), "the archive")(
      "root", po::value<std::string>()->default_value("/"), "where the node's file system is")(
      "aside", po::value<std::string>()->default_value(kBackups),
      "the directory for an archive of what is replaced")("dry-run", po::bool_switch(),
                                                          "show what would change, change nothing")(
      "yes", po::bool_switch(), "restore also what is marked with '!', without asking");
  positional.add("file", 1);
}

std::string permissions_of(const archive::Entry& entry) {
  std::ostringstream text;
  text << std::oct << entry.mode << std::dec << ' '
       << (entry.user.empty() ? std::to_string(entry.uid) : entry.user) << ':'
       << (entry.group.empty() ? std::to_string(entry.gid) : entry.group);
  return text.str();
}

using Oddities = std::map<std::string, std::string>;

std::string oddity_of(const archive::Change& change, const Oddities& odd) {
  const auto known = odd.find(change.to.path);
  return known != odd.end() ? known->second : "";
}

void show(const LocalContext& local, const std::vector<archive::Change>& changes,
          const Oddities& odd) {
  for (const auto& change : changes) {
    local.out << to_string(change.what) << ' ' << printable(change.to.path) << ' ';
    if (change.what == archive::Change::What::permissions)
      local.out << printable(permissions_of(change.from)) << " -> ";
    local.out << printable(permissions_of(change.to));
    if (change.to.kind == archive::Kind::link) local.out << " -> " << printable(change.to.content);
    if (const auto oddity = oddity_of(change, odd); !oddity.empty()) local.out << "  ! " << oddity;
    local.out << '\n';
  }
}

// Somebody has to say yes to what a backup has no reason to hold.
bool may_restore(const LocalContext& local, const std::vector<archive::Change>& changes,
                 const Oddities& oddities) {
  const auto odd = std::ranges::count_if(
      changes, [&](const auto& change) { return oddities.contains(change.to.path); });
  if (odd == 0) return true;
  if (isatty(STDIN_FILENO) == 0 || local.json) {
    local.err
        << "tandemctl: " << odd
        << " of the changes, marked with '!', are nothing that a backup has a reason to hold; "
           "--yes restores them as well\n";
    return false;
  }
  local.out << "Restore those marked with '!' (" << odd << ") as well? [y/N] " << std::flush;
  std::string answer;
  return std::getline(std::cin, answer) && (answer == "y" || answer == "yes");
}

// Settings of the kernel are shown, and left to `sysctl --system`.
void show_sysctls(const LocalContext& local, const archive::Manifest& manifest) {
  const auto now = archive::current_sysctls();
  for (const auto& [name, value] : manifest.sysctls)
    if (const auto known = now.find(name); known != now.end() && known->second != value)
      local.out << "sysctl " << printable(name) << " is " << printable(known->second) << ", was "
                << printable(value) << '\n';
}

json document(const std::vector<archive::Change>& changes, const Oddities& odd, bool done,
              const std::string& aside) {
  json list = json::array();
  for (const auto& change : changes)
    list.push_back({{"what", to_string(change.what)},
                    {"path", change.to.path},
                    {"permissions", permissions_of(change.to)},
                    {"oddity", oddity_of(change, odd)}});
  return {{"changes", std::move(list)}, {"done", done}, {"aside", aside}};
}

// Whether the configuration that is there now would be accepted.
Exit judge(const LocalContext& local, const archive::Tree& tree,
           const archive::Manifest& manifest) {
  const auto text = tree.read_file(manifest.config);
  if (!text) return complain(local, text.error());
  const auto loaded = config::parse(*text);
  for (const auto& problem : loaded.problems)
    local.err << "tandemctl: " << printable(config::format(problem, manifest.config)) << '\n';
  return loaded.good() ? kGood : kRefused;
}

void tell_next(const LocalContext& local, const std::string& config) {
  local.out << "Next:\n"
               "  tandemd --check -c "
            << printable(config)
            << "\n"
               "  sysctl --system\n"
               "  nginx -t && systemctl reload nginx\n"
               "  systemctl daemon-reload\n"
               "  systemctl reload-or-restart tandemd\n";
}

Exit run_restore(const LocalContext& local, const po::variables_map& options) {
  const auto manifest = archive::read_archive(options["file"].as<std::string>());
  if (!manifest) return complain(local, manifest.error());
  const auto root = options["root"].as<std::string>();
  const auto tree = archive::Tree::open(root);
  if (!tree) return complain(local, tree.error());
  const auto changes = archive::changes(*tree, *manifest);
  if (!changes) return complain(local, changes.error());
  const bool is_rehearsal = options["dry-run"].as<bool>();
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const bool replaces = std::ranges::any_of(
      *changes, [](const auto& change) { return change.what != archive::Change::What::create; });
  std::string aside;
  if (replaces)
    aside = (std::filesystem::path(absolute_path(options["aside"].as<std::string>())) /
             ("before-restore-" + archive::file_name(manifest->node, now)))
                .string();
  const auto odd = archive::oddities(*manifest);
  if (!local.json) show(local, *changes, odd);
  if (!is_rehearsal && !options["yes"].as<bool>() && !may_restore(local, *changes, odd))
    return kRefused;
  if (local.json)
    local.out << document(*changes, odd, !is_rehearsal, aside)
                     .dump(2, ' ', false, json::error_handler_t::replace)
              << '\n';
  if (!is_rehearsal)
    if (auto done = archive::apply(*tree, *manifest, *changes, aside); !done)
      return complain(local, done.error());
  if (local.json) return is_rehearsal ? kGood : judge(local, *tree, *manifest);
  if (root == "/") show_sysctls(local, *manifest);
  local.out << changes->size() << (is_rehearsal ? " changes to make" : " changes made") << '\n';
  if (is_rehearsal) return kGood;
  if (!aside.empty()) local.out << "What was there before is in " << aside << '\n';
  const Exit verdict = judge(local, *tree, *manifest);
  tell_next(local, manifest->config);
  return verdict;
}

}  // namespace

const Command kRestore{
    "restore",
    "FILE",
    "put an archive of `tandemctl backup` back",
    "Reads the whole archive and compares every checksum before anything is changed, and shows "
    "what\n"
    "changes. It asks before it restores what a backup has no reason to hold, marked\n"
    "with '!': what nothing in it refers to, set-user-ID files. Files are written beside their "
    "places and renamed when all of them are there; what\n"
    "they replace is archived first. Files that are not in the archive stay. No daemon needs to\n"
    "run; one that runs keeps its configuration until it is reloaded.\n"
    "\n"
    "The exit status is 1 if the archive is damaged, or if the restored configuration has "
    "mistakes.\n",
    {},
    restore_options,
    nullptr,
    nullptr,
    run_restore,
};

}  // namespace tandem::ctl
