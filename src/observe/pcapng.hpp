// SPDX-License-Identifier: Apache-2.0
// Captures in the pcapng format (draft-ietf-opsawg-pcapng): one section, an interface for each
// device that occurs, and packets with a direction and a comment.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <ostream>
#include <span>
#include <string>

#include "base/time.hpp"
#include "observe/clock.hpp"

namespace tandem::observe {

class Pcapng {
 public:
  enum class Direction : std::uint8_t { in = 1, out = 2 };

  struct Packet {
    std::uint32_t device = 0;  // ifindex
    Direction direction = Direction::in;
    WallTime at{};
    std::span<const std::uint8_t> bytes;  // those that were captured
    std::uint32_t length = 0;             // of the whole frame
    std::string comment;
  };
  // Of a device, as users know it.
  using Names = std::function<std::string(std::uint32_t device)>;

  // Writes the section's header. out: outlives this; its state tells of errors.
  Pcapng(std::ostream& out, std::uint32_t snap_length, Names names);
  void write(const Packet& packet);

 private:
  std::uint32_t interface_of(std::uint32_t device);
  void write_block(std::uint32_t type, std::string body);

  std::ostream& out_;
  std::uint32_t snap_length_;
  Names names_;
  std::map<std::uint32_t, std::uint32_t> interfaces_;  // their numbers in the file, by device
};

}  // namespace tandem::observe
