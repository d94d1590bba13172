// SPDX-License-Identifier: Apache-2.0
// xdp_flow_bench: what the steering program takes for a packet of an established flow, in each
// mode, with 1 to a million flows.
//
// A caller program (bench.bpf.c) restores the frame, makes it one of another flow each time, and
// tail-calls the steering program or an empty one, which are measured in turns on one processor.
// Each run has to get the verdict that it is meant to get. Prints JSON as xdp_bench does.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/steering_code.hpp"
#include "engine/steering_maps.hpp"
#include "restore.h"
#include "service_node.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "bench.skel.h"  // generated C
#include "tandem.skel.h"
#pragma GCC diagnostic pop

namespace tandem::bench {
namespace {

constexpr std::uint32_t kRepeat = 500'000;
constexpr std::uint32_t kMostFlows = 1'000'000;

struct Case {
  const char* mode;
  std::uint16_t service;  // of test_services()
  std::uint32_t most = kMostFlows;
  bool tunnel = false;
};
constexpr Case kCases[] = {
    {"dsr", 4},       {"nat", 1},     {"fullnat", 3, 1'000}, {"tunnel", 5, kMostFlows, true},
    {"dsr-ipv6", 10}, {"nat-ipv6", 7}};

const char* text_of(std::uint32_t flows) {
  return flows == 1         ? "1"
         : flows == 16      ? "16"
         : flows == 1'000   ? "1k"
         : flows == 100'000 ? "100k"
                            : "1M";
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "xdp_flow_bench: %s\n", what.c_str());
  std::exit(1);
}

class Rig {
 public:
  Rig() : bench_(bench_bpf__open_and_load()), tandem_(tandem_bpf__open()) {
    if (bench_ == nullptr || tandem_ == nullptr) fail("cannot open the programs");
    const engine::MapSizes sizes{flow::FlowTable4::elements_for(kMostFlows),
                                 flow::FlowTable6::elements_for(kMostFlows), 2};
    bpf_map__set_max_entries(tandem_->maps.td_flow4, sizes.flow4_elements);
    bpf_map__set_max_entries(tandem_->maps.td_flow6, sizes.flow6_elements);
    bpf_map__set_max_entries(tandem_->maps.td_sources, 2 * std::uint32_t{TD_SOURCE_PORTS});
    if (tandem_bpf__load(tandem_) != 0) fail("the kernel refused the steering program");
    if (auto filled = engine::fill_steps(*tandem_); !filled) fail(filled.error().message);
    if (auto mapped = maps_.map(*tandem_->obj, sizes); !mapped) fail(mapped.error().message);
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  ~Rig() {
    bench_bpf__destroy(bench_);
    tandem_bpf__destroy(tandem_);
  }

  // Flows of a service, and nothing else.
  void fill(const TestService& service, std::uint32_t flows) {
    node_.reset();
    std::ranges::fill(maps_.flow4(), std::byte{});
    std::ranges::fill(maps_.flow6(), std::byte{});
    steering_ = std::make_unique<flow::Steering>(maps_.tables());
    steering_->close_all();
    const MonotonicTime now = MonotonicClock::now();
    node_ = std::make_unique<ServiceNode>(
        forward::Forwarder::Memory{maps_.env(), maps_.flow4(), maps_.flow6()}, *steering_, clock(),
        kMostFlows);
    const auto second = static_cast<std::uint16_t>(2 * service.number + 1);
    node_->set_backend(second, balance::State::up, 0, now);
    for (std::uint32_t i = 0; i < flows; i++) {
      Segment segment{.client = i & 255, .port = static_cast<std::uint16_t>(1 + (i >> 8))};
      if (node_->admit(to_service(service, segment), rig::kLink, now).reason != TD_TX_FORWARD)
        fail("a flow was not admitted");
      segment.flags = TD_TCP_ACK;
      node_->steer(to_service(service, segment), rig::kLink, now);
    }
  }

  // Nanoseconds a run.
  double run(bool steering, const Case& c, const TestService& service, std::uint32_t flows) {
    frames::Bytes frame = to_service(service, {.flags = TD_TCP_ACK});
    frame.resize(BENCH_FRAME_BYTES);
    bench_frame original{};
    std::ranges::copy(frame, original.bytes);
    const std::uint32_t zero = 0;
    const bpf_program* reference = c.tunnel ? bench_->progs.grow4 : bench_->progs.empty;
    const int callee = bpf_program__fd(steering ? tandem_->progs.td_steer : reference);
    if (bpf_map_update_elem(bpf_map__fd(bench_->maps.original), &zero, &original, 0) != 0 ||
        bpf_map_update_elem(bpf_map__fd(bench_->maps.callee), &zero, &callee, 0) != 0)
      fail("cannot prepare the caller");
    bench_->bss->flows = flows;
    bench_->bss->length = BENCH_FRAME_BYTES;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                .data_size_in = static_cast<std::uint32_t>(frame.size()),
                .repeat = static_cast<int>(kRepeat));
    const std::uint64_t before = forwarded();
    const std::int64_t start = thread_time();
    if (bpf_prog_test_run_opts(bpf_program__fd(bench_->progs.vary), &options) != 0)
      fail("BPF_PROG_TEST_RUN");
    const std::int64_t end = thread_time();
    if (steering && forwarded() - before != kRepeat)
      fail(std::string(c.mode) + ": " + std::to_string(forwarded() - before) + " of " +
           std::to_string(kRepeat) + " runs were forwarded");
    return static_cast<double>(end - start) / kRepeat;
  }

