// SPDX-License-Identifier: Apache-2.0
// What a scheduler picks a backend by.
#pragma once

#include <cstdint>

namespace tandem::balance {

enum class SchedulerKind : std::uint8_t {
  least_conn,   // least active / weight, exactly (least_conn.hpp)
  round_robin,  // smooth, weighted (round_robin.hpp)
  maglev,       // by the flow's hash (maglev_table.hpp)
  source_hash,  // the same by the client's address
  sed,          // least (active + 1) / weight: shortest expected delay
  nq,           // an idle backend if there is one, else as sed: never queue
};

}  // namespace tandem::balance
