// SPDX-License-Identifier: Apache-2.0
#include "observe/event_log.hpp"

#include <gtest/gtest.h>

#include "sample.hpp"

namespace tandem::observe {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

void add(EventLog& log, Event event) {
  log.add(kNow, kNow.monotonic, std::move(event));
}
DroppedAdvertEvent dropped() {
  return {"eth0", *IpAddress::parse("192.0.2.3"), 51, wire::AdvertDrop::ttl};
}
std::vector<std::uint64_t> sequences(const json& document) {
  std::vector<std::uint64_t> numbers;
  for (const json& event : document["events"]) numbers.push_back(event["sequence"]);
  return numbers;
}
json only_event(Event event) {
  EventLog log;
  add(log, std::move(event));
  json document = log.document(0, 10)["events"][0];
  for (const char* key : {"sequence", "time", "monotonic_ns"}) EXPECT_EQ(document.erase(key), 1U);
  return document;
}

TEST(EventLog, IsEmptyAtFirst) {
  EXPECT_EQ(EventLog().document(0, 10),
            (json{{"events", json::array()}, {"last_sequence", 0}, {"missed", 0}}));
}

TEST(EventLog, TellsWhenItHappenedOnBothClocks) {
  EventLog log;
  log.add(kNow, kNow.monotonic - milliseconds(1250), NoticeEvent{"reloaded"});
  const json event = log.document(0, 10)["events"][0];
  EXPECT_EQ(event["time"], "2001-09-09T01:46:38.750Z");
  EXPECT_EQ(event["monotonic_ns"], 98'750'000'000U);
  EXPECT_EQ(event["sequence"], 1);
}

TEST(EventLog, WordsEachKind) {
  EXPECT_EQ(only_event(TransitionEvent{"VI_1", vrrp::State::active, vrrp::State::backup,
                                       vrrp::Cause::higher_priority, *IpAddress::parse("192.0.2.3"),
                                       200}),
            (json{{"kind", "transition"},
                  {"router", "VI_1"},
                  {"from", "Active"},
                  {"to", "Backup"},
                  {"cause", vrrp::to_string(vrrp::Cause::higher_priority)},
                  {"peer", {{"address", "192.0.2.3"}, {"priority", 200}}}}));
  EXPECT_EQ(only_event(dropped()), (json{{"kind", "dropped_advert"},
                                         {"interface", "eth0"},
                                         {"source", "192.0.2.3"},
                                         {"vrid", 51},
                                         {"reason", wire::to_string(wire::AdvertDrop::ttl)}}));
  EXPECT_EQ(only_event(NotifyEvent{"VI_1", vrrp::State::fault, false, "exit status 1"}),
            (json{{"kind", "notify"},
                  {"router", "VI_1"},
                  {"state", "Fault"},
                  {"good", false},
                  {"outcome", "exit status 1"}}));
  EXPECT_EQ(only_event(CheckEvent{"nginx", true, "200 OK"}),
            (json{{"kind", "check"}, {"check", "nginx"}, {"up", true}, {"why", "200 OK"}}));
  EXPECT_EQ(only_event(AddressEvent{"eth0", "192.0.2.100/24", "restored"}),
            (json{{"kind", "address"},
                  {"interface", "eth0"},
                  {"address", "192.0.2.100/24"},
                  {"what", "restored"}}));
  EXPECT_EQ(only_event(NoticeEvent{"reloaded"}), (json{{"kind", "notice"}, {"text", "reloaded"}}));
}

TEST(EventLog, LeavesOutWhatIsNotKnown) {
  EXPECT_TRUE(only_event(TransitionEvent{
      "VI_1", vrrp::State::backup, vrrp::State::active, vrrp::Cause::down_timer, {}, 0})["peer"]
                  .is_null());
  const json event = only_event(DroppedAdvertEvent{"eth0", {}, 0, wire::AdvertDrop::truncated});
  EXPECT_TRUE(event["source"].is_null());
  EXPECT_TRUE(event["vrid"].is_null());
}

TEST(EventLog, IsBoundedAndAFloodOfDroppedAdvertsPushesNothingElseOut) {
  EventLog log(8);
  add(log, NoticeEvent{"precious"});
  for (int i = 0; i < 1000; ++i) add(log, dropped());
  const json document = log.document(0, 5000);
  EXPECT_EQ(sequences(document),
            (std::vector<std::uint64_t>{1, 994, 995, 996, 997, 998, 999, 1000, 1001}));
  EXPECT_EQ(document["last_sequence"], 1001);
  EXPECT_EQ(document["missed"], 992);

  for (int i = 0; i < 9; ++i) add(log, NoticeEvent{"later"});
  EXPECT_EQ(log.document(0, 5000)["events"].size(), 16U);
}

TEST(EventLog, ChecksAndAddressesThatComeAndGoPushNoTransitionOut) {
  EventLog log(4);
  log.add(TransitionEvent{"VI_1", vrrp::State::backup, vrrp::State::active, vrrp::Cause::down_timer,
                          *IpAddress::parse("192.0.2.3"), 100});
  for (int i = 0; i < 10; i++) {
    log.add(CheckEvent{"nginx", i % 2 == 0, "200 OK"});
    log.add(AddressEvent{"eth0", "192.0.2.100/24", "put back"});
  }
  const json events = log.document(0, 100)["events"];
  EXPECT_EQ(events.size(), 9U);
  EXPECT_EQ(events[0]["kind"], "transition");
}

TEST(EventLog, GivesTheNewestWithinTheLimitInOrder) {
  EventLog log;
  for (int i = 0; i < 5; ++i) {
    add(log, NoticeEvent{"n"});
    add(log, dropped());
  }
  EXPECT_EQ(sequences(log.document(0, 3)), (std::vector<std::uint64_t>{8, 9, 10}));
  EXPECT_EQ(log.document(0, 3)["missed"], 7);
  EXPECT_EQ(sequences(log.document(8, 100)), (std::vector<std::uint64_t>{9, 10}));
  EXPECT_EQ(log.document(8, 100)["missed"], 0);
  EXPECT_EQ(log.document(0, 0)["events"].size(), 0U);
}

TEST(EventLog, OfADaemonThatRestartedHasNothingAfterANumberOfTheOldOne) {
  EventLog log;
  add(log, NoticeEvent{"n"});
  EXPECT_EQ(log.document(700, 10),
            (json{{"events", json::array()}, {"last_sequence", 1}, {"missed", 0}}));
}

TEST(IsoTime, HasMilliseconds) {
  EXPECT_EQ(iso_time(WallTime(milliseconds(7))), "1970-01-01T00:00:00.007Z");
  EXPECT_EQ(iso_time(WallTime(milliseconds(-1))), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace tandem::observe
