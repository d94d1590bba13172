// SPDX-License-Identifier: Apache-2.0
#include "tandem_side.hpp"

namespace tandem::ipvs {
namespace {

constexpr std::uint16_t kService = 4;  // of service_node.hpp: dsr, TCP
constexpr std::uint16_t kFirstSlot = 100, kFirstPort = 10'000;

TestService service() {
  return test_services()[kService - 1];
}

}  // namespace

// The service's own backends get nothing.
TandemSide::TandemSide() {
  for (const std::uint16_t slot : std::array<std::uint16_t, 2>{2 * kService, 2 * kService + 1})
    all_.node.set_backend(slot, balance::State::up, 0, now_);
}

void TandemSide::add(std::uint16_t backend, std::uint16_t weight) {
  all_.node.add_backend(static_cast<std::uint16_t>(kFirstSlot + backend), service(), weight, now_);
  backends_.push_back(backend);
}

std::optional<std::uint16_t> TandemSide::segment(std::uint32_t flow, std::uint8_t flags) {
  const auto frame = to_service(
      service(), {.port = static_cast<std::uint16_t>(kFirstPort + flow), .flags = flags});
  auto outcome = all_.node.steer(frame, rig::kLink, now_);
  if (td_is_punt(outcome.reason)) outcome = all_.node.admit(frame, rig::kLink, now_);
  if (!td_is_tx(outcome.reason) || outcome.out.backend < kFirstSlot) return std::nullopt;
  return static_cast<std::uint16_t>(outcome.out.backend - kFirstSlot);
}

void TandemSide::wait(std::uint32_t for_seconds) {
  for (; for_seconds > 0; for_seconds--) {
    now_ += std::chrono::seconds(1);
    all_.node.forwarder().sweep(ServiceNode::kFlows, all_.node.tick(now_));
  }
}

std::vector<Count> TandemSide::counts() {
  std::vector<Count> counts;
  for (const std::uint16_t backend : backends_) {
    const auto slot = static_cast<std::uint16_t>(kFirstSlot + backend);
    const auto& of = all_.node.forwarder().counts();
    counts.push_back({backend, of.active(slot), std::int64_t{of.total(slot)} - of.active(slot)});
  }
  return counts;
}

}  // namespace tandem::ipvs
