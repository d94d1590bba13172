// SPDX-License-Identifier: Apache-2.0
// libnftables-json(5) has the form of what is read here.
#include "ctl/doctor/ruleset.hpp"

#include <algorithm>

#include "ctl/doctor/nft_condition.hpp"

namespace tandem::doctor {

using nlohmann::json;

namespace {

constexpr int kDeepestJump = 16;  // the kernel's limit on nested jumps

// The families of chains that see the packet.
bool sees(const std::string& family, const Packet& packet) {
  return family == "inet" || family == "netdev" ||
         family == (packet.destination.is_v4() ? "ip" : "ip6");
}

// In the order in which a packet meets them.
int hook_rank(const std::string& hook) {
  if (hook == "ingress") return 0;
  if (hook == "prerouting") return 1;
  return hook == "input" ? 2 : -1;
}

}  // namespace

// Where a packet may be after a chain.
struct Ruleset::Ends {
  bool accepted = false;
  bool dropped = false;
  bool returned = false;
  std::string dropper;
};

class Ruleset::Walk {
 public:
  Walk(const Ruleset& rules, const Packet& packet) : rules_(rules), packet_(packet) {}

  Ends through(const Chain& chain, int depth = 0) {
    Ends ends;
    for (const json& rule : chain.rules)
      if (!apply(chain, rule, ends, depth)) return ends;
    ends.returned = true;
    return ends;
  }

 private:
  // false: no packet gets beyond this rule.
  bool apply(const Chain& chain, const json& rule, Ends& ends, int depth) {
    Truth truth = Truth::yes;
    for (const json& statement : rule.at("expr")) {
      const auto [name, body] = *statement.items().begin();
      if (name == "match" || name == "limit" || name == "xt" || name == "connlimit" ||
          name == "ct count") {
        truth =
            both(truth, name == "match" ? matches(body, packet_, rules_.sets_) : Truth::unknown);
        if (truth == Truth::no) return true;
        continue;
      }
      if (name == "vmap") {
        if (!decide_by_map(chain, rule, body, truth, ends, depth)) return false;
        continue;
      }
      if (!decide(chain, rule, name, body, truth, ends, depth)) return false;
    }
    return true;
  }

  bool decide_by_map(const Chain& chain, const json& rule, const json& body, Truth truth,
                     Ends& ends, int depth) {
    const json elements = elements_of(body.at("data"), rules_.sets_);
    for (const json& element : elements) {
      const Truth chosen =
          both(truth, compares(body.at("key"), element.at(0), packet_, rules_.sets_));
      if (chosen == Truth::no) continue;
      const auto [name, target] = *element.at(1).items().begin();
      if (!decide(chain, rule, name, target, chosen, ends, depth)) return false;
    }
    return true;
  }

  bool decide(const Chain& chain, const json& rule, const std::string& verdict, const json& body,
              Truth truth, Ends& ends, int depth) {
    const bool certain = truth == Truth::yes;
    if (verdict == "accept") {
      ends.accepted = true;
      return !certain;
    }
    if (verdict == "drop" || verdict == "reject") {
      drop(ends, "rule " + std::to_string(rule.value("handle", 0)) + " of chain " + chain.name);
      return !certain;
    }
    if (verdict == "return") {
      ends.returned = true;
      return !certain;
    }
    if (verdict != "jump" && verdict != "goto") return true;  // counter, log, mark, ...
    const Chain* target = rules_.find(chain, body.at("target").get<std::string>());
    if (target == nullptr || depth == kDeepestJump) return true;
    const Ends there = through(*target, depth + 1);
    ends.accepted |= there.accepted;
    if (there.dropped) drop(ends, there.dropper);
    if (verdict == "jump") return !certain || there.returned;
    ends.returned |= there.returned;
    return !certain;
  }

  static void drop(Ends& ends, const std::string& by) {
    if (!ends.dropped) ends.dropper = by;
    ends.dropped = true;
  }

  const Ruleset& rules_;
  const Packet& packet_;
};

Result<Ruleset> Ruleset::parse(std::string_view text) {
  Ruleset rules;
  try {
    const json document = json::parse(text);
    for (const json& entry : document.at("nftables")) {
      const auto [kind, body] = *entry.items().begin();
      if (kind == "chain")
        rules.chains_.push_back(
            {body.at("family"),
             body.at("table"),
             body.at("name"),
             body.value("type", "") == "filter" ? body.value("hook", "") : "",
             body.value("policy", "") == "drop",
             body.value("prio", 0),
             body.contains("dev") && body["dev"].is_string() ? body["dev"].get<std::string>() : "",
             {}});
      else if (kind == "set" || kind == "map")
        rules.sets_.push_back(body);
      else if (kind == "rule")
        for (Chain& chain : rules.chains_)
          if (body.at("family").get<std::string>() == chain.family &&
              body.at("table").get<std::string>() == chain.table &&
              body.at("chain").get<std::string>() == chain.name)
            chain.rules.push_back(body);
    }
  } catch (const json::exception& error) {
    return fail(std::string("nft's list of rules is not what is expected: ") + error.what());
  }
  std::ranges::stable_sort(rules.chains_, {}, [](const Chain& chain) {
    return std::pair(hook_rank(chain.hook), chain.priority);
  });
  return rules;
}

std::vector<Blocked> Ruleset::blocking(const Packet& packet) const {
  std::vector<Blocked> blocked;
  for (const Chain& chain : chains_) {
    if (hook_rank(chain.hook) < 0 || !sees(chain.family, packet)) continue;
    if (!chain.device.empty() && chain.device != packet.interface) continue;
    Ends ends;
    try {
      ends = Walk(*this, packet).through(chain);
    } catch (const json::exception&) {  // a form that is not known: nothing can be said of it
      continue;
    }
    if (ends.returned && chain.drops && !ends.dropped)
      ends.dropper = "the policy of chain " + chain.name;
    const bool passes = ends.accepted || (ends.returned && !chain.drops);
    if (ends.dropped || (ends.returned && chain.drops))
      blocked.push_back({chain.family, chain.table, chain.name, ends.dropper, !passes});
  }
  return blocked;
}

const Ruleset::Chain* Ruleset::find(const Chain& from, const std::string& name) const {
  const auto it = std::ranges::find_if(chains_, [&](const Chain& chain) {
    return chain.family == from.family && chain.table == from.table && chain.name == name;
  });
  return it == chains_.end() ? nullptr : &*it;
}

bool Ruleset::has_table(std::string_view name) const {
  return std::ranges::any_of(chains_, [&](const Chain& chain) { return chain.table == name; });
}

bool Ruleset::has_chain(std::string_view beginning) const {
  return std::ranges::any_of(chains_,
                             [&](const Chain& chain) { return chain.name.starts_with(beginning); });
}

}  // namespace tandem::doctor
