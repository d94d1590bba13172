// SPDX-License-Identifier: Apache-2.0
// How a scheduler chooses among its eligible members; the scheduler itself keeps the counts.
#pragma once

#include <cstddef>

#include "balance/backend.hpp"
#include "balance/pool.hpp"

namespace tandem::balance {

class Strategy {
 public:
  virtual ~Strategy() = default;

  // For as many members, so that nothing below allocates.
  virtual void reserve(std::size_t members) = 0;

  // The member became eligible, with member.load() flows and member.weight; it no longer is. Its
  // weight changes between leave() and join() only.
  virtual void join(const Member& member) = 0;
  virtual void leave(const Member& member) = 0;

  // Who is next, null if nobody joined. Asked twice without a call in between, it answers the same.
  [[nodiscard]] virtual const Member* choose(const FlowHash& hash) = 0;

  // Of a member that joined: it got a flow because it was chosen; its count changed by one for
  // another reason.
  virtual void picked(const Member& member) = 0;
  virtual void recounted(const Member& member) = 0;
};

}  // namespace tandem::balance
