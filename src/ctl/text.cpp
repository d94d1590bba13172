// SPDX-License-Identifier: Apache-2.0
#include "ctl/text.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace tandem::ctl {

using nlohmann::json;

namespace {

const char* escape(Tint tint) {
  switch (tint) {
    case Tint::good:
      return "\x1b[32m";
    case Tint::warn:
      return "\x1b[33m";
    case Tint::bad:
      return "\x1b[31m";
    case Tint::strong:
      return "\x1b[1m";
    case Tint::faint:
      return "\x1b[2m";
    case Tint::none:
      break;
  }
  return "";
}

std::string two_units(std::int64_t large, const char* large_unit, std::int64_t small,
                      const char* small_unit) {
  return std::to_string(large) + large_unit + " " + std::to_string(small) + small_unit;
}

// Three significant digits, without a tail of zeros.
std::string short_number(double value) {
  std::array<char, 32> text{};
  (void)std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

}  // namespace

std::string Style::tint(Tint tint, std::string_view text) const {
  if (!colour_ || tint == Tint::none || text.empty()) return std::string(text);
  return escape(tint) + std::string(text) + "\x1b[0m";
}

std::string duration_text(double seconds) {
  seconds = std::max(seconds, 0.0);
  if (seconds == 0.0) return "0s";
  if (seconds < 0.0009995) return short_number(seconds * 1e6) + "us";
  if (seconds < 0.9995) return short_number(seconds * 1e3) + "ms";
  if (seconds < 59.95) return short_number(seconds) + "s";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return two_units(whole / 60, "m", whole % 60, "s");
  if (whole < 86400) return two_units(whole / 3600, "h", whole % 3600 / 60, "m");
  return two_units(whole / 86400, "d", whole % 86400 / 3600, "h");
}

std::string state_text(const std::string& state) {
  return state == "Active" ? "Active (master)" : state;
}

Tint state_tint(const std::string& state) {
  if (state == "Active") return Tint::good;
  return state == "Fault" ? Tint::bad : Tint::none;
}

std::string text_at(const json& object, const char* key) {
  return printable(object.at(key).get<std::string>());
}

std::string number(const json& value) {
  return std::to_string(value.get<std::uint64_t>());
}

std::string rate_text(const json& per_second) {
  std::array<char, 64> text{};
  const double rate = std::round(per_second.get<double>() * 10) / 10;
  (void)std::snprintf(text.data(), text.size(), rate == std::floor(rate) ? "%.0f" : "%.1f", rate);
  return text.data();
}

std::string bytes_text(const json& bytes) {
  constexpr std::array kUnits{" B", " kB", " MB", " GB", " TB", " PB", " EB"};
  auto value = bytes.get<double>();
  std::size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); unit++) value /= 1000;
  return short_number(value) + kUnits[unit];
}

std::string traffic_text(const json& object, const char* packets, const char* bytes) {
  return number(object.at(packets)) + ", " + bytes_text(object.at(bytes));
}

std::string endpoint_text(const json& object, const char* address, const char* port) {
  std::string host = text_at(object, address);
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return host + ":" + number(object.at(port));
}

std::string joined(const json& strings) {
  std::string text;
  for (std::size_t i = 0; i < strings.size(); ++i) {
    if (i > 0) text += i + 1 == strings.size() ? " and " : ", ";
    text += printable(strings.at(i).get<std::string>());
  }
  return text;
}

std::string warning_lines(const json& warnings, const Style& style) {
  std::string text;
  for (const json& warning : warnings)
    text +=
        "  " + style.tint(Tint::warn, "warning: " + printable(warning.get<std::string>())) + "\n";
  return text;
}

std::string counts_text(const json& counts) {
  std::string text;
  for (const auto& [name, count] : counts.items()) {
    if (count.get<std::uint64_t>() == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::to_string(count.get<std::uint64_t>()) + " " + name;
  }
  return text.empty() ? "none" : text;
}

}  // namespace tandem::ctl
