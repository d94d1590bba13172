// SPDX-License-Identifier: Apache-2.0
// Frames that come close to what steering looks for, and miss it in every way: see kinds in the
// source. The same seed gives the same frames.
#pragma once

#include <random>
#include <vector>

#include "frames.hpp"

namespace tandem {

class PacketGenerator {
 public:
  // more: frames to begin from, besides those of the verdicts.
  explicit PacketGenerator(std::uint64_t seed, std::vector<frames::Bytes> more = {});

  frames::Bytes next();  // 14 bytes at least

 private:
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
  bool one_in(unsigned n) { return below(n) == 0; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(random_()); }
  frames::Bytes bytes(std::size_t count);
  template <class List>
  auto any(const List& list) {
    return *(std::begin(list) + below(static_cast<unsigned>(std::size(list))));
  }

  frames::Ether link();
  IpAddress address(Family family);
  frames::Bytes transport(std::uint8_t protocol);
  frames::Bytes known();
  frames::Bytes ipv4();
  frames::Bytes ipv6();
  frames::Bytes arp();
  frames::Bytes neighbour();
  frames::Bytes garbage();
  void spoil(frames::Bytes& frame);
  void tag_again(frames::Bytes& frame);

  std::mt19937_64 random_;
  std::vector<frames::Bytes> known_;
};

}  // namespace tandem
