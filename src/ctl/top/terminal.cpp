// SPDX-License-Identifier: Apache-2.0
#include "ctl/top/terminal.hpp"

#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace tandem::ctl::top {

namespace {

// The other screen, no cursor, lines that are too long are cut; and all that taken back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view kLeave = "\x1b[?7h\x1b[?25h\x1b[?1049l";

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno != EINTR && errno != EAGAIN) return;  // gone: poll() will tell
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
}

sigset_t handled() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH})
    sigaddset(&set, signal);
  return set;
}

}  // namespace

Result<Terminal> Terminal::take() {
  termios before{};
  if (::tcgetattr(STDIN_FILENO, &before) != 0)
    return fail(std::string("the terminal: ") + std::strerror(errno));
  const sigset_t set = handled();
  Descriptor signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return fail(std::string("signalfd: ") + std::strerror(errno));
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, &set, &mask);
  Terminal terminal(before, mask, std::move(signals));
  terminal.enter();
  return terminal;
}

Terminal::Terminal(Terminal&& other) noexcept
    : before_(other.before_), mask_(other.mask_), signals_(std::move(other.signals_)) {}

Terminal::~Terminal() {
  if (!signals_) return;  // moved from
  leave();
  pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
}

void Terminal::enter() {
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  write_all(kEnter);
}

void Terminal::leave() {
  write_all(kLeave);
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

Size Terminal::size() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
    return {};
  return {size.ws_col, size.ws_row};
}

void Terminal::show(const std::vector<std::string>& lines) {
  std::string text = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); i++) text += (i > 0 ? "\n" : "") + lines[i] + "\x1b[K";
  write_all(text + "\x1b[J");
}

void Terminal::suspend() {
  leave();
  ::raise(SIGSTOP);  // SIGTSTP is blocked
  enter();
}

int Terminal::read_signal() {
  signalfd_siginfo info{};
  if (::read(signals_.get(), &info, sizeof info) != sizeof info) return 0;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace tandem::ctl::top
