// SPDX-License-Identifier: Apache-2.0
#include "ctl/archive/oddities.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::archive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr const char* kUnnamed = "nothing in the archive refers to it";

Entry plain_file(const std::string& path, const std::string& content = "",
                 std::uint32_t mode = 0644) {
  return {path, Kind::file, mode, 0, 0, "", "", content, ""};
}
Entry directory(const std::string& path) {
  return {path, Kind::directory, 0755, 0, 0, "", "", "", ""};
}
Entry link(const std::string& path, const std::string& to) {
  return {path, Kind::link, 0777, 0, 0, "", "", to, ""};
}
std::map<std::string, std::string> oddities_of(std::vector<Entry> entries) {
  return oddities(
      {"0", "node-a", "host", "now", "/etc/tandem/tandem.toml", {}, std::move(entries)});
}

TEST(Oddities, AreNotWhatTheConfigurationNames) {
  EXPECT_THAT(
      oddities_of(
          {plain_file("/etc/nginx/nginx.conf",
                      "include /srv/sites/*.conf;\nssl_certificate \"/srv/tls/node.pem\";"),
           link("/etc/nginx/other", "../../opt/other"),
           plain_file("/etc/tandem/tandem.toml", "command = ['/usr/local/bin/check', '-x']"),
           plain_file("/opt/other"), directory("/srv"),
           plain_file("/srv/sites/a.conf", "ssl_certificate_key /keys/a.key;"),
           plain_file("/srv/tls/node.pem"), plain_file("/usr/local/bin/check", "", 0755),
           plain_file("/keys/a.key", "", 0600)}),
      IsEmpty());
}

TEST(Oddities, AreStrangersWhateverTheySay) {
  EXPECT_THAT(
      oddities_of({plain_file("/etc/cron.d/x", "/etc/cron.d/x /root/.ssh/authorized_keys"),
                   plain_file("/etc/nginx/nginx.conf", "root /var/www;"),
                   plain_file("/root/.ssh/authorized_keys")}),
      ElementsAre(Pair("/etc/cron.d/x", kUnnamed), Pair("/root/.ssh/authorized_keys", kUnnamed)));
}

TEST(Oddities, AreModesThatGiveMoreThanTheOwnerHas) {
  EXPECT_THAT(
      oddities_of({plain_file("/etc/nginx/a", "", 04755), plain_file("/etc/nginx/b", "", 02755),
                   plain_file("/etc/nginx/c", "", 0666), link("/etc/nginx/d", "a"),
                   directory("/etc/nginx")}),
      ElementsAre(Pair("/etc/nginx/a", "set-user-ID or set-group-ID"),
                  Pair("/etc/nginx/b", "set-user-ID or set-group-ID"),
                  Pair("/etc/nginx/c", "anybody may write to it")));
}

}  // namespace
}  // namespace tandem::archive
