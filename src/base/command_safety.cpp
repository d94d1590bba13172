// SPDX-License-Identifier: Apache-2.0
// Theory of operation: the path is walked from "/" as the kernel would walk it, one component at
// a time, following links by hand. Comparing only the path as written with its real path is not
// enough: a link may lead through a third directory that anybody may write.
#include "base/command_safety.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <deque>
#include <optional>
#include <string_view>

namespace tandem {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel's own limit, path_resolution(7)

std::string user_name(uid_t uid) {
  std::array<char, 1024> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return "uid " + std::to_string(uid);
}

std::string mode_and_owner(const struct stat& info) {
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(info.st_mode & 07777));
  return "(mode " + std::string(mode.data()) + ", owner " + user_name(info.st_uid) + ")";
}

std::string join(const std::string& directory, const std::string& name) {
  return directory == "/" ? "/" + name : directory + "/" + name;
}

std::string parent(const std::string& directory) {
  const auto slash = directory.rfind('/');
  return slash == 0 ? "/" : directory.substr(0, slash);
}

// Puts the components of `path` before those that are still to be walked.
void prepend(std::deque<std::string>& pending, std::string_view path) {
  std::deque<std::string> names;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto name = path.substr(0, slash);
    if (!name.empty() && name != ".") names.emplace_back(name);
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  pending.insert(pending.begin(), names.begin(), names.end());
}

class Walk {
 public:
  explicit Walk(const std::string& path) : path_(path) {}

  Result<void> run() {
    if (path_.empty() || path_.front() != '/') {
      return refuse("is not an absolute path, expected one such as \"/etc/tandem/notify.sh\"");
    }
    prepend(pending_, path_);
    if (auto root = check_writers("/", "the directory "); !root) return root;
    while (!pending_.empty()) {
      const std::string name = std::move(pending_.front());
      pending_.pop_front();
      if (auto step = name == ".." ? go_up() : enter(name); !step) return step;
    }
    return ended_at_file_ ? Result<void>{} : refuse("is a directory, expected an executable file");
  }

 private:
  Result<void> go_up() {
    here_ = parent(here_);  // passed on the way down, so already judged
    return {};
  }

  Result<void> enter(const std::string& name) {
    const std::string at = join(here_, name);
    struct stat info {};
    if (::lstat(at.c_str(), &info) != 0) return refuse_errno(at);
    if (S_ISLNK(info.st_mode)) return follow(at);
    if (S_ISDIR(info.st_mode)) {
      here_ = at;
      return check_writers(at, "the directory ");
    }
    if (!pending_.empty()) return refuse(at + " is not a directory");
    return check_file(at, info);
  }

  // The link itself needs no check: its directory has passed, so nobody else can replace it.
  Result<void> follow(const std::string& at) {
    if (++links_ > kMaxLinks) return refuse(at + " is one symbolic link too many");
    std::array<char, 4096> target{};
    const ssize_t length = ::readlink(at.c_str(), target.data(), target.size());
    if (length <= 0) return refuse_errno(at);
    const std::string_view to(target.data(), static_cast<std::size_t>(length));
    if (to.front() == '/') here_ = "/";
    prepend(pending_, to);
    return {};
  }

  Result<void> check_file(const std::string& at, const struct stat& info) {
    if (!S_ISREG(info.st_mode)) return refuse(at + " is not a regular file");
    if (auto writers = check_writers(at, "the file "); !writers) return writers;
    if (::faccessat(AT_FDCWD, at.c_str(), X_OK, AT_EACCESS) != 0) {
      return refuse(at + " " + mode_and_owner(info) +
                    " is not executable; fix it with \"chmod u+x " + at + "\"");
    }
    ended_at_file_ = true;
    return {};
  }

  Result<void> check_writers(const std::string& at, const char* kind) {
    struct stat info {};
    if (::lstat(at.c_str(), &info) != 0) return refuse_errno(at);
    if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
      return refuse(kind + at + " " + mode_and_owner(info) +
                    " belongs to a user who could change the command; fix it with \"chown root " +
                    at + "\"");
    }
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
    if ((info.st_mode & S_ISVTX) != 0) {
      return refuse(kind + at + " " + mode_and_owner(info) +
                    " can be written by other users; move the command to a directory that only "
                    "root can write, such as /etc/tandem");
    }
    return refuse(kind + at + " " + mode_and_owner(info) +
                  " can be written by other users; fix it with \"chmod go-w " + at + "\"");
  }

  Result<void> refuse(const std::string& why) const {
    return fail("command \"" + path_ + "\" is refused: " + why);
  }
  Result<void> refuse_errno(const std::string& at) const {
    return refuse(at + ": " + std::strerror(errno));
  }

  const std::string& path_;
  std::deque<std::string> pending_;  // components still to be walked
  std::string here_ = "/";           // the real directory reached so far
  int links_ = 0;
  bool ended_at_file_ = false;
};

}  // namespace

Result<void> check_command_is_safe(const std::string& path) {
  return Walk(path).run();
}

}  // namespace tandem
