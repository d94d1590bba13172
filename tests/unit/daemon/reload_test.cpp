// SPDX-License-Identifier: Apache-2.0
// A reload as a transaction, over parts that write down what they are asked for.
#include "daemon/reload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "parts.hpp"

namespace tandem::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kThird = R"(
[[vrrp]]
name = "VI_3"
interface = "eth0"
vrid = 53
addresses = ["192.0.2.103/24"]
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

// The second router is taken out.
std::string without_second() {
  const std::string text = kNode;
  const auto begin = text.find("[[vrrp]]\nname = \"VI_2\"");
  const auto end = text.find("[[service]]\nname = \"web\"");
  const auto local = text.find("[[service]]\nname = \"local\"");
  return text.substr(0, begin) + text.substr(end, local - end);
}

class Reloading : public testing::Test {
 protected:
  Reloading() {
    EXPECT_TRUE(reload_.start(parsed(kNode)));
    done_.clear();
  }
  ~Reloading() override { std::filesystem::remove(file_); }

  control::Answer reload(const std::string& text) {
    std::ofstream(file_) << text;
    return reload_.reload(file_);
  }
  ReloadPart part(const std::string& name) {
    const auto names = [](const speaker::Plan& plan) {
      std::string text;
      for (const auto& r : plan.routers) text += " " + r.config.name;
      return text;
    };
    return {.stage = [this, name, names](const Change& change) -> Result<void> {
              done_.push_back("stage " + name + ":" + names(change.to));
              if (failing_ == name) return fail(name + " has no room");
              return {};
            },
            .commit =
                [this, name, names](const Change& change) {
                  EXPECT_EQ(&change.to, &running_.plan) << "the new plan runs";
                  done_.push_back("commit " + name + ":" + names(change.to));
                },
            .roll_back =
                [this, name, names](const Change& change) {
                  done_.push_back("roll back " + name + ":" + names(change.from));
                }};
  }

  std::string file_ = std::filesystem::temp_directory_path() /
                      ("tandem-reload-test-" + std::to_string(getpid()) + ".toml");
  std::vector<std::string> done_;
  std::string failing_;
  std::vector<config::Problem> problems_;
  Running running_{"/etc/tandem/tandem.toml", {}, {}, {}, {}};
  Reload reload_{
      running_,
      [this](const config::Config&) { return problems_; },
      {part("a"), {.commit = [this](const Change&) { done_.emplace_back("b"); }}, part("c")}};
};

// ---- Applied

TEST_F(Reloading, AllPartsStageBeforeTheFirstCommits) {
  const auto answer = reload(std::string(kNode) + kThird);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_THAT(done_, ElementsAre("stage a: VI_1 VI_2 VI_3", "stage c: VI_1 VI_2 VI_3",
                                 "commit a: VI_1 VI_2 VI_3", "b", "commit c: VI_1 VI_2 VI_3"));
  EXPECT_EQ(running_.file, file_);
  EXPECT_EQ((*answer)["added"], nlohmann::json({"VI_3"}));
  EXPECT_EQ((*answer)["unchanged"], 2);
  EXPECT_EQ(reload_.counted().applied, 1U);
  EXPECT_TRUE(reload_.counted().last_good);
}

TEST_F(Reloading, WhatIsEqualKeepsItsNumber) {
  const auto second = running_.plan.routers[1].id;
  ASSERT_TRUE(reload(replaced(kNode, "priority = 150", "priority = 140")));
  EXPECT_EQ(running_.plan.routers[1].id, second);
  EXPECT_EQ(running_.plan.routers[0].config.priority, 140);
}

TEST_F(Reloading, TheNumberOfWhatWentIsGivenOutAgain) {
  const auto second = running_.plan.routers[1].id;
  const auto answer = reload(without_second());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ((*answer)["removed"], nlohmann::json({"VI_2"}));
  ASSERT_TRUE(reload(without_second() + kThird));
  EXPECT_EQ(running_.plan.routers[1].config.name, "VI_3");
  EXPECT_EQ(running_.plan.routers[1].id, second);
}

TEST_F(Reloading, WarningsOfTheFileAreInTheAnswer) {
  problems_ = {{config::Severity::warning, {1, 1}, "it will rain"}};
  const auto answer = reload(kNode);
  ASSERT_TRUE(answer);
  EXPECT_THAT((*answer)["warnings"].dump(), HasSubstr("it will rain"));
}

// ---- Refused

TEST_F(Reloading, AFileWithProblemsChangesNothing) {
  const auto answer = reload(replaced(kNode, "vrid = 52", "vrid = 520"));
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr(file_ + ":"));
  EXPECT_THAT(done_, IsEmpty());
  EXPECT_EQ(running_.file, "/etc/tandem/tandem.toml");
  EXPECT_EQ(reload_.counted().refused, 1U);
  EXPECT_FALSE(reload_.counted().last_good);
}

TEST_F(Reloading, WhatDoesNotFitTheMachineIsRefused) {
  problems_ = {{config::Severity::error, {7, 1}, "interface 'eth0' does not exist"}};
  const auto answer = reload(kNode);
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("interface 'eth0' does not exist"));
  EXPECT_THAT(done_, IsEmpty());
}

TEST_F(Reloading, AKeyThatNeedsARestartIsNamed) {
  const auto answer = reload(replaced(kNode, "\"node-a\"", "\"node-b\""));
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("node.name cannot change while running"));
  EXPECT_THAT(done_, IsEmpty());
}

// ---- Rolled back

TEST_F(Reloading, WhenAPartCannotStageAllPartsGetTheOldPlanAgain) {
  failing_ = "a";
  const auto answer = reload(std::string(kNode) + kThird);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "a has no room");
  EXPECT_THAT(done_, ElementsAre("stage a: VI_1 VI_2 VI_3", "roll back a: VI_1 VI_2",
                                 "roll back c: VI_1 VI_2"));
  EXPECT_EQ(running_.plan.routers.size(), 2U);
  EXPECT_EQ(running_.file, "/etc/tandem/tandem.toml");
  EXPECT_FALSE(reload_.counted().last_good);
}

TEST_F(Reloading, TheLastPartThatFailsRollsTheFirstOneBackToo) {
  failing_ = "c";
  ASSERT_FALSE(reload(std::string(kNode) + kThird));
  EXPECT_THAT(done_, ElementsAre("stage a: VI_1 VI_2 VI_3", "stage c: VI_1 VI_2 VI_3",
                                 "roll back a: VI_1 VI_2", "roll back c: VI_1 VI_2"));
}

TEST_F(Reloading, NumbersReturnAfterARollBack) {
  failing_ = "c";
  ASSERT_FALSE(reload(std::string(kNode) + kThird));
  EXPECT_EQ(running_.numbers.routers.all().size(), 2U);
  failing_.clear();
  ASSERT_TRUE(reload(kNode)) << "and the next one applies";
  EXPECT_EQ(running_.numbers.routers.all().size(), 2U);
  EXPECT_EQ(reload_.counted().refused, 1U);
  EXPECT_EQ(reload_.counted().applied, 1U);
}

}  // namespace
}  // namespace tandem::daemon
