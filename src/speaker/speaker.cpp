// SPDX-License-Identifier: Apache-2.0
#include "speaker/speaker.hpp"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "speaker/router_changes.hpp"

namespace tandem::speaker {
namespace {

constexpr Duration kBetweenBeats = std::chrono::milliseconds(100);
constexpr Duration kBetweenLooks = std::chrono::milliseconds(250);  // at the programs

}  // namespace

Result<std::unique_ptr<Speaker>> Speaker::start(boost::asio::io_context& loop,
                                                netlink::Links& links,
                                                engine::SteeringProgram& program,
                                                flow::Steering& steering,
                                                dataplane::DataPlane& plane) {
  auto ring = engine::AdvertRing::open(program.advert_ring_fd());
  if (!ring) return std::unexpected(ring.error());
  while (ring->drain(64, [](const td_advert&) {}) > 0) {
  }
  auto thread = VrrpThread::start(steering, std::move(*ring));
  if (!thread) return std::unexpected(thread.error());
  std::unique_ptr<Speaker> self(new Speaker(loop, links, program, plane, std::move(*thread)));
  auto peers = Peers::open(loop, self->thread());
  if (!peers) return std::unexpected(peers.error());
  self->peers_ = std::move(*peers);
  return self;
}

Speaker::Speaker(boost::asio::io_context& loop, netlink::Links& links,
                 engine::SteeringProgram& program, dataplane::DataPlane& plane,
                 std::unique_ptr<VrrpThread> thread)
    : loop_(loop),
      thread_(std::move(thread)),
      interfaces_(links, program, plane, *thread_,
                  [](const std::string& line) { spdlog::warn("{}", line); }),
      stall_causes_(thread_->realtime().thread) {}

void Speaker::follow(const Plan& plan, std::function<void(const VrrpEvent&)> take) {
  // Hundreds of addresses take their time: with each router's the control thread shows that it runs.
  const auto take_one = [this, take = std::move(take)](const VrrpEvent& event) {
    take(event);
    thread_->beat();
  };
  const auto process = [this, &plan, take_one] {
    if (!thread_->process(take_one)) restate_addresses(*thread_, plan);
  };
  events_.emplace(loop_, thread_->event_fd(), process);
  beat_due_.emplace(loop_, [this] { beat(); });
  beat();
  stall_causes_due_.emplace(loop_, [this] { read_stall_causes(); });
  read_stall_causes();
  // A takeover's addresses must not wait for the kernel's verifier.
  interfaces_.set_meanwhile([this, process] {
    pollfd ready{thread_->event_fd(), POLLIN, 0};
    if (poll(&ready, 1, 10) > 0) process();
    thread_->beat();
  });
}

void Speaker::beat() {
  thread_->beat();
  beat_due_->set(MonotonicClock::now() + kBetweenBeats);
}

void Speaker::read_stall_causes() {
  stall_causes_.read();
  stall_causes_due_->set(MonotonicClock::now() + StallCauses::kInterval);
}

void Speaker::watch_programs(const Plan& plan, std::function<void()> lost) {
  programs_due_.emplace(loop_, [this, &plan, lost = std::move(lost)] {
    if (!interfaces_.keep_programs(plan.routers, MonotonicClock::now())) lost();
    programs_due_->set(MonotonicClock::now() + kBetweenLooks);
  });
  programs_due_->set(MonotonicClock::now() + kBetweenLooks);
}

}  // namespace tandem::speaker
