// SPDX-License-Identifier: Apache-2.0
// interface_up_down_delays: lines of an interface, a delay before it counts as down, and one before
// it counts as up, which is the first one again where it is not there.
#include <chrono>

#include "ctl/import/readers.hpp"
#include "ctl/import/value.hpp"

namespace tandem::importer {
namespace {

constexpr Duration kLongestDelay = std::chrono::seconds(255);  // of keepalived

Result<void> read_delays(const Statement& line, Gateway& gateway) {
  const auto down = seconds_at(line, {}, kLongestDelay, 1);
  if (!down) return std::unexpected(down.error());
  auto up = down;
  if (!line.word(2).empty()) up = seconds_at(line, {}, kLongestDelay, 2);
  if (!up) return std::unexpected(up.error());
  gateway.up_delays[line.keyword()] = {*up, line.place};
  if (*down > Duration{})
    gateway.notes.lost(line.place, line.keyword() + ": an interface counts as down at once; its " +
                                       "up delay is the [[interface]]'s up_delay");
  return {};
}

}  // namespace

Result<void> read_interface_delays(const Statement& block, Gateway& gateway) {
  for (const auto& line : block.inside) {
    if (const auto read = read_delays(line, gateway); !read)
      gateway.notes.lost(line.place, read.error().message);
  }
  return {};
}

}  // namespace tandem::importer
