// SPDX-License-Identifier: Apache-2.0
#include "engine/dpdk/worker.hpp"

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <cstring>
#include <thread>

namespace tandem::engine {
namespace {

constexpr unsigned kCaptured = 512;     // frames that wait to be written down
constexpr unsigned kHandedOver = 4096;  // frames or ends that wait for the first worker

// rte_ring_create_elem(), of which the headers of DPDK 24.11 do not say that it is a C function.
extern "C" rte_ring* create_ring(const char* name, unsigned element_bytes, unsigned count,
                                 int socket, unsigned flags) __asm__("rte_ring_create_elem");

// A frame in an mbuf has to be in one piece.
bool is_whole(const rte_mbuf& frame) {
  return frame.nb_segs == 1;
}

// Where the core left it.
void trim(rte_mbuf& frame, const td_frame& f) {
  frame.data_off = static_cast<std::uint16_t>(f.data - static_cast<std::uint8_t*>(frame.buf_addr));
  frame.data_len = static_cast<std::uint16_t>(f.end - f.data);
  frame.pkt_len = frame.data_len;
}

}  // namespace

Worker::Worker(const Options& options, Deps deps)
    : options_(options),
      deps_(std::move(deps)),
      rest_(options.rest),
      captures_(forward::kBurst),
      ports_(std::make_shared<PortSet>()),
      traffic_(TD_MAX_BACKENDS) {}

Worker::~Worker() {
  void* frame = nullptr;
  while (misses_ != nullptr && rte_ring_dequeue(misses_, &frame) == 0)
    rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
  rte_ring_free(misses_);
  rte_ring_free(ends_);
  rte_ring_free(captured_);
}

Result<void> Worker::open_rings() {
  const std::string number = std::to_string(options_.number);
  constexpr unsigned kFlags = RING_F_SP_ENQ | RING_F_SC_DEQ;
  misses_ = rte_ring_create(("misses-" + number).c_str(), kHandedOver, SOCKET_ID_ANY, kFlags);
  ends_ = create_ring(("ends-" + number).c_str(), sizeof(td_flow_end), kHandedOver, SOCKET_ID_ANY,
                      kFlags);
  captured_ = create_ring(("captured-" + number).c_str(), sizeof(td_captured), kCaptured,
                          SOCKET_ID_ANY, kFlags);
  if (misses_ == nullptr || ends_ == nullptr || captured_ == nullptr)
    return fail_errno("no memory for rings", rte_errno);
  return {};
}

void Worker::run() {
  rte_thread_register();  // for a cache of mbufs of its own
  running_ = true;
  while (!stop_) rest_.after(round());
  running_ = false;
  take_ports();  // nobody shall wait for it
  rte_thread_unregister();
}

// ---- Ports

void Worker::use(std::shared_ptr<const PortSet> ports) {
  if (!running_) {
    ports_ = std::move(ports);
    return;
  }
  next_.store(&ports, std::memory_order_release);
  wake();
  while (next_.load(std::memory_order_acquire) != nullptr && running_)
    std::this_thread::sleep_for(std::chrono::microseconds(50));
}

void Worker::take_ports() {
  std::shared_ptr<const PortSet>* next = next_.load(std::memory_order_acquire);
  if (next == nullptr) return;
  ports_.swap(*next);
  next_.store(nullptr, std::memory_order_release);
}

// As many as there are: none has it.
std::size_t Worker::entry_of(std::uint32_t ifindex) const {
  const auto& entries = ports_->entries;
  const auto found = std::ranges::find(entries, ifindex, &PortSet::Entry::ifindex);
  return static_cast<std::size_t>(found - entries.begin());
}

// ---- A round

std::size_t Worker::round() {
  take_ports();
  counters_.rounds++;
  now_ = MonotonicClock::now();
  jiffies_ = deps_.clock.at(now_);
  std::size_t came = 0;
  for (std::size_t i = 0; i < ports_->entries.size(); i++)
    for (std::uint16_t queue = static_cast<std::uint16_t>(options_.number);
         queue < ports_->entries[i].rx_queues;
         queue = static_cast<std::uint16_t>(queue + options_.workers))
      came += serve(i, queue);
  if (!others_.empty()) came += take_over();
  if (options_.number == 0) came += send_for_kernel();
  if (deps_.tend) deps_.tend(now_);
  if (deps_.forwarder != nullptr && deps_.forwarder->holds_packets()) came += let_go();
  return came;
}

std::size_t Worker::serve(std::size_t entry, std::uint16_t queue) {
  const PortSet::Entry& from = ports_->entries[entry];
  std::array<rte_mbuf*, forward::kBurst> frames;
  const std::size_t count =
      rte_eth_rx_burst(from.port, queue, frames.data(), static_cast<std::uint16_t>(frames.size()));
  if (count == 0) return 0;
  counters_.bursts++;
  counters_.received.add(count);
  for (std::size_t i = 0; i < count; i++) rte_prefetch0(rte_pktmbuf_mtod(frames[i], void*));
  for (std::size_t i = 0; i < count; i++) lay_out(jobs_[i], *frames[i], from.ifindex);
  capturing_ = to_ns(now_) < deps_.env.tables->capture_until_ns;
  for (std::size_t i = 0; capturing_ && i < count; i++)
    capture_in(*frames[i], from.ifindex, captures_[i]);
  forward::steer({jobs_.data(), count}, deps_.env,
                 options_.prefetch ? forward::Prefetch::yes : forward::Prefetch::no);
  for (std::size_t i = 0; i < count; i++) settle(frames[i], i, entry);
  flush();
  return count;
}

void Worker::lay_out(forward::Job& job, const rte_mbuf& frame, std::uint32_t ifindex) const {
  td_frame& f = job.frame;
  f.first = static_cast<std::uint8_t*>(frame.buf_addr);
  f.last = f.first + frame.buf_len;
  f.data = f.first + frame.data_off;
  f.end = is_whole(frame) ? f.data + frame.data_len : f.data;
  f.ifindex = ifindex;
  f.now_ns = to_ns(now_);
  f.jiffies = jiffies_;
  f.ended.family = 0;
  f.hash_misses = 0;
  f.has_socket = 1;  // the kernel, which gets it, knows
}

// ---- What becomes of a frame

// The forwarder counts what it admits, and its traffic.
void Worker::settle(rte_mbuf* frame, std::size_t i, std::size_t entry) {
  forward::Job& job = jobs_[i];
  // Where there is a TAP device, the program on it counts adverts: it may have no room for one.
  if (job.reason != TD_TAKE_ADVERT || ports_->entries[entry].tap == nullptr)
    counters_.packets[job.reason]++;
  if (job.frame.ended.family != 0) hear_end(job.frame.ended);
  if (!td_is_punt(job.reason)) {
    const bool counts =
        td_is_tx(job.reason) || job.reason == TD_PASS_LOCAL || job.reason == TD_PASS_SOCKET;
    if (counts && job.outcome.backend != 0) count_traffic(job.outcome);
  } else if (deps_.forwarder != nullptr) {
    job.reason = deps_.forwarder->admit(job.frame, job.outcome, now_, frame);
    if (job.reason == forward::Forwarder::kHeld) return;
  }
  if (td_is_tx(job.reason)) trim(*frame, job.frame);
  if (capturing_) capture_out(i, *frame, ports_->entries[entry].ifindex);
  finish(frame, job, entry);
}

void Worker::finish(rte_mbuf* frame, const forward::Job& job, std::size_t entry) {
  if (td_is_tx(job.reason))
    send(frame, job.outcome.ifindex, entry);
  else if (td_is_punt(job.reason))
    hand_over(frame, entry);
  else if ((td_is_pass(job.reason) || job.reason == TD_TAKE_ADVERT) && is_whole(*frame))
    give_to_kernel(frame, job.reason == TD_TAKE_ADVERT, entry);
  else
    rte_pktmbuf_free(frame);
}

void Worker::hand_over(rte_mbuf* frame, std::size_t entry) {
  frame->hash.usr = ports_->entries[entry].ifindex;
  if (misses_ != nullptr && rte_ring_enqueue(misses_, frame) == 0) {
    counters_.handed_over++;
    return;
  }
  counters_.overrun++;
  rte_pktmbuf_free(frame);
}

void Worker::hear_end(const td_flow_end& end) {
  if (deps_.forwarder != nullptr)
    deps_.forwarder->on_end(end,
                            static_cast<flow::Tick>(jiffies_ >> deps_.forwarder->tick_shift()));
  else if (ends_ != nullptr)
    rte_ring_enqueue_elem(ends_, const_cast<td_flow_end*>(&end), sizeof end);
}

// What the other workers cannot decide.
std::size_t Worker::take_over() {
  std::size_t came = 0;
  for (Worker* other : others_) {
    std::array<void*, forward::kBurst> frames;
    const unsigned count = rte_ring_dequeue_burst(other->misses_, frames.data(),
                                                  static_cast<unsigned>(frames.size()), nullptr);
    for (unsigned i = 0; i < count; i++) {
      auto* frame = static_cast<rte_mbuf*>(frames[i]);
      const std::size_t entry = entry_of(frame->hash.usr);
      if (entry == ports_->entries.size()) {  // the port went meanwhile
        counters_.orphaned++;
        rte_pktmbuf_free(frame);
        continue;
      }
      forward::Job& job = jobs_[0];
      lay_out(job, *frame, frame->hash.usr);
      job.reason = deps_.forwarder->admit(job.frame, job.outcome, now_, frame);
      if (job.reason == forward::Forwarder::kHeld) continue;
      if (td_is_tx(job.reason)) trim(*frame, job.frame);
      finish(frame, job, entry);
    }
    if (count > 0) flush();
    td_flow_end end;
    while (rte_ring_dequeue_elem(other->ends_, &end, sizeof end) == 0) hear_end(end);
    came += count;
  }
  return came;
}

// First packets that waited for the other node.
std::size_t Worker::let_go() {
  std::size_t went = 0;
  while (const auto released = deps_.forwarder->let_go(now_, jiffies_)) {
    auto* frame = static_cast<rte_mbuf*>(released->owner);
    const std::size_t entry = entry_of(released->frame.ifindex);
    if (entry == ports_->entries.size()) {  // the port went meanwhile
      counters_.orphaned++;
      rte_pktmbuf_free(frame);
      continue;
    }
    forward::Job& job = jobs_[0];
    job.frame = released->frame;
    job.reason = released->reason;
    job.outcome = released->outcome;
    if (td_is_tx(job.reason)) trim(*frame, job.frame);
    finish(frame, job, entry);
    // An outbox has room for so many.
    if (++went % forward::kBurst == 0) flush();
  }
  if (went > 0) flush();
  return went;
}

// What the kernel sends out of the TAP devices of our own ports.
std::size_t Worker::send_for_kernel() {
  std::size_t came = 0;
  for (std::size_t i = 0; i < ports_->entries.size(); i++) {
    if (ports_->entries[i].tap == nullptr) continue;
    std::array<rte_mbuf*, forward::kBurst> frames;
    const std::size_t count = ports_->entries[i].tap->take(frames);
    for (std::size_t f = 0; f < count; f++) send(frames[f], 0, i);
    came += count;
  }
  if (came > 0) flush();
  return came;
}

void Worker::count_traffic(const td_outcome& outcome) {
  WorkerTraffic& traffic = traffic_[outcome.backend % TD_MAX_BACKENDS];
  const bool in = outcome.from == TD_FROM_CLIENT;
  (in ? traffic.in_packets : traffic.out_packets)++;
  (in ? traffic.in_bytes : traffic.out_bytes).add(outcome.length);
}

// ---- Capture

void Worker::capture_in(const rte_mbuf& frame, std::uint32_t ifindex, td_captured& captured) const {
  captured.time_ns = to_ns(now_);
  captured.in = ifindex;
  captured.in_length = frame.data_len;
  std::memcpy(captured.came, rte_pktmbuf_mtod(&frame, const void*),
              std::min<std::size_t>(frame.data_len, TD_CAPTURE_BYTES));
}

// What the kernel gets, tcpdump sees.
void Worker::capture_out(std::size_t i, const rte_mbuf& frame, std::uint32_t ifindex) {
  const forward::Job& job = jobs_[i];
  td_captured& captured = captures_[i];
  if (td_is_pass(job.reason)) return;
  captured.reason = static_cast<std::uint16_t>(job.reason);
  captured.out = 0;
  if (td_is_tx(job.reason)) captured.out = job.outcome.ifindex != 0 ? job.outcome.ifindex : ifindex;
  captured.out_length = frame.data_len;
  std::memcpy(captured.left, rte_pktmbuf_mtod(&frame, const void*),
              std::min<std::size_t>(frame.data_len, TD_CAPTURE_BYTES));
  if (captured_ == nullptr || rte_ring_enqueue_elem(captured_, &captured, sizeof captured) != 0)
    std::atomic_ref(deps_.env.tables->capture_lost).fetch_add(1, std::memory_order_relaxed);
}

void Worker::drain_captured(const std::function<void(const td_captured&)>& each) {
  td_captured captured;
  while (rte_ring_dequeue_elem(captured_, &captured, sizeof captured) == 0) each(captured);
}

// ---- The ways out

void Worker::send(rte_mbuf* frame, std::uint32_t ifindex, std::size_t entry) {
  const auto& entries = ports_->entries;
  if (ifindex != 0 && ifindex != entries[entry].ifindex) entry = entry_of(ifindex);
  if (entry == entries.size()) {
    counters_.no_port++;
    return rte_pktmbuf_free(frame);
  }
  Outbox& box = outboxes_[entry];
  box.frames[box.count++] = frame;
}

void Worker::give_to_kernel(rte_mbuf* frame, bool is_advert, std::size_t entry) {
  const PortSet::Entry& from = ports_->entries[entry];
  if (from.tap != nullptr) return from.tap->give(frame, is_advert);
  if (deps_.kernel == nullptr) return rte_pktmbuf_free(frame);
  deps_.kernel->give(frame, from.ifindex);
}

void Worker::flush() {
  for (std::size_t i = 0; i < ports_->entries.size(); i++) {
    Outbox& box = outboxes_[i];
    if (box.count == 0) continue;
    const std::uint16_t sent =
        rte_eth_tx_burst(ports_->entries[i].port, static_cast<std::uint16_t>(options_.number),
                         box.frames.data(), static_cast<std::uint16_t>(box.count));
    counters_.sent.add(sent);
    if (sent < box.count) {
      counters_.tx_full.add(box.count - sent);
      rte_pktmbuf_free_bulk(box.frames.data() + sent, box.count - sent);
    }
    box.count = 0;
  }
}

}  // namespace tandem::engine
