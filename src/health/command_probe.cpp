// SPDX-License-Identifier: Apache-2.0
// Passes when a command exits with status 0. The command and everything it left running is killed
// at the end of each run.
//
// A run that follows one that was stopped waits until that one's process is gone: two of them
// never run side by side, even if the first is stuck in the kernel and SIGKILL has to wait.
#include <boost/asio/post.hpp>
#include <optional>
#include <utility>

#include "base/child_process.hpp"
#include "base/command_safety.hpp"
#include "health/probe.hpp"

namespace tandem::health {
namespace {

class CommandProbe : public Probe {
 public:
  CommandProbe(boost::asio::io_context& loop, std::vector<std::string> argv) : loop_(loop) {
    command_.argv = std::move(argv);
  }

  void start(Done done) override {
    done_ = std::make_shared<Done>(std::move(done));
    if (!process_) launch();
  }

  std::string stop() override {
    done_.reset();
    if (!process_) return "starting the command";
    if (std::exchange(is_stopped_, true)) return "waiting for the killed command to end";
    process_->kill();
    return "running the command";
  }

 private:
  void launch() {
    is_stopped_ = false;
    if (command_.argv.empty()) return fail_later("no command");
    if (auto safe = check_command_is_safe(command_.argv[0]); !safe) {
      return fail_later(safe.error().message);
    }
    // This object owns the process, so the callback cannot come after its end.
    auto process = ChildProcess::start(loop_, command_,
                                       [this](const ChildOutcome& outcome) { ended(outcome); });
    if (!process) return fail_later(process.error().message);
    process_ = std::move(*process);
  }

  void fail_later(std::string why) {
    boost::asio::post(loop_, [weak = std::weak_ptr<Done>(done_), why = std::move(why)] {
      if (const auto done = weak.lock()) (*done)({false, why});
    });
  }

  void ended(const ChildOutcome& outcome) {
    process_.reset();
    if (!done_) return;
    if (is_stopped_) return launch();
    const auto done = std::move(done_);
    (*done)({outcome.success(), outcome.to_string()});
  }

  boost::asio::io_context& loop_;
  Command command_;
  std::shared_ptr<Done> done_;  // empty between runs
  std::optional<ChildProcess> process_;
  bool is_stopped_ = false;  // the process belongs to a run that was stopped
};

}  // namespace

std::unique_ptr<Probe> make_command_probe(boost::asio::io_context& loop,
                                          const config::CommandProbe& probe) {
  return std::make_unique<CommandProbe>(loop, probe.argv);
}

}  // namespace tandem::health
