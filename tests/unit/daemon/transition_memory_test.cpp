// SPDX-License-Identifier: Apache-2.0
#include "daemon/transition_memory.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace tandem::daemon {
namespace {

class KeptTransitions : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "transitions-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string file() const { return directory_ / "transitions.json"; }

  // What a process that has these adds, and leaves.
  void run(int transitions, bool dropped = false) {
    observe::EventLog events;
    TransitionMemory memory(loop_, events, file());
    for (int i = 0; i < transitions; i++) {
      events.add(observe::TransitionEvent{"VI_1", vrrp::State::backup, vrrp::State::active,
                                          vrrp::Cause::higher_priority,
                                          *IpAddress::parse("2001:db8::3"), 90});
      memory.changed();
    }
    if (dropped) events.add(observe::DroppedAdvertEvent{"eth0", {}, 51, wire::AdvertDrop::version});
  }
  nlohmann::json next_has() {
    observe::EventLog events;
    const TransitionMemory memory(loop_, events, file());
    return events.document(0, 1000).at("events");
  }

  boost::asio::io_context loop_;
  std::filesystem::path directory_;
};

TEST_F(KeptTransitions, TheNextProcessBeginsWithThem) {
  run(2, true);
  run(1);
  const auto events = next_has();
  ASSERT_EQ(events.size(), 3U) << events.dump();
  for (std::size_t i = 0; i < events.size(); i++) {
    EXPECT_EQ(events[i].at("sequence"), i + 1);
    EXPECT_EQ(events[i].at("kind"), "transition");
    EXPECT_EQ(events[i].at("router"), "VI_1");
    EXPECT_EQ(events[i].at("from"), "Backup");
    EXPECT_EQ(events[i].at("to"), "Active");
    EXPECT_EQ(events[i].at("cause"), vrrp::to_string(vrrp::Cause::higher_priority));
    EXPECT_EQ(events[i].at("peer").at("address"), "2001:db8::3");
    EXPECT_EQ(events[i].at("peer").at("priority"), 90);
    EXPECT_GE(events[i].at("time"), events[0].at("time"));
  }
}

TEST_F(KeptTransitions, TheNewestAreKept) {
  run(static_cast<int>(TransitionMemory::kMost) + 50);
  EXPECT_EQ(next_has().size(), TransitionMemory::kMost);
  EXPECT_LT(std::filesystem::file_size(file()), 100'000U);
}

TEST_F(KeptTransitions, EachStateAndCauseIsKnownAgain) {
  {
    observe::EventLog events;
    const TransitionMemory memory(loop_, events, file());
    for (int cause = 0; cause <= static_cast<int>(vrrp::Cause::unserved); cause++)
      events.add(observe::TransitionEvent{"VI_6",
                                          static_cast<vrrp::State>(cause % 4),
                                          static_cast<vrrp::State>((cause + 1) % 4),
                                          static_cast<vrrp::Cause>(cause),
                                          {},
                                          0});
  }
  const auto events = next_has();
  ASSERT_EQ(events.size(), static_cast<std::size_t>(vrrp::Cause::unserved) + 1);
  for (std::size_t i = 0; i < events.size(); i++) {
    EXPECT_EQ(events[i].at("cause"), vrrp::to_string(static_cast<vrrp::Cause>(i)));
    EXPECT_TRUE(events[i].at("peer").is_null());
  }
}

// The monotonic clock began anew.
TEST_F(KeptTransitions, ThoseOfAnotherBootAreForgotten) {
  run(1);
  std::string text;
  std::getline(std::ifstream(file()), text);
  auto document = nlohmann::json::parse(text);
  document["transitions"][0]["monotonic_ns"] = 9'000'000'000'000'000'000U;
  std::ofstream(file()) << document.dump();
  EXPECT_TRUE(next_has().empty());
}

TEST_F(KeptTransitions, AFileThatCannotBeReadIsPutAside) {
  for (const char* bad :
       {"", "{", "[]", R"({"transitions": [{}]})",
        R"({"transitions": [{"router": "a", "from": "X", "to": "Active", "cause": "started",
            "peer": null, "wall_ns": 1, "monotonic_ns": 1}]})"}) {
    std::ofstream(file()) << bad;
    EXPECT_TRUE(next_has().empty()) << bad;
    EXPECT_FALSE(std::filesystem::exists(file())) << bad;
    EXPECT_TRUE(std::filesystem::exists(file() + ".refused")) << bad;
  }
}

}  // namespace
}  // namespace tandem::daemon
