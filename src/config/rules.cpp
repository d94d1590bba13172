// SPDX-License-Identifier: Apache-2.0
// The rules of tables that have one or two: [node] with [dpdk], [[check]], [flows]. Those of others
// are in files of their own.
#include "config/rules.hpp"

#include <set>
#include <string>

#include "config/duration.hpp"
#include "config/schema.hpp"

namespace tandem::config {

void check_engine(const File& file, Problems& problems) {
  if (file.config.node.engine == "dpdk" && !kHasDpdk)
    problems.error(place(file.root, {"node", "engine"}),
                   "engine: \"dpdk\" is not in this build, expected \"xdp\"");
  std::set<std::uint16_t> seen;
  for (const auto cpu : file.config.dpdk.cpus)
    if (!seen.insert(cpu).second)
      problems.error(place(file.root, {"dpdk", "cpus"}),
                     "cpus: " + std::to_string(cpu) +
                         " is listed twice, expected a CPU of its own for each worker");
}

void check_http(const File& file, Problems& problems) {
  const auto& http = file.config.node.http;
  if (!http || !http->address.is_unspecified()) return;
  problems.warn(
      place(file.root, {"node", "http"}),
      "http: on every address of this node, the virtual ones among them, clients may read "
      "all that it tells; expected an address that only operators reach, or a firewall "
      "before this one");
}

// What HTTP alone has, where the check is another one.
void check_terms(const Value& table, bool is_http, bool is_tls, bool verifies, Problems& problems) {
  for (const std::string_view key : {"host", "status", "body", "verify", "ca_file"}) {
    const Entry* entry = table.find(key);
    if (entry == nullptr) continue;
    const bool of_tls = key == "verify" || key == "ca_file";
    std::string lacks;
    if (!is_http)
      lacks = "a check by http or https";
    else if (of_tls && !is_tls)
      lacks = "a check by https";
    else if (key == "ca_file" && !verifies)
      lacks = "verify = true";
    if (!lacks.empty())
      problems.error(entry->where, std::string(key) + ": has no effect here, expected " + lacks);
  }
}

void check_checks(const File& file, Problems& problems) {
  for (std::size_t i = 0; i < file.config.checks.size(); ++i) {
    const auto& check = file.config.checks[i];
    if (const auto* list = file.root.find("check"))
      if (const auto* tables = list->value.get<Value::Array>(); tables && i < tables->size())
        check_terms((*tables)[i], check.http.has_value(), check.http && check.http->tls,
                    check.terms.verify, problems);
    if (check.timeout > check.interval)
      problems.warn(place(file.root, {"check", i, "timeout"}),
                    "timeout: " + in_quotes(to_text(check.timeout)) +
                        " is longer than the interval, expected at most " +
                        in_quotes(to_text(check.interval)));
  }
}

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
