// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow_settings.hpp"

#include <time.h>

namespace tandem::dataplane {
namespace {

Duration jiffy() {
  timespec resolution{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
  return std::chrono::nanoseconds(resolution.tv_nsec);
}

}  // namespace

flow::FlowTimeouts timeouts_of(const config::Flows& flows) {
  flow::FlowTimeouts t;
  t.syn_sent = {flows.syn_sent.counted, flows.syn_sent.remembered};
  t.established = {flows.established.counted, flows.established.remembered};
  t.udp = {flows.udp.counted, flows.udp.remembered};
  t.closing = {Duration{}, flows.closing};
  t.closed = {Duration{}, flows.closed};
  return t;
}

std::uint32_t tick_shift() {
  return flow::tick_shift_for(jiffy());
}

Result<flow::IdleTicks> idle_ticks(const config::Flows& flows) {
  return flow::IdleTicks::from(timeouts_of(flows), jiffy() * (std::int64_t{1} << tick_shift()));
}

}  // namespace tandem::dataplane
