// SPDX-License-Identifier: Apache-2.0
#include "ctl/archive/selection.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "ctl/archive/nginx_files.hpp"

namespace tandem::archive {
namespace {

constexpr std::array kTrees{"/etc/nginx", "/etc/sysctl.d", "/etc/sysctl.conf",
                            "/etc/systemd/system/tandemd.service.d"};
constexpr std::array kSysctls{"fs.file-max",
                              "net.core.netdev_max_backlog",
                              "net.core.somaxconn",
                              "net.ipv4.ip_forward",
                              "net.ipv4.ip_nonlocal_bind",
                              "net.ipv4.tcp_max_syn_backlog",
                              "net.ipv4.conf.all.arp_announce",
                              "net.ipv4.conf.all.arp_ignore",
                              "net.ipv4.conf.all.rp_filter",
                              "net.ipv6.conf.all.forwarding",
                              "net.ipv6.ip_nonlocal_bind",
                              "vm.nr_hugepages"};
constexpr int kMostLinks = 8;

// Packages bring these back.
bool is_packaged(const std::string& path) {
  constexpr std::array kOfPackages{"/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/share/", "/bin/",
                                   "/sbin/",    "/lib/",      "/dev/",     "/proc/",      "/sys/"};
  return std::ranges::any_of(kOfPackages, [&](const char* p) { return path.starts_with(p); });
}

class Selection {
 public:
  explicit Selection(const Tree& tree) : tree_(tree) {}

  // A file, a link with what it leads to, or a directory with all that is in it.
  Result<void> add(const std::string& path, int links = 0) {
    if (is_packaged(path) || found_.contains(path) || path.find_first_not_of('/') == path.npos)
      return {};
    auto entry = tree_.read(path);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return {};
    const Entry& added = found_.emplace(path, std::move(**entry)).first->second;
    if (added.kind == Kind::link && links < kMostLinks) {
      const auto target = std::filesystem::path(path).parent_path() / added.content;
      return add_file(target.lexically_normal().string(), links + 1);
    }
    if (added.kind == Kind::directory)
      for (const auto& name : tree_.list(path))
        if (auto inside = add(path + "/" + name, links); !inside) return inside;
    return {};
  }

  // The same, but no directory: what a command or a link names is one file.
  Result<void> add_file(const std::string& path, int links = 0) {
    if (!path.starts_with("/") || !tree_.list(path).empty()) return {};
    return add(std::filesystem::path(path).lexically_normal().string(), links);
  }

  std::vector<Entry> take() && {
    std::vector<Entry> entries;
    for (auto& [path, entry] : found_) entries.push_back(std::move(entry));
    return entries;
  }

 private:
  const Tree& tree_;
  std::map<std::string, Entry> found_;
};

// Commands and those of their arguments that are paths.
std::vector<std::string> words_of_commands(const config::Config& config) {
  std::vector<std::string> words;
  const auto take = [&](const std::vector<std::string>& argv) {
    std::ranges::copy_if(argv, std::back_inserter(words),
                         [](const auto& word) { return word.starts_with("/"); });
  };
  for (const auto& check : config.checks)
    if (check.command) take(check.command->argv);
  for (const auto& service : config.services)
    if (service.check) take(service.check->command);
  for (const auto& v : config.vrrp)
    for (const auto* argv :
         {&v.notify.active, &v.notify.backup, &v.notify.fault, &v.notify.stop, &v.notify.any})
      take(*argv);
  for (const auto& s : config.services)
    for (const auto* argv : {&s.notify.up, &s.notify.down}) take(*argv);
  return words;
}

// Files with secrets that the configuration names.
std::vector<std::string> keys_of(const config::Config& config) {
  std::vector<std::string> files;
  if (config.sync) files.push_back(config.sync->key_file);
  for (const auto& v : config.vrrp)
    if (v.auth)
      for (const auto& key : v.auth->keys) files.push_back(key.file);
  return files;
}

}  // namespace

Result<std::vector<Entry>> select(const Tree& tree, const std::string& config_path,
                                  const config::Config& config) {
  Selection selection(tree);
  const std::string beside = std::filesystem::path(config_path).parent_path().string();
  // What is beside a configuration is its own in a directory of its own alone.
  const bool is_own = beside.ends_with("/tandem");
  if (auto added = selection.add(is_own ? beside : config_path); !added)
    return std::unexpected(added.error());
  for (const auto* path : kTrees)
    if (auto added = selection.add(path); !added) return std::unexpected(added.error());
  auto files = words_of_commands(config);
  std::ranges::move(keys_of(config), std::back_inserter(files));
  std::ranges::move(nginx_files(tree, "/etc/nginx/nginx.conf"), std::back_inserter(files));
  for (const auto& path : files)
    if (auto added = selection.add_file(path); !added) return std::unexpected(added.error());
  return std::move(selection).take();
}

std::map<std::string, std::string> current_sysctls() {
  std::map<std::string, std::string> values;
  for (const std::string name : kSysctls) {
    std::string path = "/proc/sys/" + name;
    std::ranges::replace(path.begin() + 10, path.end(), '.', '/');
    std::string value;
    if (std::getline(std::ifstream(path), value)) values[name] = value;
  }
  return values;
}

}  // namespace tandem::archive
