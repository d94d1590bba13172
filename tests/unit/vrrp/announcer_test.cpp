// SPDX-License-Identifier: Apache-2.0
#include "vrrp/announcer.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>

#include "rig.hpp"

namespace tandem::vrrp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Milliseconds after the start -> announcements at that time.
std::map<long, int> announcements(const Settings& settings, Duration time) {
  const MonotonicTime start{seconds(1000)};
  Announcer announcer;
  announcer.start(settings, start);
  std::map<long, int> found;
  for (MonotonicTime now = start; now <= start + time; now = announcer.deadline()) {
    Actions out;
    Event event{now, out};
    announcer.emit(kId, settings, event);
    if (!out.empty()) {
      found[std::chrono::duration_cast<milliseconds>(now - start).count()] +=
          static_cast<int>(out.size());
    }
  }
  return found;
}

TEST(Announcer, RepeatsAfterTheDelayAndRefreshes) {
  Settings s = plain_settings();
  s.garp_repeat = 2;
  s.garp_delay = seconds(5);
  s.garp_refresh = seconds(60);
  const std::map<long, int> expected = {{0, 1},    {10, 1},    {5000, 1},
                                        {5010, 1}, {60000, 1}, {120000, 1}};
  EXPECT_EQ(announcements(s, seconds(121)), expected);
}

TEST(Announcer, ZeroMeansNever) {
  Settings s = plain_settings();
  s.garp_repeat = 1;
  s.garp_delay = s.garp_refresh = Duration::zero();
  EXPECT_EQ(announcements(s, seconds(1000)), (std::map<long, int>{{0, 1}}));
  s.garp_repeat = 0;
  EXPECT_TRUE(announcements(s, seconds(1000)).empty());
}

TEST(Announcer, SpreadsARoundThatIsTooLongForOneEvent) {
  Settings s = plain_settings();
  s.garp_repeat = 2;
  s.garp_delay = s.garp_refresh = Duration::zero();
  s.addresses.clear();
  for (int i = 0; i < 150; ++i) s.addresses.push_back(address("192.0.2.100"));
  const std::map<long, int> expected = {{0, 64}, {10, 64}, {20, 22}, {30, 64}, {40, 64}, {50, 22}};
  EXPECT_EQ(announcements(s, seconds(10)), expected);
}

TEST(Announcer, AnnouncesAddressesThatAreNotAdvertised) {
  Settings s = plain_settings();
  s.garp_repeat = 1;
  s.garp_delay = s.garp_refresh = Duration::zero();
  s.unadvertised = {address("192.0.2.101"), address("192.0.2.102")};
  EXPECT_EQ(announcements(s, seconds(1)), (std::map<long, int>{{0, 3}}));
}

TEST(Announcer, AnswersAnEarlyHintWhenTheSecondIsOver) {
  Settings s = plain_settings();
  s.garp_repeat = 1;
  s.garp_delay = s.garp_refresh = Duration::zero();
  Announcer announcer;
  const MonotonicTime start{seconds(1000)};
  announcer.start(s, start);
  const auto emit = [&](MonotonicTime now) {
    Actions out;
    Event event{now, out};
    announcer.emit(kId, s, event);
    return out.size();
  };
  EXPECT_EQ(emit(start), 1U);
  announcer.hint(start + milliseconds(100));
  EXPECT_EQ(emit(start + milliseconds(100)), 1U);
  announcer.hint(start + milliseconds(200));
  announcer.hint(start + milliseconds(300));
  EXPECT_EQ(emit(start + milliseconds(300)), 0U);
  EXPECT_EQ(announcer.deadline(), start + milliseconds(1100));
  EXPECT_EQ(emit(start + milliseconds(1100)), 1U);
  EXPECT_EQ(announcer.deadline(), kNever);
}

}  // namespace
}  // namespace tandem::vrrp
