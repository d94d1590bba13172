// SPDX-License-Identifier: Apache-2.0
// dpdk_bench: what a worker of the dpdk engine takes for a packet of an established flow.
//
// The whole loop of a worker is measured, over a port in memory (net_null): rx gives an mbuf of the
// pool, tx gives it back, and a callback in between writes a frame of some flow into it, another
// one each time. The same loop with nothing but an exchange of the MAC addresses is the floor. They
// take turns with the worker with and without foresight (forward/burst.hpp).
//
// Prints {"established/MODE/FLOWS": {"floor": [...], "foresight": [...], "blind": [...],
// "cycles": [...]}, "admit/MODE": ..., "workers": {"one": [...], "two": [...]}} in nanoseconds a
// frame; "workers" in frames a second.
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <sys/mman.h>

#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/dpdk/eal.hpp"
#include "engine/dpdk/port.hpp"
#include "engine/dpdk/worker.hpp"
#include "service_node.hpp"

namespace tandem::bench {
namespace {

constexpr std::uint32_t kMostFlows = 10'000'000;
constexpr std::uint32_t kTable = kMostFlows * 5 / 4;
constexpr std::uint32_t kMostAdmitted = 1'000'000;  // before they are forgotten again
constexpr std::uint32_t kRounds = 30'000;           // of a worker, for each measurement
constexpr std::size_t kFrame = 60;                  // without FCS
constexpr std::uint32_t kMemoryMb = 64;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "dpdk_bench: %s\n", what.c_str());
  std::exit(1);
}

