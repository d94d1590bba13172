// SPDX-License-Identifier: Apache-2.0
// Theory of operation.
//
// posix_spawn() with a pidfd, not Boost.Process: see docs/decisions/0002-child-processes.md.
//
// A Run is one process. It is kept alive by its handlers in the loop (the watch on the pidfd, the
// read of the output), so that a process whose owner has gone is still reaped. The pidfd becomes
// readable when the process ends; until waitid() has reaped it, its number cannot be given to
// another process, so kill(-pid) before the reaping can only ever meet the process's own group.
// Only this file waits for children. SIGCHLD must keep its default action (an ignored SIGCHLD
// would make the kernel reap by itself).
//
// Timers: timeout_ - the command has run for too long.
#include "base/child_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <exception>

#include "base/descriptor.hpp"

namespace tandem {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kLastLineBytes = 200;
constexpr int kDrainReads = 32;  // what is left in a pipe, while a descendant may go on writing

// The calls below answer with an error number and never set errno.
class SpawnSetup {
 public:
  explicit SpawnSetup(int output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    plan_descriptors(output);
    plan_attributes();
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  ~SpawnSetup() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }

  [[nodiscard]] int error() const noexcept { return error_; }
  [[nodiscard]] const posix_spawn_file_actions_t* actions() const noexcept { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const noexcept { return &attributes_; }

 private:
  void note(int error) noexcept {
    if (error_ == 0) error_ = error;
  }

  // 0 comes last, because `output` itself may be 0. Closing all the rest does not rely on every
  // library having set close-on-exec (Asio does not).
  void plan_descriptors(int output) {
    note(posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO));
    note(posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO));
    note(posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    note(posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1));
    note(posix_spawn_file_actions_addchdir_np(&actions_, "/"));
  }

  void plan_attributes() {
    sigset_t every;
    sigset_t none;
    sigfillset(&every);
    sigemptyset(&none);
    const sched_param normal{};
    note(posix_spawnattr_setpgroup(&attributes_, 0));  // a new group, numbered as the process
    note(posix_spawnattr_setsigdefault(&attributes_, &every));
    note(posix_spawnattr_setsigmask(&attributes_, &none));
    note(posix_spawnattr_setschedpolicy(&attributes_, SCHED_OTHER));
    note(posix_spawnattr_setschedparam(&attributes_, &normal));
    note(posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSCHEDULER));
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
  int error_ = 0;
};

std::vector<std::string> clean_environment(const std::vector<std::string>& added) {
  std::vector<std::string> all{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                               "HOME=/", "LANG=C.UTF-8"};
  all.insert(all.end(), added.begin(), added.end());
  return all;
}

// execve() takes pointers to mutable text that it does not change.
std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  result.reserve(words.size() + 1);
  for (const auto& word : words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

// Returns the process, which has executed the command by then.
Result<pid_t> spawn(const Command& command, int output) {
  const SpawnSetup setup(output);
  if (setup.error() != 0) return fail_errno("cannot prepare " + command.argv[0], setup.error());
  const auto argv = pointers(command.argv);
  const auto environment_text = clean_environment(command.environment);
  const auto environment = pointers(environment_text);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, argv[0], setup.actions(), setup.attributes(), argv.data(),
                                  environment.data());
  if (error != 0) return fail_errno("cannot run " + command.argv[0], error);
  return pid;
}

}  // namespace

