// SPDX-License-Identifier: Apache-2.0
#include "speaker/speaker.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "speaker/router_changes.hpp"

namespace tandem::speaker {

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
                  [](const std::string& line) { spdlog::warn("{}", line); }) {}

void Speaker::follow(const Plan& plan, std::function<void(const VrrpEvent&)> take) {
  events_.emplace(loop_, thread_->event_fd(), [this, &plan, take = std::move(take)] {
    if (!thread_->process(take)) restate_addresses(*thread_, plan);
  });
}

}  // namespace tandem::speaker
