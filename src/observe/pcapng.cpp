// SPDX-License-Identifier: Apache-2.0
#include "observe/pcapng.hpp"

namespace tandem::observe {
namespace {

// Block types and option codes of the draft, section 11.
constexpr std::uint32_t kSection = 0x0a0d0d0a, kInterface = 1, kEnhancedPacket = 6;
constexpr std::uint16_t kEnd = 0, kComment = 1, kInterfaceName = 2, kFlags = 2, kResolution = 9,
                        kApplication = 4;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint16_t kEthernet = 1;
constexpr char kNanoseconds = 9;  // powers of ten

// Of this host's order: the reader finds it by kByteOrder.
template <class T>
void put(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void pad(std::string& to) {
  to.resize((to.size() + 3) / 4 * 4);
}

void put_option(std::string& to, std::uint16_t code, const std::string& value) {
  put(to, code);
  put(to, static_cast<std::uint16_t>(value.size()));
  to += value;
  pad(to);
}

void end_options(std::string& to) {
  put(to, kEnd);
  put(to, std::uint16_t{0});
}

}  // namespace

Pcapng::Pcapng(std::ostream& out, std::uint32_t snap_length, Names names)
    : out_(out), snap_length_(snap_length), names_(std::move(names)) {
  std::string body;
  put(body, kByteOrder);
  put(body, std::uint16_t{1});  // version 1.0
  put(body, std::uint16_t{0});
  put(body, ~std::uint64_t{0});  // of unknown length
  put_option(body, kApplication, "tandemd " TANDEM_VERSION);
  end_options(body);
  write_block(kSection, std::move(body));
}

void Pcapng::write_block(std::uint32_t type, std::string body) {
  const auto length = static_cast<std::uint32_t>(body.size() + 12);
  std::string block;
  put(block, type);
  put(block, length);
  block += body;
  put(block, length);
  out_.write(block.data(), static_cast<std::streamsize>(block.size()));
}

std::uint32_t Pcapng::interface_of(std::uint32_t device) {
  const auto [known, is_new] =
      interfaces_.try_emplace(device, static_cast<std::uint32_t>(interfaces_.size()));
  if (!is_new) return known->second;
  std::string body;
  put(body, kEthernet);
  put(body, std::uint16_t{0});
  put(body, snap_length_);
  put_option(body, kInterfaceName, names_(device));
  put_option(body, kResolution, std::string(1, kNanoseconds));
  end_options(body);
  write_block(kInterface, std::move(body));
  return known->second;
}

void Pcapng::write(const Packet& packet) {
  const std::uint32_t interface = interface_of(packet.device);
  const auto ns = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(packet.at.time_since_epoch()).count());
  std::string body;
  put(body, interface);
  put(body, static_cast<std::uint32_t>(ns >> 32));
  put(body, static_cast<std::uint32_t>(ns));
  put(body, static_cast<std::uint32_t>(packet.bytes.size()));
  put(body, packet.length);
  body.append(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size());
  pad(body);
  std::string flags;
  put(flags, static_cast<std::uint32_t>(packet.direction));
  put_option(body, kFlags, flags);
  put_option(body, kComment, packet.comment);
  end_options(body);
  write_block(kEnhancedPacket, std::move(body));
}

}  // namespace tandem::observe
