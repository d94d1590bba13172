// SPDX-License-Identifier: Apache-2.0
// admission_bench: what the data thread's core takes for the first packet of a flow.
//
// Each round is a SYN of another client: parsed, scheduled by least connections, inserted, and
// rewritten for its backend, as Forwarder::admit() does it for a frame that came up to the data
// thread. What sockets and the kernel take comes on top (tools/bench e2e/connections). The table
// has a million flows at most; then all of them are forgotten, which is not timed. The argument is
// the number of backends.
#include <benchmark/benchmark.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "service_node.hpp"

namespace tandem {
namespace {

constexpr std::uint32_t kMostFlows = 1'000'000;
constexpr std::size_t kHeadroom = 64;

// Of a service: the two backends that it has, and more.
void add_backends(ServiceNode& node, const TestService& service, int count, MonotonicTime now) {
  for (int i = 2; i < count; i++)
    node.add_backend(static_cast<std::uint16_t>(100 + i), service, 1, now);
}

// Until no flow is left.
void forget(ServiceNode& node, MonotonicTime now) {
  constexpr flow::Tick kLong = 20'000;  // more than an hour: longer than any limit
  forward::Forwarder& forwarder = node.forwarder();
  while (forwarder.flows4().flows() + forwarder.flows6().flows() != 0)
    forwarder.sweep(kMostFlows, static_cast<flow::Tick>(node.tick(now) + kLong));
}

void admit(benchmark::State& state, std::uint16_t number) {
  const MonotonicTime now = MonotonicClock::now();
  MemoryNode memory(now, kMostFlows * 3 / 2);
  ServiceNode& node = memory.node;
  const TestService service = test_services()[number - 1U];
  add_backends(node, service, static_cast<int>(state.range(0)), now);
  const frames::Bytes original = to_service(service, {});
  // The last bytes of the client's address, and its port.
  const std::size_t address_at = service.address.is_v4() ? 14 + 12 + 2 : 14 + 8 + 14;
  const std::size_t port_at = service.address.is_v4() ? 34 : 54;
  std::vector<std::uint8_t> buffer(kHeadroom + original.size() + 64);
  td_frame frame{};
  td_outcome outcome{};
  frame.first = buffer.data();
  frame.last = buffer.data() + buffer.size();
  frame.ifindex = rig::kLink;
  frame.now_ns = to_ns(now);
  frame.jiffies = node.jiffies(now);
  std::uint32_t client = 0, flows = 0;
  for (auto _ : state) {
    frame.data = frame.first + kHeadroom;
    frame.end = frame.data + original.size();
    std::memcpy(frame.data, original.data(), original.size());
    store_be16(frame.data + address_at, static_cast<std::uint16_t>(client >> 12));
    store_be16(frame.data + port_at, static_cast<std::uint16_t>(1024 + (client & 0xfff)));
    client = (client + 1) & 0xfff'ffff;
    if (node.forwarder().admit(frame, outcome, now) != TD_TX_FORWARD) {
      state.SkipWithError("a first packet was not forwarded");
      break;
    }
    if (++flows < kMostFlows) continue;
    state.PauseTiming();
    forget(node, now);
    flows = 0;
    state.ResumeTiming();
  }
}

void system_call(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(syscall(SYS_getppid));
}

BENCHMARK(system_call);
BENCHMARK_CAPTURE(admit, nat, 1)->Arg(4)->Arg(1000);
BENCHMARK_CAPTURE(admit, dsr, 4)->Arg(4)->Arg(1000);
BENCHMARK_CAPTURE(admit, tunnel, 5)->Arg(4)->Arg(1000);
BENCHMARK_CAPTURE(admit, nat - ipv6, 7)->Arg(4)->Arg(1000);
BENCHMARK_CAPTURE(admit, dsr - ipv6, 10)->Arg(4)->Arg(1000);

}  // namespace
}  // namespace tandem

BENCHMARK_MAIN();
