// SPDX-License-Identifier: Apache-2.0
// The tables of hash picks that XDP and workers read. A service has two regions of td_picks and
// fills them in turn, so that a reader which still looks into the last table finds it whole.
#pragma once

#include "balance/maglev_table.hpp"
#include "flow/steering.hpp"
#include "services/pick_blocks.hpp"
#include "services/running_service.hpp"
#include "tandem/tables.h"

namespace tandem::services {

class PickTables {
 public:
  PickTables(const td_env& env, flow::Steering& steering)
      : env_(env), steering_(steering), blocks_(TD_PICK_BLOCKS) {}

  // Has the service go by this table from now on. false: there is no room for it, and the service
  // goes by none.
  bool set(RunningService& service, const balance::MaglevTable& table);
  // The service goes.
  void remove(const RunningService& service);

 private:
  td_env env_;
  flow::Steering& steering_;
  PickBlocks blocks_;
};

}  // namespace tandem::services
