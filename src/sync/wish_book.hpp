// SPDX-License-Identifier: Apache-2.0
// What the operator has set of backends at run time, as both nodes come to have it: drained or not,
// and a weight, each with a version of its own.
//
//   set      the version above the one that is there, and this node's name
//   merge    the higher version stays, whoever has it; no clock decides. The same version on both
//            nodes is possible only if both were set while the nodes were apart, equally often:
//            then drained stays, and of weights the smaller one (a conflict if they differ)
//
// Merging is commutative, associative and idempotent, so the order in which wishes come does not
// matter, nor how often they do. What was undone stays, as a wish for nothing, since the other node
// may still have the wish before it. Backends that no node has configured stay, too: a reload may
// bring them. kMost bounds it all.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sync/message.hpp"

namespace tandem::sync {

enum class Merged : std::uint8_t {
  known,      // nothing that was not there
  taken,      // in whole or in part
  conflicts,  // the same, and the nodes had set different things while they were apart
  no_room,    // kMost are there
};

class WishBook {
 public:
  static constexpr std::size_t kMost = 32'768;

  // false: no room. Setting what is so already changes nothing.
  bool set_drained(const BackendKey& backend, bool drained, const std::string& node);
  bool set_weight(const BackendKey& backend, std::uint16_t weight, std::uint16_t configured,
                  const std::string& node);
  Merged merge(const BackendWish& wish);

  // nullptr: nothing was ever set of it.
  [[nodiscard]] const BackendWish* find(const BackendKey& backend) const;
  [[nodiscard]] std::vector<BackendWish> all() const;
  // The same for two books if and only if they have the same wishes (but for chance, 2^-64).
  [[nodiscard]] std::uint64_t sum() const;

 private:
  BackendWish* at(const BackendKey& backend);

  std::map<BackendKey, BackendWish> wishes_;
};

}  // namespace tandem::sync
