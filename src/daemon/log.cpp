// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.hpp"

#include <poll.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/printable.hpp"
#include "daemon/repeat_limit.hpp"

namespace tandem::daemon {
namespace {

std::atomic<std::uint64_t> lines_lost = 0;

// false: it did not all fit. A pipe or socket that is writable takes PIPE_BUF bytes without waiting.
bool write_now(std::string_view text) {
  while (!text.empty()) {
    pollfd room{STDERR_FILENO, POLLOUT, 0};
    if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) return false;
    const ssize_t n =
        write(STDERR_FILENO, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// Behind each line's end: a message's further lines are not taken for messages.
std::string continued(std::string text, const std::string& mark) {
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1))
    text.insert(at + 1, mark);
  return text;
}

// What journald takes for the priority of a line, sd-daemon(3): as syslog(3) counts them.
std::string priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::critical:
      return "<2>";
    case spdlog::level::err:
      return "<3>";
    case spdlog::level::warn:
      return "<4>";
    case spdlog::level::info:
      return "<6>";
    default:
      return "<7>";
  }
}

class StderrSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit StderrSink(bool is_journal) : is_journal_(is_journal) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string payload(message.payload.data(), message.payload.size());
    const auto verdict = repeats_.judge(payload, MonotonicClock::now());
    if (!verdict.says) return;
    payload += verdict.more;
    spdlog::memory_buf_t formatted;
    const std::string priority = is_journal_ ? priority_of(message.level) : "";
    const std::string said = continued(printable(payload, true), priority + "  ");
    spdlog::details::log_msg clean = message;
    clean.payload = said;
    formatter_->format(clean, formatted);
    std::string text = priority;
    text.append(formatted.data(), formatted.size());
    if (!is_journal_ && isatty(STDERR_FILENO) != 0 &&
        clean.color_range_end > clean.color_range_start) {
      text.insert(clean.color_range_end, "\033[0m");
      text.insert(clean.color_range_start, color_of(clean.level));
    }
    if (untold_ > 0) {
      if (!write_now(std::to_string(untold_) + " lines of the log are missing: nobody read it\n"))
        return lose();
      untold_ = 0;
    }
    if (!write_now(text)) lose();
  }
  void flush_() override {}

  static const char* color_of(spdlog::level::level_enum level) {
    if (level >= spdlog::level::err) return "\033[1;31m";
    return level == spdlog::level::warn ? "\033[1;33m" : "\033[32m";
  }
  void lose() {
    untold_++;
    lines_lost++;
  }

  bool is_journal_;
  RepeatLimit repeats_;
  std::uint64_t untold_ = 0;
};

}  // namespace

// journald adds time and name by itself, and takes the priority off.
void open_log() {
  lines_lost = 0;
  std::signal(SIGPIPE, SIG_IGN);  // not only here: whoever we write to may go
  const bool is_journal = std::getenv("JOURNAL_STREAM") != nullptr;
  auto logger =
      std::make_shared<spdlog::logger>("tandemd", std::make_shared<StderrSink>(is_journal));
  logger->set_pattern(is_journal ? "%l: %v" : "%Y-%m-%dT%H:%M:%S.%e %^%l%$: %v");
  spdlog::set_default_logger(std::move(logger));
}

void set_log_level(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::debug:
      return spdlog::set_level(spdlog::level::debug);
    case config::LogLevel::info:
      return spdlog::set_level(spdlog::level::info);
    case config::LogLevel::warning:
      return spdlog::set_level(spdlog::level::warn);
    case config::LogLevel::error:
      return spdlog::set_level(spdlog::level::err);
  }
}

std::uint64_t log_lines_lost() {
  return lines_lost;
}

}  // namespace tandem::daemon
