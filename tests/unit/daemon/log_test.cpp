// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "base/descriptor.hpp"

namespace tandem::daemon {
namespace {

// stderr is a pipe for as long as it lives.
class Pipe {
 public:
  Pipe() : before_(dup(STDERR_FILENO)) {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    reader = Descriptor(ends[0]);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    logger_ = spdlog::default_logger();
    open_log();
  }
  ~Pipe() {
    open_log();  // counts from 0 again
    spdlog::set_default_logger(logger_);
    dup2(before_.get(), STDERR_FILENO);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  // All that waits there.
  [[nodiscard]] std::string read_all() const {
    fcntl(reader.get(), F_SETFL, O_NONBLOCK);
    std::string text;
    std::array<char, 4096> piece{};
    for (ssize_t n; (n = read(reader.get(), piece.data(), piece.size())) > 0;)
      text.append(piece.data(), static_cast<std::size_t>(n));
    return text;
  }

  Descriptor reader;

 private:
  Descriptor before_;
  std::shared_ptr<spdlog::logger> logger_;
};

TEST(Log, HasNothingBelowItsLevel) {
  const Pipe log;
  set_log_level(config::LogLevel::warning);
  spdlog::info("not said");
  spdlog::warn("said");
  set_log_level(config::LogLevel::debug);
  spdlog::debug("all");
  set_log_level(config::LogLevel::info);
  spdlog::debug("not this");
  const std::string text = log.read_all();
  EXPECT_EQ(text.find("not"), std::string::npos) << text;
  EXPECT_NE(text.find("said"), std::string::npos) << text;
  EXPECT_NE(text.find("all"), std::string::npos) << text;
}

TEST(Log, LeavesOutWhatIsSaidOverAndOver) {
  const Pipe log;
  for (int i = 0; i < 200; i++) spdlog::warn("again");
  const std::string text = log.read_all();
  EXPECT_EQ(std::ranges::count(text, '\n'), 20);
  EXPECT_NE(text.find("left out for a minute"), std::string::npos) << text;
}

TEST(Log, TellsTheJournalThePriorityOfEachLine) {
  setenv("JOURNAL_STREAM", "8:1", 1);
  const Pipe log;
  spdlog::info("VI_1: Backup -> Active");
  spdlog::warn("check web: down\nsecond line");
  spdlog::error("no way");
  unsetenv("JOURNAL_STREAM");
  EXPECT_EQ(log.read_all(),
            "<6>info: VI_1: Backup -> Active\n<4>warning: check web: down\n<4>  second line\n"
            "<3>error: no way\n");
}

TEST(Log, ForeignTextCannotPlayWithTheTerminalOrMakeLines) {
  const Pipe log;
  spdlog::warn("check web: {}", "bad\x1b[2J\u009b1m\u202e\n2026-01-01 error: forged");
  const auto text = log.read_all();
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("bad?[2J?1m?\n  2026-01-01 error"), std::string::npos) << text;
}

TEST(Log, DoesNotWaitForAReaderThatStandsStill) {
  const Pipe pipe;
  const auto before = log_lines_lost();
  for (int i = 0; i < 10'000; i++) spdlog::info("line {} of a log that nobody reads", i);
  EXPECT_GT(log_lines_lost(), before);
  EXPECT_NE(pipe.read_all().find("of a log that nobody reads"), std::string::npos);
  spdlog::info("read again");
  const std::string text = pipe.read_all();
  EXPECT_NE(text.find(std::to_string(log_lines_lost() - before) + " lines of the log are missing"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("read again"), std::string::npos);
}

TEST(Log, OutlivesItsReader) {
  Pipe pipe;
  const auto before = log_lines_lost();
  pipe.reader = {};
  spdlog::info("to nobody");
  EXPECT_EQ(log_lines_lost(), before + 1);
}

}  // namespace
}  // namespace tandem::daemon
