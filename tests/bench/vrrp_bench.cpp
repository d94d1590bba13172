// SPDX-License-Identifier: Apache-2.0
// vrrp_bench: what one advert takes, in and out, without the kernel's share of it.
//
// In: parse, receive checks, state machine of a Backup. Out: the timer of an Active, and the frame
// written. The argument of some is how many virtual routers the node has. The references are a copy
// of the same bytes and the system call that sends the frame, from the same run.
#include <benchmark/benchmark.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <variant>
#include <vector>

#include "engine/packet_socket.hpp"
#include "vrrp/router_set.hpp"
#include "wire/frame.hpp"
#include "wire/vrrp.hpp"

namespace tandem {
namespace {

using namespace std::chrono_literals;

constexpr Duration kInterval = 100ms;
constexpr std::uint16_t kInterface = 0;
constexpr std::size_t kEthernetHeader = 14;
constexpr unsigned kLoopback = 1;

IpAddress ip(const std::string& text) {
  return IpAddress::parse(text).value();
}

// Virtual router `id` of the node: 1-255 on IPv4, then 1-255 on IPv6.
vrrp::Settings settings_of(std::size_t id, std::uint8_t priority) {
  vrrp::Settings s;
  const std::size_t vrid = id % 255 + 1;
  s.name = "VI_" + std::to_string(id);
  s.vrid = static_cast<std::uint8_t>(vrid);
  s.family = id < 255 ? Family::ipv4 : Family::ipv6;
  s.priority = priority;
  s.advert_interval = kInterval;
  s.garp_refresh = {};
  if (id < 255)
    s.addresses = {ip("203.0.113." + std::to_string(vrid))};
  else
    s.addresses = {ip("fe80::1:" + std::to_string(vrid)), ip("2001:db8::" + std::to_string(vrid))};
  return s;
}

IpAddress source_of(const vrrp::Settings& s, int host) {
  return ip((s.family == Family::ipv4 ? "192.0.2." : "fe80::") + std::to_string(host));
}

wire::Advert advert_of(const vrrp::Settings& s) {
  return {s.family, s.version, s.vrid, s.priority, s.advert_interval, s.addresses, {}, s.checksum};
}

using Frame = std::array<std::uint8_t, wire::kMaxFrame>;

std::size_t emit(const vrrp::Settings& s, const wire::Advert& advert, int host, Frame& out) {
  const IpAddress group = wire::vrrp_group(s.family);
  return wire::emit_advert_frame(advert, {MacAddress{{2, 0, 0, 0, 0, 1}}, {}},
                                 wire::multicast_mac(group), source_of(s, host), group, out);
}

// The peer's advert as the ring buffer brings it: the IP packet.
std::vector<std::uint8_t> packet_for(const vrrp::Settings& s) {
  Frame frame{};
  vrrp::Settings peer = s;
  peer.priority = 200;
  const std::size_t length = emit(s, advert_of(peer), 3, frame);
  return {frame.begin() + kEthernetHeader, frame.begin() + static_cast<std::ptrdiff_t>(length)};
}

struct Node {
  std::vector<vrrp::Settings> settings;
  vrrp::RouterSet set;
  vrrp::Actions actions;
  MonotonicTime now{1000s};

