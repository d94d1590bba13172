// SPDX-License-Identifier: Apache-2.0
// Frames out of a veth, and what its socket lets in.
#include "engine/packet_socket.hpp"

#include "listener.hpp"
#include "namespaces.hpp"

namespace tandem::engine {
namespace {

using netlink::Inside;
using netlink::run;
using std::chrono::milliseconds;
using std::chrono::seconds;

class PacketSocketTest : public netlink::NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const unsigned device = if_nametoindex("veth0");
    auto socket = PacketSocket::open(device, device, "veth0");
    ASSERT_TRUE(socket) << socket.error().message;
    socket_ = std::move(*socket);
    const Inside peer(peer_);
    listener_.emplace("veth1");
  }
  void TearDown() override {
    listener_.reset();
    socket_ = {};
    NamespaceTest::TearDown();
  }

  PacketSocket socket_;
  std::optional<Listener> listener_;
};

frames::Bytes numbered(std::uint8_t number) {
  frames::Bytes frame = frames::advert();
  frame.back() = number;
  return frame;
}

TEST_F(PacketSocketTest, FramesArriveAsTheyAre) {
  for (const auto& frame : {numbered(1), frames::advert({}, 1500)}) {
    ASSERT_TRUE(socket_.send(frame));
    EXPECT_TRUE(listener_->hears(frame, seconds(5)));
  }
}

// A queueing discipline that lets nothing out stops the kernel's own packets, and not ours.
TEST_F(PacketSocketTest, FramesGoPastTheQueueingDiscipline) {
  run("tc qdisc replace dev veth0 root blackhole");
  const Descriptor usual(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(if_nametoindex("veth0"));
  ASSERT_EQ(bind(usual.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);

  send(usual.get(), numbered(1).data(), numbered(1).size(), 0);
  ASSERT_TRUE(socket_.send(numbered(2)));
  EXPECT_TRUE(listener_->hears(numbered(2), seconds(5)));
  send(usual.get(), numbered(3).data(), numbered(3).size(), 0);
  EXPECT_FALSE(listener_->hears(numbered(3), milliseconds(200)));
}

TEST_F(PacketSocketTest, SaysWhenAFrameDoesNotGoOut) {
  EXPECT_FALSE(socket_.send(frames::advert({}, 1501)));
  EXPECT_EQ(errno, EMSGSIZE);
  run("ip link set veth0 down");
  EXPECT_FALSE(socket_.send(frames::advert()));
  EXPECT_EQ(errno, ENETDOWN);
}

TEST_F(PacketSocketTest, JoinsTheGroupsForAsLongAsItLives) {
  for (int twice = 0; twice < 2; twice++) {
    for (const char* group : {"224.0.0.18", "224.0.0.118", "ff02::12"})
      ASSERT_TRUE(socket_.join(*IpAddress::parse(group)));
  }
  const std::string during = run("ip maddr show dev veth0");
  EXPECT_NE(during.find("224.0.0.18\n"), std::string::npos) << during;
  EXPECT_NE(during.find("224.0.0.118\n"), std::string::npos) << during;
  EXPECT_NE(during.find("ff02::12\n"), std::string::npos) << during;
  socket_ = {};
  const std::string after = run("ip maddr show dev veth0");
  EXPECT_EQ(after.find("224.0.0.18\n"), std::string::npos) << after;
  EXPECT_EQ(after.find("ff02::12\n"), std::string::npos) << after;
}

TEST_F(PacketSocketTest, LetsAVirtualMacThroughTheFilterForAsLongAsItLives) {
  const MacAddress mac = virtual_mac(Family::ipv4, 51);
  for (int twice = 0; twice < 2; twice++) ASSERT_TRUE(socket_.accept_mac(mac));
  const std::string during = run("bridge fdb show dev veth0");
  EXPECT_NE(during.find(mac.to_string()), std::string::npos) << during;
  socket_ = {};
  const std::string after = run("bridge fdb show dev veth0");
  EXPECT_EQ(after.find(mac.to_string()), std::string::npos) << after;
}

TEST_F(PacketSocketTest, NamesTheInterfaceThatIsNotThere) {
  const auto socket = PacketSocket::open(4711, 4711, "eth9");
  ASSERT_FALSE(socket);
  EXPECT_NE(socket.error().message.find("eth9"), std::string::npos) << socket.error().message;
}

}  // namespace
}  // namespace tandem::engine
