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
  static services::OperatorChange change() {
    const IpAddress service = *IpAddress::parse("192.0.2.100"),
                    backend = *IpAddress::parse("2001:db8::21");
    return {"api", {{17, service, 443, backend, 8080}, {4, true, "a"}, {2, 3, 10, "b"}}};
  }

  const OperatorWishes wishes_{{change()}, {"VI_1", "VI_2"}};
};

TEST_F(Remembering, WishesOutliveTheProcess) {
  keep(wishes_);
  EXPECT_EQ(OperatorMemory(file()).wishes(), wishes_);
}

// What an earlier version wrote is read, and what this one writes can be read by the earlier one.
TEST_F(Remembering, AnEarlierVersionsWishesAreKept) {
  const auto wishes = wishes_of(R"({"backends": [{"service": "api", "address": "203.0.113.1",
      "port": 80, "drained": true, "weight": 7, "configured_weight": 7}], "handed_over": []})");
  ASSERT_TRUE(wishes) << wishes.error().message;
  const auto& [service, wish] = wishes->backends.at(0);
  EXPECT_EQ(service, "api");
  EXPECT_EQ(wish.backend.service_port, 0);
  EXPECT_EQ(wish.drain.version, 1U);
  EXPECT_TRUE(wish.drain.drained);
  EXPECT_EQ(wish.weight.version, 0U);
  EXPECT_EQ(wishes_of(to_text(*wishes)).value(), *wishes);
  const std::string text = to_text(wishes_);
  for (const char* field : {R"("service":"api")", R"("address":"2001:db8::21")", R"("port":8080)",
                            R"("drained":true)", R"("weight":3)", R"("configured_weight":10)"})
    EXPECT_NE(text.find(field), std::string::npos) << field;
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
