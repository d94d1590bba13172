// SPDX-License-Identifier: Apache-2.0
// Workers between ports that are rings in memory: what they are given comes out as the packet core
// would have it, and every mbuf comes back.
#include "engine/dpdk/worker.hpp"

#include <gtest/gtest.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <map>
#include <numeric>
#include <thread>

#include "engine/dpdk/eal.hpp"
#include "engine/dpdk/port.hpp"
#include "forward/counted.hpp"
#include "service_node.hpp"

namespace tandem::engine {
namespace {

constexpr std::uint32_t kRing = 8192;
constexpr std::uint32_t kFrames = 8191;
const MonotonicTime kStart = MonotonicClock::now();

// DPDK without huge pages, once for all tests.
class Dpdk : public testing::Environment {
 public:
  void SetUp() override {
    auto started = start_eal({64, false}, [](const std::string&) {});
    ASSERT_TRUE(started) << started.error().message;
  }
};
[[maybe_unused]] const auto* const kDpdk = testing::AddGlobalTestEnvironment(new Dpdk);

FramePool make_pool(std::uint32_t frames = kFrames) {
  static int number = 0;
  auto pool = FramePool::create("pool" + std::to_string(number++), frames, 2048);
  EXPECT_TRUE(pool) << pool.error().message;
  return std::move(*pool);
}

// A port with two queues of rings in each direction.
class RingPort {
 public:
  explicit RingPort(const FramePool& pool, std::uint32_t tx_size = kRing) : pool_(pool) {
    static int number = 0;
    const std::string name = "p" + std::to_string(number++);
    for (std::size_t i = 0; i < 2; i++) {
      const std::string queue = name + "-" + std::to_string(i);
      rx_[i] = rte_ring_create((queue + "rx").c_str(), kRing, SOCKET_ID_ANY, 0);
      tx_[i] = rte_ring_create((queue + "tx").c_str(), tx_size, SOCKET_ID_ANY, 0);
    }
    const int id = rte_eth_from_rings(name.c_str(), rx_.data(), 2, tx_.data(), 2, SOCKET_ID_ANY);
    EXPECT_GE(id, 0);
    id_ = static_cast<std::uint16_t>(id);
    rte_eth_conf conf{};
    EXPECT_EQ(rte_eth_dev_configure(id_, 2, 2, &conf), 0);
    for (std::uint16_t q = 0; q < 2; q++) {
      EXPECT_EQ(rte_eth_rx_queue_setup(id_, q, 0, SOCKET_ID_ANY, nullptr, pool.get()), 0);
      EXPECT_EQ(rte_eth_tx_queue_setup(id_, q, 0, SOCKET_ID_ANY, nullptr), 0);
    }
    EXPECT_EQ(rte_eth_dev_start(id_), 0);
  }
  ~RingPort() {
    sent(0);
    sent(1);
    rte_eth_dev_stop(id_);
    rte_eth_dev_close(id_);
    for (std::size_t i = 0; i < 2; i++) {
      rte_ring_free(rx_[i]);
      rte_ring_free(tx_[i]);
    }
  }

  [[nodiscard]] std::uint16_t id() const { return id_; }
  void receive(const frames::Bytes& frame, std::size_t queue = 0) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_.get());
    ASSERT_NE(mbuf, nullptr);
    std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())), frame.data(),
                frame.size());
    ASSERT_EQ(rte_ring_enqueue(rx_[queue], mbuf), 0);
  }
  std::vector<frames::Bytes> sent(std::size_t queue = 0) {
    std::vector<frames::Bytes> all;
    void* frame = nullptr;
    while (rte_ring_dequeue(tx_[queue], &frame) == 0) {
      auto* mbuf = static_cast<rte_mbuf*>(frame);
      const auto* data = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
      all.emplace_back(data, data + mbuf->data_len);
      rte_pktmbuf_free(mbuf);
    }
    return all;
  }

 private:
  const FramePool& pool_;
  std::array<rte_ring*, 2> rx_{}, tx_{};
  std::uint16_t id_ = 0;
};

