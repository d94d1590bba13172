// SPDX-License-Identifier: Apache-2.0
#include "engine/dpdk/tap_path.hpp"

#include <pthread.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <cerrno>

namespace tandem::engine {
namespace {

constexpr unsigned kTapAdverts = 256, kTapFrames = 1024;  // that wait
constexpr std::size_t kTurn = 32;                         // frames, before the other direction's

void drain(rte_ring* ring) {
  void* frame = nullptr;
  while (ring != nullptr && rte_ring_dequeue(ring, &frame) == 0)
    rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
  rte_ring_free(ring);
}

}  // namespace

Result<std::unique_ptr<TapPath>> TapPath::open(TapDevice device, const FramePool& pool,
                                               std::function<void()> wake) {
  std::unique_ptr<TapPath> self(new TapPath(std::move(device), pool, std::move(wake)));
  const std::string number = std::to_string(self->device_.ifindex());
  const auto ring = [&](const char* name, unsigned frames, unsigned flags) {
    return rte_ring_create((name + number).c_str(), frames, SOCKET_ID_ANY, flags);
  };
  self->adverts_ = ring("tap-adverts-", kTapAdverts, RING_F_SC_DEQ);
  self->frames_ = ring("tap-frames-", kTapFrames, RING_F_SC_DEQ);
  self->sent_ = ring("tap-sent-", kTapFrames, RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (self->adverts_ == nullptr || self->frames_ == nullptr || self->sent_ == nullptr)
    return fail_errno("no memory for rings", rte_errno);
  if (!self->bell_) return fail_errno("cannot create the event descriptor of a TAP device");
  self->thread_ = std::thread([path = self.get()] {
    pthread_setname_np(pthread_self(), "tap");
    rte_thread_register();  // for a cache of mbufs of its own
    path->loop();
    rte_thread_unregister();
  });
  return self;
}

TapPath::~TapPath() {
  stop_ = true;
  if (bell_) bell_.ring_loudly();
  if (thread_.joinable()) thread_.join();
  drain(adverts_);
  drain(frames_);
  drain(sent_);
}

void TapPath::give(rte_mbuf* frame, bool is_advert) {
  if (rte_ring_enqueue(is_advert ? adverts_ : frames_, frame) != 0) {
    lost_.fetch_add(1, std::memory_order_relaxed);
    return rte_pktmbuf_free(frame);
  }
  bell_.ring();
}

std::size_t TapPath::take(std::span<rte_mbuf*> frames) {
  return rte_ring_dequeue_burst(sent_, reinterpret_cast<void**>(frames.data()),
                                static_cast<unsigned>(frames.size()), nullptr);
}

void TapPath::loop() {
  while (!stop_) {
    const std::size_t done = write_some() + read_some();
    if (done == 0)
      bell_.wait([this] { return !stop_ && rte_ring_empty(adverts_) && rte_ring_empty(frames_); },
                 broken_ ? -1 : device_.fd());
  }
}

std::size_t TapPath::write_some() {
  std::size_t count = 0;
  void* item = nullptr;
  while (count < kTurn &&
         (rte_ring_dequeue(adverts_, &item) == 0 || rte_ring_dequeue(frames_, &item) == 0)) {
    auto* frame = static_cast<rte_mbuf*>(item);
    if (::write(device_.fd(), rte_pktmbuf_mtod(frame, void*), frame->data_len) < 0)
      refused_.fetch_add(1, std::memory_order_relaxed);
    rte_pktmbuf_free(frame);
    count++;
  }
  return count;
}

std::size_t TapPath::read_some() {
  std::size_t count = 0, sent = 0;
  for (; count < kTurn && !broken_; count++) {
    rte_mbuf* frame = rte_pktmbuf_alloc(pool_);
    std::array<std::byte, 64> nowhere;  // the rest of the frame is lost, too
    const ssize_t length = frame != nullptr ? ::read(device_.fd(), rte_pktmbuf_mtod(frame, void*),
                                                     rte_pktmbuf_tailroom(frame))
                                            : ::read(device_.fd(), nowhere.data(), nowhere.size());
    if (length <= 0) {
      rte_pktmbuf_free(frame);
      broken_ = length < 0 && errno != EAGAIN && errno != EINTR;
      break;
    }
    if (frame == nullptr) {
      no_frame_.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    frame->data_len = static_cast<std::uint16_t>(length);
    frame->pkt_len = frame->data_len;
    if (rte_ring_enqueue(sent_, frame) == 0) {
      sent++;
      continue;
    }
    unsent_.fetch_add(1, std::memory_order_relaxed);
    rte_pktmbuf_free(frame);
  }
  if (sent > 0) wake_();
  return count;
}

TapPath::Counters TapPath::counters() const {
  return {lost_.load(), refused_.load(), no_frame_.load(), unsent_.load()};
}

}  // namespace tandem::engine
