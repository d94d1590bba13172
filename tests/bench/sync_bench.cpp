// SPDX-License-Identifier: Apache-2.0
// sync_bench: what flow synchronization costs on each side, how long a change takes to the other
// node, and how long a new session takes to bring all flows over.
//
//   sync_bench events       2 s of new flows: processor time of the sync thread that sends, of the one
//                           that receives, and of the data thread that applies, in ns a flow
//   sync_bench bulk FLOWS   so many flows to an empty node: seconds until all is proved
//   sync_bench lag RATE     so many new flows a second over a real link (TLS on the loopback
//                           device), 3 s: from the decision until the other node has the flow, in
//                           ms; and the processor time of both sync threads and data threads
//   sync_bench admit        first packets with [sync] and without, by turns, in ns a flow
//
// Prints a JSON document of lists of figures. Flows are of dsr, over IPv4. Each is one bucket's
// change; nothing comes twice, so that no two changes are sent as one.
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "service_node.hpp"
#include "sync/link.hpp"
#include "sync/session.hpp"

namespace {

using namespace tandem;
using nlohmann::json;
using std::chrono::milliseconds;

constexpr std::size_t kHeadroom = 64;

double seconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
double of_thread() {
  return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "sync_bench: %s\n", why.c_str());
  std::exit(1);
}

// A node, and SYNs of ever other clients to it.
class Node {
 public:
  Node(bool owner, std::uint32_t flows, bool syncs = true)
      : memory_(MonotonicClock::now(), flows),
        shared_(1, flow::FlowTable4::elements_for(flows), flow::FlowTable6::elements_for(flows)),
        original_(to_service(test_services()[3], {})),
        buffer_(kHeadroom + original_.size() + 64) {
    const auto now = MonotonicClock::now();
    if (syncs) memory_.node.replicate(shared_, now);
    for (auto& router : memory_.memory.tables().vrouter) {
      if (router.family == 0) continue;
      router.lease_ns = owner ? to_ns(now + std::chrono::hours(1)) : 0;
      router.lease_jiffies = owner ? ~std::uint64_t{0} : 0;
    }
    forwarder().look_at_leases(now);
    frame_.first = buffer_.data();
    frame_.last = buffer_.data() + buffer_.size();
    frame_.ifindex = rig::kLink;
  }

  forward::Forwarder& forwarder() { return memory_.node.forwarder(); }
  forward::Replication& shared() { return shared_; }

  // Where the client's address and port are in the frame.
  static std::uint64_t key_of(std::uint32_t client) {
    return td_flow4_key(0xc6330000 | client >> 12, 1024 + (client & 0xfff), 4);
  }
  void open(std::uint32_t client, MonotonicTime now) {
    frame_.now_ns = to_ns(now);
    frame_.jiffies = memory_.node.jiffies(now);
    frame_.data = frame_.first + kHeadroom;
    frame_.end = frame_.data + original_.size();
    std::memcpy(frame_.data, original_.data(), original_.size());
    store_be16(frame_.data + 14 + 12 + 2, static_cast<std::uint16_t>(client >> 12));
    store_be16(frame_.data + 34, static_cast<std::uint16_t>(1024 + (client & 0xfff)));
    if (forwarder().admit(frame_, outcome_, now) != TD_TX_FORWARD)
      give_up("a first packet was not forwarded");
  }
  [[nodiscard]] bool has(std::uint32_t client) {
    return forwarder().flows4().find(key_of(client)).has_value();
  }
  void apply(std::size_t most, MonotonicTime now) {
    forwarder().apply_changes(most, now, memory_.node.tick(now));
  }

 private:
  static void store_be16(std::uint8_t* at, std::uint16_t value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
  }

  MemoryNode memory_;
  forward::Replication shared_;
  frames::Bytes original_;
  std::vector<std::uint8_t> buffer_;
  td_frame frame_{};
  td_outcome outcome_{};
};

// Two nodes and a session between them, all on this thread; what each part takes is counted apart.
class Pair {
 public:
  explicit Pair(std::uint32_t flows) : a(true, flows), b(false, flows) {}

