// SPDX-License-Identifier: Apache-2.0
// The daemon's documents as text for people. Pure. All throw nlohmann::json::exception if the
// document is not what this version of tandemctl knows; run() catches it.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ctl/doctor/finding.hpp"
#include "ctl/text.hpp"

namespace tandem::ctl {

// `document`: of the status command, with the "routers" of the vrrp command put in.
[[nodiscard]] std::string render_status(const nlohmann::json& document, const Style& style);
[[nodiscard]] std::string render_vrrp(const nlohmann::json& document, const Style& style);
// One event: what it is about, and what happened.
struct EventText {
  std::string subject;
  std::string what;
  Tint tint = Tint::none;
};
[[nodiscard]] EventText event_text(const nlohmann::json& event);
// Where events begin that are to be shown: a duration before now ("10m", "3d"), or a time, as the
// beginning of what events have as theirs. nullopt: it is neither.
[[nodiscard]] std::optional<std::string> beginning_of(const std::string& since,
                                                      std::chrono::system_clock::time_point now);
// And in one line.
[[nodiscard]] std::string render_event(const nlohmann::json& event, const Style& style);
[[nodiscard]] std::string render_failover(const nlohmann::json& results, bool back,
                                          const Style& style);
[[nodiscard]] std::string render_reload(const nlohmann::json& difference, const Style& style);
[[nodiscard]] std::string render_sync(const nlohmann::json& document, const Style& style);
[[nodiscard]] std::string render_services(const nlohmann::json& document, const Style& style);
[[nodiscard]] std::string render_backends(const nlohmann::json& document, const Style& style);
[[nodiscard]] std::string render_flows(const nlohmann::json& document, const Style& style);
[[nodiscard]] std::string render_explain(const nlohmann::json& document, const Style& style);
[[nodiscard]] std::string render_capture(const nlohmann::json& document, const Style& style);

// `all`: what is good as well.
[[nodiscard]] std::string render_doctor(const std::vector<doctor::Finding>& findings, bool all,
                                        const Style& style);

}  // namespace tandem::ctl
