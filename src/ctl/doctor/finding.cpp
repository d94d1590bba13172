// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/finding.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace tandem::doctor {

const char* to_string(Severity severity) noexcept {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::warning:
      return "warning";
    case Severity::note:
      return "note";
    case Severity::ok:
      break;
  }
  return "ok";
}

void Findings::add(Check check, Severity severity, std::string subject, std::string what,
                   std::string fix, std::vector<Action> actions) {
  found_.push_back(
      {check, severity, std::move(subject), std::move(what), std::move(fix), std::move(actions)});
}

std::vector<Finding> Findings::take() && {
  std::map<Area, Severity> worst;
  for (const Finding& finding : found_) {
    const auto [area, added] = worst.emplace(describe(finding.check).area, finding.severity);
    if (!added) area->second = std::min(area->second, finding.severity);
  }
  const auto rank = [&](const Finding& finding) {
    const Area area = describe(finding.check).area;
    return std::tuple(worst.at(area), area, finding.severity, finding.check);
  };
  std::ranges::stable_sort(found_, {}, rank);
  return std::move(found_);
}

}  // namespace tandem::doctor
