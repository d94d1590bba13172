// SPDX-License-Identifier: Apache-2.0
// The same trace of segments through Tandem and through a model of IPVS's wlc, which
// tools/ipvs-compare holds against IPVS itself. What differs, and why: docs/decisions/0009.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "ipvs/model_side.hpp"
#include "ipvs/tandem_side.hpp"

namespace tandem::ipvs {
namespace {

using Kind = Event::Kind;

std::int64_t active(const Answer& answer) {
  std::int64_t sum = 0;
  for (const Count& each : answer.counts) sum += each.active;
  return sum;
}

class BesideIpvs : public testing::Test {
 protected:
  // Plays the events to both.
  void play(const Trace& trace) {
    for (const Event& event : trace) {
      ours_ = tandem_.answer(event);
      theirs_ = ipvs_.answer(event);
    }
  }
  void expect_active(std::int64_t ours, std::int64_t theirs) {
    EXPECT_EQ(active(ours_), ours);
    EXPECT_EQ(active(theirs_), theirs);
  }

  TandemSide tandem_;
  ModelSide ipvs_;
  Answer ours_, theirs_;
};

// ---- Alike

class SameTrace : public BesideIpvs, public testing::WithParamInterface<unsigned> {};

// Connections that begin, are established, and end by FIN or RST, with segments sent again and
// stragglers, and a pause after which those that were reset are forgotten. Both see the same of
// them as active at every moment. Ties, and what IPVS makes of remembered ones, put some on
// different backends; each has as many as with the other, a few more or less.
TEST_P(SameTrace, CountsTheSameConnections) {
  const std::vector<std::uint16_t> weights = GetParam() % 2 == 0
                                                 ? std::vector<std::uint16_t>{1, 1, 1, 1}
                                                 : std::vector<std::uint16_t>{1, 2, 3, 4};
  const Trace trace = random_trace(GetParam(), 6000, weights, 11);
  std::int64_t most = 0;
  for (std::size_t i = 0; i < trace.size(); i++) {
    play({trace[i]});
    ASSERT_EQ(active(ours_), active(theirs_)) << "event " << i;
    ASSERT_EQ(ours_.backend.has_value(), theirs_.backend.has_value()) << "event " << i;
    for (std::size_t b = 0; b < ours_.counts.size(); b++)
      most = std::max(most, std::abs(ours_.counts[b].active - theirs_.counts[b].active));
  }
  EXPECT_LE(most, 8);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SameTrace, testing::Range(1U, 9U));

// ---- Different

// IPVS leaves a half-open connection half-open when it is reset, for a minute. To Tandem it is
// over: a scan that resets what it opened would otherwise be load.
TEST_F(BesideIpvs, AResetEndsAHalfOpenConnection) {
  play({{Kind::backend, 1, 1}, {Kind::syn, 1}, {Kind::rst, 1}});
  expect_active(0, 1);
}

// A SYN that nobody follows up counts for 15 seconds, not for a minute.
TEST_F(BesideIpvs, HalfOpenConnectionsCountForAShorterTime) {
  play({{Kind::backend, 1, 1}, {Kind::syn, 1}, {Kind::wait, 20}});
  expect_active(0, 1);
  play({{Kind::wait, 45}});
  expect_active(0, 0);
}

// A client that takes its port again after a FIN: to IPVS, which sees the client alone and waits
// for a FIN of the server, the old connection goes on with its backend; to Tandem a SYN on one that
// is closing begins another one, for which a backend is chosen.
TEST_F(BesideIpvs, ASynAfterAFinBeginsAnotherConnection) {
  play({{Kind::backend, 1, 1}, {Kind::backend, 2, 1}});
  play({{Kind::syn, 1}, {Kind::ack, 1}});
  const auto ours = ours_.backend, theirs = theirs_.backend;
  play({{Kind::fin, 1}, {Kind::syn, 1}});
  EXPECT_NE(ours_.backend, ours);
  EXPECT_EQ(theirs_.backend, theirs);
  expect_active(1, 1);
}

// A client that goes on after a RST shows that the server did not believe it (RFC 5961). IPVS has
// it closed all the same.
TEST_F(BesideIpvs, AResetThatWasNotBelievedIsTakenBack) {
  play({{Kind::backend, 1, 1}, {Kind::syn, 1}, {Kind::ack, 1}, {Kind::rst, 1}});
  expect_active(0, 0);
  play({{Kind::wait, 2}, {Kind::ack, 1}, {Kind::wait, 1}});  // the sweep counts it again
  expect_active(1, 0);
}

}  // namespace
}  // namespace tandem::ipvs
