// SPDX-License-Identifier: Apache-2.0
// A trace answered by a model of IPVS: where the kernel answers otherwise (tools/ipvs-compare), the
// model is wrong.
//
// balance/ipvs_model.hpp schedules and counts; what state a connection is in is kept here, by the
// kernel's table for a director that sees the client alone (INPUT_ONLY in ip_vs_proto_tcp.c), with
// the kernel's default timeouts and conn_reuse_mode 1.
#pragma once

#include <map>

#include "balance/ipvs_model.hpp"
#include "trace.hpp"

namespace tandem::ipvs {

class ModelSide final : public Side {
 public:
  void add(std::uint16_t backend, std::uint16_t weight) override;
  std::optional<std::uint16_t> segment(std::uint32_t flow, std::uint8_t flags) override;
  void wait(std::uint32_t seconds) override;
  std::vector<Count> counts() override;

 private:
  enum class State : std::uint8_t { syn_recv, established, fin_wait, time_wait, close };
  struct Connection {
    std::uint16_t backend;
    State state;
    std::uint32_t expires;  // seconds, on the trace's clock
  };

  static bool is_active(State state);
  static std::uint32_t timeout_of(State state);
  static State next(State state, std::uint8_t flags);
  void expire(const Connection& connection);
  void expire_replaced();

  std::uint32_t now_ = 0;
  balance::IpvsWlc wlc_;
  std::vector<std::uint16_t> backends_;
  std::map<std::uint32_t, Connection> connections_;
  std::optional<Connection> replaced_;  // by another one of the same ports, a moment ago
};

}  // namespace tandem::ipvs
