// SPDX-License-Identifier: Apache-2.0
#include "control/server.hpp"

#include <deque>
#include <fstream>

#include "server_fixture.hpp"

namespace tandem::control {
namespace {

using nlohmann::json;

const char* const kEcho = R"({"command": "echo", "arguments": {"a": 1}})";

TEST_F(ServerTest, AnswersRequestsOfOneConnectionInTurn) {
  start();
  RawClient client(path_);
  EXPECT_EQ(client.ask(kEcho), (json{{"ok", true}, {"result", {{"a", 1}}}}));
  EXPECT_EQ(client.ask(R"({"command": "refuse"})"), (json{{"ok", false}, {"error", "not now"}}));
  client.send(R"({"command":"echo","arguments":{"n":1}})"
              "\n\n"
              R"({"command":"echo","arguments":{"n":2}})"
              "\n");
  EXPECT_EQ(json::parse(client.line())["result"]["n"], 1);
  EXPECT_EQ(json::parse(client.line())["result"]["n"], 2);
  EXPECT_EQ(counters().requests, 4U);
}

TEST_F(ServerTest, WithoutArgumentsGivesTheHandlerAnEmptyObject) {
  start();
  RawClient client(path_);
  EXPECT_EQ(client.ask(R"({"command": "echo"})")["result"], json::object());
  EXPECT_EQ(client.ask(R"({"command": "echo", "arguments": null})")["result"], json::object());
}

TEST_F(ServerTest, TakesARequestThatComesInPieces) {
  start();
  RawClient client(path_);
  const std::string request = std::string(kEcho) + "\n";
  for (const char c : request) client.send(std::string(1, c));
  EXPECT_EQ(json::parse(client.line())["ok"], true);
}

TEST_F(ServerTest, SaysWhatIsWrongWithGarbageAndGoesOn) {
  start();
  RawClient client(path_);
  const auto error_of = [&](const std::string& request) {
    const json answer = client.ask(request);
    EXPECT_EQ(answer["ok"], false) << request;
    return answer["error"].get<std::string>();
  };
  EXPECT_EQ(error_of("vrrp please"), "the request is no JSON");
  EXPECT_EQ(error_of("\xff\xfe"), "the request is no JSON");
  EXPECT_NE(error_of("[1, 2]").find("must be an object"), std::string::npos);
  EXPECT_NE(error_of("{}").find("no \"command\""), std::string::npos);
  EXPECT_NE(error_of(R"({"command": 7})").find("expected a string"), std::string::npos);
  EXPECT_EQ(error_of(R"({"command": "vrrpp"})"), "unknown command \"vrrpp\"");
  EXPECT_EQ(error_of(R"({"command": "echo", "arguments": [1]})"),
            "\"arguments\" must be an object");
  EXPECT_NE(error_of(R"({"command": "trip"})").find("do not fit the command"), std::string::npos);
  EXPECT_NE(error_of(R"({"command": "trip", "arguments": {"number": "x"}})").find("do not fit"),
            std::string::npos);
  EXPECT_NE(error_of(std::string(60'000, '[')).find("no JSON"), std::string::npos);
  EXPECT_EQ(client.ask(kEcho)["ok"], true);
  EXPECT_EQ(counters().bad_requests, 10U);
}

TEST_F(ServerTest, TakesALineOfTheLimitAndRefusesALongerOne) {
  start();
  RawClient client(path_);
  std::string request = R"({"command": "echo", "arguments": {"a": ")";
  request += std::string(kMaxRequest - request.size() - 3, 'x') + "\"}}";
  ASSERT_EQ(request.size(), kMaxRequest);
  EXPECT_EQ(client.ask(request)["ok"], true);

  const json answer = client.ask(" " + request);
  EXPECT_EQ(answer["ok"], false);
  EXPECT_NE(answer["error"].get<std::string>().find("longer than 65536 bytes"), std::string::npos);
  EXPECT_TRUE(client.closed_by_peer());
  EXPECT_EQ(counters().too_long, 1U);
  EXPECT_EQ(RawClient(path_).ask(kEcho)["ok"], true);
}

TEST_F(ServerTest, AnswersLaterFromAnotherThreadWhileOthersAreServed) {
  start();
  RawClient waiting(path_);
  waiting.send("{\"command\": \"later\"}\n");
  const Completion done = pending_.get_future().get();
  EXPECT_EQ(RawClient(path_).ask(kEcho)["ok"], true);
  done(json("at last"));
  done(json("and again"));  // only the first counts
  EXPECT_EQ(json::parse(waiting.line())["result"], "at last");
  EXPECT_EQ(waiting.ask(kEcho)["result"]["a"], 1);
}

TEST_F(ServerTest, ForgetsAnAnswerWhoseClientHasGone) {
  start();
  auto leaving = std::make_unique<RawClient>(path_);
  leaving->send("{\"command\": \"later\"}\n");
  const Completion done = pending_.get_future().get();
  leaving.reset();
  done(json("nobody listens"));
  EXPECT_EQ(RawClient(path_).ask(kEcho)["ok"], true);
  stop();
  done(json("nobody listens"));
}

TEST_F(ServerTest, LetsNoSilentOrSlowClientHurtOthers) {
  start();
  RawClient silent(path_);
  RawClient half(path_);
  half.send(R"({"command": "ec)");
  RawClient deaf(path_);  // asks for more than any buffer holds, and reads nothing
  const std::string large =
      R"({"command": "echo", "arguments": {"a": ")" + std::string(60'000, 'x') + "\"}}\n";
  std::thread asking([&] {
    for (int i = 0; i < 50; ++i) deaf.send(large);
  });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(RawClient(path_).ask(kEcho)["ok"], true);
  half.send("ho\"}\n");
  EXPECT_EQ(json::parse(half.line())["ok"], true);
  stop();  // closes the deaf one's connection, so that its sending ends
  asking.join();
}

TEST_F(ServerTest, MakesRoomByClosingTheQuietestConnection) {
  start();
  std::deque<RawClient> clients;
  for (std::size_t i = 0; i < kMaxConnections; ++i) {
    clients.emplace_back(path_);
    EXPECT_EQ(clients.back().ask(kEcho)["ok"], true);
  }
  EXPECT_EQ(clients.front().ask(kEcho)["ok"], true);  // now the second is the quietest
  EXPECT_EQ(RawClient(path_).ask(kEcho)["ok"], true);
  EXPECT_TRUE(clients[1].closed_by_peer());
  EXPECT_EQ(clients.front().ask(kEcho)["ok"], true);
  EXPECT_EQ(counters().evicted, 1U);
}

TEST_F(ServerTest, MakesRoomRatherByAQuietOneThanByOneThatWaitsForItsAnswer) {
  start();
  RawClient waiting(path_);
  waiting.send("{\"command\": \"later\"}\n");
  const Completion done = pending_.get_future().get();
  std::deque<RawClient> clients;
  for (std::size_t i = 0; i < 2 * kMaxConnections; ++i) {
    clients.emplace_back(path_);
    EXPECT_EQ(clients.back().ask(kEcho)["ok"], true);
  }
  done(json(1));
  EXPECT_EQ(json::parse(waiting.line())["result"], 1);
}

TEST_F(ServerTest, MendsTextThatIsNoUtf8) {
  auto server = Server::listen(io_, path_);
  ASSERT_TRUE(server);
  server_ = std::move(*server);
  server_->on("bytes", [](const json&) -> Answer { return json("\xff"); });
  server_->on("words", [](const json&) -> Answer { return fail("bad name \xff"); });
  thread_ = std::thread([this] { io_.run(); });
  RawClient client(path_);
  EXPECT_EQ(client.ask(R"({"command": "bytes"})")["result"], "\ufffd");
  EXPECT_EQ(client.ask(R"({"command": "words"})")["error"], "bad name \ufffd");
}

}  // namespace
}  // namespace tandem::control
