// SPDX-License-Identifier: Apache-2.0
#include "ctl/archive/backup.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <optional>

#include "config/load.hpp"
#include "ctl/archive/file.hpp"
#include "ctl/archive/selection.hpp"

namespace tandem::archive {
namespace {

constexpr std::string_view kSuffix = ".tar.gz";
constexpr const char* kStamp = "%Y%m%dT%H%M%SZ";
constexpr std::size_t kStampLength = 16;

std::string written(Seconds at, const char* format) {
  const std::time_t seconds = at.time_since_epoch().count();
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), format, &utc);
  return text.data();
}

std::string prefix_of(const std::string& node) {
  std::string name = "tandem-" + (node.empty() ? "node" : node) + "-";
  for (char& c : name)
    if (std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
            .find(c) == std::string_view::npos)
      c = '_';
  return name;
}

// When a backup of that name was made; nullopt: it is none of the node's.
std::optional<Seconds> made_at(const std::string& name, const std::string& prefix) {
  if (!name.starts_with(prefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const auto stamp = name.substr(prefix.size(), name.size() - prefix.size() - kSuffix.size());
  std::tm utc{};
  const char* end = ::strptime(stamp.c_str(), kStamp, &utc);
  if (stamp.size() != kStampLength || end == nullptr || *end != '\0') return std::nullopt;
  return Seconds(std::chrono::seconds(timegm(&utc)));
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

std::string file_name(const std::string& node, Seconds at) {
  return prefix_of(node) + written(at, kStamp) + std::string(kSuffix);
}

Result<Backup> back_up(const std::string& root, const std::string& config,
                       const std::string& directory, Seconds now) {
  const auto tree = Tree::open(root);
  if (!tree) return std::unexpected(tree.error());
  const auto text = tree->read_file(config);
  if (!text) return std::unexpected(text.error());
  const auto loaded = config::parse(*text, root == "/" ? config : root + config);
  Backup backup;
  for (const auto& problem : loaded.problems)
    if (problem.severity == config::Severity::error)
      backup.warnings.push_back(config::format(problem, config));
  auto entries = select(*tree, config, loaded.config);
  if (!entries) return std::unexpected(entries.error());
  backup.manifest = {TANDEM_VERSION,
                     loaded.config.node.name,
                     host_name(),
                     written(now, "%FT%TZ"),
                     config,
                     root == "/" ? current_sysctls() : std::map<std::string, std::string>{},
                     std::move(*entries)};
  backup.path =
      (std::filesystem::path(directory) / file_name(loaded.config.node.name, now)).string();
  if (auto done = write_archive(backup.path, backup.manifest); !done)
    return std::unexpected(done.error());
  return backup;
}

Result<std::vector<std::string>> drop_old(const std::string& directory, const std::string& node,
                                          std::chrono::seconds keep, Seconds now) {
  const std::string prefix = prefix_of(node);
  std::vector<std::pair<Seconds, std::string>> ours;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(directory, error))
    if (const auto at = made_at(item.path().filename().string(), prefix))
      ours.emplace_back(*at, item.path().string());
  if (error) return fail(directory + ": " + error.message());
  std::ranges::sort(ours);
  if (!ours.empty()) ours.pop_back();
  std::vector<std::string> dropped;
  for (const auto& [at, path] : ours) {
    if (now - at <= keep) break;
    if (!std::filesystem::remove(path, error)) return fail(path + ": " + error.message());
    dropped.push_back(path);
  }
  return dropped;
}

}  // namespace tandem::archive
