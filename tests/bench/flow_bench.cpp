// SPDX-License-Identifier: Apache-2.0
// flow_bench: what a look-up, an insertion and a sweep of the flow table take.
//
// The argument is how many flows there are, in a table made for half as many again. xdp/* run as
// BPF programs (BPF_PROG_TEST_RUN, as root), processor time of this thread: what the probe takes is
// xdp/probe less xdp/key, which makes the same key and leaves it at that. In "chained" each run
// waits for the memory of the one before. The others are the daemon's side.
#include <benchmark/benchmark.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flow/flow_table.hpp"
#include "flow_probe.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "flow_probe.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace tandem::flow {
namespace {

constexpr std::uint32_t kTickShift = 6;
constexpr int kRuns = 200'000;  // of a program, for each system call

struct V4 {
  using Table = FlowTable4;
  static Table::Key key(std::uint32_t n) { return flow_probe_key(n); }
};
struct V6 {
  using Table = FlowTable6;
  static Table::Key key(std::uint32_t n) {
    td_flow6_key key{};
    flow_probe_key6(&key, n);
    return key;
  }
};

std::uint32_t capacity_for(benchmark::State& state) {
  return std::max(FlowTable4::kLeastFlows, static_cast<std::uint32_t>(state.range(0)) * 3 / 2);
}

// Memory as the daemon maps it, and a table in it.
template <class V>
class Filled {
 public:
  using Table = typename V::Table;

  explicit Filled(std::uint32_t capacity, int map = -1)
      : bytes_(Table::elements_for(capacity) * Table::kElementBytes),
        memory_(mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                     map < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, map, 0)) {
    if (memory_ == MAP_FAILED) return;
    table_.emplace(std::span(static_cast<std::byte*>(memory_), bytes_), counts_);
    if (!table_->create(capacity, kTickShift, Table::random_seeds())) table_.reset();
  }
  ~Filled() { munmap(memory_, bytes_); }
  Filled(const Filled&) = delete;
  Filled& operator=(const Filled&) = delete;

  void fill(std::uint32_t flows, std::uint8_t state) {
    for (std::uint32_t n = 0; n < flows; n++)
      table_->insert(V::key(n), {static_cast<std::uint16_t>(n % 1000), state}, 0);
  }
  [[nodiscard]] bool good() const { return table_.has_value(); }
  Table& table() { return *table_; }

 private:
  std::size_t bytes_;
  void* memory_;
  FlowCounts counts_;
  std::optional<Table> table_;
};

template <class V>
void find(benchmark::State& state) {
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  Filled<V> filled(capacity_for(state));
  filled.fill(flows, TD_FLOW_ESTABLISHED);
  std::uint32_t n = 1;
  for (auto _ : state) {
    n = n * 1664525 + 1013904223;
    auto flow = filled.table().find(V::key(n & (flows - 1)));
    benchmark::DoNotOptimize(flow);
    if (!flow) state.SkipWithError("a flow is missing");
  }
}

// At a table that has so many flows: one comes for one that goes, and only the coming is timed.
template <class V>
void insert(benchmark::State& state) {
  constexpr std::uint32_t kBatch = 512;
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  Filled<V> filled(capacity_for(state));
  filled.fill(flows, TD_FLOW_ESTABLISHED);
  std::uint32_t next = flows, oldest = 0;
  while (state.KeepRunningBatch(kBatch)) {
    for (std::uint32_t i = 0; i < kBatch; i++)
      filled.table().insert(V::key(next++), {1, TD_FLOW_SYN_SENT}, 0);
    state.PauseTiming();
    for (std::uint32_t i = 0; i < kBatch; i++) filled.table().erase(V::key(oldest++));
    state.ResumeTiming();
  }
}

// One bucket of a table in which nothing is idle.
template <class V>
void sweep(benchmark::State& state) {
  constexpr std::uint32_t kBatch = 1024;
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  Filled<V> filled(capacity_for(state));
  filled.fill(flows, TD_FLOW_ESTABLISHED);
  const auto limits = IdleTicks::from({}, std::chrono::milliseconds(256)).value();
  filled.table().sweep(filled.table().buckets(), 1, limits);  // what can go home is there
  const std::uint32_t batch = std::min(kBatch, filled.table().buckets());
  while (state.KeepRunningBatch(batch)) filled.table().sweep(batch, 1, limits);
  state.counters["buckets"] = filled.table().buckets();
}

// What a table of the kernel's own takes for a flow, and a system call with it.
void map_update(benchmark::State& state) {
  if (geteuid() != 0) return state.SkipWithError("needs root, to make a BPF map");
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  const int map = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "flow_bench", sizeof(std::uint64_t),
                                 sizeof(std::uint64_t), flows, nullptr);
  if (map < 0) return state.SkipWithError("the kernel refused the map");
  std::uint32_t n = 0;
  const auto update = [&] {
    const std::uint64_t key = flow_probe_key(n++), value = 1;
    return bpf_map_update_elem(map, &key, &value, BPF_ANY);
  };
  while (n < flows) update();
  for (auto _ : state)
    if (update() != 0) state.SkipWithError("bpf_map_update_elem failed");
  close(map);
}

