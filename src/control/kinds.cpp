// SPDX-License-Identifier: Apache-2.0
#include "control/kinds.hpp"

#include <algorithm>

#include "flow/state_names.hpp"

namespace tandem::control {

using nlohmann::json;

namespace {

// What `parse` makes of a string; nullopt where there is no string.
template <class Parse>
auto of_text(const json& value, Parse parse) -> decltype(parse(std::string_view{})) {
  const auto* text = value.get_ptr<const std::string*>();
  if (text == nullptr) return std::nullopt;
  return parse(std::string_view(*text));
}

}  // namespace

std::string Kind<std::string>::expected() const {
  return path ? "an absolute path" : "a string";
}
std::optional<std::string> Kind<std::string>::parse(const json& value) const {
  if (!value.is_string()) return std::nullopt;
  auto text = value.get<std::string>();
  if (path && !text.starts_with('/')) return std::nullopt;
  return text;
}

std::optional<bool> Kind<bool>::parse(const json& value) const {
  if (!value.is_boolean()) return std::nullopt;
  return value.get<bool>();
}

std::optional<std::vector<std::string>> Kind<std::vector<std::string>>::parse(
    const json& value) const {
  if (!value.is_array() || !std::ranges::all_of(value, &json::is_string)) return std::nullopt;
  return value.get<std::vector<std::string>>();
}

std::optional<IpAddress> Kind<IpAddress>::parse(const json& value) const {
  return of_text(value, &IpAddress::parse);
}

std::string Kind<Endpoint>::expected() const {
  return "ADDRESS, ADDRESS:PORT or [IPV6-ADDRESS]:PORT";
}
std::optional<Endpoint> Kind<Endpoint>::parse(const json& value) const {
  return of_text(value, &Endpoint::parse);
}

std::optional<config::Protocol> Kind<config::Protocol>::parse(const json& value) const {
  if (value == "tcp") return config::Protocol::tcp;
  if (value == "udp") return config::Protocol::udp;
  return std::nullopt;
}
json Kind<config::Protocol>::show(config::Protocol value) const {
  return value == config::Protocol::tcp ? "tcp" : "udp";
}

std::string Kind<td_flow_state>::expected() const {
  std::string text;
  for (const auto& [_, name] : flow::kStateNames)
    text += (text.empty() ? "\"" : " or \"") + std::string(name) + "\"";
  return text;
}
std::optional<td_flow_state> Kind<td_flow_state>::parse(const json& value) const {
  return of_text(value, &flow::parse_state);
}
json Kind<td_flow_state>::show(td_flow_state value) const {
  return flow::state_name(static_cast<std::uint8_t>(value));
}

}  // namespace tandem::control
