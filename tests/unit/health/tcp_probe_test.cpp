// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <vector>

#include "health/probe.hpp"
#include "run_probe.hpp"
#include "test_server.hpp"

namespace tandem::health {
namespace {

using testing::run_probe;

class TcpProbeTest : public ::testing::Test {
 protected:
  ProbeResult probe(std::string_view address, std::uint16_t port) {
    const auto made = make_tcp_probe(loop_, {IpAddress::parse(address).value(), port});
    return run_probe(loop_, *made);
  }
  boost::asio::io_context loop_;
};

TEST_F(TcpProbeTest, PassesWhenSomebodyListens) {
  testing::tcp::acceptor acceptor(loop_, {boost::asio::ip::address_v4::loopback(), 0});
  const auto result = probe("127.0.0.1", acceptor.local_endpoint().port());
  EXPECT_TRUE(result.pass);
  EXPECT_EQ(result.detail, "connected");
}

TEST_F(TcpProbeTest, ReachesIpv6) {
  boost::system::error_code error;
  testing::tcp::acceptor acceptor(loop_);
  const testing::tcp::endpoint here(boost::asio::ip::address_v6::loopback(), 0);
  acceptor.open(here.protocol(), error);
  if (!error) acceptor.bind(here, error);
  if (error) GTEST_SKIP() << "no IPv6 on the loopback interface";
  acceptor.listen();
  EXPECT_TRUE(probe("::1", acceptor.local_endpoint().port()).pass);
}

TEST_F(TcpProbeTest, FailsWhenNobodyListens) {
  const testing::ClosedPort port(loop_);
  const auto result = probe("127.0.0.1", port.number());
  EXPECT_FALSE(result.pass);
  EXPECT_EQ(result.detail, "connection refused");
}

TEST_F(TcpProbeTest, LeavesByThePortsThatItIsGiven) {
  testing::tcp::acceptor acceptor(loop_, {boost::asio::ip::address_v4::loopback(), 0});
  testing::tcp::acceptor listener(loop_, {boost::asio::ip::address_v4::loopback(), 0});
  std::vector<std::uint16_t> free;
  for (int i = 0; i < 3; i++) free.push_back(testing::ClosedPort(loop_).number());
  std::vector<std::uint16_t> given = free;
  given.insert(given.begin() + 1, listener.local_endpoint().port());  // taken
  auto ports = std::make_shared<LocalPorts>();
  ports->set(given);
  const auto probe = make_tcp_probe(
      loop_, {IpAddress::parse("127.0.0.1").value(), acceptor.local_endpoint().port()}, ports);
  for (const auto port : free) {
    EXPECT_TRUE(run_probe(loop_, *probe).pass);
    EXPECT_EQ(acceptor.accept().remote_endpoint().port(), port);
  }
}

TEST_F(TcpProbeTest, StopMeansNoCall) {
  testing::tcp::acceptor acceptor(loop_, {boost::asio::ip::address_v4::loopback(), 0});
  const auto probe = make_tcp_probe(
      loop_, {IpAddress::parse("127.0.0.1").value(), acceptor.local_endpoint().port()});
  probe->start([](const ProbeResult&) { ADD_FAILURE() << "called"; });
  EXPECT_EQ(probe->stop(), "connecting");
  loop_.run();
  EXPECT_TRUE(run_probe(loop_, *probe).pass) << "a stopped probe can start again";
}

}  // namespace
}  // namespace tandem::health
