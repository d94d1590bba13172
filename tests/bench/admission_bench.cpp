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

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "service_node.hpp"

namespace tandem {
namespace {

constexpr std::uint32_t kMostFlows = 1'000'000;
constexpr std::size_t kHeadroom = 64;

class Node {
 public:
  Node() : steering_(*tables_, [] { return 1; }) {
    now_ = MonotonicClock::now();
    node_ = std::make_unique<ServiceNode>(
        forward::Forwarder::Memory{
            {tables_.get(), backends_.data(), hops_.data(), sources_.data(), picks_.data(),
             fragments_.data(), flow4_.data(), flow6_.data(), 2},
            std::as_writable_bytes(std::span(flow4_)),
            std::as_writable_bytes(std::span(flow6_))},
        steering_, clock(), kMostFlows * 3 / 2);
  }
  [[nodiscard]] flow::JiffyClock clock() const {
    return {std::chrono::milliseconds(4), 1'000'000, now_};
  }
  [[nodiscard]] MonotonicTime now() const { return now_; }
  forward::Forwarder& forwarder() { return node_->forwarder(); }

  // Of a service: the two that it has, and more.
  void add_backends(const TestService& service, int count) {
    for (int i = 2; i < count; i++)
      node_->add_backend(static_cast<std::uint16_t>(100 + i), service, 1, now_);
  }

  // Until no flow is left.
  void forget() {
    constexpr flow::Tick kLong = 20'000;  // more than an hour: longer than any limit
    const auto then = static_cast<flow::Tick>(node_->tick(now_) + kLong);
    while (forwarder().flows4().flows() + forwarder().flows6().flows() != 0)
      forwarder().sweep(kMostFlows, then);
  }

 private:
  std::unique_ptr<td_tables> tables_ = std::make_unique<td_tables>();
  std::vector<td_backend> backends_ = std::vector<td_backend>(TD_MAX_BACKENDS);
  std::vector<td_hop> hops_ = std::vector<td_hop>(TD_MAX_HOPS);
  std::vector<td_source> sources_ = std::vector<td_source>(2 * std::size_t{TD_SOURCE_PORTS});
  std::vector<td_pick_block> picks_ = std::vector<td_pick_block>(TD_PICK_BLOCKS);
  std::vector<td_fragment> fragments_ = std::vector<td_fragment>(TD_FRAGMENTS);
  std::vector<td_flow4_bucket> flow4_ =
      std::vector<td_flow4_bucket>(flow::FlowTable4::elements_for(kMostFlows * 3 / 2));
  std::vector<td_flow6_bucket> flow6_ =
      std::vector<td_flow6_bucket>(flow::FlowTable6::elements_for(kMostFlows * 3 / 2));
  flow::Steering steering_;
  MonotonicTime now_;
  std::unique_ptr<ServiceNode> node_;
};

void admit(benchmark::State& state, std::uint16_t number) {
  Node node;
  const TestService service = test_services()[number - 1U];
  node.add_backends(service, static_cast<int>(state.range(0)));
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
  frame.now_ns = to_ns(node.now());
  frame.jiffies = node.clock().at(node.now());
  std::uint32_t client = 0, flows = 0;
  for (auto _ : state) {
    frame.data = frame.first + kHeadroom;
    frame.end = frame.data + original.size();
    std::memcpy(frame.data, original.data(), original.size());
    store_be16(frame.data + address_at, static_cast<std::uint16_t>(client >> 12));
    store_be16(frame.data + port_at, static_cast<std::uint16_t>(1024 + (client & 0xfff)));
    client = (client + 1) & 0xfff'ffff;
    if (node.forwarder().admit(frame, outcome, node.now()) != TD_TX_FORWARD) {
      state.SkipWithError("a first packet was not forwarded");
      break;
    }
    if (++flows < kMostFlows) continue;
    state.PauseTiming();
    node.forget();
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
