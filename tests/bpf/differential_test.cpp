// SPDX-License-Identifier: Apache-2.0
// One packet core, compiled twice: whatever the frame, BPF and C++ come to the same verdict and
// leave the same bytes, over the same tables.
#include <gtest/gtest.h>

#include <array>
#include <iomanip>
#include <map>
#include <sstream>

#include "core.hpp"
#include "kernel.hpp"
#include "packet_generator.hpp"
#include "rig.hpp"
#include "verdicts.hpp"

namespace tandem {
namespace {

constexpr unsigned kMadeFrames = 20'000;

class Differential : public KernelTest, public testing::WithParamInterface<std::uint64_t> {
 protected:
  // Takes it out of the ring, so that the next finds room.
  frames::Bytes advert() {
    frames::Bytes packet;
    kernel_->ring().drain(
        2, [&](const td_advert& a) { packet.assign(a.packet, a.packet + a.length); });
    return packet;
  }
};

TEST_P(Differential, TheKernelAndCxxAgree) {
  PacketGenerator generator(GetParam());
  const core::Memory memory(kernel_->program().tables());
  std::array<unsigned, TD_REASON_COUNT> reached{};
  std::map<std::uint16_t, td_traffic> counted;
  for (unsigned i = 0; i < kMadeFrames; i++) {
    const frames::Bytes frame = generator.next();
    const auto now = to_ns(MonotonicClock::now());
    const auto in_kernel = kernel_->steer(frame);
    const auto in_cxx = core::steer(memory, frame, rig::kLink, now);
    ASSERT_EQ(in_kernel.reason, in_cxx.reason) << "frame " << i << ": " << frames::to_hex(frame);
    ASSERT_EQ(frames::to_hex(in_kernel.frame), frames::to_hex(in_cxx.frame))
        << "frame " << i << ": " << frames::to_hex(frame);
    if (in_cxx.reason == TD_TAKE_ADVERT) {
      const auto packet = advert();
      ASSERT_FALSE(packet.empty()) << frames::to_hex(frame);
      ASSERT_TRUE(std::equal(packet.rbegin(), packet.rend(), frame.rbegin()))
          << frames::to_hex(frame);
    }
    reached[in_cxx.reason]++;
    if (in_cxx.reason != TD_PASS_LOCAL) continue;
    counted[in_cxx.more.backend].in_packets++;
    counted[in_cxx.more.backend].in_bytes += frame.size();
  }
  counted.erase(0);  // fragments and ICMP errors, which are of no service
  EXPECT_EQ(counted.size(), rig::kCountedIn.size());
  for (const std::uint16_t slot : rig::kCountedIn) {
    const td_traffic in_kernel = kernel_->program().maps().traffic(slot);
    EXPECT_GT(in_kernel.in_packets, 0U) << slot;
    EXPECT_EQ(in_kernel.in_packets, counted[slot].in_packets) << slot;
    EXPECT_EQ(in_kernel.in_bytes, counted[slot].in_bytes) << slot;
  }
  for (const auto reason :
       {TD_DROP_ADVERT_RING_FULL, TD_DROP_ADVERT_TOO_LONG, TD_DROP_NO_LEASE_SOURCE})
    reached[reason] = kMadeFrames;  // not by chance, or not on the way in
  for (unsigned reason = 0; reason < reached.size(); reason++)
    EXPECT_TRUE(reached[reason] > 10 || verdicts::needs_backends(static_cast<int>(reason)))
        << "the generator misses reason " << reason;
}

INSTANTIATE_TEST_SUITE_P(Seeds, Differential, testing::Values(1, 2));

}  // namespace
}  // namespace tandem
