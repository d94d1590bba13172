// SPDX-License-Identifier: Apache-2.0
// Adverts from the XDP program through the ring buffer to its consumer.
#include <gtest/gtest.h>
#include <poll.h>

#include <vector>

#include "kernel.hpp"
#include "rig.hpp"

namespace tandem {
namespace {

using frames::Bytes;

struct Taken {
  td_advert header;  // without the packet
  Bytes packet;
};

class Adverts : public KernelTest {
 protected:
  std::vector<Taken> drain(int most = 1'000'000) {
    std::vector<Taken> taken;
    const int count = kernel_->ring().drain(most, [&](const td_advert& a) {
      taken.push_back({a, Bytes(a.packet, a.packet + a.length)});
    });
    EXPECT_EQ(count, static_cast<int>(taken.size()));
    return taken;
  }

  [[nodiscard]] bool readable() const {
    pollfd fd{kernel_->ring().poll_fd(), POLLIN, 0};
    return poll(&fd, 1, 0) == 1;
  }

  // Adverts that differ in their last bytes, until one is refused.
  unsigned fill() {
    for (unsigned i = 0; i < 2000; i++) {
      Bytes frame = frames::advert();
      store_be16(&frame[frame.size() - 2], static_cast<std::uint16_t>(i));
      if (kernel_->steer(frame).reason != TD_TAKE_ADVERT) return i;
    }
    ADD_FAILURE() << "the ring is never full";
    return 0;
  }
};

TEST_F(Adverts, ArriveWholeWithWhereTheyCameFrom) {
  const Bytes frame = frames::advert();
  ASSERT_EQ(kernel_->steer(frame).reason, TD_TAKE_ADVERT);

  const auto taken = drain();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].packet, Bytes(frame.begin() + 14, frame.end()));
  EXPECT_EQ(taken[0].header.ifindex, rig::kLink);
  EXPECT_EQ(taken[0].header.vlan[0], 0);
  EXPECT_EQ(taken[0].header.vlan[1], 0);
}

TEST_F(Adverts, TellTheTagsTheyCameWith) {
  const Bytes one = frames::advert({.vlan = {10, 0}}), two = frames::advert({.vlan = {20, 30}});
  ASSERT_EQ(kernel_->steer(one).reason, TD_TAKE_ADVERT);
  ASSERT_EQ(kernel_->steer(two).reason, TD_TAKE_ADVERT);
  const auto taken = drain();
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].header.vlan[0], 10);
  EXPECT_EQ(taken[0].header.vlan[1], 0);
  EXPECT_EQ(taken[0].packet, Bytes(one.begin() + 18, one.end()));
  EXPECT_EQ(taken[1].header.vlan[0], 20);
  EXPECT_EQ(taken[1].header.vlan[1], 30);
  EXPECT_EQ(taken[1].packet, Bytes(two.begin() + 22, two.end()));
}

TEST_F(Adverts, OfIpv6AndBehindExtensionHeadersArriveToo) {
  const Bytes message{0x31, 51, 100, 1, 0, 100, 0, 0};
  const IpAddress group = frames::ip("ff02::12");
  const Bytes plain = frames::ipv6({group, 112}, message);
  const Bytes behind = frames::ipv6({group, 60}, frames::behind_options(112, message));
  ASSERT_EQ(kernel_->steer(plain).reason, TD_TAKE_ADVERT);
  ASSERT_EQ(kernel_->steer(behind).reason, TD_TAKE_ADVERT);
  const auto taken = drain();
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].packet, Bytes(plain.begin() + 14, plain.end()));
  EXPECT_EQ(taken[1].packet, Bytes(behind.begin() + 14, behind.end()));
}

TEST_F(Adverts, MayBeAsLongAsTheAbiSaysAndNoLonger) {
  const Bytes longest = frames::advert({}, TD_ADVERT_BYTES);
  EXPECT_EQ(kernel_->steer(longest).reason, TD_TAKE_ADVERT);
  EXPECT_EQ(kernel_->steer(frames::advert({}, TD_ADVERT_BYTES + 1)).reason,
            TD_DROP_ADVERT_TOO_LONG);
  const auto taken = drain();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].packet, Bytes(longest.begin() + 14, longest.end()));
}

TEST_F(Adverts, ThatFindTheRingFullAreDroppedAndCounted) {
  const unsigned held = fill();
  EXPECT_GE(held, TD_ADVERT_RING_BYTES / (sizeof(td_advert) + 64));
  EXPECT_EQ(kernel_->steer(frames::advert()).reason, TD_DROP_ADVERT_RING_FULL);

  EXPECT_EQ(drain(1).size(), 1u);
  EXPECT_EQ(kernel_->steer(frames::advert()).reason, TD_TAKE_ADVERT);
  EXPECT_EQ(kernel_->steer(frames::advert()).reason, TD_DROP_ADVERT_RING_FULL);
  EXPECT_EQ(drain().size(), held);
}

TEST_F(Adverts, AreDrainedOldestFirstAndNoMoreThanAskedFor) {
  EXPECT_FALSE(readable());
  const unsigned held = fill();
  EXPECT_TRUE(readable());
  unsigned expected = 0;
  for (const int most : {1, 2, 100}) {
    const auto some = drain(most);
    ASSERT_EQ(some.size(), static_cast<std::size_t>(most));
    for (const auto& a : some) EXPECT_EQ(load_be16(&a.packet[a.packet.size() - 2]), expected++);
    EXPECT_TRUE(readable()) << "after " << expected;
  }
  EXPECT_EQ(drain(0).size(), 0u);
  EXPECT_EQ(drain().size(), held - expected);
  EXPECT_FALSE(readable());
  EXPECT_EQ(drain().size(), 0u);
}

}  // namespace
}  // namespace tandem
