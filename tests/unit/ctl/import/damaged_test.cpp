// SPDX-License-Identifier: Apache-2.0
// Files that do not say what they seem to: what is wrong is noted with its line, and the rest is
// imported, as keepalived goes on with the rest. Few are no configuration at all: errors with their
// line.
#include <gtest/gtest.h>

#include "test_files.hpp"

namespace tandem::importer {
namespace {

std::string error_of(const std::string& text) {
  const auto imported = import_text(text);
  return imported ? "was imported" : imported.error().message;
}

// What an operator has to know of, a line each.
std::string told_of(const Result<Imported>& imported) {
  if (!imported) return "error: " + imported.error().message + '\n';
  std::string text;
  for (const auto& note : imported->notes)
    if (note.kind != Note::Kind::implied)
      text += std::string(note.kind == Note::Kind::lost ? "lost: " : "caution: ") +
              note.where.to_string() + ": " + note.what + '\n';
  return text;
}

// That a line is among them.
void expect_told(const Result<Imported>& imported, const std::string& line) {
  const auto told = '\n' + told_of(imported);
  EXPECT_NE(told.find('\n' + line + '\n'), std::string::npos) << line << "\nis not in" << told;
}

const std::string kStart = "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n";
const std::string kEnd = " virtual_ipaddress { 192.0.2.1 }\n}\n";

struct Case {
  std::string text, told;
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.told; }
};
class Damaged : public testing::TestWithParam<Case> {};

TEST_P(Damaged, IsToldWithItsLine) {
  expect_told(import_text(GetParam().text), GetParam().told);
}

class NoConfiguration : public testing::TestWithParam<Case> {};

TEST_P(NoConfiguration, IsAnErrorWithItsLine) {
  EXPECT_EQ(error_of(GetParam().text), GetParam().told);
}

INSTANTIATE_TEST_SUITE_P(
    Blocks, Damaged,
    testing::Values(
        Case{"\nvrrp_instance A {\n interface eth0\n",
             "caution: k.conf:2: the block of 'vrrp_instance' is not closed, expected }; all that "
             "follows is in it, for keepalived, too"},
        Case{"global_defs {\n}\n}\n",
             "lost: k.conf:3: } without a { before it; keepalived ignores it, too"},
        Case{"{\n}\n", "lost: k.conf:1: { without a keyword before it; keepalived ignores it, too"},
        Case{"\n\nnosuch {\n a {\n }\n}\n",
             "lost: k.conf:3: nosuch: unknown here in the file, to keepalived 2.2.7, too; it takes "
             "the } behind it for the end of the block around it"},
        Case{kStart + " virtual_ipadress {\n }\n" + kEnd,
             "lost: k.conf:4: virtual_ipadress: unknown here in vrrp_instance, to keepalived "
             "2.2.7, too; it takes the } behind it for the end of the block around it"},
        Case{"vrrp_script a\nvrrp_script b {\n script /bin/true\n}\n",
             "lost: k.conf:1: 'vrrp_script': expected a block in { and }"},
        Case{"global_defs {\n router_id \"a\n}\n",
             "lost: k.conf:2: a quote is not closed, and so the line is left out"},
        Case{
            "a {\n b {\n c {\n d {\n e {\n f {\n g {\n h {\n i {\n j {\n k {\n l {\n m {\n n {\n o "
            "{\n p {\n q {\n",
            "lost: k.conf:17: { is in more than 16 blocks; it and the } for it are left out"}));

INSTANTIATE_TEST_SUITE_P(
    Values, Damaged,
    testing::Values(
        Case{"vrrp_instance A {\n interface eth0\n virtual_router_id 256\n" + kEnd,
             "lost: k.conf:3: virtual_router_id: '256', expected an integer from 1 to 255"},
        Case{kStart + " priority high\n" + kEnd,
             "lost: k.conf:4: priority: 'high', expected an integer from 1 to 255; keepalived "
             "takes 100"},
        Case{kStart + " advert_int\n" + kEnd,
             "lost: k.conf:4: advert_int: expected seconds, from \"10ms\" to \"255s\"; keepalived "
             "leaves it out"},
        Case{kStart + " virtual_ipaddress {\n  192.0.2.256\n }\n}\n",
             "lost: k.conf:5: '192.0.2.256', expected a numeric address such as 192.0.2.100/24"},
        Case{"vrrp_instance A {\n interface eth0\n" + kEnd,
             "lost: k.conf:1: vrrp_instance 'A': expected a virtual_router_id; without it "
             "keepalived does not run"},
        Case{kStart + " authentication { auth_type PASS auth_pass a }\n" + kEnd,
             "caution: k.conf:4: authentication: all in one line, and so keepalived reads no "
             "auth_pass and sends no password; it is left out here, too: if one is meant, write "
             "password = \"a\" here, and authentication with a line for each keyword in the peer's "
             "keepalived.conf, at the same time"},
        Case{"vrrp_script a {\n}\n",
             "lost: k.conf:1: vrrp_script a: expected a script in it; without one keepalived "
             "leaves it out, and nothing tracks it"},
        Case{"virtual_server 192.0.2.1 http {\n}\n",
             "lost: k.conf:1: virtual_server: 'http', expected an integer from 0 to 65535"},
        Case{"virtual_server group a {\n}\n",
             "lost: k.conf:1: virtual_server: 'a', expected the name of a virtual_server_group"}));

INSTANTIATE_TEST_SUITE_P(
    Text, NoConfiguration,
    testing::Values(
        Case{std::string("global_defs {\n}\n\0", 17),
             "k.conf:3: has a control character, expected text"},
        Case{"\n" + std::string(1 << 20, 'x') + "\n",
             "k.conf:2: the line is too long, expected at most 65536 bytes"},
        Case{"$A=$A $A\n$A\n", "k.conf:2: the configuration expands to more than 16 MiB"},
        Case{"$A= \\\n $A \\\n b\n\n$A\n", "k.conf:5: parameters or ~SEQ refer to themselves"},
        Case{"~SEQ(A, 1, 60000) ~SEQ(B, 1, 60000) x $A $B\n",
             "k.conf:1: the configuration expands to more than 16 MiB"},
        Case{"vrrp_instance A {\n priority {{ number }}\n}\n",
             "k.conf:2: '{{ number }}' is of a template, expected the file that is made from it"},
        Case{"\n{% if a %}\n",
             "k.conf:2: '{% if a %}' is of a template, expected the file that is "
             "made from it"}));

INSTANTIATE_TEST_SUITE_P(
    Sequences, Damaged,
    testing::Values(
        Case{
            "~SEQ(A, 1, 70000) x\n",
            "lost: k.conf:1: ~SEQ: expected at most 65536 turns; keepalived ignores the line, too"},
        Case{"~SEQ(A, 1, 0, 5) x\n",
             "lost: k.conf:1: ~SEQ: the step never reaches the end; keepalived ignores the line, "
             "too"},
        Case{"\n~SEQ(A, 1\n",
             "lost: k.conf:2: ~SEQ: expected ~SEQ(NAME, START, STEP, END) TEXT; keepalived ignores "
             "the line, too"}));

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
  expect_told(import_files({{"/etc/k.conf", "include a\n"}, {"/etc/a", "\n}\n"}}),
              "lost: /etc/a:2: } without a { before it; keepalived ignores it, too");
}

TEST(MissingFile, IsAnError) {
  const auto missing = import_files({});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "/etc/k.conf: cannot be read: No such file or directory");
}

// keepalived's file is imported all the same.
TEST(DamagedNginx, IsToldWithItsLine) {
  const auto expect_nginx = [](const std::string& text, const std::string& what) {
    expect_told(import_configuration({"k.conf", "n.conf", "", "n", "n"},
                                     in_memory({{"k.conf", ""}, {"n.conf", text}})),
                "lost: n.conf: n.conf:" + what + "; nothing of it is imported");
  };
  expect_nginx("http {\n server {\n", "2: the block of 'server' is not closed, expected }");
  expect_nginx("http {\n}\n}\n", "3: } without a { before it");
  expect_nginx("http {\n a b\n}\n", "2: 'a' is not ended, expected ;");
  expect_nginx("\na 'b;\n", "2: a quote is not closed");
  expect_nginx("\ninclude n.conf;\n", "2: include: n.conf includes itself");
  expect_nginx("\ncontent_by_lua_block { a = '}' -- }\n",
               "2: the block of Lua is not closed, expected }");
}

}  // namespace
}  // namespace tandem::importer
