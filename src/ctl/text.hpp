// SPDX-License-Identifier: Apache-2.0
// How tandemctl words values for people: colours, relative times, states.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/printable.hpp"

namespace tandem::ctl {

enum class Tint : std::uint8_t { none, good, warn, bad, strong, faint };

// Colours text for a terminal, or leaves it as it is.
class Style {
 public:
  // columns: of the terminal; 0: none that lines have to fit into.
  explicit Style(bool colour, std::size_t columns = 0) : colour_(colour), columns_(columns) {}
  [[nodiscard]] std::string tint(Tint tint, std::string_view text) const;
  [[nodiscard]] std::size_t columns() const { return columns_; }
  // For what is cut to fit the terminal by others.
  [[nodiscard]] Style unbounded() const { return Style(colour_); }

 private:
  bool colour_;
  std::size_t columns_;
};

// "820us", "414ms", "3.41s", "3m 12s", "5h 7m", "2d 3h"
[[nodiscard]] std::string duration_text(double seconds);

// "Active (master)": RFC 9568's word, and keepalived's where it differs.
[[nodiscard]] std::string state_text(const std::string& state);
[[nodiscard]] Tint state_tint(const std::string& state);

// The string at `key`, printable, so that nothing that a check or a file name holds can play with
// the terminal. Throws nlohmann::json::exception if there is no such string.
[[nodiscard]] std::string text_at(const nlohmann::json& object, const char* key);

// A count; "12.5" of a rate, with one decimal at most; "1.23 MB" of bytes.
[[nodiscard]] std::string number(const nlohmann::json& value);
[[nodiscard]] std::string rate_text(const nlohmann::json& per_second);
[[nodiscard]] std::string bytes_text(const nlohmann::json& bytes);

// "1520, 1.23 MB" of the packets and the bytes at these keys.
[[nodiscard]] std::string traffic_text(const nlohmann::json& object, const char* packets,
                                       const char* bytes);

// "198.51.100.21:80", "[2001:db8::1]:80" of the address and the port at these keys.
[[nodiscard]] std::string endpoint_text(const nlohmann::json& object, const char* address,
                                        const char* port);

// "a, b and c"
[[nodiscard]] std::string joined(const nlohmann::json& strings);

// "  warning: ..." lines, made visible.
[[nodiscard]] std::string warning_lines(const nlohmann::json& warnings, const Style& style);

// "3 ttl, 1 checksum" of {"ttl": 3, "checksum": 1, "type": 0}; "none" if all are 0.
[[nodiscard]] std::string counts_text(const nlohmann::json& counts);

}  // namespace tandem::ctl
