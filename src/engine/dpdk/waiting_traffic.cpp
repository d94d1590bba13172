// SPDX-License-Identifier: Apache-2.0
#include "engine/dpdk/waiting_traffic.hpp"

#include <bpf/libbpf.h>

#include <chrono>

#include "base/time.hpp"
#include "engine/tc_filter.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "sockets.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace tandem::engine {
namespace {

constexpr Duration kMost = std::chrono::seconds(5);  // a card sets its rings up anew

}  // namespace

WaitingTraffic::WaitingTraffic(unsigned ifindex)
    : ifindex_(ifindex), program_(sockets_bpf__open()), state_(begin()) {}

Result<void> WaitingTraffic::begin() {
  if (program_ == nullptr) return fail_errno("cannot open the program that lets traffic wait");
  bpf_program__set_autoload(program_->progs.td_sockets, false);
  bpf_program__set_autoload(program_->progs.td_pass, false);
  program_->bss->td_wait_until_ns = to_ns(MonotonicClock::now() + kMost);
  if (const int error = sockets_bpf__load(program_); error != 0)
    return fail_errno("the kernel refused the program that lets traffic wait", -error);
  return TcFilter(bpf_program__fd(program_->progs.td_wait), TcDirection::in).attach(ifindex_);
}

WaitingTraffic::~WaitingTraffic() {
  if (state_) TcFilter::detach(ifindex_, TcDirection::in);
  sockets_bpf__destroy(program_);
}

}  // namespace tandem::engine
