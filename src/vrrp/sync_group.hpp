// SPDX-License-Identifier: Apache-2.0
// A sync group: virtual routers that are Active on the same node, as keepalived has them.
//
// Fault   one member faulty: all are in Fault, until all are well.
// Active  a member whose Active_Down_Timer fired waits until all others would be Active, too:
//         Backup is preferred, so that a member that still hears a good Active keeps the whole
//         group where it is instead of tossing it to and fro. One exception: after priority 0 all
//         move at once, because the peer's group gave up its other members in the same moment.
// Backup  an Active member that steps down takes the others along; they send priority 0, so that
//         the peer need not wait for each.
//
// Two groups with crossed priorities (member 1 is better here, member 2 there) that become Active
// at the same time both step down, and would do so again and again. So a group that stepped down
// before a better peer stays Backup for down_adverts intervals longer (in which it hears the other,
// although adverts get lost) if the source of its first member (lowest family and VRID, so that both
// nodes compare the same pair) is the lesser one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vrrp/event.hpp"
#include "vrrp/virtual_router.hpp"

namespace tandem::vrrp {

class SyncGroup {
 public:
  explicit SyncGroup(std::string_view name) : name_(name) {}
  SyncGroup(const SyncGroup&) = delete;  // members point to it
  SyncGroup& operator=(const SyncGroup&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<VirtualRouter*>& members() const { return members_; }
  void join(VirtualRouter& router);
  void leave(VirtualRouter& router);

  // Whether any member is faulty by itself.
  [[nodiscard]] bool faulty() const;
  // After anything that may have changed faulty(): all into Fault, or all out of it.
  void review(Event& event);
  // `mover` went from `before` to its state of now: the others follow.
  void follow(const VirtualRouter& mover, State before, Event& event);
  // A router that joined takes part at once if the group is Active.
  void adopt(VirtualRouter& router, Event& event);
  // Makes all Active if all agree.
  void elect(Event& event);

 private:
  [[nodiscard]] bool agrees(const VirtualRouter& member, bool resigned, MonotonicTime now) const;

  std::string name_;
  std::vector<VirtualRouter*> members_;  // by family and VRID
};

}  // namespace tandem::vrrp
