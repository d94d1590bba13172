// SPDX-License-Identifier: Apache-2.0
// Counts of this node's TCP sockets, in a network namespace of the test's own.
#include "netlink/tcp_sockets.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <vector>

#include "namespaces.hpp"

namespace tandem::netlink {
namespace {

sockaddr_in6 end_of(const char* address, std::uint16_t port) {
  sockaddr_in6 end{};
  end.sin6_family = AF_INET6;
  end.sin6_port = htons(port);
  const IpAddress parsed = ip(address);
  std::copy(parsed.bytes().begin(), parsed.bytes().end(), end.sin6_addr.s6_addr);
  return end;
}

// By IPv6 sockets, which take IPv4 as ::ffff:a.b.c.d, too.
Descriptor tcp_at(const char* address, std::uint16_t port) {
  Descriptor listener(socket(AF_INET6, SOCK_STREAM, 0));
  const auto end = end_of(address, port);
  EXPECT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&end), sizeof end), 0);
  EXPECT_EQ(listen(listener.get(), 8), 0);
  return listener;
}
Descriptor tcp_to(const char* address, std::uint16_t port) {
  Descriptor client(socket(AF_INET6, SOCK_STREAM, 0));
  const auto end = end_of(address, port);
  EXPECT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&end), sizeof end), 0);
  return client;
}

class TcpSocketsTest : public NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    run("ip link set lo up");
    auto opened = TcpSockets::open();
    ASSERT_TRUE(opened) << opened.error().message;
    sockets_.emplace(std::move(*opened));
  }
  unsigned count(const char* address, std::uint16_t port) {
    const TcpEnd end{ip(address), port};
    const auto counts = sockets_->count({end});
    EXPECT_TRUE(counts) << counts.error().message;
    return counts && counts->contains(end) ? counts->at(end) : 0;
  }
  std::optional<TcpSockets> sockets_;
};

TEST_F(TcpSocketsTest, CountsConnectionsAndNotListeners) {
  const auto listener4 = tcp_at("::ffff:127.0.0.1", 8080), listener6 = tcp_at("::1", 8080);
  EXPECT_EQ(count("127.0.0.1", 8080), 0U);
  std::vector<Descriptor> clients;
  for (int i = 0; i < 3; i++) clients.push_back(tcp_to("::ffff:127.0.0.1", 8080));
  clients.push_back(tcp_to("::1", 8080));
  EXPECT_EQ(count("127.0.0.1", 8080), 3U);
  EXPECT_EQ(count("::1", 8080), 1U);
  EXPECT_EQ(count("127.0.0.1", 8081), 0U);
}

TEST_F(TcpSocketsTest, ACloseEndsIt) {
  const auto listener = tcp_at("::1", 8080);
  {
    const auto client = tcp_to("::1", 8080);
    const Descriptor served(accept(listener.get(), nullptr, nullptr));
    EXPECT_EQ(count("::1", 8080), 1U);
  }
  const auto end = MonotonicClock::now() + std::chrono::seconds(15);
  while (count("::1", 8080) != 0 && MonotonicClock::now() < end) usleep(10'000);
  EXPECT_EQ(count("::1", 8080), 0U);
}

}  // namespace
}  // namespace tandem::netlink
