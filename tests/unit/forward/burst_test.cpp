// SPDX-License-Identifier: Apache-2.0
// Frames in bursts: what becomes of each is what becomes of it alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <random>
#include <vector>

#include "allocations.hpp"
#include "forward/burst.hpp"
#include "service_node.hpp"

namespace tandem {
namespace {

constexpr MonotonicTime kStart{std::chrono::hours(1)};
constexpr std::size_t kBefore = 64, kRoom = 2048;

// A burst laid out in memory, as an engine does it.
class Laid {
 public:
  Laid(std::span<const frames::Bytes> frames, const ServiceNode& node, MonotonicTime now)
      : buffers_(frames.size()), jobs_(frames.size()) {
    for (std::size_t i = 0; i < frames.size(); i++) {
      buffers_[i].resize(kRoom);
      std::ranges::copy(frames[i], buffers_[i].begin() + kBefore);
      td_frame& f = jobs_[i].frame;
      f = {};
      f.first = buffers_[i].data();
      f.last = f.first + kRoom;
      f.data = f.first + kBefore;
      f.end = f.data + frames[i].size();
      f.ifindex = rig::kLink;
      f.now_ns = to_ns(now);
      f.jiffies = node.jiffies(now);
    }
  }
  [[nodiscard]] std::span<forward::Job> jobs() { return jobs_; }

 private:
  std::vector<frames::Bytes> buffers_;
  std::vector<forward::Job> jobs_;
};

std::vector<frames::Bytes> shuffled(unsigned seed) {
  std::vector<frames::Bytes> all = service_frames();
  std::mt19937 random(seed);
  std::ranges::shuffle(all, random);
  return all;
}

// Admits what found no flow, after the burst, on both nodes.
void expect_alike(forward::Prefetch prefetch, unsigned seed) {
  MemoryNode one(kStart), bursts(kStart);
  const std::vector<frames::Bytes> all = shuffled(seed);
  std::mt19937 random(seed + 1);
  MonotonicTime now = kStart;
  std::size_t forwarded = 0;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t count =
        std::min<std::size_t>(all.size() - at, 1 + random() % forward::kBurst);
    const std::span burst(all.begin() + static_cast<std::ptrdiff_t>(at), count);
    at += count;
    now += std::chrono::milliseconds(random() % 50);
    Laid laid(burst, bursts.node, now);
    forward::steer(laid.jobs(), bursts.node.env(), prefetch);
    std::vector<std::size_t> misses;
    std::vector<td_flow_end> ends;  // heard of after the burst
    for (std::size_t i = 0; i < count; i++) {
      const forward::Job& job = laid.jobs()[i];
      td_flow_end ended{};
      const auto expected = one.node.steer(burst[i], rig::kLink, now, &ended);
      ASSERT_EQ(ended.id, job.frame.ended.id);
      ends.push_back(ended);
      ASSERT_EQ(job.reason, expected.reason);
      if (td_is_punt(job.reason)) {
        misses.push_back(i);
        continue;
      }
      forwarded += job.outcome.backend != 0 && td_is_tx(job.reason);
      ASSERT_EQ(frames::Bytes(job.frame.data, job.frame.end), expected.frame);
      ASSERT_EQ(job.outcome.ifindex, expected.out.ifindex);
      ASSERT_EQ(job.outcome.backend, expected.out.backend);
      ASSERT_EQ(job.outcome.length, expected.out.length);
    }
    for (const td_flow_end& ended : ends)
      for (MemoryNode* node : {&one, &bursts})
        if (ended.family != 0) node->node.forwarder().on_end(ended, node->node.tick(now));
    for (const std::size_t i : misses) {
      const auto a = one.node.admit(burst[i], rig::kLink, now);
      const auto b = bursts.node.admit(burst[i], rig::kLink, now);
      ASSERT_EQ(a.reason, b.reason);
      ASSERT_EQ(a.frame, b.frame);
    }
  }
  EXPECT_GT(forwarded, 100U);
}

TEST(Burst, IsLikeOneFrameAfterTheOther) {
  for (unsigned seed = 1; seed <= 20; seed++) expect_alike(forward::Prefetch::yes, seed);
}

TEST(Burst, IsTheSameWithoutForesight) {
  for (unsigned seed = 1; seed <= 5; seed++) expect_alike(forward::Prefetch::no, seed);
}

// What is taken for plain looks as the parser sees it; and most is taken for it.
TEST(Burst, SeesPlainFramesAsTheParserDoes) {
  constexpr std::size_t kFields = offsetof(td_packet, protocol) + sizeof(td_packet::protocol);
  std::array<std::size_t, 2> plain{};
  for (frames::Bytes frame : service_frames()) {
    td_packet parsed{}, seen{};
    td_parse(&parsed, frame.data(), frame.data() + frame.size(), TD_FULL);
    for (const std::uint32_t family : {4U, 6U}) {
      if (!td_is_plain(frame.data(), frame.data() + frame.size(), family)) continue;
      td_parse_plain(&seen, frame.data(), family);
      EXPECT_EQ(std::memcmp(&seen, &parsed, kFields), 0);
      plain[family == 6]++;
    }
  }
  EXPECT_GT(plain[0], 100U);
  EXPECT_GT(plain[1], 50U);
}

TEST(Burst, MayBeEmpty) {
  MemoryNode node(kStart);
  forward::steer({}, node.node.env());
}

TEST(Burst, AllocatesNothing) {
  MemoryNode node(kStart);
  const std::vector<frames::Bytes> all = shuffled(7);
  Laid laid({all.data(), forward::kBurst}, node.node, kStart);
  const std::size_t before = balance::allocations();
  forward::steer(laid.jobs(), node.node.env());
  EXPECT_EQ(balance::allocations(), before);
}

}  // namespace
}  // namespace tandem
