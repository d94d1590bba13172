// SPDX-License-Identifier: Apache-2.0
// xdp_bench: what the steering program takes for a packet, beside an empty program.
//
// For each case the steering tables are filled, then in each round the empty program and the
// steering program run the same frame, one right after the other, on one processor. A case is only
// worth something if the frame gets the verdict it is meant to get, so that is checked by the
// program's counters. Prints a JSON list of {"name", "empty": [ns...], "steering": [ns...]}, one
// figure of each a round; `tools/bench xdp` makes a table of it.
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "flow/steering.hpp"
#include "frames.hpp"
#include "restore.h"
#include "xdp_rig.hpp"

namespace tandem::bench {
namespace {

constexpr std::uint32_t kLoopback = 1;  // what BPF_PROG_TEST_RUN says a frame came in on
// The system call around the runs takes a quarter of a millisecond: enough runs make it small.
constexpr std::uint32_t kRepeat = 500'000;
constexpr std::uint32_t kAdvertRepeat = 512;  // what the ring buffer has room for
constexpr std::uint32_t kAdvertBatches = 4;
constexpr std::size_t kFillersPerPair = 250;
constexpr std::size_t kShortestFrame = 60;  // of Ethernet, without FCS

// How the frame is run.
enum class Way : std::uint8_t {
  repeated,  // the program leaves it alone
  restored,  // the program rewrites it
  drained,   // it fills the ring buffer, which is emptied between batches
};

// The virtual router that frames are for. Its one address is 192.0.2.100 or 2001:db8::100.
struct Router {
  Family family = Family::ipv4;
  bool accept = true;
  bool virtual_mac = false;
  bool lease = true;
  bool service = false;  // TCP port 80 of the address is "local"
};

struct Case {
  std::string name;
  frames::Bytes frame;
  td_reason verdict;
  Router router{};
  Way way = Way::repeated;
};

IpAddress measured_address(Family family) {
  return frames::ip(family == Family::ipv4 ? "192.0.2.100" : "2001:db8::100");
}

// Other virtual addresses, of both families, so that a look-up has something to tell apart.
IpAddress filler(std::size_t n) {
  const auto host = static_cast<std::uint8_t>(n / 2);
  const bool first = n / 2 < 256;
  if (n % 2 == 1)
    return frames::ip(first ? "2001:db8:1::" + std::to_string(host)
                            : "2001:db8:2::" + std::to_string(host));
  return frames::ip((first ? "198.51.100." : "203.0.113.") + std::to_string(host));
}

Result<void> fill(flow::Steering& steering, const Router& r, std::size_t addresses) {
  steering.close_all();
  const IpAddress address = measured_address(r.family);
  std::vector<flow::SteeredRouter> routers{
      {0, kLoopback, {}, r.family, 51, r.accept, r.virtual_mac, frames::kNodeMac, {address}}};
  for (std::size_t n = 1; n < addresses; n++) {
    const Family family = filler(n).family();
    const auto slot = static_cast<std::uint16_t>(1 + n / kFillersPerPair * 2 + n % 2);
    if (slot >= routers.size()) routers.resize(slot + 1U);
    flow::SteeredRouter& to = routers[slot];
    to = {slot,
          kLoopback,
          {},
          family,
          static_cast<std::uint8_t>(100 + slot),
          true,
          false,
          frames::kNodeMac,
          std::move(to.addresses)};
    to.addresses.push_back(filler(n));
  }
  std::erase_if(routers, [](const auto& router) { return router.addresses.empty(); });
  std::vector<flow::SteeredService> services;
  if (r.service) services.push_back({address, false, 80});
  if (auto done = steering.publish(routers, services); !done) return done;
  if (r.lease) steering.grant_lease(0, MonotonicClock::now() + std::chrono::hours(1));
  return {};
}

frames::Bytes padded(frames::Bytes frame, std::size_t least = kShortestFrame) {
  if (frame.size() < least) frame.resize(least);
  return frame;
}

std::vector<Case> cases() {
  using namespace frames;
  const auto v4 = Family::ipv4, v6 = Family::ipv6;
  const IpAddress vip = measured_address(v4), vip6 = measured_address(v6);
  const IpAddress other = ip("192.0.2.9"), other6 = ip("2001:db8:9::9");
  const auto whole = [](Bytes frame) { return padded(std::move(frame), BENCH_FRAME_BYTES); };
  const Ether to_vmac{.to = virtual_mac(v4, 51)};
  return {
      {"pass/ipv4", padded(ipv4({.to = other}, tcp(80))), TD_PASS_OTHER},
      {"pass/ipv6", padded(ipv6({.to = other6}, tcp(80))), TD_PASS_OTHER},
      {"pass/arp", padded(arp({.target = other})), TD_PASS_OTHER},
      {"pass/neighbour-solicitation", padded(nd({.target = other6})), TD_PASS_OTHER},
      {"pass/vlan", padded(ipv4({.to = other}, tcp(80), {.vlan = {10}})), TD_PASS_OTHER},
      {"virtual-address/local",
       padded(ipv4({.to = vip}, tcp(80))),
       TD_PASS_LOCAL,
       {.service = true}},
      {"virtual-address/local-ipv6",
       padded(ipv6({.to = vip6}, tcp(80))),
       TD_PASS_LOCAL,
       {.family = v6, .service = true}},
      {"virtual-address/accepted", padded(ipv4({.to = vip}, tcp(22))), TD_PASS_ACCEPTED},
      {"virtual-address/arp", padded(arp({.target = vip})), TD_PASS_NEIGHBOUR},
      {"virtual-address/not-accepted",
       padded(ipv4({.to = vip}, tcp(22))),
       TD_DROP_NOT_ACCEPTED,
       {.accept = false}},
      {"virtual-address/no-lease",
       padded(ipv4({.to = vip}, tcp(80))),
       TD_DROP_NO_LEASE,
       {.lease = false, .service = true}},
      {"virtual-address/no-lease-arp",
       padded(arp({.target = vip})),
       TD_DROP_NO_LEASE_NEIGHBOUR,
       {.lease = false}},
      {"virtual-mac/local",
       whole(ipv4({.to = vip}, tcp(80), to_vmac)),
       TD_PASS_LOCAL,
       {.virtual_mac = true, .service = true},
       Way::restored},
      {"virtual-mac/routed",
       whole(ipv4({.to = other}, tcp(80), to_vmac)),
       TD_PASS_ROUTED,
       {.virtual_mac = true},
       Way::restored},
      {"arp-reply",
       whole(arp({.target = vip})),
       TD_TX_ARP_REPLY,
       {.virtual_mac = true},
       Way::restored},
      {"neighbour-advertisement",
       whole(nd({.target = vip6})),
       TD_TX_NA,
       {.family = v6, .virtual_mac = true},
       Way::restored},
      {"advert", padded(advert()), TD_TAKE_ADVERT, {}, Way::drained},
      {"advert-flood", padded(advert()), TD_DROP_ADVERT_RING_FULL},
  };
}

class Measurement {
 public:
  Measurement(XdpRig& rig, const Case& c) : rig_(rig), case_(c) {}

