// SPDX-License-Identifier: Apache-2.0
#include "engine/dpdk/kernel_path.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "sockets.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace tandem::engine {
namespace {

constexpr unsigned kFramesToKernel = 1024;  // that wait for the thread

}  // namespace

Result<std::unique_ptr<KernelPath>> KernelPath::open() {
  std::unique_ptr<KernelPath> self(new KernelPath);
  self->program_ = sockets_bpf__open_and_load();
  if (self->program_ == nullptr) return fail_errno("the kernel refused the program that passes");
  self->ring_ = rte_ring_create("to-kernel", kFramesToKernel, SOCKET_ID_ANY, RING_F_SC_DEQ);
  if (self->ring_ == nullptr) return fail_errno("no memory for a ring", rte_errno);
  if (!self->bell_)
    return fail_errno("cannot create the event descriptor of the way to the kernel");
  self->thread_ = std::thread([path = self.get()] {
    pthread_setname_np(pthread_self(), "to-kernel");
    path->loop();
  });
  return self;
}

KernelPath::~KernelPath() {
  stop_ = true;
  if (bell_) bell_.ring_loudly();
  if (thread_.joinable()) thread_.join();
  void* frame = nullptr;
  while (ring_ != nullptr && rte_ring_dequeue(ring_, &frame) == 0)
    rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
  rte_ring_free(ring_);
  sockets_bpf__destroy(program_);
}

void KernelPath::give(rte_mbuf* frame, std::uint32_t ifindex) {
  frame->hash.usr = ifindex;
  if (rte_ring_enqueue(ring_, frame) != 0) {
    lost_.fetch_add(1, std::memory_order_relaxed);
    return rte_pktmbuf_free(frame);
  }
  bell_.ring();
}

void KernelPath::loop() {
  void* frame = nullptr;
  while (!stop_) {
    while (rte_ring_dequeue(ring_, &frame) == 0) pass(static_cast<rte_mbuf*>(frame));
    bell_.wait([this] { return !stop_ && rte_ring_empty(ring_); });
  }
}

void KernelPath::pass(rte_mbuf* frame) {
  xdp_md context{};
  context.data_end = frame->data_len;
  context.ingress_ifindex = frame->hash.usr;
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = rte_pktmbuf_mtod(frame, void*),
              .data_size_in = frame->data_len, .ctx_in = &context, .ctx_size_in = sizeof context,
              .repeat = 1, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
  const int program = bpf_program__fd(program_->progs.td_pass);
  const bool good = bpf_prog_test_run_opts(program, &options) == 0;
  (good ? given_ : refused_).fetch_add(1, std::memory_order_relaxed);
  rte_pktmbuf_free(frame);
}

KernelPath::Counters KernelPath::counters() const {
  return {given_.load(), lost_.load(), refused_.load()};
}

}  // namespace tandem::engine