  void connect() {
    const auto now = MonotonicClock::now();
    at_a_.emplace(sync::Hello{.boot = 1, .node = "a"}, sender_, receiver_a_, now);
    at_b_.emplace(sync::Hello{.boot = 2, .node = "b"}, sender_b_, receiver_, now);
  }
  void step() {
    const auto now = MonotonicClock::now();
    count(sending, [&] { check(at_a_->pass(now)); });
    deliver(*at_a_, *at_b_, receiving, now);
    count(applying, [&] { b.apply(SIZE_MAX, now); });
    count(receiving, [&] { check(at_b_->pass(now)); });
    deliver(*at_b_, *at_a_, sending, now);
  }
  [[nodiscard]] bool proved() {
    for (std::uint16_t number = 1; number <= 13; number++)
      if (sender_.proof(number) != sync::Sender::Proof::proved) return false;
    return true;
  }

  Node a, b;
  double sending = 0, receiving = 0, applying = 0;  // seconds

 private:
  template <class Work>
  static void count(double& seconds, Work work) {
    const double before = of_thread();
    work();
    seconds += of_thread() - before;
  }
  static void check(const Result<void>& done) {
    if (!done) give_up(done.error().message);
  }
  void deliver(sync::Session& from, sync::Session& to, double& seconds, MonotonicTime now) {
    auto& out = from.output();
    for (std::size_t at = 0; at < out.size();) {
      Result<std::size_t> taken = 0;
      count(seconds, [&] { taken = to.receive(std::span(out).subspan(at), now); });
      if (!taken) give_up(taken.error().message);
      at += *taken;
      if (at < out.size()) count(applying, [&] { b.apply(SIZE_MAX, now); });
    }
    out.clear();
  }

  sync::Sender sender_{a.forwarder(), a.shared()}, sender_b_{b.forwarder(), b.shared()};
  sync::Receiver receiver_a_{a.forwarder(), a.shared()}, receiver_{b.forwarder(), b.shared()};
  std::optional<sync::Session> at_a_, at_b_;
};

