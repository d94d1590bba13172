// SPDX-License-Identifier: Apache-2.0
// What the doctor says: one finding for each thing that it looked at, good or not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/doctor/catalogue.hpp"

namespace tandem::doctor {

enum class Severity : std::uint8_t { error, warning, note, ok };  // the worst first
[[nodiscard]] const char* to_string(Severity severity) noexcept;

// What --fix does. Only what cuts no traffic and opens nothing is ever one of these.
struct Action {
  enum class Kind : std::uint8_t { sysctl, mount_bpffs };
  Kind kind = Kind::sysctl;
  std::string target;  // "net/core/somaxconn", below /proc/sys; the directory
  std::string value;   // of a sysctl
  bool operator==(const Action&) const = default;
};

struct Finding {
  Check check{};
  Severity severity = Severity::ok;
  std::string subject;          // an interface, a service, a sysctl, ...
  std::string what;             // what was found
  std::string fix;              // commands that fix it, one a line; empty: nothing to do here
  std::vector<Action> actions;  // what --fix does about it; empty: left to the operator
};

// Collects findings.
class Findings {
 public:
  void add(Check check, Severity severity, std::string subject, std::string what,
           std::string fix = {}, std::vector<Action> actions = {});
  void good(Check check, std::string subject, std::string what) {
    add(check, Severity::ok, std::move(subject), std::move(what));
  }
  // By severity within an area, and areas by the worst that they have.
  [[nodiscard]] std::vector<Finding> take() &&;

 private:
  std::vector<Finding> found_;
};

}  // namespace tandem::doctor
