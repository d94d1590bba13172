// SPDX-License-Identifier: Apache-2.0
// The control socket's commands, asked through a socket.
#include "daemon/commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <thread>

#include "../control/server_fixture.hpp"
#include "node_report.hpp"

namespace tandem::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Asking : public ReportFixture {
 protected:
  Asking() {
    commands_.emplace(
        control::Server::listen(loop_, path_).value(),
        Commands::Deps{running_, report_, events_, handovers_, vrrp_,
                       [this](const std::string& file) -> control::Answer {
                         done_.push_back("reload " + file);
                         return nlohmann::json::object();
                       },
                       [this](const std::string& service,
                              const std::optional<control::Endpoint>& backend, bool drained) {
                         done_.push_back(std::string(drained ? "drain " : "undrain ") + service +
                                         " " + (backend ? backend->to_string() : "all"));
                       },
                       [this](const std::string& service, const control::Endpoint& backend,
                              std::uint16_t weight) {
                         done_.push_back("weight " + service + " " + backend.to_string() + " " +
                                         std::to_string(weight));
                       },
                       [this](const control::BackendRequest& request) -> Result<void> {
                         if (request.action != "add") return fail("refused");
                         done_.push_back("add " + request.backend.to_string() + " to " +
                                         request.service);
                         return {};
                       },
                       [this](const control::CaptureRequest& request, control::Completion done) {
                         done_.push_back("capture " + request.file);
                         done(nlohmann::json::object());
                       },
                       [this] { done_.emplace_back("capture-end"); }});
  }

  // The answer to one request, while the loop runs here.
  nlohmann::json ask(const std::string& command,
                     const nlohmann::json& arguments = nlohmann::json::object()) {
    nlohmann::json answer;
    std::thread client([&] {
      control::RawClient socket(path_);
      answer = socket.ask(nlohmann::json{{"command", command}, {"arguments", arguments}}.dump());
      boost::asio::post(loop_, [this] { loop_.stop(); });
    });
    loop_.restart();
    loop_.run();
    client.join();
    return answer;
  }
  std::string refusal(const std::string& command, const nlohmann::json& arguments) {
    const auto answer = ask(command, arguments);
    EXPECT_EQ(answer["ok"], false) << answer;
    return answer.value("error", "");
  }

  control::TemporaryDirectory directory_;
  std::string path_ = directory_ / "control.sock";
  std::vector<std::string> done_;
  Handovers handovers_{loop_, running_, vrrp_, {}};
  std::optional<Commands> commands_;
};

TEST_F(Asking, TheNodeIsAskedOfTheVrrpThread) {
  EXPECT_EQ(ask("status")["result"]["node"], "node-a");
  EXPECT_EQ(ask("vrrp")["result"]["routers"].size(), 2U);
  EXPECT_EQ(ask("vrrp", {{"name", "VI_2"}})["result"]["routers"][0]["name"], "VI_2");
  EXPECT_EQ(refusal("vrrp", {{"name", "VI_9"}}), "there is no virtual router 'VI_9'");
}

TEST_F(Asking, EventsAreThoseOfTheLog) {
  events_.add(observe::NoticeEvent{"reloaded"});
  EXPECT_EQ(ask("events")["result"]["events"].size(), 1U);
}

TEST_F(Asking, AReloadIsOfTheRunningFileUnlessAnotherOneIsNamed) {
  ask("reload");
  ask("reload", {{"file", "/tmp/other.toml"}});
  EXPECT_THAT(done_, ElementsAre("reload /etc/tandem/tandem.toml", "reload /tmp/other.toml"));
}

TEST_F(Asking, AFailoverOfOneThatIsNotActiveSaysWhy) {
  const auto answer = ask("failover", {{"names", {"VI_1"}}});
  EXPECT_EQ(answer["result"][0]["done"], false);
  EXPECT_THAT(answer["result"][0]["why"].get<std::string>(), HasSubstr("not Active"));
  EXPECT_TRUE(ask("failover")["result"].empty()) << "of all of them, none can move";
  EXPECT_EQ(refusal("failover", {{"names", {"VI_9"}}}), "there is no virtual router 'VI_9'");
}

TEST_F(Asking, ServicesAreListed) {
  EXPECT_EQ(ask("services")["result"]["services"].size(), 2U);
  EXPECT_EQ(ask("backends", {{"service", "web"}})["result"]["backends"].size(), 2U);
  EXPECT_EQ(ask("flows")["result"]["matched"], 0);
  EXPECT_EQ(refusal("services", {{"name", "mail"}}), "there is no service 'mail'");
  EXPECT_THAT(refusal("flows", {{"service", "mail"}}), HasSubstr("there are web"));
}

TEST_F(Asking, AStandingWorkerIsSaid) {
  plane_.stands_still = true;
  EXPECT_EQ(refusal("services", nlohmann::json::object()), kStandsStill);
}

TEST_F(Asking, WhatIsDrainedHasToBeThere) {
  ask("drain", {{"service", "web"}});
  ask("undrain", {{"service", "web"}, {"backend", "203.0.113.2"}});
  ask("weight", {{"service", "web"}, {"backend", "203.0.113.2:8080"}, {"weight", 7}});
  EXPECT_THAT(done_, ElementsAre("drain web all", "undrain web 203.0.113.2",
                                 "weight web 203.0.113.2:8080 7"));
  done_.clear();
  EXPECT_THAT(refusal("drain", {{"service", "mail"}}), HasSubstr("no service 'mail'"));
  EXPECT_THAT(refusal("weight", {{"service", "web"}, {"backend", "203.0.113.9"}, {"weight", 7}}),
              HasSubstr("no backend 203.0.113.9"));
  EXPECT_THAT(done_, IsEmpty());
}

TEST_F(Asking, ARequestThatIsWrongIsRefusedBeforeAnythingIsDone) {
  EXPECT_THAT(refusal("drain", {{"servcie", "web"}}), HasSubstr("servcie"));
  EXPECT_THAT(done_, IsEmpty());
}

TEST_F(Asking, WithoutSyncThereIsNoSuchCommand) {
  EXPECT_EQ(ask("sync")["ok"], false);
}

TEST_F(Asking, ACaptureEndsOnRequest) {
  ask("capture-end");
  EXPECT_THAT(done_, ElementsAre("capture-end"));
}

TEST_F(Asking, ForAnotherBackendIsAnsweredWithAllOfTheService) {
  const auto answer =
      ask("backend",
          {{"action", "add"}, {"service", "web"}, {"backend", "203.0.113.9:80"}, {"weight", 3}});
  EXPECT_TRUE(answer.dump().find("\"backends\"") != std::string::npos) << answer;
  EXPECT_TRUE(answer.dump().find("\"version\"") != std::string::npos) << answer;
  EXPECT_THAT(done_, ElementsAre("add 203.0.113.9:80 to web"));
  const auto refused =
      ask("backend", {{"action", "remove"}, {"service", "web"}, {"backend", "203.0.113.9:80"}});
  EXPECT_TRUE(refused.dump().find("refused") != std::string::npos) << refused;
}

}  // namespace
}  // namespace tandem::daemon