json measure_events() {
  constexpr std::uint32_t kFlows = 1'000'000, kAtOnce = 1'000;  // those of a millisecond at 1M/s
  Pair pair(2 * kFlows);
  pair.connect();
  for (int i = 0; i < 5'000 && !pair.proved(); i++) pair.step();
  pair.sending = pair.receiving = pair.applying = 0;
  for (std::uint32_t client = 0; client < kFlows;) {
    for (std::uint32_t i = 0; i < kAtOnce; i++) pair.a.open(client++, MonotonicClock::now());
    pair.step();
  }
  const auto ns = [&](double seconds) { return json::array({seconds * 1e9 / kFlows}); };
  return {
      {"send", ns(pair.sending)}, {"receive", ns(pair.receiving)}, {"apply", ns(pair.applying)}};
}

json measure_bulk(std::uint32_t flows) {
  Pair pair(std::min(flows + flows / 8, flow::FlowTable4::kMostFlows));
  const auto now = MonotonicClock::now();
  for (std::uint32_t client = 0; client < flows; client++) pair.a.open(client, now);
  pair.connect();
  const double begun = seconds_of(CLOCK_MONOTONIC);
  while (!pair.proved()) pair.step();
  const double took = seconds_of(CLOCK_MONOTONIC) - begun;
  if (pair.b.forwarder().flows4().flows() != flows) give_up("some flows did not come over");
  return {{"seconds", json::array({took})},
          {"sending", json::array({pair.sending})},
          {"receiving", json::array({pair.receiving})},
          {"applying", json::array({pair.applying})}};
}

std::unique_ptr<sync::Link> start(Node& node, std::uint16_t listen, std::uint16_t peer) {
  const auto local = [](std::uint16_t port) {
    return std::vector<config::ListenAddress>{{*IpAddress::parse("127.0.0.1"), port}};
  };
  auto link = sync::Link::start(
      {"bench", local(listen), local(peer), {}}, node.forwarder(), node.shared(), [] {},
      [](const std::string&) {});
  if (!link) give_up(link.error().message);
  return std::move(*link);
}

// This thread is the data thread of both nodes.
json measure_lag(std::uint32_t rate) {
  constexpr auto kFor = std::chrono::seconds(3);
  constexpr std::uint32_t kProbe = 50;  // one of so many flows is looked for
  Node a(true, 4 * rate), b(false, 4 * rate);
  const auto link_a = start(a, 19306, 19307), link_b = start(b, 19307, 19306);
  const auto both = [&](MonotonicTime now) {
    a.apply(1'024, now);
    b.apply(1'024, now);
  };
  const auto proved = [&] {
    const sync::LinkView view = link_a->view();
    return view.connected && std::ranges::all_of(view.services, [](const auto& service) {
             return service.number == 14 || service.outgoing == sync::Sender::Proof::proved;
           });
  };
  const auto patience = MonotonicClock::now() + std::chrono::seconds(30);
  while (!proved()) {
    if (MonotonicClock::now() > patience) give_up("the nodes did not come together");
    both(MonotonicClock::now());
    std::this_thread::sleep_for(milliseconds(1));
  }
  const double all_before = seconds_of(CLOCK_PROCESS_CPUTIME_ID), own_before = of_thread();
  std::vector<std::pair<std::uint32_t, MonotonicTime>> probes;
  std::size_t seen = 0;
  std::vector<double> lags;
  const auto begun = MonotonicClock::now();
  std::uint32_t client = 0;
  for (auto now = begun; now < begun + kFor || seen < probes.size(); now = MonotonicClock::now()) {
    const auto due = static_cast<std::uint32_t>(
        std::chrono::duration<double>(std::min<Duration>(now - begun, kFor)).count() * rate);
    for (std::uint32_t i = 0; i < 64 && client < due; i++, client++) {
      a.open(client, now);
      if (client % kProbe == 0) probes.emplace_back(client, now);
    }
    both(now);
    for (now = MonotonicClock::now(); seen < probes.size() && b.has(probes[seen].first); seen++)
      lags.push_back(std::chrono::duration<double, std::milli>(now - probes[seen].second).count());
    if (now > begun + 10 * kFor) give_up("some flows did not come over");
  }
  const double took = std::chrono::duration<double>(MonotonicClock::now() - begun).count();
  const double own = of_thread() - own_before;
  const double sync_threads = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - all_before - own;
  std::ranges::sort(lags);
  const auto at = [&](double share) {
    return json::array(
        {lags[static_cast<std::size_t>(static_cast<double>(lags.size() - 1) * share)]});
  };
  return {{"p50", at(0.5)},
          {"p99", at(0.99)},
          {"most", at(1)},
          {"flows_a_second", json::array({client / took})},
          {"sync_threads", json::array({sync_threads / took})}};
}

json measure_admit() {
  constexpr std::uint32_t kFlows = 200'000, kAtOnce = 1'000;
  json with = json::array(), without = json::array();
  for (int round = 0; round < 7; round++) {
    for (const bool syncs : {false, true}) {
      Node node(true, 2 * kFlows, syncs), peer(false, 2 * kFlows);
      sync::Sender sender(node.forwarder(), node.shared());
      std::vector<std::uint8_t> out;
      double seconds = 0;
      for (std::uint32_t client = 0; client < kFlows;) {
        const auto now = MonotonicClock::now();
        const double before = of_thread();
        for (std::uint32_t i = 0; i < kAtOnce; i++) node.open(client++, now);
        seconds += of_thread() - before;
        if (syncs) sender.pass(out, 1 << 20, now);  // another thread's work
        out.clear();
      }
      (syncs ? with : without).push_back(seconds * 1e9 / kFlows);
    }
  }
  return {{"with", with}, {"without", without}};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const auto figure = [&] {
    return argc > 2 ? static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)) : 0U;
  };
  json document;
  if (what == "events")
    document = measure_events();
  else if (what == "bulk" && figure() > 0)
    document = measure_bulk(figure());
  else if (what == "lag" && figure() > 0)
    document = measure_lag(figure());
  else if (what == "admit")
    document = measure_admit();
  else
    give_up("expected events, bulk FLOWS, lag RATE or admit");
  std::printf("%s\n", document.dump().c_str());
}
