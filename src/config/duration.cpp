// SPDX-License-Identifier: Apache-2.0
#include "config/duration.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace tandem::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
constexpr std::array<Unit, 5> kUnits{{
    {"h", 3'600'000'000'000},
    {"m", 60'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
    {"us", 1'000},
}};
constexpr std::int64_t kLongest = 10'000 * kUnits.front().ns;

constexpr std::string_view kDigits = "0123456789";

// Takes the digits at the head of text.
std::string_view take_digits(std::string_view& text) {
  const auto digits = text.substr(0, text.find_first_not_of(kDigits));
  text.remove_prefix(digits.size());
  return digits;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  const auto whole = take_digits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
    if (fraction.empty()) return std::nullopt;
  }
  const auto* unit = std::ranges::find(kUnits, text, &Unit::name);
  if (whole.empty() || unit == kUnits.end()) return std::nullopt;

  std::int64_t ns = 0;
  for (const char digit : whole) {
    ns = ns * 10 + (digit - '0') * unit->ns;
    if (ns > kLongest) return std::nullopt;
  }
  std::int64_t scale = unit->ns;
  for (const char digit : fraction) {
    if (scale % 10 != 0) return std::nullopt;  // finer than a nanosecond
    scale /= 10;
    ns += scale * (digit - '0');
  }
  return Duration(ns);
}

std::string to_text(Duration duration) {
  const std::int64_t ns = duration.count();
  if (ns == 0) return "0s";
  for (const auto& unit : kUnits)
    if (ns % unit.ns == 0) return std::to_string(ns / unit.ns) + std::string(unit.name);
  return std::to_string(ns) + "ns";
}

}  // namespace tandem::config
