// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/nft_condition.hpp"

#include <algorithm>
#include <optional>

#include "ctl/doctor/interfaces.hpp"

namespace tandem::doctor {

using nlohmann::json;

namespace {

struct Named {
  std::uint8_t number;
  const char* name;
};
constexpr Named kProtocols[] = {{6, "tcp"}, {17, "udp"}, {112, "vrrp"}};

std::string protocol_name(std::uint8_t number) {
  for (const auto& protocol : kProtocols)
    if (protocol.number == number) return protocol.name;
  return std::to_string(number);
}

// What the packet has there: the forms in which a rule may write it. None: cannot be told.
using Forms = std::vector<json>;

Forms payload_of(const json& payload, const Packet& packet) {
  const std::string protocol = payload.value("protocol", "");
  const std::string field = payload.value("field", "");
  if (field == "dport" && packet.port != 0 &&
      (protocol == "th" || protocol == protocol_name(packet.protocol)))
    return {packet.port};
  if (field == "daddr") return {packet.destination.to_string()};
  if (field == "protocol" || field == "nexthdr")
    return {packet.protocol, protocol_name(packet.protocol)};
  return {};
}

Forms meta_of(const std::string& key, const Packet& packet) {
  const bool v4 = packet.destination.is_v4();
  if (key == "l4proto") return {packet.protocol, protocol_name(packet.protocol)};
  if (key == "iifname" || key == "iif") return {packet.interface};
  if (key == "nfproto") return v4 ? Forms{"ipv4", 2} : Forms{"ipv6", 10};
  if (key == "protocol") return v4 ? Forms{"ip", 0x0800} : Forms{"ip6", 0x86dd};
  if (key == "pkttype")
    return packet.destination.is_multicast() ? Forms{"multicast"} : Forms{"host", "unicast"};
  return {};
}

Forms forms_of(const json& left, const Packet& packet) {
  if (!left.is_object() || left.empty()) return {};
  const auto [kind, body] = *left.items().begin();
  if (kind == "payload") return payload_of(body, packet);
  if (kind == "meta") return meta_of(body.value("key", ""), packet);
  if (kind == "ct" && body.value("key", "") == "state") return {"new"};
  return {};
}

// A payload that the packet does not have, such as a UDP port of a TCP packet.
bool is_of_another_protocol(const json& left, const Packet& packet) {
  if (!left.is_object() || !left.contains("payload")) return false;
  const std::string protocol = left["payload"].value("protocol", "");
  const std::string ip = packet.destination.is_v4() ? "ip" : "ip6";
  if (protocol.empty() || protocol == "th" || protocol == "ether") return false;
  return protocol != ip && protocol != protocol_name(packet.protocol);
}

// "eth*"
bool fits_name(const std::string& pattern, const json& form) {
  return form.is_string() && pattern.ends_with('*') &&
         form.get<std::string>().starts_with(pattern.substr(0, pattern.size() - 1));
}

bool is_in_prefix(const json& prefix, const json& form) {
  const auto network = IpAddress::parse(prefix.at("addr").get<std::string>());
  const auto address =
      form.is_string() ? IpAddress::parse(form.get<std::string>()) : std::optional<IpAddress>();
  return network && address &&
         IpPrefix{*network, prefix.at("len").get<std::uint8_t>()}.contains(*address);
}

bool is_in_range(const json& range, const json& form) {
  const json& low = range.at(0);
  const json& high = range.at(1);
  if (form.is_number() && low.is_number()) return low <= form && form <= high;
  if (!form.is_string() || !low.is_string()) return false;
  const auto address = IpAddress::parse(form.get<std::string>());
  const auto from = IpAddress::parse(low.get<std::string>());
  const auto to = IpAddress::parse(high.get<std::string>());
  return address && from && to && *from <= *address && *address <= *to;
}

Truth fits(const Forms& forms, const json& right, const std::vector<json>& sets) {
  const auto any = [&](const auto& test) {
    return std::ranges::any_of(forms, test) ? Truth::yes : Truth::no;
  };
  const bool named = right.is_string() && right.get<std::string>().starts_with('@');
  if (right.is_array() || named || (right.is_object() && right.contains("set"))) {
    Truth truth = Truth::no;
    for (const json& element : right.is_array() ? right : elements_of(right, sets))
      truth = std::max(truth, fits(forms, element, sets));
    return truth;
  }
  if (right.is_object() && right.contains("elem"))
    return fits(forms, right["elem"].at("val"), sets);
  if (right.is_object() && right.contains("prefix"))
    return any([&](const json& form) { return is_in_prefix(right["prefix"], form); });
  if (right.is_object() && right.contains("range"))
    return any([&](const json& form) { return is_in_range(right["range"], form); });
  if (right.is_object()) return Truth::unknown;
  return any([&](const json& form) {
    return form == right || (right.is_string() && fits_name(right.get<std::string>(), form));
  });
}

}  // namespace

Truth compares(const json& left, const json& right, const Packet& packet,
               const std::vector<json>& sets) {
  if (is_of_another_protocol(left, packet)) return Truth::no;
  const Forms forms = forms_of(left, packet);
  return forms.empty() ? Truth::unknown : fits(forms, right, sets);
}

Truth matches(const json& match, const Packet& packet, const std::vector<json>& sets) {
  const std::string how = match.value("op", "==");
  if (is_of_another_protocol(match.at("left"), packet)) return Truth::no;
  if (how != "==" && how != "in" && how != "!=") return Truth::unknown;
  const Truth truth = compares(match.at("left"), match.at("right"), packet, sets);
  if (how != "!=" || truth == Truth::unknown) return truth;
  return truth == Truth::yes ? Truth::no : Truth::yes;
}

json elements_of(const json& set, const std::vector<json>& sets) {
  if (set.is_object()) return set.value("set", json::array());
  const auto it = std::ranges::find_if(sets, [&](const json& candidate) {
    return "@" + candidate.value("name", "") == set.get<std::string>();
  });
  return it == sets.end() ? json::array() : it->value("elem", json::array());
}

}  // namespace tandem::doctor
