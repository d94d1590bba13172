// SPDX-License-Identifier: Apache-2.0
// The page: one file, and nothing in it that its policy forbids.
#include "observe/page.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <regex>
#include <string>

namespace tandem::observe {
namespace {

std::string between(std::string_view text, std::string_view begin, std::string_view end) {
  const auto from = text.find(begin) + begin.size();
  return std::string(text.substr(from, text.find(end, from) - from));
}

// "'sha256-...'", as a policy names what is in an element.
std::string source_of(const std::string& content) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(content.data()), content.size(), digest.data());
  std::array<unsigned char, 4 * ((SHA256_DIGEST_LENGTH + 2) / 3) + 1> text;
  EVP_EncodeBlock(text.data(), digest.data(), digest.size());
  return "'sha256-" + std::string(reinterpret_cast<const char*>(text.data())) + "'";
}

TEST(Page, IsOneFile) {
  const std::string page(kPage);
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  EXPECT_EQ(page.find("src="), std::string::npos);
  EXPECT_EQ(page.find("rel=\"stylesheet\""), std::string::npos);
  EXPECT_EQ(page.find("<script>"), page.rfind("<script"));
  EXPECT_EQ(page.find("<style>"), page.rfind("<style"));
  EXPECT_EQ(page.find("@import"), std::string::npos);
  EXPECT_EQ(page.find("style=\""), std::string::npos);
  EXPECT_FALSE(std::regex_search(page, std::regex(" on[a-z]+=\"")));
}

TEST(Page, PolicyNamesItsScriptAndItsStyle) {
  const auto policy = page_policy("");
  EXPECT_NE(policy.find("script-src " + source_of(between(kPage, "<script>", "</script>"))),
            std::string::npos)
      << policy;
  EXPECT_NE(policy.find("style-src " + source_of(between(kPage, "<style>", "</style>"))),
            std::string::npos)
      << policy;
  EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
}

TEST(Page, MayAskThePeerIfThereIsOne) {
  EXPECT_NE(page_policy("").find("connect-src 'self';"), std::string::npos);
  EXPECT_NE(page_policy("http://192.0.2.3:9105").find("connect-src 'self' http://192.0.2.3:9105;"),
            std::string::npos);
}

}  // namespace
}  // namespace tandem::observe
