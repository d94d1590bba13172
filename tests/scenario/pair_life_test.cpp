// SPDX-License-Identifier: Apache-2.0
// The whole pair: virtual routers on a wire that loses and is cut, flow tables that clients' packets
// change, and a sync link that breaks and is thin. Nodes crash, hand over and come back; control threads
// stand still. A life is many stories, each of which ends well.
//
// At any time one node answers, and what both had stays with both for as long as its owner has it. Every
// other service forwards a first packet only when the peer has its flow, or counts that it did not wait. At a
// story's end the better node has the address, both tables are proved equal, and the schedulers' counts
// are those of the tables.
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "pair.hpp"
#include "simulation.hpp"
#include "vrrp/timers.hpp"

namespace tandem::scenario {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kTick = milliseconds(20);
constexpr Duration kInterval = milliseconds(100);
constexpr int kStories = 25;  // in a life
constexpr int kTicks = 100;   // of disturbances in a story
constexpr unsigned kServices = 13;
constexpr Duration kHold = seconds(1);  // of first packets; a message and its answer take two ticks
constexpr Duration kAge = seconds(40);  // of a client: less than any flow is remembered

// A life each, 10,000 stories in all. To see some again, or many more: TANDEM_SEEDS=17,
// TANDEM_SEEDS=1-4000. Each goes the same way again, but for the flow tables' own hashing.
constexpr std::uint32_t kLives = 400;

std::array<Simulation::Routers, kNodes> routers() {
  vrrp::Settings s;
  s.vrid = 51;
  s.priority = 150;
  s.advert_interval = kInterval;
  s.addresses = {*IpAddress::parse("192.0.2.100")};
  s.waits_for_flows = true;
  std::array<Simulation::Routers, kNodes> both{{{s}, {s}}};
  both[1][0].priority = 100;
  return both;
}

using sync::Picture;

// At flows that both had and that their owner has still.
struct Looks {
  std::uint64_t flows = 0, lost = 0;
  std::uint64_t let_go = 0;  // first packets that went on as acknowledged
};
using sync::Side;

Picture::key_type in_picture(const forward::FlowId& flow) {
  if (flow.family == TD_IPV4) return {forward::key_of<flow::FlowTable4>(flow), 0, 4};
  const auto key = forward::key_of<flow::FlowTable6>(flow);
  return {key.address[0] ^ key.id, key.address[1], 6};
}

// Nullopt: the flow is not there.
std::optional<std::uint16_t> backend_at(Side& side, const forward::FlowId& flow) {
  const auto backend_of = [](const auto& found) -> std::optional<std::uint16_t> {
    if (!found) return std::nullopt;
    return found->backend;
  };
  auto& f = side.memory.node.forwarder();
  if (flow.family == TD_IPV4)
    return backend_of(f.flows4().find(forward::key_of<flow::FlowTable4>(flow)));
  return backend_of(f.flows6().find(forward::key_of<flow::FlowTable6>(flow)));
}

class Life {
 public:
  [[nodiscard]] const Looks& looks() const { return looks_; }
  explicit Life(std::uint32_t seed)
      : random_(seed),
        simulation_(seed, WireSettings{}, routers()),
        pair_(seed, simulation_.now()),
        sides_{&pair_.a, &pair_.b} {
    simulation_.connect({.present = true, .most_delay = milliseconds(5)});
    for (int n = 0; n < kNodes; ++n) {
      simulation_.in_sync(n, false);
      simulation_.start(n);
    }
    for (int n = 0; n < kNodes; ++n) {
      for (unsigned i = 0; i < kServices; i += 2)
        sides_[n]->memory.node.set_before_forward(test_services()[i], pair_.now);
      set_hold(n);
      sides_[n]->on_let_go = [this, n](const ServiceNode::LetGo& packet) { look_at(n, packet); };
    }
    pair_.connect();
    heal();
  }

  void story() {
    for (int i = 0; i < kTicks && !testing::Test::HasFailure(); ++i) {
      if (random_() % 12 == 0) disturb();
      for (auto n = random_() % 3; n > 0; --n) packet();
      tick(kTick);
      if (i % 25 == 24) look_at_acknowledged();
    }
    heal();
    expect_rest();
    apart_ = false;
    owned_ = {};
    acknowledged_.clear();
  }

