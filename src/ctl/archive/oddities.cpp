// SPDX-License-Identifier: Apache-2.0
#include "ctl/archive/oddities.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <string_view>

namespace tandem::archive {
namespace {

namespace fs = std::filesystem;

constexpr std::array kUsual{"/etc/tandem", "/etc/nginx", "/etc/sysctl.d", "/etc/sysctl.conf",
                            "/etc/systemd/system/tandemd.service.d"};

bool is_within(const std::string& path, const std::string& place) {
  return path == place || path.starts_with(place + "/");
}

// Paths in a configuration, down to their directories: "/srv/tls/node.key", "/srv/tls", "/srv".
void collect(std::string_view text, std::set<std::string>& named) {
  constexpr std::string_view kEnds = " \t\r\n\"';,{}[]()*";
  constexpr std::size_t kLongest = 4096;
  for (auto at = text.find('/'); at != text.npos; at = text.find('/', at + 1)) {
    if (at > 0 && kEnds.find(text[at - 1]) == kEnds.npos) continue;
    const auto end = std::min(text.find_first_of(kEnds, at), at + kLongest);
    fs::path path = fs::path(text.substr(at, end - at)).lexically_normal();
    for (; path.has_relative_path(); path = path.parent_path())
      if (!named.insert(path.string()).second) break;
  }
}

void collect(const Entry& entry, std::set<std::string>& named) {
  if (entry.kind == Kind::link)
    named.insert((fs::path(entry.path).parent_path() / entry.content).lexically_normal().string());
  else if (entry.kind == Kind::file)
    collect(entry.content, named);
}

std::string danger_of(const Entry& entry) {
  if (entry.kind == Kind::file && (entry.mode & 06000) != 0) return "set-user-ID or set-group-ID";
  if (entry.kind != Kind::link && (entry.mode & 02) != 0) return "anybody may write to it";
  return "";
}

}  // namespace

std::map<std::string, std::string> oddities(const Manifest& manifest) {
  std::map<std::string, std::string> odd;
  std::vector<const Entry*> strangers;
  std::set<std::string> named{manifest.config};
  for (const auto& entry : manifest.entries) {
    if (auto danger = danger_of(entry); !danger.empty()) odd[entry.path] = std::move(danger);
    const bool usual = std::ranges::any_of(
        kUsual, [&](const char* place) { return is_within(entry.path, place); });
    if (usual)
      collect(entry, named);
    else
      strangers.push_back(&entry);
  }
  const auto is_named = [&](const Entry& entry) {
    return named.contains(entry.path) || named.contains(fs::path(entry.path).parent_path());
  };
  for (bool more = true; more;) {
    more = false;
    std::erase_if(strangers, [&](const Entry* entry) {
      if (!is_named(*entry)) return false;
      collect(*entry, named);
      return more = true;
    });
  }
  for (const auto* entry : strangers)
    odd.emplace(entry->path, "nothing in the archive refers to it");
  return odd;
}

}  // namespace tandem::archive
