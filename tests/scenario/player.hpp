// SPDX-License-Identifier: Apache-2.0
// Plays a timeline against a RouterSet, with a clock that the timeline sets. One line is
//
//   router NAME KEY=VALUE...             declares a virtual router (keys: words.cpp)
//   [at TIME] [NAME:] EVENT              sets the clock; deadlines on the way fire in time
//   [at TIME] [NAME:] expect ACTION      the next action, which must be of this very instant
//   mute KIND... / hear                  leaves such actions out from here on / takes all again
//   # comment
//
// Events: start, advert KEY=VALUE..., track NAME up|fails, interface up|down [ADDRESS], update
// KEY=VALUE..., failover [forced], back, shutdown, remove, stall until TIME (nothing fires on the way),
// adverts stuck|leave, refused failover|back, peer STATE [resigns] [unwell] [age=TIME] (over the sync
// link). Expectations besides actions: nothing, drop REASON,
// status KEY VALUE, explained TEXT, idle yes|no. What happens and is not expected fails the
// timeline.
#pragma once

#include <deque>
#include <istream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vrrp/router_set.hpp"
#include "words.hpp"

namespace tandem::scenario {

class Player {
 public:
  // The first thing that went other than told, as "line N: ..."; nullopt: all as told.
  std::optional<std::string> play(std::istream& timeline);

 private:
  using Words = std::vector<std::string>;
  struct Happened {
    MonotonicTime when;
    std::string what;
  };

  void line(Words words);
  void declare(const Words& words);
  void event(const Words& words);
  bool fail_over(const std::string& verb, const std::string& how);
  void start();
  void advert(const Words& words);
  void peer_says(const Words& words);
  void expect(const Words& words);
  void expect_action(const std::string& expected);
  void expect_fact(const std::string& expected, const std::string& found);
  void advance(MonotonicTime to);
  void run_due(MonotonicTime until);
  void collect();
  [[nodiscard]] vrrp::Failing failing() const;
  [[nodiscard]] Plan& plan() { return plans_.at(router_); }

  vrrp::RouterSet set_;
  vrrp::Actions actions_;
  std::deque<Happened> happened_;
  std::vector<Plan> plans_;  // by RouterId
  std::vector<std::string> names_;
  vrrp::RouterId router_ = 0;  // the line's
  MonotonicTime now_ = kOrigin;
  std::set<std::string> muted_;
  bool stuck_ = false;                    // adverts cannot be sent
  std::set<std::uint16_t> fails_;         // by Tracked::source
  std::optional<wire::AdvertDrop> drop_;  // of the last advert
};

}  // namespace tandem::scenario
