// SPDX-License-Identifier: Apache-2.0
// balance_bench: what it takes to pick a backend, by how many backends there are.
//
// Each round ends one flow, whichever, and picks a backend for another: a service in steady state,
// with ten flows on each backend. Weights: `equal`; `few`, four different ones; `distinct`, as many
// different ones as there are backends, the worst case of least_conn and round_robin. `hash_pick`
// is the pick of a flow that must not be scheduled, `scan` is the reference: looking at every
// backend for the least loaded, as IPVS does.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "balance/affinity.hpp"
#include "balance/maglev_table.hpp"
#include "balance/scheduler.hpp"

namespace tandem::balance {
namespace {

constexpr MonotonicTime kNow = MonotonicTime(std::chrono::seconds(1000));
constexpr int kFlowsPerBackend = 10;
constexpr std::size_t kRandoms = 1 << 12;

using WeightOf = std::uint16_t (*)(int);
constexpr WeightOf kEqual = [](int) -> std::uint16_t { return 100; };
constexpr WeightOf kFew = [](int i) { return static_cast<std::uint16_t>(i % 4 + 1); };
constexpr WeightOf kDistinct = [](int i) { return static_cast<std::uint16_t>(i * 6 + 1); };

Backend backend(int number, std::uint16_t weight) {
  return {.slot = static_cast<std::uint16_t>(number),
          .identity = (static_cast<std::uint64_t>(number) + 1) * 0xd1342543de82ef95,
          .weight = weight,
          .state = State::up};
}

void fill(Scheduler& scheduler, int backends, WeightOf weight_of) {
  for (int i = 0; i < backends; i++) scheduler.set(backend(i, weight_of(i)), kNow);
  scheduler.install(MaglevTable(scheduler.candidates(),
                                MaglevTable::size_for(static_cast<std::size_t>(backends))));
}

// Random words made beforehand.
class Randoms {
 public:
  Randoms() {
    std::mt19937_64 random(1);
    for (auto& word : words_) word = random();
  }
  std::uint64_t next() { return words_[at_++ % kRandoms]; }

 private:
  std::vector<std::uint64_t> words_ = std::vector<std::uint64_t>(kRandoms);
  std::size_t at_ = 0;
};

void pick(benchmark::State& state, SchedulerKind kind, WeightOf weight_of) {
  const auto backends = static_cast<int>(state.range(0));
  Scheduler scheduler(kind);
  fill(scheduler, backends, weight_of);
  Randoms randoms;
  std::vector<std::uint16_t> open;
  for (int i = 0; i < kFlowsPerBackend * backends; i++)
    open.push_back(*scheduler.pick({randoms.next(), randoms.next()}, kNow));
  for (auto _ : state) {
    std::uint16_t& flow = open[(randoms.next() >> 32) * open.size() >> 32];
    scheduler.close(flow);
    flow = *scheduler.pick({randoms.next(), randoms.next()}, kNow);
  }
}

void hash_pick(benchmark::State& state) {
  Scheduler scheduler(SchedulerKind::least_conn);
  fill(scheduler, static_cast<int>(state.range(0)), kEqual);
  Randoms randoms;
  for (auto _ : state) benchmark::DoNotOptimize(scheduler.hash_pick({randoms.next(), 0}));
}

void scan(benchmark::State& state) {
  struct Load {
    std::uint64_t active = kFlowsPerBackend, weight = 100;
  };
  std::vector<Load> loads(static_cast<std::size_t>(state.range(0)));
  Randoms randoms;
  for (auto _ : state) {
    loads[(randoms.next() >> 32) * loads.size() >> 32].active--;
    Load* least = loads.data();
    for (Load& each : loads)
      if (each.active * least->weight < least->active * each.weight) least = &each;
    least->active++;
    benchmark::ClobberMemory();
  }
}

// Of clients that a table of as many places holds.
void affinity(benchmark::State& state) {
  const auto clients = static_cast<std::size_t>(state.range(0));
  Affinity table(clients, std::chrono::hours(1), 42);
  std::vector<IpAddress> addresses;
  for (std::size_t i = 0; i < clients; i++) {
    const std::uint8_t bytes[4] = {198, 51, static_cast<std::uint8_t>(i >> 8),
                                   static_cast<std::uint8_t>(i)};
    addresses.push_back(IpAddress::v4(bytes));
    table.remember(addresses.back(), 0, kNow);
  }
  Randoms randoms;
  for (auto _ : state)
    benchmark::DoNotOptimize(table.find(addresses[randoms.next() % clients], kNow));
}

void build_table(benchmark::State& state) {
  std::vector<MaglevTable::Candidate> candidates;
  for (int i = 0; i < state.range(0); i++) {
    const Backend b = backend(i, 100);
    candidates.push_back({b.identity, b.weight, b.slot});
  }
  for (auto _ : state)
    benchmark::DoNotOptimize(MaglevTable(candidates, MaglevTable::size_for(candidates.size())));
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  for (const int backends : {4, 100, 1'000, 10'000}) benchmark->Arg(backends);
}

void pick_with(const std::string& name, SchedulerKind kind, WeightOf weight_of) {
  benchmark::RegisterBenchmark(("pick/" + name).c_str(), pick, kind, weight_of)->Apply(sizes);
}

void register_picks() {
  for (const auto& [name, kind] : {std::pair("least_conn", SchedulerKind::least_conn),
                                   std::pair("round_robin", SchedulerKind::round_robin)}) {
    pick_with(name + std::string("/equal"), kind, kEqual);
    pick_with(name + std::string("/few"), kind, kFew);
    pick_with(name + std::string("/distinct"), kind, kDistinct);
  }
  pick_with("maglev", SchedulerKind::maglev, kEqual);
  pick_with("source_hash", SchedulerKind::source_hash, kEqual);
}

BENCHMARK(hash_pick)->Apply(sizes);
BENCHMARK(scan)->Apply(sizes);
BENCHMARK(affinity)->Arg(1'000)->Arg(50'000);
BENCHMARK(build_table)->Apply(sizes)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace tandem::balance

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  tandem::balance::register_picks();
  benchmark::RunSpecifiedBenchmarks();
}
