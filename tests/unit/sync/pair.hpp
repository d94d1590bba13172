// SPDX-License-Identifier: Apache-2.0
// Two nodes with the same services, and between them a stream in each direction: it delivers in
// order, in pieces, late, and it breaks.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "service_node.hpp"
#include "sync/session.hpp"

namespace tandem::sync {

inline constexpr std::uint32_t kPairFlows = ServiceNode::kFlows;

// Flows by what names them on both nodes: the test services have the same numbers on each.
using Picture = std::map<std::tuple<std::uint64_t, std::uint64_t, std::uint32_t>, std::uint32_t>;

struct Side {
  explicit Side(MonotonicTime now)
      : memory(now),
        shared(4711, flow::FlowTable4::elements_for(kPairFlows),
               flow::FlowTable6::elements_for(kPairFlows)) {
    memory.node.replicate(shared, now);
    sender.emplace(memory.node.forwarder(), shared);
    receiver.emplace(memory.node.forwarder(), shared);
  }

  void set_lease(bool held, MonotonicTime now) {
    for (auto& router : memory.memory.tables().vrouter) {
      if (router.family == 0) continue;
      router.lease_ns = held ? to_ns(now + std::chrono::hours(1)) : 0;
      router.lease_jiffies = held ? ~std::uint64_t{0} : 0;
    }
  }
  void work(MonotonicTime now) {
    memory.node.forwarder().look_at_leases(now);
    memory.node.forwarder().tell_clients(now);
    memory.node.forwarder().apply_changes(1 << 16, now, memory.node.tick(now));
    for (auto& packet : memory.node.let_go(now)) {
      if (on_let_go) on_let_go(packet);
      let_go.push_back(std::move(packet));
    }
  }
  // The process ends and another one goes on with the tables.
  void restart(MonotonicTime now) {
    session.reset();
    sender.reset();
    receiver.reset();
    auto fresh =
        std::make_unique<forward::Replication>(4711, flow::FlowTable4::elements_for(kPairFlows),
                                               flow::FlowTable6::elements_for(kPairFlows));
    memory.node.replicate(*fresh, now);
    sender.emplace(memory.node.forwarder(), *fresh);
    receiver.emplace(memory.node.forwarder(), *fresh);
    renewed = std::move(fresh);
  }
  [[nodiscard]] Picture picture() const {
    return picture_of([](std::uint8_t) { return true; });
  }
  // Of flows that have not begun to end: their owner has had them all the time since they began.
  [[nodiscard]] Picture living() const {
    return picture_of([](std::uint8_t state) { return !td_flow_is_ending(state); });
  }
  template <class Wanted>
  [[nodiscard]] Picture picture_of(Wanted wanted) const {
    Picture all;
    auto& f = const_cast<Side*>(this)->memory.node.forwarder();
    f.flows4().for_each([&](const auto& flow) {
      if (wanted(flow.state)) all[{flow.key, 0, 4}] = flow.backend;
    });
    f.flows6().for_each([&](const auto& flow) {
      if (!wanted(flow.state)) return;
      all[{flow.key.address[0] ^ flow.key.id, flow.key.address[1], 6}] = flow.backend;
    });
    return all;
  }
  [[nodiscard]] bool all_proved() const {
    bool all = true;
    for (std::uint16_t number = 1; number <= 13; number++)
      all = all && sender->proof(number) == Sender::Proof::proved;
    return all;
  }

  MemoryNode memory;
  forward::Replication shared;
  std::unique_ptr<forward::Replication> renewed;  // after a restart
  bool runs = true;
  std::optional<Sender> sender;
  std::optional<Receiver> receiver;
  std::optional<Session> session;
  std::deque<std::uint8_t> incoming;
  std::vector<ServiceNode::LetGo> let_go;  // that had been held
  std::function<void(const ServiceNode::LetGo&)> on_let_go;
};

class Pair {
 public:
  explicit Pair(unsigned seed, MonotonicTime start = MonotonicClock::now())
      : now(start), random_(seed) {
    a.set_lease(true, now);
    b.set_lease(false, now);
  }

  void connect() {
    a.incoming.clear();
    b.incoming.clear();
    a.session.emplace(Hello{.boot = 1, .node = "a"}, *a.sender, *a.receiver, now);
    b.session.emplace(Hello{.boot = 2, .node = "b"}, *b.sender, *b.receiver, now);
  }
  void disconnect() {
    a.session.reset();
    b.session.reset();
  }
  // piece: bytes that get through at most.
  void step(std::size_t piece = 1 << 20, Duration time = std::chrono::milliseconds(1)) {
    now += time;
    for (Side* side : {&a, &b}) {
      if (!side->runs) continue;
      side->work(now);
      if (!side->session) {
        side->sender->watch(now);
        continue;
      }
      ASSERT_TRUE(side->session->pass(now));
      Side& other = side == &a ? b : a;
      auto& out = side->session->output();
      if (filter) out = filter(std::move(out));
      const std::size_t n = std::min(out.size(), piece);
      other.incoming.insert(other.incoming.end(), out.begin(), out.begin() + static_cast<long>(n));
      out.erase(out.begin(), out.begin() + static_cast<long>(n));
    }
    for (Side* side : {&a, &b}) {
      if (!side->session) continue;
      const std::vector<std::uint8_t> bytes(side->incoming.begin(), side->incoming.end());
      const auto taken = side->session->receive(bytes, now);
      ASSERT_TRUE(taken) << taken.error().message;
      side->incoming.erase(side->incoming.begin(),
                           side->incoming.begin() + static_cast<long>(*taken));
    }
  }
  void packet(Side& side) {
    const auto services = test_services();
    const TestService& s = services[random_() % 13];
    constexpr std::uint8_t flags[] = {TD_TCP_SYN, TD_TCP_SYN, TD_TCP_ACK, TD_TCP_FIN | TD_TCP_ACK,
                                      TD_TCP_RST};
    const Segment segment{.client = static_cast<unsigned>(1 + random_() % 200),
                          .port = static_cast<std::uint16_t>(2000 + random_() % 5),
                          .flags = flags[random_() % 5]};
    const auto frame = to_service(s, segment);
    if (td_is_punt(side.memory.node.steer(frame, rig::kLink, now).reason))
      side.memory.node.admit(frame, rig::kLink, now);
  }
  void until_proved(int most = 500) {
    for (int i = 0; i < most && !a.all_proved(); i++) step();
  }
  // A second in ten steps, until both have the same.
  void until_equal(int most_seconds) {
    for (int i = 0; i < most_seconds && a.picture() != b.picture(); i++)
      for (int n = 0; n < 10; n++) step(1 << 20, std::chrono::milliseconds(100));
  }

  // What becomes of whole messages on their way; then all of them get through in one piece.
  std::function<std::vector<std::uint8_t>(std::vector<std::uint8_t>)> filter;
  MonotonicTime now;
  Side a{now}, b{now};
  std::mt19937 random_;
};

}  // namespace tandem::sync
