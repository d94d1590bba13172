// SPDX-License-Identifier: Apache-2.0
// The codec behind a pipe, for scapy_test.py.
//   codec_tool emit    prints one line a frame: NAME HEX
//   codec_tool parse   reads one IP packet a line, as hex, and prints the drop reason or
//                      "ok VERSION VRID PRIORITY INTERVAL_MS FORM PASSWORD_HEX|- ADDRESS..."
//   codec_tool verify  reads the same, and prints the drop reason, "unsigned", "wrong" or the number
//                      of the key
#include <iostream>
#include <string>

#include "packets.hpp"
#include "wire/frame.hpp"
#include "wire/signature.hpp"

namespace tandem::wire {
namespace {

using namespace testing;

const MacAddress kNode{{0x02, 0, 0, 0, 0, 0x0a}};
const VlanTags kTags[] = {{}, {100, 0}, {7, 100}};

using Frame = std::array<std::uint8_t, kMaxFrame>;

void print(const std::string& name, std::size_t tags, const Frame& frame, std::size_t length) {
  std::cout << name << '/' << tags << ' ' << to_hex(std::span(frame).first(length)) << '\n';
}

void print_advert(const std::string& name, const Advert& advert, const IpAddress& destination) {
  for (std::size_t tags = 0; tags < 3; ++tags) {
    Frame frame{};
    print(name, tags, frame,
          emit_advert_frame(advert, {kNode, kTags[tags]}, multicast_mac(destination),
                            router_of(advert.family), destination, frame));
  }
}

void print_announcements() {
  for (std::size_t tags = 0; tags < 3; ++tags) {
    Frame frame{};
    const Link link{kNode, kTags[tags]};
    print("garp", tags, frame,
          emit_garp_frame(link, virtual_mac(Family::ipv4, 51), ip("192.0.2.100"), frame));
    print("na", tags, frame,
          emit_na_frame(link, virtual_mac(Family::ipv6, 51), ip("2001:db8::100"), frame));
  }
}

// As in scapy_test.py.
Secret shared_secret() {
  Secret secret{};
  for (std::size_t i = 0; i < kShortestSecret; ++i) secret[i] = static_cast<std::uint8_t>(i);
  return secret;
}

void print_signed(const std::string& name, Advert advert, const IpAddress& destination) {
  advert.signature = Signature{.key = 7, .sequence = 0x6b49d20080000001};
  if (sign(advert, router_of(advert.family), shared_secret()))
    print_advert(name, advert, destination);
}

int emit() {
  Advert with_password = advert_v2();
  with_password.password = Password{'s', 'e', 'c', 'r', 'e', 't'};
  print_advert("v2", advert_v2(), vrrp_group(Family::ipv4));
  print_advert("v2-password", with_password, vrrp_group(Family::ipv4));
  print_advert("v3", advert_v3(), vrrp_group(Family::ipv4));
  print_advert("v3-unicast", advert_v3(), ip("192.0.2.3"));
  print_advert("v6", advert_v3(Family::ipv6), vrrp_group(Family::ipv6));
  print_signed("v2-signed", advert_v2(), vrrp_group(Family::ipv4));
  print_signed("v3-signed", advert_v3(), vrrp_group(Family::ipv4));
  print_signed("v3-unicast-signed", advert_v3(), ip("192.0.2.3"));
  print_signed("v6-signed", advert_v3(Family::ipv6), vrrp_group(Family::ipv6));
  print_announcements();
  return 0;
}

void print_received(const Advert& advert) {
  std::cout << "ok " << int{advert.version} << ' ' << int{advert.vrid} << ' '
            << int{advert.priority} << ' ' << advert.interval / std::chrono::milliseconds(1) << ' '
            << (advert.checksum == ChecksumForm::message ? "message" : "pseudo-header") << ' ';
  if (advert.password) {
    for (const char c : *advert.password) std::cout << to_hex({{static_cast<std::uint8_t>(c)}});
  } else {
    std::cout << '-';
  }
  for (const IpAddress& address : advert.addresses) std::cout << ' ' << address.to_string();
  std::cout << '\n';
}

int parse() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto received = parse_exactly(from_hex(line));
    if (received)
      print_received(received->advert);
    else
      std::cout << to_string(received.error()) << '\n';
  }
  return 0;
}

int verify() {
  for (std::string line; std::getline(std::cin, line);) {
    const Packet packet = from_hex(line);
    const auto received = parse_advert(packet);
    if (!received)
      std::cout << to_string(received.error()) << '\n';
    else if (const auto& signature = received->advert.signature; !signature)
      std::cout << "unsigned\n";
    else if (!is_code_of(signature->code, shared_secret(), received->source,
                         received->signed_bytes))
      std::cout << "wrong\n";
    else
      std::cout << int{signature->key} << '\n';
  }
  return 0;
}

}  // namespace
}  // namespace tandem::wire

int main(int argc, char** argv) {
  const std::string command = argc == 2 ? argv[1] : "";
  if (command == "emit") return tandem::wire::emit();
  if (command == "parse") return tandem::wire::parse();
  if (command == "verify") return tandem::wire::verify();
  std::cerr << "usage: codec_tool emit|parse|verify\n";
  return 2;
}
