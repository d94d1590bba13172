// SPDX-License-Identifier: Apache-2.0
// What `tandemctl top` shows: the daemon's documents of one instant put into one, and how fast its
// counters went since the one before.
#pragma once

#include <nlohmann/json.hpp>

#include "base/time.hpp"
#include "ctl/command.hpp"

namespace tandem::ctl::top {

// What is large, and asked for only where it is shown.
struct Parts {
  bool backends = false;
  bool events = false;
};

// Puts "per_second" into each service and backend: of its traffic's counters, by their names; and
// into the status, of "packets" and of "dropped_adverts" by reason. Null where a counter went back
// (the daemon began anew), or where `before` knows nothing of it. Pure.
void put_rates(nlohmann::json& now, const nlohmann::json& before, Duration between);

// One sample after another. Throws nlohmann::json::exception if a document is not what this
// version of tandemctl knows.
class Samples {
 public:
  // {"status": {...}, "routers": [...], "services": [...], "flow_tables": {...}, "counts": {...}},
  // with these parts also "backends": [...] and "events": [...], and with rates.
  [[nodiscard]] Called<nlohmann::json> next(control::Client& client, const Parts& parts);

 private:
  nlohmann::json last_ = nlohmann::json::object();
  MonotonicTime taken_{};
};

}  // namespace tandem::ctl::top