// A node with two ports and so many workers.
class Rig {
 public:
  explicit Rig(unsigned workers, std::uint32_t tx_size = kRing)
      : pool_(make_pool()), near_(pool_, tx_size), far_(pool_), node_(kStart) {
    set_ = std::make_shared<PortSet>(
        PortSet{{{near_.id(), 2, rig::kLink}, {far_.id(), 2, rig::kOtherLink}}});
    for (unsigned i = 0; i < workers; i++) {
      workers_.push_back(std::make_unique<Worker>(
          Worker::Options{i, workers, config::Idle::sleep},
          Worker::Deps{
              node_.node.env(), clock_, nullptr, i == 0 ? &node_.node.forwarder() : nullptr, {}}));
      EXPECT_TRUE(workers_[i]->open_rings());
      if (i > 0) workers_[0]->take_from(*workers_[i]);
      workers_[i]->use(set_);
    }
  }

  [[nodiscard]] RingPort& near() { return near_; }
  [[nodiscard]] RingPort& far() { return far_; }
  [[nodiscard]] Worker& worker(std::size_t i = 0) { return *workers_[i]; }
  [[nodiscard]] ServiceNode& node() { return node_.node; }
  [[nodiscard]] td_tables& tables() { return node_.memory.tables(); }
  [[nodiscard]] std::shared_ptr<const PortSet> set() const { return set_; }
  // With what a worker's thread keeps at hand.
  [[nodiscard]] bool all_frames_are_back() const { return pool_.free() == pool_.size(); }

