// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as what a peer sends, to a node that holds its leases and to one that does not: no
// byte behind them is touched, counts stay those of the flow table, and flows that a node decided
// itself stay. What parses is a message that we could have sent: written, it is read as the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "rig.hpp"
#include "service_node.hpp"
#include "sync/session.hpp"

namespace {

using namespace tandem;

void require(bool holds) {
  if (!holds) std::abort();
}

void survives_a_round_trip(std::span<const std::uint8_t> stream) {
  const auto frame = sync::parse(stream);
  if (!frame || !*frame || !(*frame)->message) return;
  std::vector<std::uint8_t> written, again;
  sync::append(written, *(*frame)->message);
  const auto read = sync::parse(written);
  if (written.empty()) return;  // a list of nothing
  require(read && *read && (*read)->message && (*read)->bytes == written.size());
  sync::append(again, *(*read)->message);
  require(again == written);
}

class Node {
 public:
  explicit Node(bool holds_leases)
      : holds_leases_(holds_leases),
        shared_(1, flow::FlowTable4::elements_for(ServiceNode::kFlows),
                flow::FlowTable6::elements_for(ServiceNode::kFlows)) {
    memory_.node.replicate(shared_, now_);
    if (!holds_leases)
      for (auto& router : memory_.memory.tables().vrouter)
        router.lease_ns = router.lease_jiffies = 0;
    for (const TestService& s : test_services())
      memory_.node.set_affinity(s, std::chrono::minutes(1), now_);
    forwarder().look_at_leases(now_);
    for (const auto& frame : holds_leases ? service_frames() : std::vector<frames::Bytes>())
      if (memory_.node.steer(frame, rig::kLink, now_).reason == TD_PUNT_MISS)
        memory_.node.admit(frame, rig::kLink, now_);
    own_ = flows();
    sender_ = std::make_unique<sync::Sender>(forwarder(), shared_);
    receiver_ = std::make_unique<sync::Receiver>(forwarder(), shared_);
  }

  void take(std::span<const std::uint8_t> bytes) {
    now_ += std::chrono::milliseconds(10);
    sync::Session session({.boot = 1, .node = "a"}, *sender_, *receiver_, now_);
    session.exchange(wishes_);
    std::vector<std::uint8_t> stream;
    sync::append(stream, sync::Hello{.boot = 2, .node = "b"});
    stream.insert(stream.end(), bytes.begin(), bytes.end());
    std::span<const std::uint8_t> left = stream;
    for (int pass = 0; pass < 4; pass++) {
      const auto taken = session.receive(left, now_);
      forwarder().tell_clients(now_);
      forwarder().apply_changes(1 << 16, now_, memory_.node.tick(now_));
      if (!taken || !session.pass(now_)) break;
      left = left.subspan(*taken);
    }
    const auto sums = forwarder().sums();
    std::uint64_t counted = 0;
    forwarder().flows4().for_each([&](const auto& flow) { counted += flow.counted; });
    forwarder().flows6().for_each([&](const auto& flow) { counted += flow.counted; });
    require(sums.in_table == counted && sums.in_schedulers == counted);
    require(!holds_leases_ || flows() >= own_);
  }

 private:
  forward::Forwarder& forwarder() { return memory_.node.forwarder(); }
  std::uint32_t flows() { return forwarder().flows4().flows() + forwarder().flows6().flows(); }

  bool holds_leases_;
  MonotonicTime now_{std::chrono::hours(1)};
  MemoryNode memory_{now_};
  forward::Replication shared_;
  std::unique_ptr<sync::Sender> sender_;
  std::unique_ptr<sync::Receiver> receiver_;
  sync::WishExchange wishes_;
  std::uint32_t own_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Node owner(true), replica(false);
  const std::span<const std::uint8_t> stream(data, size);
  survives_a_round_trip(stream);
  owner.take(stream);
  replica.take(stream);
  return 0;
}