 private:
  void tick(Duration time) {
    simulation_.run(time);
    for (int n = 0; n < kNodes; ++n)
      sides_[n]->set_lease(simulation_.answers(n, 0), pair_.now + time);
    for (int n = 0; n < kNodes; ++n) owned_[n] = owned_[n] || simulation_.answers(n, 0);
    apart_ = apart_ || (simulation_.answers(0, 0) && simulation_.answers(1, 0));
    pair_.step(piece_, time);
    for (Side* side : sides_) {
      if (side->runs && !quiet_)
        side->memory.node.forwarder().sweep(16, side->memory.node.tick(pair_.now));
    }
    if (++ticks_ % 5 != 0) return;
    for (int n = 0; n < kNodes; ++n) {
      if (sides_[n]->runs)
        simulation_.in_sync(n, !simulation_.answers(n, 0) && has_all(*sides_[n]));
    }
  }

  static bool has_all(const Side& side) {
    if (!side.session) return false;
    for (std::uint16_t number = 1; number <= kServices; ++number)
      if (!side.receiver->proved(number)) return false;
    return true;
  }

  void connect() {
    if (pair_.a.runs && pair_.b.runs && !pair_.a.session) pair_.connect();
    simulation_.cut_sync(!pair_.a.session);
  }
  void set_hold(int node) { sides_[node]->memory.node.forwarder().set_longest_hold(kHold); }
  void disconnect() {
    pair_.disconnect();
    simulation_.cut_sync(true);
  }
  void start(int node) {
    if (sides_[node]->runs) return;
    sides_[node]->restart(pair_.now);
    set_hold(node);
    sides_[node]->runs = true;
    simulation_.in_sync(node, false);
    simulation_.start(node);
  }
  void disturb() {
    const int node = static_cast<int>(random_() % kNodes);
    switch (random_() % 9) {
      case 0:
        if (!sides_[node]->runs) return;
        disconnect();
        sides_[node]->runs = false;
        return simulation_.crash(node);
      case 1:
        return start(node);
      case 2:
        if (!simulation_.active(node, 0) || !sides_[node]->all_proved()) return;
        return simulation_.fail_over(node, 0);
      case 3:
        return simulation_.cut(random_() % 2 == 0);
      case 4:
        return disconnect();
      case 5:
        return connect();
      case 6:
        piece_ = std::size_t{1} << (6 + random_() % 15);
        return;
      case 7:
        return simulation_.lose(node, static_cast<double>(random_() % 10) / 10);
      default:
        if (simulation_.running(node)) simulation_.control(node, random_() % 2 == 0);
    }
  }

  // A client begins a connection, goes on with one, or ends it. What has ended does not come back.
  void packet() {
    const auto services = test_services();
    std::erase_if(clients_,
                  [this](const Client& client) { return pair_.now - client.born > kAge; });
    if (clients_.empty() || random_() % 3 == 0) {
      ++next_;
      clients_.push_back({next_ % kServices, 1 + next_ % 200,
                          static_cast<std::uint16_t>(1024 + next_ % 60000), pair_.now});
      return send(clients_.back(), services, TD_TCP_SYN);
    }
    const std::size_t at = random_() % clients_.size();
    const Client client = clients_[at];
    const bool ends = random_() % 4 == 0;
    if (ends) clients_.erase(clients_.begin() + static_cast<long>(at));
    send(client, services, ends ? TD_TCP_RST : TD_TCP_ACK);
  }

  struct Client {
    unsigned service, address;
    std::uint16_t port;
    MonotonicTime born{};
  };
  // To whoever answers; a node whose process has gone forwards what it knows.
  void send(const Client& client, const std::vector<TestService>& services, std::uint8_t flags) {
    for (int n = 0; n < kNodes; ++n) {
      if (!simulation_.answers(n, 0)) continue;
      Side& side = *sides_[n];
      const auto frame =
          to_service(services[client.service],
                     {.client = client.address, .port = client.port, .flags = flags});
      const auto reason = side.memory.node.steer(frame, rig::kLink, pair_.now).reason;
      if (td_is_punt(reason) && side.runs)
        side.memory.node.admit_or_hold(frame, rig::kLink, pair_.now);
    }
  }

  // A first packet goes on. Whatever becomes of the nodes from here on, both have its flow.
  void look_at(int node, const ServiceNode::LetGo& packet) {
    sides_[node]->let_go.clear();
    if (!packet.acknowledged || !td_is_tx(packet.outcome.reason) || apart_) return;
    looks_.let_go++;
    const std::uint16_t backend = packet.outcome.out.backend;
    EXPECT_EQ(backend_at(*sides_[1 - node], packet.flow), backend)
        << "service " << packet.flow.service;
    acknowledged_[in_picture(packet.flow)] = backend;
  }