 private:
  FramePool pool_;
  RingPort near_, far_;
  MemoryNode node_;
  flow::JiffyClock clock_{std::chrono::milliseconds(4), 1'000'000, kStart};
  std::shared_ptr<PortSet> set_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

// Frame by frame, so that the first one that differs can be read.
void expect_same(const std::vector<frames::Bytes>& sent, const std::vector<frames::Bytes>& wanted) {
  for (std::size_t i = 0; i < std::min(sent.size(), wanted.size()); i++) {
    ASSERT_EQ(sent[i].size(), wanted[i].size()) << "the one that was sent as number " << i;
    const auto differs = std::ranges::mismatch(sent[i], wanted[i]).in1 - sent[i].begin();
    ASSERT_EQ(sent[i], wanted[i]) << "number " << i << ", at byte " << differs;
  }
  ASSERT_EQ(sent.size(), wanted.size());
}

TEST(Worker, DoesWhatThePacketCoreDoes) {
  Rig rig(1);
  MemoryNode expected(kStart);
  // No limit of errors: the worker goes by the clock, and what it is held against does not.
  rig.tables().error_cost_ns = expected.memory.tables().error_cost_ns = 0;
  const auto all = service_frames();
  std::size_t compared = 0;
  for (std::size_t at = 0; at < all.size(); at += forward::kBurst) {
    const std::size_t end = std::min(at + forward::kBurst, all.size());
    for (std::size_t i = at; i < end; i++) rig.near().receive(all[i]);
    ASSERT_EQ(rig.worker().round(), end - at);
    std::map<std::uint32_t, std::vector<frames::Bytes>> sent;
    std::vector<ServiceNode::Outcome> outcomes;
    for (std::size_t i = at; i < end; i++)
      outcomes.push_back(expected.node.steer(all[i], rig::kLink, kStart));
    for (std::size_t i = at; i < end; i++) {
      auto& outcome = outcomes[i - at];
      if (td_is_punt(outcome.reason))
        outcome = expected.node.admit(frames::Bytes(outcome.frame), rig::kLink, kStart);
      if (td_is_tx(outcome.reason))
        sent[outcome.out.ifindex != 0 ? outcome.out.ifindex : rig::kLink].push_back(outcome.frame);
    }
    SCOPED_TRACE("from frame " + std::to_string(at));
    expect_same(rig.near().sent(), sent[rig::kLink]);
    expect_same(rig.far().sent(), sent[rig::kOtherLink]);
    ASSERT_FALSE(HasFailure());
    compared += sent[rig::kLink].size() + sent[rig::kOtherLink].size();
  }
  EXPECT_GT(compared, 500U);
  EXPECT_EQ(rig.worker().counters().received, all.size());
  EXPECT_EQ(rig.worker().counters().sent, compared);
  EXPECT_TRUE(rig.all_frames_are_back());
}

// What two workers and the forwarder count between them.
forward::Counted counted_by(Rig& rig) {
  forward::Counted counted;
  counted.add(rig.node().forwarder().reasons());
  for (const std::size_t i : {0, 1}) counted.add(rig.worker(i).counters().packets);
  return counted;
}

TEST(Worker, CountsEachFrameUnderWhatBecameOfIt) {
  Rig rig(2);
  const auto all = service_frames();
  for (std::size_t i = 0; i < all.size(); i++) rig.near().receive(all[i], i % 2);
  while (rig.worker(0).round() + rig.worker(1).round() > 0) {
  }
  const auto counted = counted_by(rig);
  EXPECT_EQ(counted.decided(), all.size());
  const auto admitted = rig.node().forwarder().reasons();
  EXPECT_EQ(counted.packets[TD_PUNT_MISS] + counted.packets[TD_PUNT_ERROR],
            std::accumulate(admitted.begin(), admitted.end(), std::uint64_t{0}));
}

TEST(Worker, CountsWhatItRefuses) {
  Rig rig(2);
  const TestService service = test_services()[3];
  for (const std::uint16_t slot : {std::uint16_t{8}, std::uint16_t{9}})
    rig.node().set_backend(slot, balance::State::down, 1, kStart);
  for (unsigned i = 0; i < 20; i++)
    rig.near().receive(to_service(service, {.port = static_cast<std::uint16_t>(1000 + i)}), i % 2);
  while (rig.worker(0).round() + rig.worker(1).round() > 0) {
  }
  EXPECT_EQ(counted_by(rig).packets[TD_TX_REFUSED], 20U);
  EXPECT_EQ(counted_by(rig).decided(), 20U);
}

TEST(Worker, CountsTheTrafficOfBackends) {
  Rig rig(1);
  const TestService service = test_services()[3];  // dsr
  const auto syn = to_service(service, {}), ack = to_service(service, {.flags = TD_TCP_ACK});
  rig.near().receive(syn);
  rig.worker().round();
  for (int i = 0; i < 5; i++) rig.near().receive(ack);
  rig.worker().round();
  std::uint64_t packets = 0, bytes = 0;
  for (const int slot : {8, 9}) {
    packets += rig.worker().traffic(static_cast<std::uint16_t>(slot)).in_packets;
    bytes += rig.worker().traffic(static_cast<std::uint16_t>(slot)).in_bytes;
  }
  EXPECT_EQ(packets, 5U);  // the forwarder has counted the first
  EXPECT_EQ(bytes, 5 * ack.size());
  EXPECT_EQ(rig.worker().counters().packets[TD_PUNT_MISS], 1U);
  EXPECT_EQ(rig.worker().counters().packets[TD_TX_FORWARD], 5U);
}

TEST(Worker, CountsWhatTheNodesOwnServicesGet) {
  Rig rig(1);
  const auto to = [](const char* address, const frames::Bytes& segment) {
    return frames::ipv4({frames::ip(address)}, segment);
  };
  const auto own = to("192.0.2.101", frames::tcp(80));
  rig.near().receive(own);
  rig.near().receive(frames::ipv6({frames::ip("2001:db8::100")}, frames::tcp(443)));
  rig.near().receive(to("192.0.2.100", frames::tcp(81)));  // of no service
  rig.worker().round();
  EXPECT_EQ(rig.worker().traffic(rig::kCountedIn[0]).in_packets, 1U);
  EXPECT_EQ(rig.worker().traffic(rig::kCountedIn[0]).in_bytes, own.size());
  EXPECT_EQ(rig.worker().traffic(rig::kCountedIn[3]).in_packets, 1U);
  EXPECT_EQ(rig.worker().counters().packets[TD_PASS_LOCAL], 2U);
}

TEST(Worker, HandsFirstPacketsAndEndsToTheFirstOne) {
  Rig rig(2);
  const TestService service = test_services()[3];
  const auto& forwarder = rig.node().forwarder();
  rig.near().receive(to_service(service, {}), 1);
  EXPECT_EQ(rig.worker(0).round(), 0U);  // not its queue
  EXPECT_EQ(rig.worker(1).round(), 1U);
  EXPECT_EQ(rig.worker(1).counters().handed_over, 1U);
  EXPECT_EQ(forwarder.flows4().flows(), 0U);
  EXPECT_EQ(rig.worker(0).round(), 1U);
  EXPECT_EQ(forwarder.flows4().flows(), 1U);
  EXPECT_EQ(rig.near().sent(0).size() + rig.far().sent(0).size(), 1U);
  rig.near().receive(to_service(service, {.flags = TD_TCP_ACK}), 1);
  EXPECT_EQ(rig.worker(1).round(), 1U);
  EXPECT_EQ(rig.near().sent(1).size() + rig.far().sent(1).size(), 1U);
  const std::uint64_t active = forwarder.counts().active(8) + forwarder.counts().active(9);
  EXPECT_EQ(active, 1U);
  rig.near().receive(to_service(service, {.flags = TD_TCP_RST}), 1);
  rig.worker(1).round();
  rig.worker(0).round();
  EXPECT_EQ(forwarder.counts().active(8) + forwarder.counts().active(9), 0U);
  EXPECT_TRUE(forwarder.sums().in_table == forwarder.sums().in_schedulers);
}

TEST(Worker, LosesWhatAQueueHasNoRoomForAndCountsIt) {
  Rig rig(1, 8);  // room for 7
  const TestService service = test_services()[3];
  rig.node().set_backend(9, balance::State::up, 0, kStart);  // all go to the near one
  for (unsigned i = 0; i < 20; i++)
    rig.near().receive(to_service(service, {.port = static_cast<std::uint16_t>(1000 + i)}));
  rig.worker().round();
  EXPECT_EQ(rig.worker().counters().sent, 7U);
  EXPECT_EQ(rig.worker().counters().tx_full, 13U);
  EXPECT_EQ(rig.near().sent().size(), 7U);
  EXPECT_TRUE(rig.all_frames_are_back());
}

TEST(Worker, LosesWhatGoesToNoPortAndCountsIt) {
  Rig rig(1);
  auto without = std::make_shared<PortSet>(PortSet{{rig.set()->entries[0]}});
  rig.worker().use(without);
  const TestService service = test_services()[3];
  rig.node().set_backend(8, balance::State::up, 0, kStart);  // all go to the far one
  rig.near().receive(to_service(service, {}));
  rig.worker().round();
  EXPECT_EQ(rig.worker().counters().no_port, 1U);
  EXPECT_TRUE(rig.all_frames_are_back());
}

TEST(Worker, CapturesWhatItIsAskedFor) {
  Rig rig(1);
  const TestService service = test_services()[3];
  const auto syn = to_service(service, {});
  std::vector<td_captured> captured;
  const auto drain = [&] {
    rig.worker().drain_captured([&](const td_captured& c) { captured.push_back(c); });
  };
  rig.near().receive(syn);
  rig.worker().round();
  drain();
  EXPECT_TRUE(captured.empty());
  rig.tables().capture_until_ns = to_ns(MonotonicClock::now() + std::chrono::hours(1));
  rig.near().receive(syn);
  rig.near().receive(frames::Bytes(60));  // the kernel's: tcpdump sees it
  rig.worker().round();
  drain();
  ASSERT_EQ(captured.size(), 1U);
  const td_captured& c = captured[0];
  EXPECT_EQ(c.reason, TD_TX_FORWARD);
  EXPECT_EQ(c.in, rig::kLink);
  EXPECT_NE(c.out, 0U);
  EXPECT_EQ(c.in_length, syn.size());
  EXPECT_EQ(frames::Bytes(c.came, c.came + c.in_length), syn);
  EXPECT_NE(std::memcmp(c.came, c.left, 6), 0);
  for (int i = 0; i < 600; i++) {
    rig.near().receive(syn);
    rig.worker().round();
  }
  EXPECT_GT(rig.tables().capture_lost, 0U);
}

TEST(Worker, OnItsThreadTakesOtherPortsAndIsWoken) {
  Rig rig(1);
  Worker& worker = rig.worker();
  std::thread thread([&] { worker.run(); });
  while (worker.counters().rounds < 5'000) std::this_thread::yield();  // it sleeps by now
  const TestService service = test_services()[3];
  rig.near().receive(to_service(service, {}));
  while (worker.counters().sent == 0) std::this_thread::yield();
  worker.use(std::make_shared<PortSet>());  // returns when none is touched any more
  rig.near().receive(to_service(service, {.client = 2}));
  const std::uint64_t rounds = worker.counters().rounds;
  while (worker.counters().rounds < rounds + 3) worker.wake();
  EXPECT_EQ(worker.counters().received, 1U);
  worker.use(rig.set());
  while (worker.counters().sent < 2) std::this_thread::yield();
  worker.stop();
  thread.join();
  worker.use(std::make_shared<PortSet>());  // nobody runs: at once
}

TEST(Port, WithoutAFreeFrameReceivesNothingAndGoesOnAfterwards) {
  const FramePool pool = make_pool(511);
  auto port = Port::open({.bus = "vdev", .device = "net_null7", .arguments = "size=60"}, pool);
  ASSERT_TRUE(port) << port.error().message;
  std::array<rte_mbuf*, 32> burst{};
  ASSERT_EQ(rte_eth_rx_burst((*port)->id(), 0, burst.data(), 32), 32);
  rte_pktmbuf_free_bulk(burst.data(), 32);
  std::vector<rte_mbuf*> all;
  while (rte_mbuf* frame = rte_pktmbuf_alloc(pool.get())) all.push_back(frame);
  EXPECT_EQ(rte_eth_rx_burst((*port)->id(), 0, burst.data(), 32), 0);
  for (rte_mbuf* frame : all) rte_pktmbuf_free(frame);
  EXPECT_EQ(rte_eth_rx_burst((*port)->id(), 0, burst.data(), 32), 32);
  rte_pktmbuf_free_bulk(burst.data(), 32);
}

TEST(Port, ThatDoesNotExistIsNamed) {
  const FramePool pool = make_pool(511);
  const auto port = Port::open({.bus = "vdev", .device = "net_nothing0"}, pool);
  ASSERT_FALSE(port);
  EXPECT_NE(port.error().message.find("port net_nothing0"), std::string::npos)
      << port.error().message;
}

TEST(Port, OfPciSaysHowItIsBound) {
  const FramePool pool = make_pool(511);
  const auto port = Port::open({.bus = "pci", .device = "0000:ff:1f.7"}, pool);
  ASSERT_FALSE(port);
  EXPECT_NE(port.error().message.find("dpdk-devbind.py --bind=vfio-pci 0000:ff:1f.7"),
            std::string::npos)
      << port.error().message;
}

TEST(Port, WithFewerQueuesThanAreWantedSaysHowManyItHas) {
  const FramePool pool = make_pool(511);
  const auto port = Port::open(
      {.bus = "vdev", .device = "net_null8", .arguments = "", .rx_queues = 1, .tx_queues = 2000},
      pool);
  ASSERT_FALSE(port);
  EXPECT_NE(port.error().message.find("2000"), std::string::npos) << port.error().message;
}

}  // namespace
}  // namespace tandem::engine
