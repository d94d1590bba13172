// SPDX-License-Identifier: Apache-2.0
// A node's file system in a directory of its own, and another one for archives.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "ctl/archive/backup.hpp"
#include "ctl/archive/file.hpp"
#include "ctl/archive/restore.hpp"

namespace tandem::archive {

inline constexpr const char* kConfig = "/etc/tandem/tandem.toml";
inline constexpr Seconds kNow{std::chrono::seconds(1'767'323'045)};  // 2026-01-02T03:04:05Z

class Node {
 public:
  Node() {
    std::string name = (std::filesystem::temp_directory_path() / "tandem-archive-XXXXXX").string();
    top_ = mkdtemp(name.data());
    std::filesystem::create_directories(root());
    write(kConfig, R"([node]
name = "node-a"
[[check]]
name = "c"
command = ["/bin/sh", "/opt/checks/web"]
)",
          0640);
    write("/opt/checks/web", "exit 0\n", 0755);
    write("/etc/tandem/sync.key", "secret", 0600);
    write("/etc/nginx/nginx.conf", "http { include conf.d/*.conf; }\n");
    write("/etc/nginx/conf.d/a.conf",
          "server { ssl_certificate /srv/tls/live/a.pem; # \"\n"
          "ssl_certificate_key '/srv/tls/a.key'; ssl_dhparam $none; }");
    write("/srv/tls/store/a.pem", "certificate");
    write("/srv/tls/a.key", "key", 0600);
    write("/srv/tls/other.key", "of somebody else", 0600);
    link("/srv/tls/live/a.pem", "../store/a.pem");
    write("/etc/sysctl.d/90-gateway.conf", "net.ipv4.ip_forward = 1\n");
  }
  ~Node() { std::filesystem::remove_all(top_); }

  [[nodiscard]] std::string root() const { return (top_ / "root").string(); }
  [[nodiscard]] std::string archives() const { return (top_ / "archives").string(); }
  [[nodiscard]] std::string at(const std::string& path) const { return root() + path; }

  void write(const std::string& path, const std::string& text, mode_t mode = 0644) const {
    std::filesystem::create_directories(std::filesystem::path(at(path)).parent_path());
    std::ofstream(at(path)) << text;
    chmod(at(path).c_str(), mode);
  }
  void link(const std::string& path, const std::string& target) const {
    std::filesystem::create_directories(std::filesystem::path(at(path)).parent_path());
    std::filesystem::create_symlink(target, at(path));
  }
  void wipe() const {
    for (const auto& item : std::filesystem::directory_iterator(root()))
      std::filesystem::remove_all(item.path());
  }
  [[nodiscard]] std::string read(const std::string& path) const { return read_host(at(path)); }
  static std::string read_host(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  [[nodiscard]] mode_t mode(const std::string& path) const {
    struct stat info {};
    lstat(at(path).c_str(), &info);
    return info.st_mode & 07777;
  }
  // Every path, its mode and its content.
  [[nodiscard]] std::string picture() const {
    std::vector<std::string> lines;
    for (const auto& item : std::filesystem::recursive_directory_iterator(root())) {
      const auto path = item.path().string().substr(root().size());
      lines.push_back(path + " " + std::to_string(mode(path)) + " " +
                      (item.is_symlink()        ? "-> " + read_symlink(item.path()).string()
                       : item.is_regular_file() ? read(path)
                                                : ""));
    }
    std::ranges::sort(lines);
    std::string all;
    for (const auto& line : lines) all += line + "\n";
    return all;
  }

  Backup backed_up(Seconds now = kNow) const {
    auto backup = back_up(root(), kConfig, archives(), now);
    EXPECT_TRUE(backup) << backup.error().message;
    return backup ? *backup : Backup{};
  }
  Result<void> restore(const std::string& file) const {
    const auto manifest = read_archive(file);
    if (!manifest) return std::unexpected(manifest.error());
    const auto tree = Tree::open(root());
    const auto found = changes(*tree, *manifest);
    if (!found) return std::unexpected(found.error());
    return apply(*tree, *manifest, *found, aside());
  }
  [[nodiscard]] std::string aside() const { return archives() + "/aside.tar.gz"; }

 private:
  std::filesystem::path top_;
};

}  // namespace tandem::archive