  // What both had once is lacking nowhere while one of them has it as its owner. If both were owners since
  // the last look, either may have ended it; and if both were at the same time, nothing is known until
  // they have proved again that they are equal. A flow that was reset says nothing: the owner forgets it
  // soon, and may get it back from a node that had not heard of that yet and offers what it has.
  void look_at_acknowledged() {
    const int owner = simulation_.answers(0, 0) ? 0 : 1;
    const auto owned = std::exchange(owned_, {});
    if (apart_ || owned[1 - owner] || !simulation_.answers(owner, 0)) return acknowledged_.clear();
    const Picture own = sides_[owner]->living(), other = sides_[1 - owner]->picture();
    const auto same = [](const Picture& picture, const Picture::value_type& flow) {
      const auto found = picture.find(flow.first);
      return found != picture.end() && found->second == flow.second;
    };
    for (const auto& flow : acknowledged_) {
      if (!same(own, flow)) continue;
      looks_.flows++;
      if (!same(other, flow)) looks_.lost++;
    }
    acknowledged_.clear();
    for (const auto& flow : own)
      if (same(other, flow)) acknowledged_.insert(flow);
  }

  [[nodiscard]] bool is_at_rest() const {
    return simulation_.active(0, 0) && !simulation_.answers(1, 0) && pair_.a.all_proved() &&
           has_all(pair_.b);
  }

  void heal() {
    simulation_.cut(false);
    simulation_.stop_loss();
    piece_ = 1 << 20;
    for (int n = 0; n < kNodes; ++n) {
      start(n);
      simulation_.control(n, true);
    }
    connect();
    for (int i = 0; i < 2'000 && !is_at_rest(); ++i) {
      tick(kTick);
      // Handed over by the operator: it comes back when the operator says so.
      if (i % 50 == 49) simulation_.back(0, 0);
    }
  }

  [[nodiscard]] std::string differences() const {
    std::string text;
    const Picture a = pair_.a.picture(), b = pair_.b.picture();
    const auto compare = [&](const Picture& one, const Picture& other, const char* who) {
      for (const auto& [flow, backend] : one) {
        const auto found = other.find(flow);
        if (found != other.end() && found->second == backend) continue;
        text += std::string(who) + " has " + std::to_string(std::get<0>(flow)) + "/" +
                std::to_string(std::get<1>(flow)) + " at " + std::to_string(backend) + "\n";
      }
    };
    compare(a, b, "a");
    compare(b, a, "b");
    return text;
  }

  void expect_rest() {
    ASSERT_TRUE(is_at_rest()) << "Active: " << simulation_.active(0, 0) << simulation_.active(1, 0)
                              << ", proved: " << pair_.a.all_proved() << has_all(pair_.b);
    quiet_ = true;  // what a sweep has just removed is on its way
    for (int i = 0; i < 10; ++i) tick(kTick);
    quiet_ = false;
    EXPECT_EQ(differences(), "");
    for (Side* side : sides_) {
      auto& forwarder = side->memory.node.forwarder();
      std::uint64_t counted = 0;
      forwarder.flows4().for_each([&](const auto& flow) { counted += flow.counted; });
      forwarder.flows6().for_each([&](const auto& flow) { counted += flow.counted; });
      EXPECT_EQ(forwarder.sums().in_table, counted);
      EXPECT_EQ(forwarder.sums().in_schedulers, counted);
    }
    const Duration lease = vrrp::lease_time(kInterval, 3);
    EXPECT_LE(simulation_.longest_overlap(), lease + kInterval + milliseconds(40));
    EXPECT_LE(simulation_.longest_ghost(), lease);
    EXPECT_EQ(simulation_.violation(), "");
  }

  std::mt19937 random_;
  Simulation simulation_;
  sync::Pair pair_;
  std::array<Side*, kNodes> sides_;
  std::size_t piece_ = 1 << 20;
  std::vector<Client> clients_;
  unsigned next_ = 0;
  unsigned ticks_ = 0;
  std::array<bool, kNodes> owned_{};  // since the last look
  bool apart_ = false;                // in this story
  bool quiet_ = false;
  Picture acknowledged_;
  Looks looks_;
};

TEST(PairLife, IsLongAndKeepsItsFlows) {
  Looks looks;
  for (const std::uint32_t seed : seeds(kLives)) {
    Life life(seed);
    for (int story = 1; story <= kStories; ++story) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", story " + std::to_string(story));
      life.story();
      if (HasFailure()) return;
    }
    looks.flows += life.looks().flows;
    looks.lost += life.looks().lost;
    looks.let_go += life.looks().let_go;
  }
  std::cout << looks.lost << " of " << looks.flows << " looks found a flow lost; " << looks.let_go
            << " first packets waited for the peer\n";
  EXPECT_EQ(looks.lost, 0U);
  EXPECT_GT(looks.let_go, 0U);
}

}  // namespace
}  // namespace tandem::scenario
