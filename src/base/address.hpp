// SPDX-License-Identifier: Apache-2.0
// MAC and IP addresses as values. Bytes are in network order, so comparison is the unsigned
// network-order comparison that VRRP's tie-break asks for (RFC 9568, 6.4.3).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tandem {

enum class Family : std::uint8_t { ipv4 = 4, ipv6 = 6 };

[[nodiscard]] constexpr const char* to_string(Family f) noexcept {
  return f == Family::ipv4 ? "IPv4" : "IPv6";
}

struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  auto operator<=>(const MacAddress&) const = default;
  [[nodiscard]] std::string to_string() const;  // "00:00:5e:00:01:33"
};

// Virtual MAC of RFC 9568, 7.3: 00-00-5E-00-01-VRID for IPv4, 00-00-5E-00-02-VRID for IPv6.
[[nodiscard]] constexpr MacAddress virtual_mac(Family family, std::uint8_t vrid) noexcept {
  const auto kind = static_cast<std::uint8_t>(family == Family::ipv4 ? 1 : 2);
  return {{0x00, 0x00, 0x5e, 0x00, kind, vrid}};
}

class IpAddress {
 public:
  constexpr IpAddress() = default;  // 0.0.0.0
  [[nodiscard]] static IpAddress v4(std::span<const std::uint8_t, 4> bytes) noexcept;
  [[nodiscard]] static IpAddress v6(std::span<const std::uint8_t, 16> bytes) noexcept;
  // Numeric text only, no names, no zone ("%eth0"), no prefix length.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text) noexcept;

  [[nodiscard]] constexpr Family family() const noexcept { return family_; }
  [[nodiscard]] constexpr bool is_v4() const noexcept { return family_ == Family::ipv4; }
  // 4 or 16 bytes, network order.
  [[nodiscard]] constexpr std::span<const std::uint8_t> bytes() const noexcept {
    return {bytes_.data(), is_v4() ? std::size_t{4} : std::size_t{16}};
  }
  [[nodiscard]] bool is_unspecified() const noexcept;
  [[nodiscard]] bool is_multicast() const noexcept;
  [[nodiscard]] bool is_link_local() const noexcept;  // 169.254.0.0/16 or fe80::/10
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const IpAddress&) const = default;  // IPv4 before IPv6, then network order

 private:
  Family family_ = Family::ipv4;
  std::array<std::uint8_t, 16> bytes_{};  // IPv4 in the first four, the rest zero
};

// An address with the length of its network's prefix, as interfaces carry it: "192.0.2.100/24".
struct IpPrefix {
  IpAddress address;
  std::uint8_t length = 32;  // bits: 0-32 or 0-128

  // "ADDRESS" alone means a host prefix (/32, /128), as keepalived reads it.
  [[nodiscard]] static std::optional<IpPrefix> parse(std::string_view text) noexcept;
  [[nodiscard]] std::string to_string() const;
  // Whether the address is in this network. Nothing is in one of length 0.
  [[nodiscard]] bool contains(const IpAddress& other) const noexcept;
  auto operator<=>(const IpPrefix&) const = default;
};

}  // namespace tandem
