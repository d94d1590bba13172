// SPDX-License-Identifier: Apache-2.0
#include "control/socket_file.hpp"

#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <thread>

namespace tandem::control {
namespace {

// The child of a daemon that was killed has its socket until it becomes the check or notify command
// that it is to be: on a busy host, for a moment.
constexpr int kTries = 20;
constexpr auto kBetweenTries = std::chrono::milliseconds(50);

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail("control socket '" + path + "': the path must have 1 to " +
                std::to_string(sizeof address.sun_path - 1) + " characters");
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// -1: none is named.
Result<gid_t> group_of(const std::string& name) {
  if (name.empty()) return static_cast<gid_t>(-1);
  const group* known = ::getgrnam(name.c_str());  // at the start, by one thread
  if (known == nullptr)
    return fail("node.socket_group: there is no group '" + name +
                "', expected one of this machine");
  return known->gr_gid;
}

// Only directories that were made here get their mode; those that exist are the operator's.
Result<void> make_directories(const std::string& path) {
  for (auto slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string directory = path.substr(0, slash);
    if (::mkdir(directory.c_str(), 0755) == 0) {
      if (::chmod(directory.c_str(), 0755) != 0)  // whatever the umask took away
        return fail_errno("setting the mode of " + directory);
    } else if (errno != EEXIST) {
      return fail_errno("making the directory " + directory + " for the control socket");
    }
  }
  return {};
}

// Whether a process has the socket open.
Result<bool> does_answer(const std::string& path, const sockaddr_un& address) {
  // Not blocking: a daemon whose queue is full is a daemon all the same (EAGAIN).
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return fail_errno("control socket " + path);
  if (::connect(probe.get(), generic(address), sizeof address) == 0 || errno == EAGAIN) return true;
  if (errno != ECONNREFUSED && errno != ENOENT)
    return fail_errno("asking whether another tandemd answers on " + path);
  return false;
}

Result<void> remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno("control socket " + path);
  }
  if (!S_ISSOCK(file.st_mode))
    return fail("control socket " + path +
                ": another kind of file is in its place; remove it or set control_socket");

  auto answers = does_answer(path, address);
  for (int i = 0; i < kTries && answers && *answers; i++) {
    std::this_thread::sleep_for(kBetweenTries);
    answers = does_answer(path, address);
  }
  if (!answers) return std::unexpected(answers.error());
  if (*answers) return fail("another tandemd answers on " + path);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return fail_errno("removing the stale control socket " + path);
  return {};
}

}  // namespace

Result<ListeningSocket> listen_on(const std::string& path, const std::string& group) {
  const auto owner = group_of(group);
  if (!owner) return std::unexpected(owner.error());
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  if (auto made = make_directories(path); !made) return std::unexpected(made.error());
  if (auto removed = remove_stale(path, *address); !removed)
    return std::unexpected(removed.error());

  ListeningSocket made;
  made.socket = Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.socket || ::bind(made.socket.get(), generic(*address), sizeof *address) != 0)
    return fail_errno("control socket " + path);
  // An ID of -1 leaves it as it is. Before others may write to it.
  if (::lstat(path.c_str(), &made.file) != 0 || ::chown(path.c_str(), -1, *owner) != 0 ||
      ::chmod(path.c_str(), 0660) != 0 || ::listen(made.socket.get(), SOMAXCONN) != 0) {
    const int code = errno;
    ::unlink(path.c_str());
    return fail_errno("control socket " + path, code);
  }
  return made;
}

void remove_socket(const std::string& path, const struct stat& file) {
  struct stat present {};
  if (::lstat(path.c_str(), &present) != 0) return;
  if (present.st_dev == file.st_dev && present.st_ino == file.st_ino) ::unlink(path.c_str());
}

}  // namespace tandem::control
