// SPDX-License-Identifier: Apache-2.0
// A command run beside an event loop: started without a shell, in a process group of its own,
// watched, bounded in time and output, and never left behind.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace tandem {

struct Command {
  std::vector<std::string> argv{};         // argv[0] is an absolute path; PATH is not searched
  std::vector<std::string> environment{};  // "NAME=value", beside PATH, HOME and LANG; nothing else
  Duration timeout{};                      // then the whole group is killed; zero: no limit
  bool keep_descendants = false;  // what it left running when it exited by itself is not killed
};

struct ChildOutcome {
  enum class Kind : std::uint8_t { exited, signalled, timed_out };
  Kind kind = Kind::exited;
  int status = 0;        // exit status if exited, signal number if signalled
  std::string output{};  // the last ChildProcess::kOutputBytes of stdout and stderr together

  [[nodiscard]] bool success() const noexcept { return kind == Kind::exited && status == 0; }
  // "exit status 2: LAST LINE", "killed by signal 11: LAST LINE", "timed out: LAST LINE".
  [[nodiscard]] std::string to_string() const;
  // The last line that is not blank, without control characters, at most 200 bytes.
  [[nodiscard]] std::string last_line() const;
};

// Belongs to the thread that runs the io_context, and must not outlive the io_context.
class ChildProcess {
 public:
  using Done = std::function<void(const ChildOutcome&)>;
  static constexpr std::size_t kOutputBytes = 4096;

  // The child has stdin from /dev/null, stdout and stderr captured, no other descriptor, every
  // signal unblocked with its default action, SCHED_OTHER and "/" as its directory.
  // Errors: argv is empty, the command cannot be executed, out of descriptors or processes.
  //
  // `done` is called exactly once, from the loop and never from within start(), when the process
  // has ended and is reaped; also after a timeout or kill(). It is not called if the object is
  // destroyed first. It may destroy or replace the object.
  [[nodiscard]] static Result<ChildProcess> start(boost::asio::io_context& loop,
                                                  const Command& command, Done done);

  ChildProcess(ChildProcess&& other) noexcept = default;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  // Kills the group; the loop reaps the process, or else the end of the loop does.
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const noexcept;  // also the number of its process group
  // False once `done` is due. A process stuck in the kernel stays running after it was killed.
  [[nodiscard]] bool running() const noexcept;
  // SIGKILL to the process group. Descendants that left the group (setsid) are out of reach.
  void kill() noexcept;

 private:
  class Run;
  explicit ChildProcess(std::shared_ptr<Run> run) noexcept : run_(std::move(run)) {}
  std::shared_ptr<Run> run_;
};

}  // namespace tandem