// Huge pages for a table; they stay.
std::span<std::byte> huge(std::size_t bytes) {
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
        small_(16),
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
  void fill(const TestService& service, std::uint32_t flows, unsigned workers, bool foresight) {
    if (service.number != service_ || flows != flows_) make_flows(service, flows);
    auto set = std::make_shared<engine::PortSet>();
    set->entries.push_back({port_->id(), static_cast<std::uint16_t>(workers), rig::kLink});
    workers_.clear();
    for (unsigned i = 0; i < workers; i++) {
      workers_.push_back(std::make_unique<engine::Worker>(
          engine::Worker::Options{i, workers, engine::RestMode::poll, foresight},
          engine::Worker::Rooms{
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
    steering_->clear();
    const MonotonicTime now = MonotonicClock::now();
    node_ = std::make_unique<ServiceNode>(memory_, *steering_, clock_, kTable);
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

// ---- Measuring

struct Taken {
  double ns = 0, cycles = 0;
};

// A frame, of `rounds` bursts.
template <class Round>
Taken take(std::uint32_t rounds, Round round) {
  const MonotonicTime start = MonotonicClock::now();
  const std::uint64_t first = rte_rdtsc();
  std::uint64_t frames = 0;
  for (std::uint32_t i = 0; i < rounds; i++) frames += round();
  const std::uint64_t last = rte_rdtsc();
  const auto time = MonotonicClock::now() - start;
  const auto n = static_cast<double>(frames);
  return {static_cast<double>(time.count()) / n, static_cast<double>(last - first) / n};
}

std::size_t swap_macs(std::uint16_t port) {
  std::array<rte_mbuf*, forward::kBurst> frames;
  const std::uint16_t count = rte_eth_rx_burst(port, 0, frames.data(), forward::kBurst);
  for (std::uint16_t i = 0; i < count; i++) {
    auto* eth = rte_pktmbuf_mtod(frames[i], std::uint8_t*);
    std::swap_ranges(eth, eth + 6, eth + 6);
  }
  rte_eth_tx_burst(port, 0, frames.data(), count);
  return count;
}

Taken take_worker(Rig& rig, const TestService& service, std::uint32_t flows, bool foresight) {
  rig.fill(service, flows, 1, foresight);
  auto& worker = rig.worker(0);
  const Taken taken = take(kRounds, [&] { return worker.round(); });
  const auto& c = worker.counters();
  if (c.packets[TD_TX_FORWARD] != c.received || c.sent != c.received)
    die(std::to_string(c.packets[TD_TX_FORWARD]) + " of " + std::to_string(c.received) +
        " frames were forwarded");
  return taken;
}

struct Case {
  const char* mode;
  std::uint16_t service;  // of test_services()
  std::uint32_t most = kMostFlows;
};
// fullnat has a source port for each flow, and ServiceNode one source address of a family.
constexpr Case kCases[] = {{"dsr", 4},    {"nat", 1},       {"fullnat", 3, 1'000},
                           {"tunnel", 5}, {"dsr-ipv6", 10}, {"nat-ipv6", 7}};

const char* text_of(std::uint32_t flows) {
  return flows == 1           ? "1"
         : flows == 1'000     ? "1k"
         : flows == 100'000   ? "100k"
         : flows == 1'000'000 ? "1M"
                              : "10M";
}

void measure_established(Rig& rig, int rounds, std::uint32_t most, nlohmann::json& results) {
  for (const Case& c : kCases)
    for (const std::uint32_t flows : {1U, 1'000U, 100'000U, 1'000'000U, kMostFlows}) {
      if (flows > std::min(c.most, most)) continue;
      const TestService service = test_services()[c.service - 1U];
      auto& figures = results["established/" + std::string(c.mode) + "/" + text_of(flows)];
      rig.fill(service, flows, 1, true);
      rig.send(service, TD_TCP_ACK, flows, false);
      for (int round = 0; round < rounds; round++) {
        figures["floor"].push_back(take(kRounds, [&] { return swap_macs(rig.port()); }).ns);
        const Taken with = take_worker(rig, service, flows, true);
        figures["foresight"].push_back(with.ns);
        figures["cycles"].push_back(with.cycles);
        figures["blind"].push_back(take_worker(rig, service, flows, false).ns);
      }
    }
}

// A SYN of another client each time, until there are a million flows.
void measure_admission(Rig& rig, int rounds, nlohmann::json& results) {
  for (const Case& c : {kCases[0], kCases[1]}) {
    const TestService service = test_services()[c.service - 1U];
    rig.fill(service, 1, 1, true);
    for (int round = 0; round < rounds; round++) {
      rig.forget();
      rig.send(service, TD_TCP_SYN, 0, true);
      auto& worker = rig.worker(0);
      const std::uint32_t bursts = kMostAdmitted / forward::kBurst;
      results["admit/" + std::string(c.mode)].push_back(
          take(bursts, [&] { return worker.round(); }).ns);
    }
  }
  rig.forget();
}

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) std::perror("dpdk_bench: cannot pin to a CPU");
}

// Frames a second of the first worker alone, and of both at once on CPUs of their own.
void measure_workers(Rig& rig, int cpu, int rounds, nlohmann::json& results) {
  const TestService service = test_services()[3];
  const int other = cpu == 0 ? 1 : 0;
  constexpr std::uint32_t kFlows = 1'000'000;
  rig.fill(service, kFlows, 2, true);
  rig.send(service, TD_TCP_ACK, kFlows, false);
  for (int round = 0; round < rounds; round++) {
    const double one = take(kRounds, [&] { return rig.worker(0).round(); }).ns;
    std::barrier begin(2);
    Taken second;
    std::thread thread([&] {
      pin(other);
      begin.arrive_and_wait();
      second = take(kRounds, [&] { return rig.worker(1).round(); });
    });
    begin.arrive_and_wait();
    const Taken first = take(kRounds, [&] { return rig.worker(0).round(); });
    thread.join();
    results["workers"]["one"].push_back(1e9 / one);
    results["workers"]["two"].push_back(1e9 / first.ns + 1e9 / second.ns);
  }
}

}  // namespace
}  // namespace tandem::bench

int main(int argc, char** argv) {
  using namespace tandem;
  if (argc < 3) {
    std::fputs("usage: dpdk_bench CPU ROUNDS [MOST-FLOWS]\n", stderr);
    return 2;
  }
  const int cpu = std::atoi(argv[1]), rounds = std::atoi(argv[2]);
  const std::uint32_t most =
      argc > 3 ? static_cast<std::uint32_t>(std::atoi(argv[3])) : bench::kMostFlows;
  bench::pin(cpu);
  if (auto started = engine::start_eal(
          {bench::kMemoryMb},
          [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); });
      !started)
    bench::die(started.error().message);
  nlohmann::json results = nlohmann::json::object();
  bench::Rig rig;
  bench::measure_established(rig, rounds, most, results);
  bench::measure_admission(rig, rounds, results);
  bench::measure_workers(rig, cpu, rounds, results);
  std::puts(results.dump().c_str());
}
