// SPDX-License-Identifier: Apache-2.0
// Verdicts and answers of the packet core as C++ compiles it. tests/bpf asks the kernel the same.
#include <gtest/gtest.h>

#include <memory>

#include "answers.hpp"
#include "core.hpp"
#include "rig.hpp"
#include "verdicts.hpp"

namespace tandem {
namespace {

class Judge : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(rig::fill(steering_)); }

  core::Outcome steer(const frames::Bytes& frame) {
    return core::steer(memory_, frame, rig::kLink, to_ns(MonotonicClock::now()));
  }

  std::unique_ptr<td_tables> tables_ = std::make_unique<td_tables>();
  core::Memory memory_{*tables_};
  flow::Steering steering_{*tables_};
};

TEST_F(Judge, FindsTheVerdictOfEachKindOfFrame) {
  for (const auto& c : verdicts::all()) EXPECT_EQ(steer(c.frame).reason, c.reason) << c.name;
}

TEST_F(Judge, AnswersWithTheVirtualMac) {
  for (const auto& c : answers::all()) EXPECT_EQ(steer(c.question).frame, c.answer) << c.name;
}

TEST_F(Judge, LeavesWhatItDoesNotAnswerAsItWasButForTheVirtualMac) {
  for (const auto& c : verdicts::all()) {
    if (td_is_tx(c.reason)) continue;
    const core::Outcome out = steer(c.frame);
    EXPECT_EQ(out.frame, answers::as_passed(c.frame, c.reason)) << c.name;
  }
}

TEST_F(Judge, GatesByTheLeaseAloneWhateverTheFrame) {
  for (std::uint16_t slot = 0; slot < 9; slot++)
    steering_.revoke_lease(slot, MonotonicClock::now());
  for (const auto& c : verdicts::all()) {
    const td_reason reason = steer(c.frame).reason;
    const bool unconcerned = c.reason == TD_PASS_OTHER || c.reason == TD_PASS_MALFORMED ||
                             c.reason == TD_TAKE_ADVERT || c.reason == TD_DROP_ADVERT_TOO_LONG ||
                             c.reason == TD_DROP_TOO_MANY_TAGS;
    if (unconcerned)
      EXPECT_EQ(reason, c.reason) << c.name;
    else
      EXPECT_TRUE(reason == TD_DROP_NO_LEASE || reason == TD_DROP_NO_LEASE_NEIGHBOUR ||
                  reason == TD_DROP_NO_LEASE_VMAC)
          << c.name << ": " << reason;
  }
}

}  // namespace
}  // namespace tandem
