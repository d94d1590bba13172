// SPDX-License-Identifier: Apache-2.0
#include "model_side.hpp"

namespace tandem::ipvs {
namespace {

constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4;

}  // namespace

void ModelSide::add(std::uint16_t backend, std::uint16_t weight) {
  wlc_.add(backend, weight);
  backends_.push_back(backend);
}

std::optional<std::uint16_t> ModelSide::segment(std::uint32_t flow, std::uint8_t flags) {
  expire_replaced();
  auto found = connections_.find(flow);
  const bool syn = (flags & kSyn) != 0;
  // conn_reuse_mode 1: such a SYN is expected to begin another connection. The old one is gone a
  // moment after that one is scheduled.
  if (syn && found != connections_.end() &&
      (found->second.state == State::time_wait || found->second.state == State::close)) {
    replaced_ = found->second;
    connections_.erase(found);
    found = connections_.end();
  }
  if (found == connections_.end()) {
    if (!syn) return std::nullopt;
    const auto backend = wlc_.schedule();
    if (backend) connections_[flow] = {*backend, State::syn_recv, now_ + 60};
    return backend;
  }
  Connection& connection = found->second;
  const State state = next(connection.state, flags);
  if (is_active(connection.state) && !is_active(state)) wlc_.deactivate(connection.backend);
  if (!is_active(connection.state) && is_active(state)) wlc_.activate(connection.backend);
  connection.state = state;
  connection.expires = now_ + timeout_of(state);
  return connection.backend;
}

void ModelSide::wait(std::uint32_t seconds) {
  expire_replaced();
  now_ += seconds;
  for (auto each = connections_.begin(); each != connections_.end();) {
    if (each->second.expires > now_) {
      ++each;
      continue;
    }
    expire(each->second);
    each = connections_.erase(each);
  }
}

void ModelSide::expire_replaced() {
  if (replaced_) expire(*replaced_);
  replaced_.reset();
}

void ModelSide::expire(const Connection& connection) {
  if (is_active(connection.state))
    wlc_.expire_active(connection.backend);
  else
    wlc_.expire_inactive(connection.backend);
}

std::vector<Count> ModelSide::counts() {
  std::map<std::uint16_t, std::int64_t> all;
  for (const auto& [flow, connection] : connections_) all[connection.backend]++;
  if (replaced_) all[replaced_->backend]++;
  std::vector<Count> counts;
  for (const std::uint16_t backend : backends_) {
    const std::int64_t active = wlc_.active(backend);
    counts.push_back({backend, active, all[backend] - active});
  }
  return counts;
}

bool ModelSide::is_active(State state) {
  return state == State::syn_recv || state == State::established;
}

std::uint32_t ModelSide::timeout_of(State state) {
  switch (state) {
    case State::syn_recv:
      return 60;
    case State::established:
      return 900;
    case State::fin_wait:
    case State::time_wait:
      return 120;
    case State::close:
      return 10;
  }
  return 0;
}

ModelSide::State ModelSide::next(State state, std::uint8_t flags) {
  const bool half_open = state == State::syn_recv, open = state == State::established;
  if ((flags & kRst) != 0) return half_open ? State::syn_recv : State::close;
  if ((flags & kSyn) != 0) return open ? State::established : State::syn_recv;
  if ((flags & kFin) != 0) return half_open ? State::time_wait : open ? State::fin_wait : state;
  return half_open ? State::established : state;
}

}  // namespace tandem::ipvs
