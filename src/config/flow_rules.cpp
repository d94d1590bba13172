// SPDX-License-Identifier: Apache-2.0
#include "config/duration.hpp"
#include "config/rules.hpp"

namespace tandem::config {

void check_flows(const File& file, Problems& problems) {
  const auto check = [&](std::string_view name, const FlowIdle& idle) {
    if (idle.remembered >= idle.counted) return;
    problems.error(place(file.root, {"flows", name, "remembered"}),
                   std::string(name) + ": remembered is " + in_quotes(to_text(idle.remembered)) +
                       ", which is shorter than counted, expected at least " +
                       in_quotes(to_text(idle.counted)));
  };
  const auto& flows = file.config.flows;
  check("syn_sent", flows.syn_sent);
  check("established", flows.established);
  check("udp", flows.udp);
}

}  // namespace tandem::config
