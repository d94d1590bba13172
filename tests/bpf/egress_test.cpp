// SPDX-License-Identifier: Apache-2.0
// The gate's other side: what the node's own kernel may send. The rig has no lease for 192.0.2.106
// and 2001:db8::107.
#include "kernel.hpp"
#include "rig.hpp"

namespace tandem {
namespace {

using namespace frames;

class Egress : public KernelTest {
 protected:
  std::uint64_t dropped() const { return kernel_->program().counters()[TD_DROP_NO_LEASE_SOURCE]; }
};

TEST_F(Egress, NothingLeavesInTheNameOfAnAddressWithoutALease) {
  const auto other = ip("192.0.2.10");
  EXPECT_FALSE(kernel_->lets_out(arp({.target = other, .sender = ip("192.0.2.106")})));
  EXPECT_FALSE(kernel_->lets_out(ipv4({.to = other, .from = ip("192.0.2.106")}, tcp(80))));
  EXPECT_FALSE(kernel_->lets_out(nd({.target = ip("2001:db8::9"), .from = ip("2001:db8::107")})));
  EXPECT_FALSE(kernel_->lets_out(na(ip("2001:db8::9"), ip("2001:db8::107"))));
  EXPECT_EQ(dropped(), 4U);
}

TEST_F(Egress, ALeaseOpensItAndItsEndShutsIt) {
  const auto question = arp({.target = ip("192.0.2.10"), .sender = ip("192.0.2.100")});
  EXPECT_TRUE(kernel_->lets_out(question));
  kernel_->steering().revoke_lease(0);
  EXPECT_FALSE(kernel_->lets_out(question));
}

TEST_F(Egress, TheNodesOwnAddressesAndForwardedFramesLeave) {
  EXPECT_TRUE(kernel_->lets_out(arp({.target = ip("192.0.2.106"), .sender = ip("192.0.2.2")})));
  EXPECT_TRUE(kernel_->lets_out(ipv4({.to = ip("192.0.2.106")}, tcp(80))));
  const auto of_the_peer = ipv4({.to = ip("192.0.2.10"), .from = ip("192.0.2.106")}, tcp(80));
  EXPECT_TRUE(kernel_->lets_out(of_the_peer, true));
  EXPECT_EQ(dropped(), 0U);
}

// The kernel itself refuses to try an IP frame without its whole header.
TEST_F(Egress, ArpCutShortLeaves) {
  const auto frame = arp({.target = ip("192.0.2.10"), .sender = ip("192.0.2.106")});
  for (std::size_t size = 15; size < frame.size(); size++)
    EXPECT_TRUE(kernel_->lets_out({frame.begin(), frame.begin() + static_cast<long>(size)}))
        << size;
}

}  // namespace
}  // namespace tandem