// ---- As BPF programs

std::chrono::duration<double> thread_time() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

struct Unload {
  void operator()(flow_probe_bpf* skeleton) const { flow_probe_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<flow_probe_bpf, Unload>;

Skeleton load(std::uint32_t capacity) {
  Skeleton skeleton(flow_probe_bpf__open());
  if (!skeleton) return nullptr;
  bpf_map__set_max_entries(skeleton->maps.td_flows4, FlowTable4::elements_for(capacity));
  bpf_map__set_max_entries(skeleton->maps.td_flows6, FlowTable6::elements_for(capacity));
  return flow_probe_bpf__load(skeleton.get()) == 0 ? std::move(skeleton) : nullptr;
}

void run(benchmark::State& state, const bpf_program* program) {
  std::uint8_t frame[64]{};
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = frame;
  options.data_size_in = sizeof frame;
  options.repeat = kRuns;
  bpf_prog_test_run_opts(bpf_program__fd(program), &options);  // to warm up
  std::chrono::duration<double, std::nano> sum{};
  for (auto _ : state) {
    const auto before = thread_time();
    if (bpf_prog_test_run_opts(bpf_program__fd(program), &options) != 0)
      state.SkipWithError("BPF_PROG_TEST_RUN failed");
    const auto taken = thread_time() - before;
    state.SetIterationTime(taken.count());
    sum += taken;
  }
  state.counters["ns"] = sum.count() / kRuns / static_cast<double>(state.iterations());
}

using ProgramOf = const bpf_program* (*)(const flow_probe_bpf&);

template <class V>
void xdp(benchmark::State& state, ProgramOf program_of, bool chained) {
  if (geteuid() != 0) return state.SkipWithError("needs root, to load BPF programs");
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  const Skeleton skeleton = load(capacity_for(state));
  if (!skeleton) return state.SkipWithError("the kernel refused the programs");
  const bpf_map* map = std::is_same_v<V, V4> ? skeleton->maps.td_flows4 : skeleton->maps.td_flows6;
  Filled<V> filled(capacity_for(state), bpf_map__fd(map));
  if (!filled.good()) return state.SkipWithError("cannot map the table");
  filled.fill(flows, TD_FLOW_ESTABLISHED);
  skeleton->data->flow_count = flows;
  skeleton->bss->flow_chained = chained;
  run(state, program_of(*skeleton));
  if (skeleton->bss->flow_misses != 0) state.SkipWithError("a flow was not found");
}

void add(const char* name, void (*function)(benchmark::State&)) {
  benchmark::RegisterBenchmark(name, function)->Arg(1024)->Arg(1 << 17)->Arg(1 << 20)->Arg(1 << 23);
}

template <class V>
void add_xdp(const std::string& name, ProgramOf program_of, bool chained = false) {
  auto* added = benchmark::RegisterBenchmark(
      name.c_str(), [=](benchmark::State& state) { xdp<V>(state, program_of, chained); });
  added->UseManualTime()->Arg(1);
  if (!name.starts_with("xdp/probe")) return;
  for (const std::int64_t flows : {1 << 10, 1 << 17, 1 << 20}) added->Arg(flows);
}

void add_all() {
  using S = const flow_probe_bpf&;
  const ProgramOf probe4 = [](S s) -> const bpf_program* { return s.progs.measure_probe4; };
  const ProgramOf probe6 = [](S s) -> const bpf_program* { return s.progs.measure_probe6; };
  add_xdp<V4>("xdp/empty", [](S s) -> const bpf_program* { return s.progs.measure_empty; });
  add_xdp<V4>("xdp/key/ipv4", [](S s) -> const bpf_program* { return s.progs.measure_key4; });
  add_xdp<V6>("xdp/key/ipv6", [](S s) -> const bpf_program* { return s.progs.measure_key6; });
  add_xdp<V4>("xdp/probe/ipv4", probe4);
  add_xdp<V4>("xdp/probe/chained/ipv4", probe4, true);
  add_xdp<V6>("xdp/probe/ipv6", probe6);
  add_xdp<V6>("xdp/probe/chained/ipv6", probe6, true);
  add("find/ipv4", find<V4>);
  add("find/ipv6", find<V6>);
  add("insert/ipv4", insert<V4>);
  add("insert/ipv6", insert<V6>);
  add("sweep/ipv4", sweep<V4>);
  add("sweep/ipv6", sweep<V6>);
  add("map_update", map_update);
}

}  // namespace
}  // namespace tandem::flow

int main(int argc, char** argv) {
  tandem::flow::add_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
