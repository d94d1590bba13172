// SPDX-License-Identifier: Apache-2.0
#include "services/pick_tables.hpp"

#include <gtest/gtest.h>

#include "forward/table_memory.hpp"

namespace tandem::services {
namespace {

balance::MaglevTable table_of(std::uint16_t slot, std::size_t size) {
  return {{{slot, 1, slot}}, size};
}

class Picks : public testing::Test {
 protected:
  Picks() { service_.number = 3; }

  // The slot that all picks of the service are of; nullopt: it goes by no table.
  std::optional<std::uint16_t> picked() {
    const std::uint64_t picks = memory_.tables().service[service_.number].picks;
    if (picks == 0) return std::nullopt;
    return memory_.memory().env.picks[block_of(service_.number)].backend[0];
  }
  std::uint64_t block_of(std::uint16_t number) {
    return memory_.tables().service[number].picks >> 32;
  }

  forward::TableMemory memory_{1000, 1000, 1};
  flow::Steering steering_{memory_.tables()};
  PickTables tables_{memory_.memory().env, steering_};
  RunningService service_;
};

TEST_F(Picks, AServiceGoesByItsLastTable) {
  EXPECT_TRUE(tables_.set(service_, table_of(7, 251)));
  EXPECT_EQ(picked(), 7);
  EXPECT_TRUE(tables_.set(service_, table_of(8, 251)));
  EXPECT_EQ(picked(), 8);
}

TEST_F(Picks, TheTableBeforeStaysWholeForThoseWhoStillReadIt) {
  tables_.set(service_, table_of(7, 251));
  const auto before = block_of(service_.number);
  tables_.set(service_, table_of(8, 251));
  EXPECT_EQ(memory_.memory().env.picks[before].backend[0], 7);
}

TEST_F(Picks, WithoutCandidatesThereIsNoTable) {
  tables_.set(service_, table_of(7, 251));
  EXPECT_TRUE(tables_.set(service_, balance::MaglevTable({}, 251)));
  EXPECT_EQ(picked(), std::nullopt);
}

TEST_F(Picks, WhatAServiceLeavesIsForOthers) {
  tables_.set(service_, table_of(7, 251));
  const auto first = block_of(service_.number);
  tables_.remove(service_);
  EXPECT_EQ(picked(), std::nullopt);
  RunningService other;
  other.number = 4;
  tables_.set(other, table_of(9, 251));
  EXPECT_EQ(block_of(4), first);
}

}  // namespace
}  // namespace tandem::services