 private:
  static std::int64_t thread_time() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  }
  // To a jiffy, which leases and stamps do not mind.
  [[nodiscard]] flow::JiffyClock clock() const {
    std::array<std::byte, 64> frame{};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = frame.data(),
                .data_size_in = frame.size(), .data_size_out = frame.size());
    if (bpf_prog_test_run_opts(bpf_program__fd(tandem_->progs.td_read_clock), &options) != 0)
      fail("cannot read the clock");
    td_clock clock{};
    std::memcpy(&clock, frame.data(), sizeof clock);
    timespec jiffy{};
    clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy);
    return {std::chrono::nanoseconds(jiffy.tv_nsec), clock.jiffies, from_ns(clock.now_ns)};
  }
  [[nodiscard]] std::uint64_t forwarded() const {
    const std::uint32_t zero = 0;
    std::vector<td_counters> counters(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    bpf_map_lookup_elem(bpf_map__fd(tandem_->maps.td_counters), &zero, counters.data());
    std::uint64_t sum = 0;
    for (const auto& cpu : counters) sum += cpu.packets[TD_TX_FORWARD];
    return sum;
  }

  bench_bpf* bench_;
  tandem_bpf* tandem_;
  engine::SteeringMaps maps_;
  std::unique_ptr<flow::Steering> steering_;
  std::unique_ptr<ServiceNode> node_;
};

// most: flows; rows with more are left out.
nlohmann::json measure(int rounds, std::uint32_t most) {
  Rig rig;
  nlohmann::json results = nlohmann::json::object();
  for (const Case& c : kCases) {
    const TestService service = test_services()[c.service - 1U];
    for (const std::uint32_t flows : {1U, 16U, 1'000U, 100'000U, 1'000'000U}) {
      if (flows > c.most || flows > most) continue;
      rig.fill(service, flows);
      auto& figures = results["established/" + std::string(c.mode) + "/" + text_of(flows)];
      for (int round = 0; round < rounds; round++) {
        figures["empty"].push_back(rig.run(false, c, service, flows));
        figures["steering"].push_back(rig.run(true, c, service, flows));
      }
    }
  }
  return results;
}

}  // namespace
}  // namespace tandem::bench

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fputs("usage: xdp_flow_bench CPU ROUNDS [FLOWS AT MOST]\n", stderr);
    return 2;
  }
  const auto most = argc == 4 ? static_cast<std::uint32_t>(std::atoi(argv[3])) : UINT32_MAX;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(std::atoi(argv[1]), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0)
    std::perror("xdp_flow_bench: cannot pin to a CPU");
  std::puts(tandem::bench::measure(std::atoi(argv[2]), most).dump().c_str());
}
