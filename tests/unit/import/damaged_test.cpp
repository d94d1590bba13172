// SPDX-License-Identifier: Apache-2.0
// Files that are no configuration: each is an error with its line, and nothing comes of it.
#include <gtest/gtest.h>

#include "test_files.hpp"

namespace tandem::importer {
namespace {

std::string error_of(const std::string& text) {
  const auto imported = import_text(text);
  return imported ? "was imported" : imported.error().message;
}

const std::string kStart = "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n";
const std::string kEnd = " virtual_ipaddress { 192.0.2.1 }\n}\n";

struct Case {
  std::string text, error;
};
class Damaged : public testing::TestWithParam<Case> {};

TEST_P(Damaged, IsAnErrorWithItsLine) {
  EXPECT_EQ(error_of(GetParam().text), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Blocks, Damaged,
    testing::Values(
        Case{"\nvrrp_instance A {\n interface eth0\n",
             "k.conf:2: the block of 'vrrp_instance' is not closed, expected }"},
        Case{"global_defs {\n}\n}\n", "k.conf:3: } without a { before it"},
        Case{"{\n}\n", "k.conf:1: { without a keyword before it"},
        Case{
            "\n\nnosuch {\n a {\n }\n}\n",
            "k.conf:3: unknown block 'nosuch' in the file, expected one that keepalived 2.2 knows"},
        Case{kStart + " virtual_ipadress {\n }\n" + kEnd,
             "k.conf:4: unknown block 'virtual_ipadress' in vrrp_instance, expected one that "
             "keepalived 2.2 knows"},
        Case{"vrrp_script a\nvrrp_script b {\n script /bin/true\n}\n",
             "k.conf:1: 'vrrp_script': expected a block in { and }"},
        Case{"global_defs {\n router_id \"a\n}\n", "k.conf:2: a quote is not closed"},
        Case{
            "a {\n b {\n c {\n d {\n e {\n f {\n g {\n h {\n i {\n j {\n k {\n l {\n m {\n n {\n o "
            "{\n p {\n q {\n",
            "k.conf:17: expected at most 16 blocks within each other"}));

INSTANTIATE_TEST_SUITE_P(
    Values, Damaged,
    testing::Values(
        Case{"vrrp_instance A {\n interface eth0\n virtual_router_id 256\n" + kEnd,
             "k.conf:3: virtual_router_id: '256', expected an integer from 1 to 255"},
        Case{kStart + " priority high\n" + kEnd,
             "k.conf:4: priority: 'high', expected an integer from 1 to 255"},
        Case{kStart + " advert_int\n" + kEnd,
             "k.conf:4: advert_int: expected seconds, from \"10ms\" to \"255s\""},
        Case{kStart + " virtual_ipaddress {\n  192.0.2.256\n }\n}\n",
             "k.conf:5: '192.0.2.256', expected a numeric address such as 192.0.2.100/24"},
        Case{"vrrp_instance A {\n interface eth0\n" + kEnd,
             "k.conf:1: vrrp_instance 'A': expected a virtual_router_id"},
        Case{
            kStart + " authentication { auth_type PASS auth_pass a }\n" + kEnd,
            "k.conf:4: auth_type: 'auth_pass', expected auth_type PASS and auth_pass, a line each"},
        Case{"vrrp_script a {\n}\n", "k.conf:1: vrrp_script: expected a script in it"},
        Case{"virtual_server 192.0.2.1 http {\n}\n",
             "k.conf:1: virtual_server: 'http', expected an integer from 0 to 65535"},
        Case{"virtual_server group a {\n}\n",
             "k.conf:1: virtual_server: 'a', expected the name of a virtual_server_group"}));

INSTANTIATE_TEST_SUITE_P(
    Text, Damaged,
    testing::Values(
        Case{std::string("global_defs {\n}\n\0", 17),
             "k.conf:3: has a control character, expected text"},
        Case{"\n" + std::string(1 << 20, 'x') + "\n",
             "k.conf:2: the line is too long, expected at most 65536 bytes"},
        Case{"$A=$A $A\n$A\n", "k.conf:2: the configuration expands to more than 16 MiB"},
        Case{"$A= \\\n $A \\\n b\n\n$A\n", "k.conf:5: parameters or ~SEQ refer to themselves"},
        Case{"~SEQ(A, 1, 60000) ~SEQ(B, 1, 60000) x $A $B\n",
             "k.conf:1: the configuration expands to more than 16 MiB"},
        Case{"~SEQ(A, 1, 70000) x\n", "k.conf:1: ~SEQ: expected at most 65536 turns"},
        Case{"~SEQ(A, 1, 0, 5) x\n", "k.conf:1: ~SEQ: the step never reaches the end"},
        Case{"\n~SEQ(A, 1\n", "k.conf:2: ~SEQ: expected ~SEQ(NAME, START, STEP, END) TEXT"}));

Result<Imported> import_files(std::map<std::string, std::string> texts) {
  return import_configuration({"/etc/k.conf", "", "", "n", "n"}, in_memory(std::move(texts)));
}

TEST(Include, OfAFileByItselfIsAnError) {
  const auto loop =
      import_files({{"/etc/k.conf", "include k.d/*\n"}, {"/etc/k.d/a", "\ninclude ../k.conf\n"}});
  ASSERT_FALSE(loop);
  EXPECT_EQ(loop.error().message, "/etc/k.d/a:2: include: /etc/k.conf includes itself");
}

TEST(Include, OfAFileThatIsNotThereIsSaidOrAnError) {
  const auto tolerant = import_files({{"/etc/k.conf", "include a\n"}});
  ASSERT_TRUE(tolerant) << tolerant.error().message;
  EXPECT_EQ(tolerant->notes.at(0).what,
            "include: no file matches 'a'; keepalived goes on without it, too");
  const auto strict = import_files({{"/etc/k.conf", "\nincludea a\n"}});
  ASSERT_FALSE(strict);
  EXPECT_EQ(strict.error().message, "/etc/k.conf:2: include: no file matches 'a'");
}

TEST(Include, NamesThePlaceInTheIncludedFile) {
  const auto wrong = import_files({{"/etc/k.conf", "include a\n"}, {"/etc/a", "\n}\n"}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "/etc/a:2: } without a { before it");
}

TEST(MissingFile, IsAnError) {
  const auto missing = import_files({});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "/etc/k.conf: cannot be read: No such file or directory");
}

std::string nginx_error(const std::string& text) {
  const auto imported = import_configuration({"k.conf", "n.conf", "", "n", "n"},
                                             in_memory({{"k.conf", ""}, {"n.conf", text}}));
  return imported ? "was imported" : imported.error().message;
}

TEST(DamagedNginx, IsAnErrorWithItsLine) {
  EXPECT_EQ(nginx_error("http {\n server {\n"),
            "n.conf:2: the block of 'server' is not closed, expected }");
  EXPECT_EQ(nginx_error("http {\n}\n}\n"), "n.conf:3: } without a { before it");
  EXPECT_EQ(nginx_error("http {\n a b\n}\n"), "n.conf:2: 'a' is not ended, expected ;");
  EXPECT_EQ(nginx_error("\na 'b;\n"), "n.conf:2: a quote is not closed");
  EXPECT_EQ(nginx_error("\ninclude n.conf;\n"), "n.conf:2: include: n.conf includes itself");
}

}  // namespace
}  // namespace tandem::importer
