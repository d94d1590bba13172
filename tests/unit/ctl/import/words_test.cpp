// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/words.hpp"

#include <gtest/gtest.h>

#include "ctl/import/command.hpp"

namespace tandem::importer {
namespace {

Words words(const char* text) {
  return split_words(text).value_or(Words{"(a quote is not closed)"});
}

// The examples of keepalived.conf(5), "Quoted strings".
TEST(Words, AreQuotedAsTheManualSays) {
  EXPECT_EQ(words("abcd\" efg h jkl \"mnop"), (Words{"abcd efg h jkl mnop"}));
  EXPECT_EQ(words("abcd \"efg h jkl\" mnop"), (Words{"abcd", "efg h jkl", "mnop"}));
  EXPECT_EQ(words("\"/bin/a 'b c'\" '\"'"), (Words{"/bin/a 'b c'", "\""}));
  EXPECT_EQ(words("\\n \\x41B \\101 \\cA \\\\ \\\" \"\""),
            (Words{"\n", "\x1b", "A", "\x01", "\\", "\"", ""}));
  EXPECT_EQ(words("  \t "), Words{});
  EXPECT_EQ(split_words("a \"b"), std::nullopt);
}

Words command(const char* text, const char* user = "", const char* group = "") {
  const Statement statement{{"k", 1}, {"script", text}, false, {}};
  return command_of(script_at(statement, 1, user, group).value());
}

TEST(Command, HasAShellOnlyWhereItNeedsOne) {
  EXPECT_EQ(command("/bin/a 'b c' d"), (Words{"/bin/a", "b c", "d"}));
  EXPECT_EQ(command("pidof nginx"), (Words{"/bin/sh", "-c", "pidof nginx"}));
  EXPECT_EQ(command("/bin/a >/dev/null"), (Words{"/bin/sh", "-c", "/bin/a >/dev/null"}));
}

TEST(Command, IsRunAsItsUser) {
  EXPECT_EQ(command("/bin/a", "root"), (Words{"/bin/a"}));
  EXPECT_EQ(command("/bin/a", "www", "adm"),
            (Words{"/usr/sbin/runuser", "-u", "www", "-g", "adm", "--", "/bin/a"}));
}

TEST(ShellLine, QuotesWhatTheShellWouldRead) {
  const Statement statement{{"k", 1}, {"notify", "/bin/a 'it is' \"it's\""}, false, {}};
  const auto script = script_at(statement, 1, "", "").value();
  EXPECT_EQ(shell_line(script, "INSTANCE a MASTER \"$TANDEM_PRIORITY\""),
            "/bin/a 'it is' 'it'\\''s' INSTANCE a MASTER \"$TANDEM_PRIORITY\"");
}

}  // namespace
}  // namespace tandem::importer
