// SPDX-License-Identifier: Apache-2.0
#include "ctl/archive/tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>

#include "ctl/archive/digest.hpp"

namespace tandem::archive {
namespace {

constexpr std::size_t kLargestFile = 64U << 20;  // of a file: configuration, not data

std::string name_of(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}
std::string above(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

Descriptor open_in(int root, const std::string& path, std::uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return Descriptor(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

Result<std::string> read_all(int fd, const std::string& path) {
  std::string content;
  std::array<char, 65536> buffer{};
  for (;;) {
    const auto n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(path);
    if (n == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(n));
    if (content.size() > kLargestFile)
      return fail(path + " is larger than " + std::to_string(kLargestFile >> 20) +
                  " MiB: that is no configuration");
  }
}

Result<void> write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const auto n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno != EINTR) return fail_errno(path);
    if (n > 0) content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

std::string user_name(uid_t uid) {
  const passwd* known = ::getpwuid(uid);
  return known != nullptr ? known->pw_name : "";
}
std::string group_name(gid_t gid) {
  const group* known = ::getgrgid(gid);
  return known != nullptr ? known->gr_name : "";
}
uid_t user_of(const Entry& entry) {
  const passwd* known = entry.user.empty() ? nullptr : ::getpwnam(entry.user.c_str());
  return known != nullptr ? known->pw_uid : entry.uid;
}
gid_t group_of(const Entry& entry) {
  const group* known = entry.group.empty() ? nullptr : ::getgrnam(entry.group.c_str());
  return known != nullptr ? known->gr_gid : entry.gid;
}

// Owner first: chown takes set-user-ID bits away.
Result<void> dress(int fd, const Entry& entry) {
  if (::fchown(fd, user_of(entry), group_of(entry)) != 0)
    return fail_errno(entry.path + ": cannot give it to " + entry.user + ":" + entry.group);
  if (::fchmod(fd, entry.mode) != 0) return fail_errno(entry.path);
  return {};
}

}  // namespace

Result<Tree> Tree::open(const std::string& root) {
  Descriptor fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno(root);
  return Tree(std::move(fd));
}

Descriptor Tree::parent_of(const std::string& path) const {
  return open_in(root_.get(), above(path), O_PATH | O_DIRECTORY);
}

Result<std::optional<Entry>> Tree::read(const std::string& path) const {
  const auto parent = parent_of(path);
  struct stat info {};
  const std::string name = name_of(path);
  if (!parent || ::fstatat(parent.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return fail_errno(path);
  }
  Entry entry{path, Kind::file, info.st_mode & 07777, info.st_uid, info.st_gid, {}, {}, {}, {}};
  entry.user = user_name(info.st_uid);
  entry.group = group_name(info.st_gid);
  if (S_ISDIR(info.st_mode)) {
    entry.kind = Kind::directory;
  } else if (S_ISLNK(info.st_mode)) {
    entry.kind = Kind::link;
    std::array<char, 4096> target{};
    const auto n = ::readlinkat(parent.get(), name.c_str(), target.data(), target.size());
    if (n < 0) return fail_errno(path);
    entry.content.assign(target.data(), static_cast<std::size_t>(n));
  } else if (S_ISREG(info.st_mode)) {
    const Descriptor fd(
        ::openat(parent.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return fail_errno(path);
    auto content = read_all(fd.get(), path);
    if (!content) return std::unexpected(content.error());
    entry.content = std::move(*content);
  } else {
    return std::nullopt;
  }
  entry.sha256 = sha256(entry.content);
  return entry;
}

std::vector<std::string> Tree::list(const std::string& path) const {
  std::vector<std::string> names;
  auto fd = open_in(root_.get(), path, O_RDONLY | O_DIRECTORY);
  if (!fd) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(fd.release()), ::closedir);
  while (const dirent* item = directory ? ::readdir(directory.get()) : nullptr)
    if (const std::string name = item->d_name; name != "." && name != "..") names.push_back(name);
  std::ranges::sort(names);
  return names;
}

Result<std::string> Tree::read_file(const std::string& path) const {
  const auto fd = open_in(root_.get(), path, O_RDONLY | O_NONBLOCK);
  if (!fd) return fail_errno(path);
  return read_all(fd.get(), path);
}

Result<void> Tree::make_parents(const std::string& path) const {
  const std::string directory = above(path);
  if (open_in(root_.get(), directory, O_PATH | O_DIRECTORY)) return {};
  if (errno != ENOENT || directory == "/") return fail_errno(directory);
  if (auto made = make_parents(directory); !made) return made;
  const auto parent = parent_of(directory);
  if (::mkdirat(parent.get(), name_of(directory).c_str(), 0755) != 0) return fail_errno(directory);
  return {};
}

Result<void> Tree::make_directory(const Entry& directory) const {
  const auto parent = parent_of(directory.path);
  if (!parent) return fail_errno(directory.path);
  const std::string name = name_of(directory.path);
  if (::mkdirat(parent.get(), name.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(directory.path);
  const Descriptor fd(
      ::openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return fail_errno(directory.path);
  return dress(fd.get(), directory);
}

Result<std::string> Tree::stage(const Entry& entry) const {
  const auto parent = parent_of(entry.path);
  if (!parent) return fail_errno(entry.path);
  const std::string name = ".tandem-restore-" + name_of(entry.path);  // no glob of Nginx finds it
  const std::string staged = above(entry.path) + "/" + name;
  ::unlinkat(parent.get(), name.c_str(), 0);
  if (entry.kind == Kind::link) {
    if (::symlinkat(entry.content.c_str(), parent.get(), name.c_str()) != 0)
      return fail_errno(entry.path);
    if (::fchownat(parent.get(), name.c_str(), user_of(entry), group_of(entry),
                   AT_SYMLINK_NOFOLLOW) != 0)
      return fail_errno(entry.path);
    return staged;
  }
  const Descriptor fd(
      ::openat(parent.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(entry.path);
  if (auto written = write_all(fd.get(), entry.content, entry.path); !written)
    return std::unexpected(written.error());
  if (auto dressed = dress(fd.get(), entry); !dressed) return std::unexpected(dressed.error());
  if (::fsync(fd.get()) != 0) return fail_errno(entry.path);
  return staged;
}

Result<void> Tree::put(const std::string& staged, const std::string& path) const {
  const auto parent = parent_of(path);
  if (!parent ||
      ::renameat(parent.get(), name_of(staged).c_str(), parent.get(), name_of(path).c_str()) != 0)
    return fail_errno(path);
  return {};
}

void Tree::drop(const std::string& staged) const {
  if (const auto parent = parent_of(staged)) ::unlinkat(parent.get(), name_of(staged).c_str(), 0);
}

}  // namespace tandem::archive
