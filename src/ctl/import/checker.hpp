// SPDX-License-Identifier: Apache-2.0
// What tells whether a real_server is up: HTTP_GET and its like.
#pragma once

#include <optional>
#include <string>

#include "base/address.hpp"
#include "base/time.hpp"
#include "ctl/import/gateway.hpp"
#include "ctl/import/tree.hpp"

namespace tandem::importer {

// May stand at the virtual server, the real server and the checker; the innermost counts.
struct Timing {
  std::optional<Duration> delay_loop, connect_timeout, delay_before_retry;
  std::optional<std::int64_t> retry;

  // Takes a keyword that is one of these; false: it is another. Notes what cannot be read.
  bool take(const Statement& statement, Notes& notes);
  [[nodiscard]] Timing over(const Timing& outer) const;
};

struct Checker {
  std::string kind;    // the key in [service.check]
  std::string target;  // http, https: the path; command: the script
  Script script;
  std::optional<std::uint16_t> port;  // none: the server's
  Timing timing;
  std::optional<Duration> timeout;  // misc_timeout
  std::int64_t default_retry = 1;
  std::vector<std::string> status;  // status_code
  std::string host;                 // virtualhost
  bool has_status = false;          // status_code, of which the note has been made
  Location place;
};

// Adds to `checkers`, unless Tandem has no such check.
[[nodiscard]] bool is_checker(const Statement& statement);
void read_checker(const Statement& block, std::vector<Checker>& checkers, Gateway& gateway);

// What is checked.
struct Checked {
  IpAddress address;
  std::uint16_t port = 0;    // that its backend has here
  std::uint16_t target = 0;  // that keepalived connects to, where the checker names none
};
// The value of [service.check] for a server. A command is given both address and port by Tandem; with
// `for_any` they are taken out of the text, so that it is the same for all servers.
[[nodiscard]] std::string check_value(const Checker& checker, const Timing& outer,
                                      const Checked& server, bool for_any);
// The time until a dead server is found, as Tandem has it and as keepalived has it.
struct Patience {
  Duration here, there;
};
[[nodiscard]] Patience patience_of(const Checker& checker, const Timing& outer);

}  // namespace tandem::importer
