// SPDX-License-Identifier: Apache-2.0
#include "flow/flow_time.hpp"

#include <string>

namespace tandem::flow {
namespace {

std::string seconds(Duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(d).count()) + " s";
}

Tick to_ticks(Duration d, Duration tick) {
  return static_cast<Tick>((d + tick - Duration(1)) / tick);
}

Result<void> check(const char* name, const IdleLimit& limit, Duration longest) {
  if (limit.counted < Duration{} || limit.remembered <= Duration{})
    return fail(std::string("a flow that is ") + name + " must be remembered for some time");
  if (limit.counted > limit.remembered)
    return fail(std::string("a flow that is ") + name + " cannot count for " +
                seconds(limit.counted) + " and be remembered for " + seconds(limit.remembered));
  if (limit.remembered > longest)
    return fail(std::string("a flow that is ") + name + " cannot be remembered for " +
                seconds(limit.remembered) + "; at most " + seconds(longest));
  return {};
}

}  // namespace

Result<IdleTicks> IdleTicks::from(const FlowTimeouts& t, Duration tick) {
  const struct {
    const char* name;
    const IdleLimit& limit;
    std::initializer_list<td_flow_state> states;
  } rows[] = {{"syn_sent", t.syn_sent, {TD_FLOW_SYN_SENT}},
              {"established", t.established, {TD_FLOW_ESTABLISHED}},
              {"closing", t.closing, {TD_FLOW_FIN_CLIENT, TD_FLOW_FIN_SERVER}},
              {"closed", t.closed, {TD_FLOW_CLOSED, TD_FLOW_RESET}},
              {"udp", t.udp, {TD_FLOW_ACTIVE}}};
  IdleTicks ticks;
  for (const auto& row : rows) {
    if (auto good = check(row.name, row.limit, tick * kLongestIdle); !good)
      return std::unexpected(good.error());
    for (const auto state : row.states)
      ticks.limits_[state] = {to_ticks(row.limit.counted, tick),
                              to_ticks(row.limit.remembered, tick)};
  }
  ticks.limits_[TD_FLOW_JOINED] = {0, to_ticks(t.syn_sent.remembered, tick)};
  return ticks;
}

}  // namespace tandem::flow
