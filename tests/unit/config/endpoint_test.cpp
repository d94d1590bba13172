// SPDX-License-Identifier: Apache-2.0
#include "config/endpoint.hpp"

#include <gtest/gtest.h>

namespace tandem::config {
namespace {

TEST(TcpProbe, IsANumericAddressWithAPort) {
  EXPECT_EQ(parse_tcp_probe("127.0.0.1:80"), (TcpProbe{*IpAddress::parse("127.0.0.1"), 80}));
  EXPECT_EQ(parse_tcp_probe("[2001:db8::1]:65535"),
            (TcpProbe{*IpAddress::parse("2001:db8::1"), 65535}));
}

TEST(TcpProbe, RefusesWhatIsNone) {
  for (const char* text : {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:080",
                           "127.0.0.1:+80", "127.0.0.1:80x", "[127.0.0.1]:80", "2001:db8::1:80",
                           "[2001:db8::1]80", "[2001:db8::1", "[]:80", "web:80"})
    EXPECT_FALSE(parse_tcp_probe(text)) << text;
}

TEST(HttpProbe, HasDefaultsForPortAndPath) {
  EXPECT_EQ(parse_http_probe("http://web"), (HttpProbe{false, "web", 80, "/"}));
  EXPECT_EQ(parse_http_probe("https://web"), (HttpProbe{true, "web", 443, "/"}));
  EXPECT_EQ(parse_http_probe("http://web?x=1"), (HttpProbe{false, "web", 80, "/?x=1"}));
}

TEST(HttpProbe, TakesNamesAndAddresses) {
  EXPECT_EQ(parse_http_probe("http://127.0.0.1:10080/health"),
            (HttpProbe{false, "127.0.0.1", 10080, "/health"}));
  EXPECT_EQ(parse_http_probe("https://[2001:db8::1]:8443/a/b?c=d:e"),
            (HttpProbe{true, "2001:db8::1", 8443, "/a/b?c=d:e"}));
  EXPECT_EQ(parse_http_probe("http://web-1.example.net/"),
            (HttpProbe{false, "web-1.example.net", 80, "/"}));
}

TEST(HttpProbe, RefusesWhatCannotBeAsked) {
  for (const char* text :
       {"", "http://", "http:///x", "web", "HTTP://web", "http://web:0/", "http://web:/",
        "http://me@web/", "http://web/#part", "http://web/a b", "http://web/\r\nHost:x",
        "http://127.0.0.256/", "http://127.1/", "http://2001:db8::1/", "http://[web]/",
        "http://[127.0.0.1]/", "http://w\u00e9b/"})
    EXPECT_FALSE(parse_http_probe(text)) << text;
}

}  // namespace
}  // namespace tandem::config
