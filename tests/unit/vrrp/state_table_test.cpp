// SPDX-License-Identifier: Apache-2.0
// The state table, row by row: RFC 9568, 6.4.1 to 6.4.3, and RFC 3768, 6.4, where it differs.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "rig.hpp"
#include "vrrp/timers.hpp"

namespace tandem::vrrp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Without announcements, whose deadlines would come first.
Settings silent_settings(int version = 3, int priority = 100) {
  Settings s = plain_settings(version, priority);
  s.garp_repeat = 0;
  s.garp_delay = s.garp_refresh = Duration::zero();
  return s;
}

struct Row {
  const char* name;
  int version;
  int priority;
  State from;
  std::function<void(Rig&)> event;
  State to;
  std::vector<int> adverts;          // priorities sent
  std::optional<Duration> deadline;  // from the event on; nullopt: as it was
};

const Duration kSkew = skew_time(3, 100, seconds(1));
const Duration kDown = active_down_interval(3, 100, seconds(1), 3);
const Duration kMark = seconds(1);             // a Backup is woken at listening marks, too
const Duration kFarewell = milliseconds(250);  // and to say again that it yielded

std::vector<Row> rows() {
  const auto start = [](Rig& r) { r.start(); };
  const auto hear = [](int priority, const char* from = "192.0.2.3") {
    return [=](Rig& r) { r.hear(priority, from); };
  };
  const auto stop = [](Rig& r) { r.set.shut_down(r.now, r.out); };
  const auto fail = [](Rig& r) { r.set.on_track(1, false, r.now, r.out); };
  const auto mend = [](Rig& r) { r.set.on_track(1, true, r.now, r.out); };
  using enum State;
  return {
      {"InitializeOwnerStarts", 3, 255, initialize, start, active, {255}, seconds(1)},
      {"InitializeStarts", 3, 100, initialize, start, backup, {}, kMark},
      {"BackupStops", 3, 100, backup, stop, initialize, {}, kNever - MonotonicTime{}},
      {"BackupHearsResignation", 3, 100, backup, hear(0), backup, {}, kSkew},
      {"BackupHearsHigher", 3, 100, backup, hear(150), backup, {}, kMark},
      {"BackupHearsEqual", 3, 100, backup, hear(100, "192.0.2.1"), backup, {}, kMark},
      {"BackupHearsLower", 3, 100, backup, hear(50), backup, {}, std::nullopt},
      {"BackupFails", 3, 100, backup, fail, fault, {}, kNever - MonotonicTime{}},
      {"ActiveStops", 3, 100, active, stop, active, {100, 0}, handover_lease(seconds(1)) / 2},
      {"ActiveHearsResignation", 3, 100, active, hear(0), active, {100}, seconds(1)},
      {"ActiveHearsHigher", 3, 100, active, hear(150, "192.0.2.1"), backup, {100}, kFarewell},
      {"ActiveHearsEqualGreater", 3, 100, active, hear(100), backup, {100}, kFarewell},
      {"ActiveHearsEqualLesser", 3, 100, active, hear(100, "192.0.2.1"), active, {100}, {}},
      {"ActiveHearsLower", 3, 100, active, hear(50), active, {100}, {}},
      {"ActiveHearsLowerV2", 2, 100, active, hear(50), active, {}, {}},
      {"ActiveHearsHigherV2", 2, 100, active, hear(150), backup, {100}, kFarewell},
      {"ActiveHearsResignationV2", 2, 100, active, hear(0), active, {100}, seconds(1)},
      {"ActiveFails", 3, 100, active, fail, fault, {0}, kNever - MonotonicTime{}},
      {"FaultHearsResignation", 3, 100, fault, hear(0), fault, {}, std::nullopt},
      {"FaultMends", 3, 100, fault, mend, backup, {}, kMark},
      {"FaultStops", 3, 100, fault, stop, initialize, {}, std::nullopt},
  };
}

class StateTable : public testing::TestWithParam<Row> {};

