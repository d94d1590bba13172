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
              "For so long it counts as a connection of its backend.")
              .or_else("that of its state"),
          key("remembered", &FlowIdle::remembered, kIdle,
              "For so long a packet of it would still go to the same backend.")
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
              "IPv4 flows that it has room for; full, new ones go by a hash."),
          key("size_ipv6", &Flows::size_ipv6, kTableSize, "The same for IPv6."),
          key("new_per_second", &Flows::new_per_second, Integer{1, 10'000'000},
              "New flows a second that get a backend by the scheduler, for each virtual address; "
              "those above go by a hash."),
          idle_key("syn_sent", &Flows::syn_sent, "TCP of which only SYNs were seen."),
          idle_key("established", &Flows::established, "TCP that is open."),
          idle_key("udp", &Flows::udp, "UDP."),
          key("closing", &Flows::closing, kIdle, "How long TCP is kept after a first FIN."),
          key("closed", &Flows::closed, kIdle, "How long it is kept after both, or after a RST."),
      },
  };
  return section;
}

}  // namespace tandem::config
