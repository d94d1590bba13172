// SPDX-License-Identifier: Apache-2.0
// dpdk_bench: what a worker of the dpdk engine takes for a packet of an established flow.
//
// The whole loop of a worker is measured, over a port in memory (net_null): rx gives an mbuf of the
// pool, tx gives it back, and a callback in between writes a frame of some flow into it, another
// one each time. The same loop with nothing but an exchange of the MAC addresses is the floor. They
// take turns with the worker with and without prefetch (forward/burst.hpp).
//
// Prints {"established/MODE/FLOWS": {"floor": [...], "prefetch": [...], "blind": [...],
// "cycles": [...]}, "admit/MODE": ..., "workers/FLOWS": {"one": [...], "two": [...]},
// "workers/floor":
// ...} in nanoseconds a frame; "workers" in frames a second.
#include <rte_cycles.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>
#include <thread>

#include "dpdk_rig.hpp"
#include "engine/dpdk/eal.hpp"

namespace tandem::bench {
namespace {

constexpr std::uint32_t kMostAdmitted = 1'000'000;  // before they are forgotten again
constexpr std::uint32_t kRounds = 30'000;           // of a worker, for each measurement
constexpr std::uint32_t kMemoryMb = 64;

// ---- Measuring

struct Taken {
  double ns = 0, cycles = 0;
};

// Of the calling thread alone: what others do on the machine is not counted.
double processor_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

// A frame, of `rounds` bursts.
template <class Round>
Taken take(std::uint32_t rounds, Round round) {
  const double start = processor_ns();
  std::uint64_t frames = 0;
  for (std::uint32_t i = 0; i < rounds; i++) frames += round();
  const double ns = (processor_ns() - start) / static_cast<double>(frames);
  return {ns, ns * static_cast<double>(rte_get_tsc_hz()) / 1e9};
}

std::size_t swap_macs(std::uint16_t port, std::uint16_t queue = 0) {
  std::array<rte_mbuf*, forward::kBurst> frames;
  const std::uint16_t count = rte_eth_rx_burst(port, queue, frames.data(), forward::kBurst);
  for (std::uint16_t i = 0; i < count; i++) {
    auto* eth = rte_pktmbuf_mtod(frames[i], std::uint8_t*);
    std::swap_ranges(eth, eth + 6, eth + 6);
  }
  rte_eth_tx_burst(port, queue, frames.data(), count);
  return count;
}

Taken take_worker(Rig& rig, const TestService& service, std::uint32_t flows, bool prefetch) {
  rig.fill(service, flows, 1, prefetch);
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
// fullnat has a source port for each flow: 516,096 of a service's eight addresses.
constexpr Case kCases[] = {{"dsr", 4},    {"nat", 1},       {"fullnat", 3, 100'000},
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
        figures["prefetch"].push_back(with.ns);
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

// Frames a second of one alone, and of two at once on CPUs of their own; `round` takes its number.
template <class Round>
void measure_pair(int cpu, int rounds, Round round, nlohmann::json& figures) {
  const int other = cpu == 0 ? 1 : 0;
  for (int i = 0; i < rounds; i++) {
    const double one = take(kRounds, [&] { return round(0); }).ns;
    std::barrier begin(2);
    Taken second;
    std::thread thread([&] {
      pin(other);
      begin.arrive_and_wait();
      second = take(kRounds, [&] { return round(1); });
    });
    begin.arrive_and_wait();
    const Taken first = take(kRounds, [&] { return round(0); });
    thread.join();
    figures["one"].push_back(1e9 / one);
    figures["two"].push_back(1e9 / first.ns + 1e9 / second.ns);
  }
}

// With flows that fit into each core's own cache, with many, and without any: what the machine's
// cores do to each other is in all of them.
void measure_workers(Rig& rig, int cpu, int rounds, nlohmann::json& results) {
  const TestService service = test_services()[kCases[0].service - 1U];
  for (const std::uint32_t flows : {1'000U, 1'000'000U}) {
    rig.fill(service, flows, 2, true);
    rig.send(service, TD_TCP_ACK, flows, false);
    measure_pair(
        cpu, rounds, [&](std::size_t i) { return rig.worker(i).round(); },
        results["workers/" + std::string(text_of(flows))]);
  }
  measure_pair(
      cpu, rounds,
      [&](std::size_t i) { return swap_macs(rig.port(), static_cast<std::uint16_t>(i)); },
      results["workers/floor"]);
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
