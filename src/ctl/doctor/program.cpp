// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "base/descriptor.hpp"

namespace tandem::doctor {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);

// Nobody's PATH: this runs as root.
std::string find(const std::string& name) {
  for (const char* directory : {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"})
    if (const std::string path = directory + name; access(path.c_str(), X_OK) == 0) return path;
  return "";
}

Result<pid_t> start(const std::string& path, const std::vector<std::string>& arguments,
                    int output) {
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::array environment{const_cast<char*>("LANG=C"), static_cast<char*>(nullptr)};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, path.c_str(), &files, nullptr, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return fail_errno(path, error);
  return pid;
}

// false: not in time.
bool read_all(int fd, std::string& text) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  std::array<char, 65536> piece;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd ready{fd, POLLIN, 0};
    if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) == 0) return false;
    const auto got = read(fd, piece.data(), piece.size());
    if (got <= 0) return true;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

Result<std::string> output_of(const std::string& name, const std::vector<std::string>& arguments) {
  const std::string path = find(name);
  if (path.empty()) return fail(name + " is not installed");
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("pipe");
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const auto pid = start(path, arguments, writing.get());
  writing.reset();
  if (!pid) return std::unexpected(pid.error());
  std::string text;
  const bool in_time = read_all(reading.get(), text);
  if (!in_time) kill(*pid, SIGKILL);
  int status = 0;
  waitpid(*pid, &status, 0);
  if (!in_time) return fail(name + " took more than ten seconds");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return fail(name + ": " + text.substr(0, text.find('\n')));
  return text;
}

}  // namespace tandem::doctor
