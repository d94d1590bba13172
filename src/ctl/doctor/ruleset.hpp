// SPDX-License-Identifier: Apache-2.0
// nftables' rules, as `nft -j list ruleset` prints them, and what they do with a packet.
//
// A rule's conditions are true, false, or cannot be told (who sends, how fast, what a module of
// iptables thinks). Where it cannot be told, both ways are followed: what comes out is the set of
// ends that the packet may come to. "Drops" therefore means: whoever sends it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"

namespace tandem::doctor {

// The first packet of a conversation, on its way in.
struct Packet {
  std::string interface;
  IpAddress destination;
  std::uint8_t protocol = 0;
  std::uint16_t port = 0;  // of the destination; 0: the protocol has none
};

// A chain that a packet may end in.
struct Blocked {
  std::string family;
  std::string table;
  std::string chain;  // the base chain
  std::string rule;   // "rule 12 of chain input", "the policy of chain input"
  bool always = false;
};

class Ruleset {
 public:
  // Errors: it is not what nft prints.
  [[nodiscard]] static Result<Ruleset> parse(std::string_view json);

  [[nodiscard]] std::vector<Blocked> blocking(const Packet& packet) const;
  [[nodiscard]] bool has_table(std::string_view name) const;
  [[nodiscard]] bool has_chain(std::string_view beginning) const;

 private:
  struct Chain {
    std::string family;
    std::string table;
    std::string name;
    std::string hook;    // empty: no base chain
    bool drops = false;  // its policy
    int priority = 0;
    std::string device;  // of the hook ingress
    std::vector<nlohmann::json> rules;
  };
  struct Ends;
  class Walk;

  [[nodiscard]] const Chain* find(const Chain& from, const std::string& name) const;

  std::vector<Chain> chains_;
  std::vector<nlohmann::json> sets_;  // and maps
};

}  // namespace tandem::doctor
