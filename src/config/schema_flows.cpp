// SPDX-License-Identifier: Apache-2.0
#include "config/duration.hpp"
#include "config/kinds.hpp"
#include "config/schema.hpp"

namespace tandem::config {

using std::chrono::hours;
using std::chrono::seconds;

namespace {

constexpr Span kIdle{seconds(1), hours(3)};
constexpr Integer kTableSize{1'000, 16'777'216};

// A kind: both times of a state, of which a file may change one.
struct IdleTimes : TableOf<FlowIdle> {
  [[nodiscard]] std::string expected() const {
    return "a table { counted = \"...\", remembered = \"...\" }";
  }
  [[nodiscard]] std::string show(const FlowIdle& idle) const {
    return "{ counted = " + kIdle.show(idle.counted) +
           ", remembered = " + kIdle.show(idle.remembered) + " }";
  }
};

Key<Flows> idle_key(std::string_view name, FlowIdle Flows::*member, std::string_view meaning) {
  return key(name, member, IdleTimes{{flow_idle_section()}}, meaning);
}

}  // namespace

const Section<FlowIdle>& flow_idle_section() {
  static const Section<FlowIdle> section{
      "[flows] syn_sent, established, udp",
      "How long a flow without packets is kept, for each state.",
      {
          key("counted", &FlowIdle::counted, kIdle,
              "How long after its last packet a flow counts as a connection of its backend.")
              .or_else("that of its state"),
          key("remembered", &FlowIdle::remembered, kIdle,
              "How long after its last packet a further one still goes to the same backend.")
              .or_else("that of its state"),
      },
  };
  return section;
}

const Section<Flows>& flows_section() {
  static const Section<Flows> section{
      "[flows]",
      "The table of the flows that are forwarded to backends. A change of its sizes needs a "
      "restart.",
      {
          key("size", &Flows::size, kTableSize,
              "How many IPv4 flows the table has room for; when it is full, new ones go by a "
              "hash."),
          key("size_ipv6", &Flows::size_ipv6, kTableSize,
              "How many IPv6 flows the table has room for; when it is full, new ones go by a "
              "hash."),
          key("new_per_second", &Flows::new_per_second, Integer{1, 10'000'000},
              "New flows a second that get a backend by the scheduler, for each virtual address; "
              "those above go by a hash."),
          idle_key("syn_sent", &Flows::syn_sent,
                   "The times of TCP flows of which only SYNs were seen."),
          idle_key("established", &Flows::established, "The times of TCP flows that are open."),
          idle_key("udp", &Flows::udp, "The times of UDP flows."),
          key("closing", &Flows::closing, kIdle,
              "How long a TCP flow is kept after its first FIN."),
          key("closed", &Flows::closed, kIdle,
              "How long a TCP flow is kept after the FINs of both sides, or after a RST."),
          key("keep_at_stop", &Flows::keep_at_stop, Boolean{},
              "Whether the flows stay in memory when the daemon stops, so that the next start goes "
              "on with them. They outlive a crash in any case."),
      },
  };
  return section;
}

}  // namespace tandem::config
