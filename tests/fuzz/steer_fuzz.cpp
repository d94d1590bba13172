// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as a frame at the node of tests/bpf/rig.hpp: once with its leases, once without.
// No byte behind the frame is touched, and a node without a lease lets nothing through that
// concerns a virtual router. And at the node of tests/bpf/service_node.hpp, whose data thread takes
// what XDP hands over: counts stay those of the flow table.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "core.hpp"
#include "rig.hpp"
#include "service_node.hpp"

namespace {

using namespace tandem;

constexpr std::uint64_t kNow = 1;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Node {
  std::unique_ptr<td_tables> tables;
  core::Memory memory{*tables};
};

std::unique_ptr<td_tables> tables(bool with_leases) {
  auto tables = std::make_unique<td_tables>();
  flow::Steering steering(*tables, [] { return 1; });
  require(rig::fill(steering).has_value());
  for (const auto& r : rig::routers())
    if (!with_leases) steering.revoke_lease(r.slot, MonotonicClock::now());
  return tables;
}

bool unconcerned(td_reason reason) {
  return reason == TD_PASS_OTHER || reason == TD_PASS_MALFORMED || reason == TD_TAKE_ADVERT ||
         reason == TD_DROP_ADVERT_TOO_LONG;
}

// At most the destination's MAC is another, if it is no answer.
void is_left_alone(const core::Outcome& out, const std::vector<std::uint8_t>& frame) {
  require(out.frame.size() == frame.size());
  for (std::size_t i = td_is_pass(out.reason) && !unconcerned(out.reason) ? 6 : 0; i < frame.size();
       i++)
    require(out.frame[i] == frame[i]);
}

// It goes back to who asked, from a virtual MAC.
void is_an_answer(const core::Outcome& out, const std::vector<std::uint8_t>& frame) {
  const bool to_all_nodes = out.reason == TD_TX_NA && out.frame[0] == 0x33;
  require(to_all_nodes || std::equal(&frame[6], &frame[12], &out.frame[0]));
  require(td_is_virtual_mac(&out.frame[6]));
}

// Flows come and go with what is fed; time passes.
class Services {
 public:
  Services() {
    for (const auto& frame : service_frames()) take(frame);
  }
  void take(const std::vector<std::uint8_t>& frame) {
    now_ += std::chrono::milliseconds(1);
    const std::uint32_t link = ++frames_ % 2 == 0 ? rig::kLink : rig::kOtherLink;
    if (td_is_punt(memory_.node.steer(frame, link, now_).reason))
      memory_.node.admit(frame, link, now_);
    auto& forwarder = memory_.node.forwarder();
    forwarder.sweep(1, memory_.node.tick(now_));
    if (frames_ % 1024 != 0) return;
    const auto sums = forwarder.sums();
    std::uint64_t counted = 0;
    forwarder.flows4().for_each([&](const auto& flow) { counted += flow.counted; });
    forwarder.flows6().for_each([&](const auto& flow) { counted += flow.counted; });
    require(sums.in_table == counted && sums.in_schedulers == counted);
  }

 private:
  std::uint64_t frames_ = 0;
  MonotonicTime now_{std::chrono::hours(1)};
  MemoryNode memory_{now_};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;  // nothing has no address
  static const Node holder{tables(true)}, other{tables(false)};
  const std::vector<std::uint8_t> frame(data, data + size);

  const core::Outcome held = core::steer(holder.memory, frame, rig::kLink, kNow);
  td_is_tx(held.reason) ? is_an_answer(held, frame) : is_left_alone(held, frame);

  const core::Outcome lost = core::steer(other.memory, frame, rig::kLink, kNow);
  is_left_alone(lost, frame);
  require(unconcerned(held.reason) == unconcerned(lost.reason));
  require(unconcerned(lost.reason) || (!td_is_pass(lost.reason) && !td_is_tx(lost.reason)));

  static Services services;
  services.take(frame);
  return 0;
}
