// SPDX-License-Identifier: Apache-2.0
#include "forward/known_flow.hpp"

#include <array>

#include "tandem/parse.h"

namespace tandem::forward {
namespace {

void store(std::uint8_t* out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++)
    out[i] = static_cast<std::uint8_t>(value >> (8 * (bytes - 1 - i)));
}

}  // namespace

FlowName name_of(std::uint64_t key) {
  std::array<std::uint8_t, 4> address{};
  store(address.data(), key >> 32, 4);
  return {IpAddress::v4(address), static_cast<std::uint16_t>(key >> 16),
          static_cast<std::uint16_t>(key)};
}

FlowName name_of(const td_flow6_key& key) {
  std::array<std::uint8_t, 16> address{};
  store(address.data(), key.address[0], 8);
  store(address.data() + 8, key.address[1], 8);
  return {IpAddress::v6(address), static_cast<std::uint16_t>(key.id >> 16),
          static_cast<std::uint16_t>(key.id)};
}

std::uint64_t key4(const FlowName& name) {
  return td_flow4_key(td_load32(name.client.bytes().data()), name.port, name.service);
}

td_flow6_key key6(const FlowName& name) {
  td_flow6_key key{};
  key.address[0] = td_load64(name.client.bytes().data());
  key.address[1] = td_load64(name.client.bytes().data() + 8);
  key.id = std::uint32_t{name.port} << 16 | name.service;
  return key;
}

}  // namespace tandem::forward
