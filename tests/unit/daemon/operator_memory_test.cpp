// SPDX-License-Identifier: Apache-2.0
#include "daemon/operator_memory.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace tandem::daemon {
namespace {

class Remembering : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "operator-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string file() const { return directory_ / "operator.json"; }
  // What a memory keeps of these wishes.
  void keep(const OperatorWishes& wishes) {
    boost::asio::io_context loop;
    OperatorMemory memory(file());
    memory.follow(loop, [&](const auto& answer) { answer(wishes); });
  }

  std::filesystem::path directory_;
  const OperatorWishes wishes_{{{"api", *IpAddress::parse("2001:db8::21"), 8080, true, 3, 10}},
                               {"VI_1", "VI_2"}};
};

TEST_F(Remembering, WishesOutliveTheProcess) {
  keep(wishes_);
  EXPECT_EQ(OperatorMemory(file()).wishes(), wishes_);
}

TEST_F(Remembering, WhatWasUndoneIsForgotten) {
  keep(wishes_);
  keep({});
  EXPECT_EQ(OperatorMemory(file()).wishes(), OperatorWishes());
}

TEST_F(Remembering, NothingIsWrittenAsLongAsNothingIsAskedFor) {
  keep({});
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(Remembering, TheFileIsPrivate) {
  keep(wishes_);
  EXPECT_EQ(std::filesystem::status(file()).permissions() & std::filesystem::perms::all,
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(Remembering, AFileThatCannotBeReadIsPutAside) {
  for (const char* bad : {"", "{", "[]", R"({"backends": [{"service": "api"}], "handed_over": []})",
                          R"({"backends": [], "handed_over": [1]})"}) {
    std::ofstream(file()) << bad;
    EXPECT_EQ(OperatorMemory(file()).wishes(), OperatorWishes()) << bad;
    EXPECT_FALSE(std::filesystem::exists(file())) << bad;
    EXPECT_TRUE(std::filesystem::exists(file() + ".refused")) << bad;
  }
}

TEST_F(Remembering, AnErrorTellsWhatWasExpected) {
  const auto wishes = wishes_of(R"({"backends": [{"service": "api", "address": "x"}]})");
  ASSERT_FALSE(wishes);
  EXPECT_NE(wishes.error().message.find("expected an IP address"), std::string::npos);
}

}  // namespace
}  // namespace tandem::daemon
