// SPDX-License-Identifier: Apache-2.0
// The control thread's commands to a forwarder's thread that goes round, stands still, or takes long.
#include "dataplane/data_plane.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "config/load.hpp"
#include "dataplane/stall_watch.hpp"
#include "forward/table_memory.hpp"

namespace tandem::dataplane {
namespace {

using std::chrono::milliseconds;

config::Config small() {
  return config::parse("[node]\nname = \"a\"\n[flows]\nsize = 1000\nsize_ipv6 = 1000\n").config;
}

// A thread that runs commands, as an engine's does; it can be made to stand still.
class Plane : public DataPlane {
 public:
  explicit Plane(std::unique_ptr<forward::TableMemory> memory)
      : DataPlane(DataCore::open(memory->memory(), small(),
                                 {milliseconds(4), 1'000'000, MonotonicClock::now()})
                      .value()),
        memory_(std::move(memory)),
        thread_([this] { loop(); }) {}
  ~Plane() override { stop(); }

  void stop() override {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  Result<engine::Workers> prepare(unsigned, const std::string&,
                                  const std::function<Result<void>()>&) override {
    return engine::Workers{};
  }
  void release(unsigned) override {}
  void follow(const std::vector<Device>&) override {}
  void check(MonotonicTime now) override { watch_.look(rounds(), now); }
  [[nodiscard]] bool can_admit() const override { return !watch_.stalled(); }
  [[nodiscard]] forward::Counted counted() const override { return counted_by_forwarder(); }
  [[nodiscard]] td_traffic traffic(std::uint16_t slot) const override {
    return traffic_by_forwarder(slot);
  }
  // As PlaneWatch does, until it says so.
  void look_until(bool runs_now) {
    for (const auto end = MonotonicClock::now() + std::chrono::seconds(30);
         can_admit() != runs_now && MonotonicClock::now() < end;) {
      check(MonotonicClock::now());
      std::this_thread::sleep_for(StallWatch::kInterval);
    }
  }

  std::atomic<bool> stands_still = false;

 private:
  void wake() override {}
  void loop() {
    while (!stop_) {
      std::this_thread::sleep_for(milliseconds(1));
      if (stands_still) continue;
      run_command();
      sweep(MonotonicClock::now());
    }
  }

  std::unique_ptr<forward::TableMemory> memory_;
  StallWatch watch_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class Commands : public testing::Test {
 protected:
  bool call(Duration takes = {}) {
    return plane_.call([this, takes](forward::Forwarder&, MonotonicTime) {
      std::this_thread::sleep_for(takes);
      ran_++;
    });
  }
  Plane plane_{std::make_unique<forward::TableMemory>(1000, 1000, 1)};
  int ran_ = 0;
};

TEST_F(Commands, AreRunByTheForwardersThread) {
  EXPECT_TRUE(call());
  EXPECT_EQ(ran_, 1);
}

TEST_F(Commands, DoNotWaitForAThreadThatStandsStill) {
  plane_.stands_still = true;
  EXPECT_FALSE(call()) << "it has to be found out first";
  EXPECT_FALSE(plane_.can_admit());
  EXPECT_FALSE(call());
  plane_.stands_still = false;
  plane_.look_until(true);
  EXPECT_TRUE(plane_.can_admit());
  EXPECT_EQ(ran_, 0) << "what was given up must not run later";
  EXPECT_TRUE(call());
  EXPECT_EQ(ran_, 1);
}

TEST_F(Commands, ThatTakeLongAreNoStall) {
  EXPECT_TRUE(call(StallWatch::kPatience + 5 * StallWatch::kInterval));
  EXPECT_TRUE(plane_.can_admit());
  EXPECT_EQ(ran_, 1);
}

}  // namespace
}  // namespace tandem::dataplane