  Node(std::size_t routers, std::uint8_t priority) {
    actions.reserve(16384);
    for (std::size_t id = 0; id < routers; id++) {
      // Spread over one interval, as the routers of a node that has run for a while are.
      const auto start = now + kInterval * static_cast<long>(id) / static_cast<long>(routers);
      settings.push_back(settings_of(id, priority));
      set.add(static_cast<vrrp::RouterId>(id), kInterface, settings.back(),
              source_of(settings.back(), 2), true, start, actions);
      actions.clear();
    }
    now += kInterval;
  }
  // Until announcements are over and nothing but adverts is left to do.
  void settle() {
    for (const auto end = now + 60s; now < end; now = set.next_deadline()) {
      set.on_time(now, actions);
      actions.clear();
    }
  }
};

void parse(benchmark::State& state, std::size_t router) {
  const auto packet = packet_for(settings_of(router, 100));
  for (auto _ : state) {
    auto received = wire::parse_advert(packet);
    benchmark::DoNotOptimize(received);
    if (!received) state.SkipWithError("the advert was dropped");
  }
}

void receive(benchmark::State& state) {
  const auto routers = static_cast<std::size_t>(state.range(0));
  Node node(routers, 100);
  std::vector<std::vector<std::uint8_t>> packets;
  for (const auto& s : node.settings) packets.push_back(packet_for(s));
  std::size_t next = 0;
  for (auto _ : state) {
    node.now += kInterval / static_cast<long>(routers);
    const auto received = wire::parse_advert(packets[next]);
    const auto drop = node.set.on_advert(kInterface, *received, node.now, node.actions);
    benchmark::DoNotOptimize(node.set.next_deadline());
    node.actions.clear();
    if (drop) state.SkipWithError("the advert was dropped");
    next = next + 1 == routers ? 0 : next + 1;
  }
}

void send(benchmark::State& state) {
  Node node(static_cast<std::size_t>(state.range(0)), 255);
  node.settle();
  std::vector<wire::Advert> adverts;
  for (const auto& s : node.settings) adverts.push_back(advert_of(s));
  Frame frame{};
  std::int64_t sent = 0;
  for (auto _ : state) {
    node.now = node.set.next_deadline();
    node.set.on_time(node.now, node.actions);
    for (const vrrp::Action& action : node.actions) {
      const auto* advert = std::get_if<vrrp::SendAdvert>(&action);
      if (advert == nullptr) continue;
      adverts[advert->router].priority = advert->priority;
      benchmark::DoNotOptimize(
          emit(node.settings[advert->router], adverts[advert->router], 2, frame));
      sent++;
    }
    node.actions.clear();
  }
  if (sent != static_cast<std::int64_t>(state.iterations()))
    state.SkipWithError("not one advert a deadline");
}

void emit_frame(benchmark::State& state, std::size_t router) {
  const auto s = settings_of(router, 100);
  const auto advert = advert_of(s);
  Frame frame{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(emit(s, advert, 2, frame));
    benchmark::ClobberMemory();
  }
}

void copy(benchmark::State& state) {
  const auto packet = packet_for(settings_of(0, 100));
  wire::ReceivedAdvert received{};
  for (auto _ : state) {
    std::memcpy(static_cast<void*>(&received), packet.data(), packet.size());
    benchmark::DoNotOptimize(received);
    benchmark::ClobberMemory();
  }
}

// A loopback device of our own, so that the frames reach nobody.
bool enter_namespace() {
  if (unshare(CLONE_NEWNET) != 0) return false;
  const Descriptor control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  return control && ioctl(control.get(), SIOCSIFFLAGS, &request) == 0;
}

void send_call(benchmark::State& state) {
  auto socket = engine::PacketSocket::open(kLoopback, kLoopback, "lo");
  if (!socket) {
    state.SkipWithError(socket.error().message.c_str());
    return;
  }
  const auto s = settings_of(0, 100);
  Frame frame{};
  const std::size_t length = emit(s, advert_of(s), 2, frame);
  for (auto _ : state) {
    if (!socket->send(std::span(frame).first(length))) state.SkipWithError(std::strerror(errno));
  }
}

BENCHMARK_CAPTURE(parse, ipv4, 0);
BENCHMARK_CAPTURE(parse, ipv6, 255);
BENCHMARK_CAPTURE(emit_frame, ipv4, 0);
BENCHMARK_CAPTURE(emit_frame, ipv6, 255);
BENCHMARK(receive)->Arg(1)->Arg(510);
BENCHMARK(send)->Arg(1)->Arg(510);
BENCHMARK(copy);
BENCHMARK(send_call);

}  // namespace
}  // namespace tandem

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (!tandem::enter_namespace()) {
    std::perror("vrrp_bench: a network namespace (as root)");
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
}