class ChildProcess::Run : public std::enable_shared_from_this<Run> {
 public:
  Run(asio::io_context& loop, Done done)
      : exit_(loop), output_(loop), timeout_(loop), done_(std::move(done)) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    if (running()) kill_and_reap_now();
  }

  // May throw what Asio throws when it cannot watch a descriptor.
  Result<void> begin(const Command& command) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("cannot make a pipe");
    Descriptor read_end(ends[0]);
    const Descriptor written_end(ends[1]);
    output_.assign(read_end.get());
    (void)read_end.release();
    output_.native_non_blocking(true);

    auto pid = spawn(command, written_end.get());
    if (!pid) return std::unexpected(pid.error());
    pid_ = *pid;
    keep_descendants_ = command.keep_descendants;

    Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));  // close-on-exec
    if (!pidfd) return fail_errno("cannot watch the process of " + command.argv[0]);
    exit_.assign(pidfd.get());
    (void)pidfd.release();
    watch(command.timeout);
    return {};
  }

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] bool running() const noexcept { return pid_ > 0 && !reaped_; }

  void kill() noexcept {
    if (!running()) return;
    killed_ = true;
    ::kill(-pid_, SIGKILL);
  }

  void abandon() noexcept {
    done_ = nullptr;
    timeout_.cancel();
    kill();
  }

 private:
  void watch(Duration timeout) {
    exit_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](error_code error) {
                       if (!error) self->ended();
                     });
    read_output();
    if (timeout <= Duration::zero()) return;
    timeout_.expires_after(timeout);
    timeout_.async_wait([weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (!self || error || !self->running()) return;
      self->outcome_.kind = ChildOutcome::Kind::timed_out;
      self->kill();
    });
  }

  // Reads in the handler, and not before it is called: what was read into a buffer whose handler is
  // still waiting would be lost to drain_output().
  void read_output() {
    output_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](error_code error) {
                         if (error || !self->running()) return;
                         if (self->read_some()) self->read_output();
                       });
  }

  // false: nothing will come any more.
  bool read_some() {
    const ssize_t bytes = ::read(output_.native_handle(), buffer_.data(), buffer_.size());
    if (bytes < 0) return errno == EAGAIN || errno == EINTR;
    keep(static_cast<std::size_t>(bytes));
    return bytes > 0;
  }

  void keep(std::size_t bytes) {
    auto& kept = outcome_.output;
    kept.append(buffer_.data(), bytes);
    if (kept.size() > kOutputBytes) kept.erase(0, kept.size() - kOutputBytes);
  }

  // Not until end of file: a descendant may hold the other end open for ever.
  void drain_output() {
    for (int reads = 0; reads < kDrainReads; ++reads) {
      const ssize_t bytes = ::read(output_.native_handle(), buffer_.data(), buffer_.size());
      if (bytes <= 0) return;
      keep(static_cast<std::size_t>(bytes));
    }
  }

  void ended() {
    if (killed_ || !keep_descendants_) ::kill(-pid_, SIGKILL);
    drain_output();
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG);
    reaped_ = true;
    error_code ignored;
    exit_.close(ignored);
    output_.close(ignored);
    timeout_.cancel();

    outcome_.status = info.si_status;
    if (outcome_.kind != ChildOutcome::Kind::timed_out && info.si_code != CLD_EXITED) {
      outcome_.kind = ChildOutcome::Kind::signalled;
    }
    if (const auto done = std::exchange(done_, nullptr)) done(outcome_);
  }

  // The loop is going away, or could not watch the process. A process that SIGKILL does not end
  // within a second is stuck in the kernel and is left to init.
  void kill_and_reap_now() noexcept {
    ::kill(-pid_, SIGKILL);
    constexpr timespec kPause{0, 1'000'000};
    for (int attempts = 0; attempts < 1000; ++attempts) {
      if (::waitpid(pid_, nullptr, WNOHANG) != 0) return;
      ::nanosleep(&kPause, nullptr);
    }
  }

  asio::posix::stream_descriptor exit_;  // the pidfd
  asio::posix::stream_descriptor output_;
  asio::basic_waitable_timer<MonotonicClock> timeout_;
  std::array<char, kOutputBytes> buffer_{};
  ChildOutcome outcome_;
  Done done_;
  pid_t pid_ = -1;
  bool keep_descendants_ = false;
  bool killed_ = false;
  bool reaped_ = false;
};

Result<ChildProcess> ChildProcess::start(asio::io_context& loop, const Command& command,
                                         Done done) {
  if (command.argv.empty()) return fail("cannot run an empty command");
  try {
    auto run = std::make_shared<Run>(loop, std::move(done));
    if (auto begun = run->begin(command); !begun) return std::unexpected(begun.error());
    return ChildProcess(std::move(run));
  } catch (const std::exception& error) {
    return fail("cannot run " + command.argv[0] + ": " + error.what());
  }
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    if (run_) run_->abandon();
    run_ = std::move(other.run_);
  }
  return *this;
}

ChildProcess::~ChildProcess() {
  if (run_) run_->abandon();
}

pid_t ChildProcess::pid() const noexcept {
  return run_ ? run_->pid() : -1;
}
bool ChildProcess::running() const noexcept {
  return run_ && run_->running();
}
void ChildProcess::kill() noexcept {
  if (run_) run_->kill();
}

std::string ChildOutcome::last_line() const {
  const auto end = output.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return {};
  const auto before = output.find_last_of("\r\n", end);
  const auto begin = before == std::string::npos ? 0 : before + 1;
  std::string line = output.substr(begin, std::min(end + 1 - begin, kLastLineBytes));
  std::ranges::replace_if(
      line, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return line;
}

std::string ChildOutcome::to_string() const {
  std::string text = "timed out";
  if (kind == Kind::exited) text = "exit status " + std::to_string(status);
  if (kind == Kind::signalled) text = "killed by signal " + std::to_string(status);
  const auto line = last_line();
  return line.empty() ? text : text + ": " + line;
}

}  // namespace tandem
