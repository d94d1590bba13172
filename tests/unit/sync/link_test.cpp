// SPDX-License-Identifier: Apache-2.0
// Two nodes over real connections of this host: the same key brings them together, and nothing else
// does.
#include "sync/link.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "service_node.hpp"

namespace tandem::sync {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kFlows = ServiceNode::kFlows;

config::ListenAddress local(std::uint16_t port) {
  return {*IpAddress::parse("127.0.0.1"), port};
}

struct Node {
  Node(bool owner, std::uint16_t listen, std::uint16_t peer, std::uint8_t key_byte)
      : memory(MonotonicClock::now()),
        shared(1, flow::FlowTable4::elements_for(kFlows), flow::FlowTable6::elements_for(kFlows)) {
    const auto now = MonotonicClock::now();
    memory.node.replicate(shared, now);
    for (auto& router : memory.memory.tables().vrouter)
      if (router.family != 0) router.lease_ns = owner ? to_ns(now + std::chrono::hours(1)) : 0;
    LinkOptions options{"node", {local(listen)}, {local(peer)}, {}};
    options.key.fill(key_byte);
    auto started = Link::start(
        options, memory.node.forwarder(), shared, [] {},
        [this](const std::string& line) { lines.push_back(line); });
    if (started)
      link = std::move(*started);
    else
      error = started.error().message;
  }
  // The data thread's part.
  void work() {
    const auto now = MonotonicClock::now();
    memory.node.forwarder().apply_changes(1 << 16, now, memory.node.tick(now));
  }
  [[nodiscard]] bool all_proved() const {
    const LinkView view = link->view();
    return view.connected && std::ranges::all_of(view.services, [](const ServiceSync& service) {
             return service.number == 14 || service.outgoing == Sender::Proof::proved;
           });
  }

  MemoryNode memory;
  forward::Replication shared;
  std::vector<std::string> lines;  // read after the link has ended
  std::unique_ptr<Link> link;
  std::string error;
};

template <class Condition>
bool within_20_s(Condition condition, auto... nodes) {
  for (int i = 0; i < 4'000; i++) {
    (nodes->work(), ...);
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

TEST(Link, BringsTheFlowsOver) {
  Node a(true, 19106, 19107, 1), b(false, 19107, 19106, 1);
  ASSERT_TRUE(a.link) << a.error;
  ASSERT_TRUE(b.link) << b.error;
  const auto now = MonotonicClock::now();
  for (std::uint16_t port = 1; port <= 500; port++)
    a.memory.node.admit(to_service(test_services()[3], {.port = port}), rig::kLink, now);
  ASSERT_TRUE(within_20_s([&] { return a.all_proved(); }, &a, &b));
  EXPECT_TRUE(
      within_20_s([&] { return b.memory.node.forwarder().flows4().flows() == 500; }, &a, &b));
  EXPECT_EQ(b.link->view().peer, "node");
}

TEST(Link, IsMadeAgainAfterThePeerWasAway) {
  Node a(true, 19116, 19117, 1);
  ASSERT_TRUE(a.link) << a.error;
  {
    Node b(false, 19117, 19116, 1);
    ASSERT_TRUE(within_20_s([&] { return a.all_proved(); }, &a, &b));
  }
  ASSERT_TRUE(within_20_s([&] { return !a.link->view().connected; }, &a));
  EXPECT_FALSE(a.link->view().why.empty());
  Node b(false, 19117, 19116, 1);
  EXPECT_TRUE(within_20_s([&] { return a.all_proved(); }, &a, &b));
}

TEST(Link, RefusesAnotherKey) {
  Node a(true, 19126, 19127, 1), b(false, 19127, 19126, 2);
  ASSERT_TRUE(a.link && b.link);
  ASSERT_TRUE(within_20_s([&] { return b.link->view().refused > 1; }, &a, &b));
  EXPECT_FALSE(a.link->view().connected);
  EXPECT_FALSE(b.link->view().connected);
  EXPECT_NE(b.link->view().why.find("key"), std::string::npos) << b.link->view().why;
}

TEST(Link, IsNotDisturbedByWhoeverConnects) {
  Node a(true, 19136, 19137, 1), b(false, 19137, 19136, 1);  // b listens
  ASSERT_TRUE(a.link && b.link);
  boost::asio::io_context loop;
  for (int i = 0; i < 20; i++) {
    boost::asio::ip::tcp::socket socket(loop);
    socket.connect({boost::asio::ip::make_address("127.0.0.1"), 19137});
    const std::string garbage(3'000, static_cast<char>(i));
    boost::system::error_code ignored;
    boost::asio::write(socket, boost::asio::buffer(garbage), ignored);
  }
  EXPECT_TRUE(within_20_s([&] { return a.all_proved(); }, &a, &b));
}

TEST(Link, NamesAnAddressThatIsNotThisHosts) {
  LinkOptions options{"node",
                      {{*IpAddress::parse("192.0.2.77"), 19200}},
                      {{*IpAddress::parse("192.0.2.1"), 19200}},
                      {}};
  MemoryNode memory(MonotonicClock::now());
  forward::Replication shared(1, 2, 2);
  const auto started = Link::start(
      options, memory.node.forwarder(), shared, [] {}, [](const std::string&) {});
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("192.0.2.77:19200"), std::string::npos);
}

// ---- The key

TEST(Key, IsReadAsItWasMade) {
  const std::string file = testing::TempDir() + "tandem-sync-key-" + std::to_string(getpid());
  std::filesystem::remove(file);
  ASSERT_TRUE(make_key(file));
  const auto key = read_key(file);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_NE(*key, Key{});
  EXPECT_FALSE(make_key(file));  // is not written over
  chmod(file.c_str(), 0644);
  EXPECT_FALSE(read_key(file));
  chmod(file.c_str(), 0600);
  std::ofstream(file) << "too short\n";
  EXPECT_FALSE(read_key(file));
  std::filesystem::remove(file);
  EXPECT_FALSE(read_key(file));
}

}  // namespace
}  // namespace tandem::sync
