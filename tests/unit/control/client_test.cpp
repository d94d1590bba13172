// SPDX-License-Identifier: Apache-2.0
#include "control/client.hpp"

#include "control/requests.hpp"
#include "control/socket_file.hpp"
#include "server_fixture.hpp"

namespace tandem::control {
namespace {

using nlohmann::json;
using Kind = CallError::Kind;

TEST_F(ServerTest, ClientGetsResultsAndRefusals) {
  start();
  auto client = Client::connect(path_, std::chrono::seconds(10));
  ASSERT_TRUE(client) << client.error().message;
  const json arguments = {{"text", std::string(30'000, 'x')}};
  EXPECT_EQ(client->call("echo", arguments), arguments);
  const auto refused = client->call("refuse", json::object());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Kind::refused);
  EXPECT_EQ(refused.error().message, "not now");
  EXPECT_EQ(client->call("echo", {{"n", 2}})->at("n"), 2);
}

TEST_F(ServerTest, ClientLearnsWhyItsRequestWasTooLong) {
  start();
  auto client = Client::connect(path_, std::chrono::seconds(10));
  ASSERT_TRUE(client);
  const auto refused = client->call("echo", {{"text", std::string(1 << 20, 'x')}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Kind::refused);
  EXPECT_NE(refused.error().message.find("longer than"), std::string::npos);
}

TEST_F(ServerTest, ClientLosesPatienceWithADaemonThatDoesNotAnswer) {
  start();
  auto client = Client::connect(path_, std::chrono::milliseconds(20));
  ASSERT_TRUE(client);
  const auto answer = client->call("later", json::object());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Kind::unreachable);
  EXPECT_NE(answer.error().message.find("timed out"), std::string::npos);
}

TEST(Client, NamesTheSocketAndTheWayToSeeWhetherTandemdRuns) {
  const TemporaryDirectory directory;
  const std::string path = directory / "control.sock";
  const auto nobody = Client::connect(path, std::chrono::seconds(1));
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().kind, Kind::unreachable);
  EXPECT_NE(nobody.error().message.find(path), std::string::npos);
  EXPECT_NE(nobody.error().message.find("No such file"), std::string::npos);
  EXPECT_NE(nobody.error().message.find("systemctl status tandemd"), std::string::npos);
}

TEST(Client, IsNotFooledByAnotherProtocol) {
  const TemporaryDirectory directory;
  const std::string path = directory / "control.sock";
  for (const char* babble : {"HTTP/1.1 400 Bad Request\r\n", "[]\n", "{\"fine\": true}\n"}) {
    const auto made = listen_on(path);
    ASSERT_TRUE(made);
    auto client = Client::connect(path, std::chrono::seconds(10));
    ASSERT_TRUE(client);
    const Descriptor peer(::accept(made->socket.get(), nullptr, nullptr));
    ASSERT_GT(::send(peer.get(), babble, std::strlen(babble), MSG_NOSIGNAL), 0);
    const auto answer = client->call("status", json::object());
    ASSERT_FALSE(answer) << babble;
    EXPECT_EQ(answer.error().kind, Kind::unreachable);
    EXPECT_NE(answer.error().message.find("protocol"), std::string::npos);
  }
}

TEST(Client, NoticesThatTheDaemonWent) {
  const TemporaryDirectory directory;
  const auto made = listen_on(directory / "control.sock");
  ASSERT_TRUE(made);
  auto client = Client::connect(directory / "control.sock", std::chrono::seconds(10));
  ASSERT_TRUE(client);
  Descriptor(::accept(made->socket.get(), nullptr, nullptr)).reset();
  const auto answer = client->call("status", json::object());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Kind::unreachable);
}

TEST(Requests, SurviveTheWire) {
  const auto events = EventsRequest::from_json(EventsRequest{17, 5}.to_json());
  ASSERT_TRUE(events);
  EXPECT_EQ(events->after, 17U);
  EXPECT_EQ(events->limit, 5U);
  const auto failover =
      FailoverRequest::from_json(FailoverRequest{{"VI_1", "VI_2"}, true}.to_json());
  ASSERT_TRUE(failover);
  EXPECT_EQ(failover->names, (std::vector<std::string>{"VI_1", "VI_2"}));
  EXPECT_TRUE(failover->back);
  EXPECT_EQ(VrrpRequest::from_json(VrrpRequest{"VI_1"}.to_json())->name, "VI_1");
  EXPECT_EQ(VrrpRequest::from_json(VrrpRequest{}.to_json())->name, std::nullopt);
  EXPECT_EQ(ReloadRequest::from_json(ReloadRequest{"/etc/x"}.to_json())->file, "/etc/x");
  EXPECT_TRUE(StatusRequest::from_json(StatusRequest{}.to_json()));
}

TEST(Requests, SayWhichArgumentIsWrong) {
  const auto why = [](const auto& result) { return result ? "" : result.error().message; };
  EXPECT_EQ(why(VrrpRequest::from_json({{"nam", "x"}})), "unknown argument \"nam\"");
  EXPECT_EQ(why(VrrpRequest::from_json({{"name", 1}})), "argument \"name\": expected a string");
  EXPECT_EQ(why(EventsRequest::from_json({{"after", -1}})),
            "argument \"after\": expected a whole number, 0 or greater");
  EXPECT_EQ(why(FailoverRequest::from_json({{"names", "VI_1"}})),
            "argument \"names\": expected a list of strings");
  EXPECT_EQ(why(FailoverRequest::from_json({{"back", "yes"}})),
            "argument \"back\": expected true or false");
}

}  // namespace
}  // namespace tandem::control
