// SPDX-License-Identifier: Apache-2.0
// What dpdk_bench measures: workers over a port in memory, and a callback that writes frames of
// flows into what the port gives them.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "engine/dpdk/port.hpp"
#include "engine/dpdk/worker.hpp"
#include "service_node.hpp"

namespace tandem::bench {

constexpr std::uint32_t kMostFlows = 10'000'000;
constexpr std::uint32_t kTable = kMostFlows * 5 / 4;
constexpr std::size_t kFrame = 60;  // without FCS
constexpr std::uint16_t kMoreSources =
    7;  // of fullnat: with the first as many as a service can have

[[noreturn]] inline void die(const std::string& what) {
  std::fprintf(stderr, "dpdk_bench: %s\n", what.c_str());
  std::exit(1);
}

// Huge pages for a table; they stay.
inline std::span<std::byte> huge(std::size_t bytes) {
  const std::size_t page = std::size_t{2} << 20;
  const std::size_t whole = (bytes + page - 1) / page * page;
  void* memory = mmap(nullptr, whole, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED)
    die("no huge pages for a table of " + std::to_string(whole >> 20) + " MB");
  return {static_cast<std::byte*>(memory), bytes};
}

// ---- What comes in

// Writes frames of a service's flows, in an order that no prefetcher guesses.
class Source {
 public:
  void set(const frames::Bytes& frame, bool is_v4, std::uint32_t flows, bool in_turn) {
    std::ranges::fill(frame_, std::uint8_t{});
    std::copy_n(frame.begin(), std::min(frame.size(), frame_.size()), frame_.begin());
    length_ = static_cast<std::uint16_t>(std::max(kFrame, frame.size()));
    client_at_ = is_v4 ? 14 + 12 + 3 : 14 + 8 + 15;
    port_at_ = is_v4 ? 34 : 54;
    flows_ = flows;
    in_turn_ = in_turn;
    next_ = 0;
  }
  void write(rte_mbuf& mbuf) {
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    const std::uint32_t flow =
        in_turn_ ? next_++ : static_cast<std::uint32_t>((random_ >> 32) * flows_ >> 32);
    auto* data = rte_pktmbuf_mtod(&mbuf, std::uint8_t*);
    std::memcpy(data, frame_.data(), 80);
    data[client_at_] = static_cast<std::uint8_t>(flow);
    store_be16(data + port_at_, static_cast<std::uint16_t>(1 + (flow >> 8)));
    mbuf.data_len = length_;
    mbuf.pkt_len = length_;
  }
  static std::uint16_t on_rx(std::uint16_t, std::uint16_t, rte_mbuf** frames, std::uint16_t count,
                             std::uint16_t, void* self) {
    for (std::uint16_t i = 0; i < count; i++) static_cast<Source*>(self)->write(*frames[i]);
    return count;
  }

 private:
  std::array<std::uint8_t, 128> frame_{};
  std::uint16_t length_ = 0;
  std::size_t client_at_ = 0, port_at_ = 0;
  std::uint32_t flows_ = 1, next_ = 0;
  bool in_turn_ = false;
  std::uint64_t random_ = 1;
};

// ---- The node, and its workers

class Rig {
 public:
  Rig()
      : pool_(made(engine::FramePool::create("bench", 16'000, 2048))),
        port_(made(engine::Port::open({.bus = "vdev",
                                       .device = "net_null0",
                                       .arguments = "size=" + std::to_string(kFrame),
                                       .rx_queues = 2,
                                       .tx_queues = 2},
                                      pool_))),
        small_(16, kMoreSources),
        clock_{std::chrono::milliseconds(4), 1'000'000, MonotonicClock::now()} {
    memory_ = small_.memory();
    memory_.flow4 = huge(sizeof(td_flow4_bucket) * flow::FlowTable4::elements_for(kTable));
    memory_.flow6 = huge(sizeof(td_flow6_bucket) * flow::FlowTable6::elements_for(kTable));
    memory_.env.flow4 = memory_.flow4.data();
    memory_.env.flow6 = memory_.flow6.data();
    for (std::uint16_t queue = 0; queue < 2; queue++)
      rte_eth_add_rx_callback(port_->id(), queue, Source::on_rx, &sources_[queue]);
  }

  // Flows of a service, and nothing else; for so many workers.
  void fill(const TestService& service, std::uint32_t flows, unsigned workers, bool prefetch) {
    if (service.number != service_ || flows != flows_) make_flows(service, flows);
    auto set = std::make_shared<engine::PortSet>();
    set->entries.push_back({port_->id(), static_cast<std::uint16_t>(workers), rig::kLink});
    workers_.clear();
    for (unsigned i = 0; i < workers; i++) {
      workers_.push_back(std::make_unique<engine::Worker>(
          engine::Worker::Options{i, workers, config::Idle::poll, prefetch},
          engine::Worker::Deps{
              node_->env(), clock_, nullptr, i == 0 ? &node_->forwarder() : nullptr, {}}));
      workers_[i]->use(set);
    }
  }
  void send(const TestService& service, std::uint8_t flags, std::uint32_t flows, bool in_turn) {
    for (auto& source : sources_)
      source.set(to_service(service, {.flags = flags}), service.address.is_v4(), flows, in_turn);
  }

  [[nodiscard]] engine::Worker& worker(std::size_t i) { return *workers_[i]; }
  [[nodiscard]] ServiceNode& node() { return *node_; }
  [[nodiscard]] std::uint16_t port() const { return port_->id(); }
  void forget() {
    constexpr flow::Tick kLong = 20'000;  // ticks: more than an hour
    const MonotonicTime now = MonotonicClock::now();
    auto& f = node_->forwarder();
    while (f.flows4().flows() + f.flows6().flows() != 0)
      f.sweep(kTable, static_cast<flow::Tick>(node_->tick(now) + kLong));
    flows_ = 0;
  }

 private:
  template <class T>
  static T made(Result<T> result) {
    if (!result) die(result.error().message);
    return std::move(*result);
  }

  void make_flows(const TestService& service, std::uint32_t flows) {
    workers_.clear();
    node_.reset();
    std::ranges::fill(memory_.flow4, std::byte{});
    std::ranges::fill(memory_.flow6, std::byte{});
    steering_ = std::make_unique<flow::Steering>(small_.tables());
    steering_->close_all();
    const MonotonicTime now = MonotonicClock::now();
    node_ = std::make_unique<ServiceNode>(memory_, *steering_, clock_, kTable, kMoreSources);
    node_->set_backend(static_cast<std::uint16_t>(2 * service.number + 1), balance::State::up, 0,
                       now);
    for (std::uint32_t i = 0; i < flows; i++) {
      Segment segment{.client = i & 255, .port = static_cast<std::uint16_t>(1 + (i >> 8))};
      if (node_->admit(to_service(service, segment), rig::kLink, now).reason != TD_TX_FORWARD)
        die("a flow was not admitted");
      segment.flags = TD_TCP_ACK;
      node_->steer(to_service(service, segment), rig::kLink, now);
    }
    service_ = service.number;
    flows_ = flows;
  }

  engine::FramePool pool_;
  std::unique_ptr<engine::Port> port_;
  NodeMemory small_;
  flow::JiffyClock clock_;
  forward::Forwarder::Memory memory_;
  std::unique_ptr<flow::Steering> steering_;
  std::unique_ptr<ServiceNode> node_;
  std::array<Source, 2> sources_;
  std::vector<std::unique_ptr<engine::Worker>> workers_;
  std::uint16_t service_ = 0;
  std::uint32_t flows_ = 0;
};

}  // namespace tandem::bench
