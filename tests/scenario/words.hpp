// SPDX-License-Identifier: Apache-2.0
// How timelines spell times, settings and actions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "vrrp/action.hpp"
#include "vrrp/settings.hpp"
#include "vrrp/status.hpp"
#include "wire/vrrp.hpp"

namespace tandem::scenario {

// A virtual router of a timeline, before it starts.
struct Plan {
  vrrp::Settings settings;
  IpAddress source;
  bool usable = true;
};

// The instant that timelines call 0.
inline constexpr MonotonicTime kOrigin{std::chrono::seconds(1000)};

// All of these throw std::invalid_argument for words they do not know.
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
[[nodiscard]] Duration parse_time(std::string_view text);  // "3609.375ms", "5s"
[[nodiscard]] IpAddress parse_address(std::string_view text);
[[nodiscard]] std::uint16_t track_source(std::string_view name);  // a number for each name

// A quiet virtual router: version 3, priority 100, 1 s, each announcement once.
[[nodiscard]] Plan default_plan();
void set(Plan& plan, std::string_view key, const std::string& value);
// An advert as a peer of the virtual router would send it; then changed key by key.
[[nodiscard]] wire::ReceivedAdvert default_advert(const Plan& plan);
void set(wire::ReceivedAdvert& received, std::string_view key, const std::string& value);

[[nodiscard]] std::string describe(Duration time);  // "3609.375ms"
[[nodiscard]] std::string describe(const vrrp::Action& action);
[[nodiscard]] vrrp::RouterId router_of(const vrrp::Action& action);
[[nodiscard]] std::string describe(const vrrp::Status& status, std::string_view key);

}  // namespace tandem::scenario
