// SPDX-License-Identifier: Apache-2.0
// Theory of operation: each virtual router with something to tell has a Lane: the command that
// runs, and the notices that wait behind it. A lane without a running command stands in `ready_`
// until one of the parallel places is free, so a virtual router that flaps gets one place at a
// time, in turn with the others. An empty lane is taken away, and a virtual router that left the
// configuration leaves nothing behind.
#include "notify/notifier.hpp"

#include <boost/asio/post.hpp>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/child_process.hpp"
#include "base/command_safety.hpp"

namespace tandem::notify {
namespace {

// Empty: none runs.
const std::vector<std::string>& command_for(const config::Notify& commands, vrrp::State state) {
  switch (state) {
    case vrrp::State::active:
      return commands.active;
    case vrrp::State::backup:
      return commands.backup;
    case vrrp::State::fault:
      return commands.fault;
    case vrrp::State::initialize:
      return commands.stop;
  }
  std::unreachable();
}

Command make_command(const std::vector<std::string>& argv, Duration timeout, const Notice& notice) {
  Command command{.argv = argv,
                  .environment = {"TANDEM_ROUTER=" + notice.router,
                                  std::string("TANDEM_STATE=") + to_string(notice.state),
                                  "TANDEM_PRIORITY=" + std::to_string(notice.priority),
                                  "TANDEM_CAUSE=" + notice.cause},
                  .timeout = timeout,
                  .keep_descendants = true};
  command.argv.emplace_back(notify_word(notice.state));
  command.argv.push_back(notice.router);
  return command;
}

Command make_command(const std::vector<std::string>& argv, Duration timeout,
                     const std::string& service, bool up, const std::string& cause) {
  return {
      .argv = argv,
      .environment = {"TANDEM_SERVICE=" + service,
                      std::string("TANDEM_STATE=") + (up ? "up" : "down"), "TANDEM_CAUSE=" + cause},
      .timeout = timeout,
      .keep_descendants = true};
}

// No name of a virtual router has a line break.
std::string lane_of(const Notice& notice) {
  return notice.service.empty() ? notice.router : "service\n" + notice.service;
}

Outcome::Kind kind_of(const ChildOutcome& child) {
  if (child.success()) return Outcome::Kind::ok;
  const bool is_late = child.kind == ChildOutcome::Kind::timed_out;
  return is_late ? Outcome::Kind::timed_out : Outcome::Kind::failed;
}

}  // namespace

const char* notify_word(vrrp::State state) noexcept {
  switch (state) {
    case vrrp::State::active:
      return "master";
    case vrrp::State::backup:
      return "backup";
    case vrrp::State::fault:
      return "fault";
    case vrrp::State::initialize:
      return "stop";
  }
  return "?";
}

class Notifier::Desk : public std::enable_shared_from_this<Desk> {
 public:
  struct Job {
    Command command;
    Notice notice;
  };

  Desk(boost::asio::io_context& loop, Report report, std::size_t parallel)
      : loop_(loop), report_(std::move(report)), free_places_(parallel) {}

  void accept(Job job) {
    const std::string router = lane_of(job.notice);
    Lane& lane = lanes_[router];
    if (lane.waiting.size() == kWaiting) {
      superseded_.push_back(std::move(lane.waiting.front().notice));
      lane.waiting.pop_front();
    }
    lane.waiting.push_back(std::move(job));
    if (!lane.is_busy && lane.waiting.size() == 1) ready_.push_back(router);
    wake();
  }

  [[nodiscard]] bool idle() const noexcept { return lanes_.empty() && superseded_.empty(); }

  void when_idle(std::function<void()> done) {
    on_idle_.push_back(std::move(done));
    wake();
  }

  void close() {
    is_closed_ = true;
    lanes_.clear();  // kills what runs
  }

 private:
  struct Lane {
    std::optional<ChildProcess> running;
    std::deque<Job> waiting;
    bool is_busy = false;  // a command runs, or one that did not start is about to be reported
  };

  void wake() {
    if (std::exchange(is_awake_, true)) return;
    boost::asio::post(loop_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && !self->is_closed_) self->work();
    });
  }

  void work() {
    is_awake_ = false;
    for (auto& notice : std::exchange(superseded_, {})) {
      report({Outcome::Kind::superseded, std::move(notice), "gave way to later notices"});
    }
    while (free_places_ > 0 && !ready_.empty()) {
      const std::string router = std::move(ready_.front());
      ready_.pop_front();
      start_next(router);
    }
    if (!idle()) return;
    for (const auto& done : std::exchange(on_idle_, {})) done();
  }

  void start_next(const std::string& router) {
    Lane& lane = lanes_.at(router);
    Job job = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    lane.is_busy = true;
    --free_places_;

    const auto safe = check_command_is_safe(job.command.argv.front());
    if (!safe) {
      return finish({Outcome::Kind::refused, std::move(job.notice), safe.error().message});
    }
    // The lane owns the process and the desk the lane, so the callback cannot come after them.
    auto process = ChildProcess::start(loop_, job.command,
                                       [this, notice = job.notice](const ChildOutcome& child) {
                                         finish({kind_of(child), notice, child.to_string()});
                                       });
    if (!process) {
      return finish({Outcome::Kind::failed, std::move(job.notice), process.error().message});
    }
    lane.running = std::move(*process);
  }

  void finish(const Outcome& outcome) {
    const auto self = shared_from_this();  // the report may destroy the Notifier
    ++free_places_;
    const std::string router = lane_of(outcome.notice);
    const auto lane = lanes_.find(router);
    lane->second.running.reset();
    lane->second.is_busy = false;
    if (lane->second.waiting.empty()) {
      lanes_.erase(lane);
    } else {
      ready_.push_back(router);
    }
    wake();
    report(outcome);
  }

  void report(const Outcome& outcome) {
    if (report_ && !is_closed_) report_(outcome);
  }

  boost::asio::io_context& loop_;
  Report report_;
  std::size_t free_places_;
  std::unordered_map<std::string, Lane> lanes_;
  std::deque<std::string> ready_;   // lanes that wait for a place, each at most once
  std::vector<Notice> superseded_;  // to be reported
  std::vector<std::function<void()>> on_idle_;
  bool is_awake_ = false;  // work() is on its way
  bool is_closed_ = false;
};

Notifier::Notifier(boost::asio::io_context& loop, Report report, std::size_t parallel)
    : desk_(std::make_shared<Desk>(loop, std::move(report), parallel)) {}

Notifier::~Notifier() {
  desk_->close();
}

void Notifier::notify(const config::Notify& commands, Notice notice) {
  const auto accept = [&](const std::vector<std::string>& argv, bool any) {
    if (argv.empty()) return;
    notice.any = any;
    desk_->accept({make_command(argv, commands.timeout, notice), notice});
  };
  accept(command_for(commands, notice.state), false);
  accept(commands.any, true);
}

void Notifier::notify_of_service(const config::ServiceNotify& commands, Notice notice) {
  const auto& argv = notice.up ? commands.up : commands.down;
  if (argv.empty()) return;
  Command command = make_command(argv, commands.timeout, notice.service, notice.up, notice.cause);
  desk_->accept({std::move(command), std::move(notice)});
}

bool Notifier::idle() const noexcept {
  return desk_->idle();
}

void Notifier::when_idle(std::function<void()> done) {
  desk_->when_idle(std::move(done));
}

}  // namespace tandem::notify
