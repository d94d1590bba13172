// SPDX-License-Identifier: Apache-2.0
// Theory of operation.
//
// A Watch is one check: its probe, its rhythm and its verdict. It has one timer, which is either
//   due       - the next run begins, or
//   deadline  - the run has taken `timeout` and is given up.
//
// Rhythm: the first run begins at once (the first runs of many checks kFirstRunGap apart, so that
// the loop gets to other things in between). The second run falls anywhere within one interval,
// by the check's place in the list, and from then on runs begin `interval` apart. So a thousand
// checks of one second spread over the second. A run that takes longer than the interval, or a
// loop that stood still, skips the turns that were missed and keeps the rhythm.
//
// A handler that was already on its way when its timer was set anew, or when its run was stopped,
// knows by its turn number that it is stale.
#include "health/checker.hpp"

#include <algorithm>
#include <boost/asio/basic_waitable_timer.hpp>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "health/probe.hpp"

namespace tandem::health {
namespace {

constexpr Duration kFirstRunGap = std::chrono::microseconds(100);

// Multiples of the golden ratio, modulo 1, spread evenly however many there are.
Duration phase(std::size_t index, Duration interval) {
  constexpr double kGolden = 0.6180339887498949;
  const double fraction = std::fmod(static_cast<double>(index + 1) * kGolden, 1.0);
  return Duration(static_cast<Duration::rep>(static_cast<double>(interval.count()) * fraction));
}

// "1s", "250ms".
std::string to_text(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

}  // namespace

class Checker::Watch : public std::enable_shared_from_this<Watch> {
 public:
  Watch(boost::asio::io_context& loop, const config::Check& check, const SharedLocalPorts& ports,
        const OnChange& on_change)
      : check_(check),
        probe_(make_probe(loop, check, ports)),
        timer_(loop),
        on_change_(on_change),
        verdict_(check.fall, check.rise) {
    status_.name = check.name;
  }

  void begin(std::size_t index) {
    index_ = index;
    status_.since = MonotonicClock::now();
    const auto first = status_.since + kFirstRunGap * index;
    next_due_ = first + phase(index, check_.interval);
    arm(first, &Watch::run);
  }

  void stop() {
    ++turn_;
    timer_.cancel();
    (void)probe_->stop();
  }

  void set_index(std::size_t index) noexcept { index_ = index; }
  [[nodiscard]] const config::Check& check() const noexcept { return check_; }
  [[nodiscard]] const Status& status() const noexcept { return status_; }

 private:
  void arm(MonotonicTime when, void (Watch::*event)()) {
    timer_.expires_at(when);
    timer_.async_wait([weak = weak_from_this(), event, turn = ++turn_](const auto& error) {
      const auto self = weak.lock();
      if (self && !error && self->turn_ == turn) (self.get()->*event)();
    });
  }

  void run() {
    started_ = MonotonicClock::now();
    arm(started_ + check_.timeout, &Watch::give_up);
    probe_->start([weak = weak_from_this(), turn = turn_](ProbeResult result) {
      const auto self = weak.lock();
      if (self && self->turn_ == turn) self->conclude(std::move(result));
    });
  }

  void give_up() {
    conclude({false, "timed out after " + to_text(check_.timeout) + " while " + probe_->stop()});
  }

  void conclude(ProbeResult result) {
    const auto now = MonotonicClock::now();
    const bool has_changed = verdict_.record(result.pass);
    if (!result.pass) ++status_.figures.failures;
    status_.consecutive = verdict_.consecutive();
    status_.detail = std::move(result.detail);
    status_.begun = started_;
    status_.figures.latency = now - started_;
    ++status_.figures.runs;
    arm(next_turn(now), &Watch::run);
    if (!has_changed) return;
    status_.state = verdict_.state();
    status_.since = now;
    // A copy, because the callback may change the list of checks.
    const std::string why = status_.detail;
    on_change_(index_, status_.state == State::up, why);
  }

  MonotonicTime next_turn(MonotonicTime now) {
    if (next_due_ < now) next_due_ += check_.interval * ((now - next_due_) / check_.interval + 1);
    return std::exchange(next_due_, next_due_ + check_.interval);
  }

  config::Check check_;
  std::unique_ptr<Probe> probe_;
  boost::asio::basic_waitable_timer<MonotonicClock> timer_;
  const OnChange& on_change_;
  VerdictCounter verdict_;
  Status status_;
  std::size_t index_ = 0;
  std::uint64_t turn_ = 0;
  MonotonicTime started_{};
  MonotonicTime next_due_{};  // the run after the one that is armed or under way
};

Checker::Checker(boost::asio::io_context& loop, OnChange on_change, SharedLocalPorts ports)
    : loop_(loop), on_change_(std::move(on_change)), ports_(std::move(ports)) {}

Checker::~Checker() {
  for (const auto& watch : watches_) watch->stop();
}

void Checker::apply(const std::vector<config::Check>& checks) {
  std::unordered_multimap<std::string, std::shared_ptr<Watch>> running;
  for (auto& watch : watches_) running.emplace(watch->check().name, watch);
  watches_.clear();
  watches_.reserve(checks.size());

  for (std::size_t index = 0; index < checks.size(); ++index) {
    const auto [first, last] = running.equal_range(checks[index].name);
    const auto same = std::find_if(
        first, last, [&](const auto& entry) { return entry.second->check() == checks[index]; });
    if (same != last) {
      same->second->set_index(index);
      watches_.push_back(same->second);
      running.erase(same);
      continue;
    }
    watches_.push_back(std::make_shared<Watch>(loop_, checks[index], ports_, on_change_));
    watches_.back()->begin(index);
  }
  for (const auto& [name, watch] : running) watch->stop();
}

Status Checker::status(std::size_t index) const {
  return watches_.at(index)->status();
}

std::vector<Status> Checker::statuses() const {
  std::vector<Status> all;
  all.reserve(watches_.size());
  for (const auto& watch : watches_) all.push_back(watch->status());
  return all;
}

}  // namespace tandem::health