TEST_P(StateTable, Holds) {
  const Row& row = GetParam();
  Rig rig(silent_settings(row.version, row.priority));
  rig.bring_to(row.from);
  rig.now += milliseconds(5);
  const MonotonicTime before = rig.set.next_deadline();
  row.event(rig);
  EXPECT_EQ(rig.state(), row.to) << to_string(rig.state());
  EXPECT_EQ(rig.adverts(), row.adverts);
  const MonotonicTime expected = !row.deadline ? before
                                 : *row.deadline == kNever - MonotonicTime{}
                                     ? kNever
                                     : rig.now + *row.deadline;
  EXPECT_EQ(rig.set.next_deadline() - rig.now, expected - rig.now);
}

INSTANTIATE_TEST_SUITE_P(Vrrp, StateTable, testing::ValuesIn(rows()),
                         [](const auto& row) { return std::string(row.param.name); });

// The timers behind the marks.

TEST(ActiveDownTimer, IsRearmedByAnEqualAdvertOnly) {
  Rig rig(plain_settings());
  rig.bring_to(State::backup);
  const MonotonicTime start = rig.now;
  rig.now += seconds(1);
  rig.hear(100);
  const MonotonicTime heard = rig.now;
  rig.now += milliseconds(500);
  rig.hear(50);  // discarded
  while (rig.state() == State::backup) rig.pass_to_deadline();
  EXPECT_EQ(rig.now - heard, kDown);
  EXPECT_GT(rig.now - start, kDown);
}

TEST(AdverTimer, StartsAnewAfterAResignation) {
  Rig rig(silent_settings());
  rig.bring_to(State::active);
  rig.now += milliseconds(300);
  rig.hear(0);
  EXPECT_EQ(rig.set.next_deadline() - rig.now, seconds(1));
}

TEST(AdverTimer, KeepsItsRhythmWhenInsisting) {
  Rig rig(silent_settings());
  rig.bring_to(State::active);
  const MonotonicTime due = rig.set.next_deadline();
  rig.now += milliseconds(300);
  rig.hear(50);
  EXPECT_EQ(rig.set.next_deadline(), due);
}

TEST(Lease, IsGrantedBeforeTheAdvertAndRevokedFirst) {
  Rig rig(plain_settings());
  rig.start();
  rig.out.clear();
  while (rig.state() == State::backup) rig.pass_to_deadline();
  ASSERT_GE(rig.out.size(), 5U);
  EXPECT_TRUE(std::holds_alternative<GrantLease>(rig.out[0]));
  EXPECT_TRUE(std::holds_alternative<SendAdvert>(rig.out[1]));
  EXPECT_TRUE(std::holds_alternative<Announce>(rig.out[2]));
  EXPECT_TRUE(std::holds_alternative<InstallAddresses>(rig.out[3]));
  EXPECT_TRUE(std::holds_alternative<Transition>(rig.out[4]));
  EXPECT_EQ(std::get<GrantLease>(rig.out[0]).deadline, rig.now + seconds(3));
  rig.out.clear();
  rig.hear(200);
  ASSERT_EQ(rig.out.size(), 4U);
  EXPECT_TRUE(std::holds_alternative<RevokeLease>(rig.out[0]));
  EXPECT_TRUE(std::holds_alternative<SendAdvert>(rig.out[1]));
  EXPECT_TRUE(std::holds_alternative<RemoveAddresses>(rig.out[2]));
  EXPECT_TRUE(rig.set.idle());
}

TEST(Flood, OfLowerAdvertsIsNotAnsweredByAFlood) {
  Rig rig(plain_settings());
  rig.bring_to(State::active);
  for (int i = 0; i < 1000; ++i) {
    rig.now += milliseconds(1);
    rig.hear(i % 2 == 0 ? 50 : 0);
  }
  EXPECT_LE(rig.adverts().size(), 5U);
  EXPECT_LE(rig.count<Announce>(), 10);
}

}  // namespace
}  // namespace tandem::vrrp