  Result<double> of(Subject subject) {
    const std::uint64_t before = rig_.packets(case_.verdict);
    const auto ns = case_.way == Way::drained ? in_batches(subject) : at_once(subject);
    const std::uint64_t got = rig_.packets(case_.verdict) - before;
    const std::uint64_t runs = case_.way == Way::drained ? kAdvertRepeat * kAdvertBatches : kRepeat;
    if (ns && subject == Subject::steering && got != runs)
      return fail(case_.name + ": " + std::to_string(got) + " of " + std::to_string(runs) +
                  " runs got the verdict that is to be measured");
    return ns;
  }

  // Until no advert fits any more, for the case that measures just that.
  Result<void> prepare() {
    rig_.drain_adverts();
    if (case_.verdict != TD_DROP_ADVERT_RING_FULL) return {};
    if (auto filled = rig_.run(Subject::steering, {case_.frame, 2 * kAdvertRepeat, false}); !filled)
      return std::unexpected(filled.error());
    return {};
  }

 private:
  Result<double> at_once(Subject subject) {
    const auto taken = rig_.run(subject, {case_.frame, kRepeat, case_.way == Way::restored});
    if (!taken) return std::unexpected(taken.error());
    return taken->processor;
  }

  Result<double> in_batches(Subject subject) {
    double sum = 0;
    for (std::uint32_t i = 0; i < kAdvertBatches; i++) {
      rig_.drain_adverts();
      const auto taken = rig_.run(subject, {case_.frame, kAdvertRepeat, false});
      if (!taken) return std::unexpected(taken.error());
      sum += taken->kernel;
    }
    return sum / kAdvertBatches;
  }

  XdpRig& rig_;
  const Case& case_;
};

Result<nlohmann::json> measure(int rounds) {
  auto rig = XdpRig::open();
  if (!rig) return std::unexpected(rig.error());
  flow::Steering steering((*rig)->tables());

  const std::vector<Case> all = cases();
  nlohmann::json results = nlohmann::json::object();
  for (int round = 0; round < rounds; round++) {
    for (const std::size_t addresses : {1, 100, 1000}) {
      for (const Case& c : all) {
        const std::string name = c.name + (addresses == 1 ? "" : "/" + std::to_string(addresses));
        Measurement measurement(**rig, c);
        if (auto done = fill(steering, c.router, addresses); !done)
          return std::unexpected(done.error());
        if (auto done = measurement.prepare(); !done) return std::unexpected(done.error());
        for (const auto& [subject, key] :
             {std::pair{Subject::empty, "empty"}, {Subject::steering, "steering"}}) {
          const auto ns = measurement.of(subject);
          if (!ns) return std::unexpected(ns.error());
          results[name][key].push_back(*ns);
        }
      }
    }
  }
  return results;
}

// One processor, and nothing but the kernel's own before us, as far as the system allows it.
void settle_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) std::perror("xdp_bench: cannot pin to a CPU");
  const sched_param priority{1};
  sched_setscheduler(0, SCHED_FIFO, &priority);
}

}  // namespace
}  // namespace tandem::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: xdp_bench CPU ROUNDS\n", stderr);
    return 2;
  }
  tandem::bench::settle_on(std::atoi(argv[1]));
  const auto results = tandem::bench::measure(std::atoi(argv[2]));
  if (!results) {
    std::fprintf(stderr, "xdp_bench: %s\n", results.error().message.c_str());
    return 1;
  }
  std::puts(results->dump().c_str());
}
