// SPDX-License-Identifier: Apache-2.0
#include "daemon/handovers.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace tandem::daemon {
namespace {

constexpr auto kBetweenLooks = std::chrono::milliseconds(20);  // while one is under way
constexpr auto kPatience = std::chrono::seconds(10);           // with the other node's flows

// Why it cannot begin; empty: it can.
std::string obstacle(const vrrp::Status& status, bool back) {
  if (back) return status.handed_over ? "" : "it was not handed over";
  if (status.handover == vrrp::HandoverEnd::under_way) return to_string(status.handover);
  if (status.state == vrrp::State::active) return {};
  return std::string("it is ") + to_string(status.state) + ", not Active";
}

nlohmann::json result(const std::string& name, bool done, const std::string& why) {
  return {{"name", name}, {"done", done}, {"why", why}};
}

// Of one that was begun. nullptr: the virtual router is gone.
nlohmann::json outcome(const std::string& name, const vrrp::Status* status) {
  if (status == nullptr) return result(name, false, "it was removed meanwhile");
  if (status->handover != vrrp::HandoverEnd::taken)
    return result(name, false, to_string(status->handover) + std::string("; it stays here"));
  if (status->peer.is_unspecified()) return result(name, true, "");
  return result(
      name, true,
      "peer " + status->peer.to_string() + ", priority " + std::to_string(status->peer_priority));
}

}  // namespace

// With the others of their sync groups: these move together.
std::vector<Handovers::Handover> Handovers::meant_by(
    const control::FailoverRequest& request) const {
  const auto& routers = running_.plan.routers;
  const auto named = [&](const speaker::PlannedRouter& r) {
    return request.names.empty() ||
           std::ranges::find(request.names, r.config.name) != request.names.end();
  };
  std::vector<Handover> list;
  for (const auto& r : routers) {
    const auto takes_along = [&](const speaker::PlannedRouter& other) {
      return named(other) && r.config.moves_with(other.config);
    };
    if (std::ranges::any_of(routers, takes_along)) list.push_back({r.config.name, r.id, false, {}});
  }
  return list;
}

std::string Handovers::missing_there(const std::vector<Handover>& wanted) const {
  for (const auto& w : wanted)
    if (const auto* router = running_.plan.find(w.router); router != nullptr && gate_.missing_there)
      if (auto missing = gate_.missing_there(*router); !missing.empty()) return missing;
  return {};
}

void Handovers::begin(const control::FailoverRequest& request, control::Completion done) {
  begin_with_flows(request, MonotonicClock::now() + kPatience, std::move(done));
}

void Handovers::begin_with_flows(const control::FailoverRequest& request, MonotonicTime until,
                                 control::Completion done) {
  if (request.force) {
    if (request.back && gate_.open)
      for (const auto& w : meant_by(request)) gate_.open(w.router);
    return begin_now(request, std::move(done));
  }
  const std::string missing = request.back ? "" : missing_there(meant_by(request));
  if (missing.empty()) return begin_now(request, std::move(done));
  if (MonotonicClock::now() >= until)
    return done(
        fail("nothing was handed over: the other node does not have all flows (" + missing +
             "), so connections would break; `tandemctl sync` tells more, --force hands over all "
             "the same"));
  look_again(
      [this, request, until, done = std::move(done)] { begin_with_flows(request, until, done); });
}

void Handovers::look_again(std::function<void()> look) {
  const auto again = std::make_shared<boost::asio::steady_timer>(loop_, kBetweenLooks);
  again->async_wait([again, look = std::move(look),
                     alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (!error && !alive.expired()) look();
  });
}

// Which of them can move is seen before the first one does: it takes its sync group along.
void Handovers::begin_now(const control::FailoverRequest& request, control::Completion done) {
  const auto wanted = std::make_shared<std::vector<Handover>>(meant_by(request));
  vrrp_.post(
      [wanted, request](speaker::VrrpDriver& driver, MonotonicTime now) {
        for (auto& w : *wanted) {
          w.why = obstacle(driver.routers().status(w.router), request.back);
          w.begun = w.why.empty();
        }
        if (request.names.empty())
          std::erase_if(*wanted, [](const Handover& w) { return !w.begun; });
        for (const auto& w : *wanted) {
          if (!w.begun) continue;
          request.back ? driver.back(w.router, now)
                       : driver.hand_over(w.router, request.force, now);
        }
      },
      [this, wanted, back = request.back, done = std::move(done)] { report(wanted, back, done); });
}

void Handovers::report(const List& wanted, bool back, const control::Completion& done) {
  with_snapshot(
      vrrp_, running_.plan, [this, wanted, back, done](const speaker::Snapshot& snapshot) {
        nlohmann::json results = nlohmann::json::array();
        for (const auto& w : *wanted) {
          const auto found = std::ranges::find(snapshot.routers, w.router, &vrrp::Status::id);
          const vrrp::Status* status = found == snapshot.routers.end() ? nullptr : &*found;
          if (!w.begun || back) {
            results.push_back(result(w.name, w.begun, w.why));
          } else if (status != nullptr && status->handover == vrrp::HandoverEnd::under_way) {
            return look_again([this, wanted, back, done] { report(wanted, back, done); });
          } else {
            results.push_back(outcome(w.name, status));
          }
        }
        done(std::move(results));
      });
}

}  // namespace tandem::daemon
