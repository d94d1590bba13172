// SPDX-License-Identifier: Apache-2.0
// What the value of an argument may be. A kind says what it expects, reads a value, and writes one:
//   expected()   the words after "expected" in an error
//   parse(v)     the value; nullopt: it is none of this kind
//   show(x)      as it stands in a request
// Each type has a kind of its own; what a type alone does not tell is in a member of it.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "config/config.hpp"
#include "control/endpoint.hpp"
#include "tandem/flow.h"

namespace tandem::control {

template <class T>
struct Kind;

template <>
struct Kind<std::string> {
  // An absolute path: the daemon's working directory is nobody's business.
  bool path = false;

  [[nodiscard]] std::string expected() const;
  [[nodiscard]] std::optional<std::string> parse(const nlohmann::json& value) const;
  [[nodiscard]] nlohmann::json show(const std::string& value) const { return value; }
};

template <>
struct Kind<bool> {
  [[nodiscard]] std::string expected() const { return "true or false"; }
  [[nodiscard]] std::optional<bool> parse(const nlohmann::json& value) const;
  [[nodiscard]] nlohmann::json show(bool value) const { return value; }
};

template <>
struct Kind<std::vector<std::string>> {
  [[nodiscard]] std::string expected() const { return "a list of strings"; }
  [[nodiscard]] std::optional<std::vector<std::string>> parse(const nlohmann::json& value) const;
  [[nodiscard]] nlohmann::json show(const std::vector<std::string>& value) const { return value; }
};

template <std::unsigned_integral T>
struct Kind<T> {
  T lowest = 0;
  T highest = std::numeric_limits<T>::max();

  [[nodiscard]] std::string expected() const {
    const std::string number = "a whole number, " + std::to_string(lowest);
    if (highest == std::numeric_limits<std::uint64_t>::max()) return number + " or greater";
    return number + " to " + std::to_string(highest);
  }
  [[nodiscard]] std::optional<T> parse(const nlohmann::json& value) const {
    if (!value.is_number_unsigned()) return std::nullopt;
    const auto number = value.get<std::uint64_t>();
    if (number < lowest || number > highest) return std::nullopt;
    return static_cast<T>(number);
  }
  [[nodiscard]] nlohmann::json show(T value) const { return value; }
};
inline constexpr Kind<std::uint16_t> kPort{1};

template <>
struct Kind<IpAddress> {
  [[nodiscard]] std::string expected() const { return "an IP address"; }
  [[nodiscard]] std::optional<IpAddress> parse(const nlohmann::json& value) const;
  [[nodiscard]] nlohmann::json show(const IpAddress& value) const { return value.to_string(); }
};

template <>
struct Kind<Endpoint> {
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] std::optional<Endpoint> parse(const nlohmann::json& value) const;
  [[nodiscard]] nlohmann::json show(const Endpoint& value) const { return value.to_string(); }
};

template <>
struct Kind<config::Protocol> {
  [[nodiscard]] std::string expected() const { return "\"tcp\" or \"udp\""; }
  [[nodiscard]] std::optional<config::Protocol> parse(const nlohmann::json& value) const;
  [[nodiscard]] nlohmann::json show(config::Protocol value) const;
};

template <>
struct Kind<td_flow_state> {
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] std::optional<td_flow_state> parse(const nlohmann::json& value) const;
  [[nodiscard]] nlohmann::json show(td_flow_state value) const;
};

}  // namespace tandem::control
