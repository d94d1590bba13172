// SPDX-License-Identifier: Apache-2.0
// tandemctl against a server, by its command line, its text and its exit status.
#include "ctl/run.hpp"

#include <algorithm>
#include <sstream>

#include "control/requests.hpp"
#include "ctl/render.hpp"
#include "ctl/support.hpp"
#include "ctl/table.hpp"
#include "ctl/wrap.hpp"
#include "server_fixture.hpp"

namespace tandem::ctl {
namespace {

using control::Answer;
using nlohmann::json;

struct Outcome {
  int exit;
  std::string out;
  std::string err;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class TandemctlTest : public control::ServerTest {
 protected:
  // A daemon that has no virtual router but two names, and remembers what it was asked.
  void start() {
    control::ServerTest::start();
    const auto remember = [this](const char* command, Answer answer) {
      server_->on(command, [this, command, answer](const json& arguments) {
        asked_ = {{"command", command}, {"arguments", arguments}};
        return answer;
      });
    };
    const json failover = json::parse(R"([{"name": "VI_1", "done": true, "why": ""}])");
    std::promise<void> ready;
    boost::asio::post(io_, [&] {
      remember("vrrp", json{{"routers", json::array()}});
      remember("failover", failover);
      remember("reload", fail("/etc/t.toml:3:1: vrid: 256\n/etc/t.toml:9:1: unknown key"));
      remember("events", json{{"events", {{{"kind", "notice"}, {"text", "hi"}, {"time", "T"}}}},
                              {"last_sequence", 9},
                              {"missed", 8}});
      ready.set_value();
    });
    ready.get_future().wait();
  }

  Outcome tandemctl(std::vector<std::string> arguments) {
    std::ostringstream out;
    std::ostringstream err;
    const int exit = run(arguments, {path_.c_str(), false, out, err});
    return {exit, out.str(), err.str()};
  }

  json asked_;
};

TEST_F(TandemctlTest, PrintsTextOrJson) {
  start();
  EXPECT_EQ(tandemctl({"vrrp"}).out, "No virtual router is configured.\n");
  for (const auto& arguments :
       {std::vector<std::string>{"--json", "vrrp"}, std::vector<std::string>{"vrrp", "--json"}}) {
    const Outcome outcome = tandemctl(arguments);
    EXPECT_EQ(outcome.exit, kGood);
    EXPECT_EQ(json::parse(outcome.out), (json{{"routers", json::array()}}));
  }
}

TEST_F(TandemctlTest, SendsTheArgumentsOfEachCommand) {
  start();
  (void)tandemctl({"vrrp", "VI_1"});
  EXPECT_EQ(asked_["arguments"], (json{{"name", "VI_1"}}));
  (void)tandemctl({"events", "-n", "7"});
  EXPECT_EQ(asked_["arguments"], (json{{"after", 0}, {"limit", 7}}));
  (void)tandemctl({"failover", "VI_1", "--back", "VI_2"});
  EXPECT_EQ(asked_["arguments"],
            (json{{"names", {"VI_1", "VI_2"}}, {"back", true}, {"force", false}}));
  (void)tandemctl({"failover"});
  EXPECT_EQ(asked_["arguments"],
            (json{{"names", json::array()}, {"back", false}, {"force", false}}));
  (void)tandemctl({"reload", "some/../file.toml"});
  EXPECT_EQ(asked_["arguments"]["file"], (std::filesystem::current_path() / "file.toml").string());
  (void)tandemctl({"reload"});
  EXPECT_EQ(asked_["arguments"], json::object());
}

TEST_F(TandemctlTest, ShowsEventsAndHowManyAreMissing) {
  start();
  EXPECT_EQ(tandemctl({"events"}).out, "(8 earlier events not shown)\nT  -             hi\n");
}

TEST_F(TandemctlTest, FollowsEventsUntilTheDaemonGoes) {
  start();
  std::promise<std::uint64_t> followed_after;
  boost::asio::post(io_, [&] {
    server_->on("events", [&, calls = 0](const json& arguments) mutable -> Answer {
      const auto after = arguments.at("after").get<std::uint64_t>();
      if (++calls == 3) {
        followed_after.set_value(after);
        boost::asio::post(io_, [&] { server_.reset(); });
      }
      return json{{"events", {{{"kind", "notice"}, {"text", "n"}, {"time", "T"}}}},
                  {"last_sequence", after + 5},
                  {"missed", 0}};
    });
  });
  const Outcome outcome = tandemctl({"events", "--follow", "--json"});
  EXPECT_EQ(outcome.exit, kUnreachable);
  EXPECT_EQ(followed_after.get_future().get(), 10U);
  std::istringstream lines(outcome.out);
  std::string line;
  int count = 0;
  for (; std::getline(lines, line); ++count) EXPECT_EQ(json::parse(line)["text"], "n");
  EXPECT_EQ(count, 2);
}

TEST_F(TandemctlTest, ExitsWith1WhenTheDaemonRefuses) {
  start();
  const Outcome outcome = tandemctl({"reload"});
  EXPECT_EQ(outcome.exit, kRefused);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "tandemctl: /etc/t.toml:3:1: vrid: 256\n/etc/t.toml:9:1: unknown key\n");
  EXPECT_EQ(tandemctl({"failover"}).exit, kGood);
}

TEST_F(TandemctlTest, ExitsWith1WhenNotAllWasDone) {
  start();
  boost::asio::post(io_, [&] {
    server_->on("failover", [](const json&) -> Answer {
      return json::parse(R"([{"name": "VI_1", "done": true, "why": ""},
                             {"name": "VI_2", "done": false, "why": "it is Backup"}])");
    });
  });
  const Outcome outcome = tandemctl({"failover"});
  EXPECT_EQ(outcome.exit, kRefused);
  EXPECT_TRUE(contains(outcome.out, "it is Backup"));
}

TEST_F(TandemctlTest, SaysThatAnAnswerIsNotWhatItExpects) {
  start();
  boost::asio::post(io_, [&] {
    server_->on("vrrp", [](const json&) -> Answer { return json{{"virtual_routers", 1}}; });
  });
  const Outcome outcome = tandemctl({"vrrp"});
  EXPECT_EQ(outcome.exit, kRefused);
  EXPECT_TRUE(contains(outcome.err, "same version"));
}

TEST_F(TandemctlTest, ExitsWith2OnAWrongCommandLine) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"vrp"},
                                             {"vrrp", "a", "b"},
                                             {"vrrp", "--wrong"},
                                             {"--wrong", "vrrp"},
                                             {"status", "extra"},
                                             {"events", "-n", "many"},
                                             {"events", "-n"},
                                             {"-s"}}) {
    const Outcome outcome = tandemctl(arguments);
    EXPECT_EQ(outcome.exit, kUsage) << (arguments.empty() ? "" : arguments.back());
    EXPECT_TRUE(contains(outcome.err, "see tandemctl") || contains(outcome.err, "See tandemctl") ||
                contains(outcome.err, "did you mean"))
        << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
}

TEST_F(TandemctlTest, ExitsWith3WithoutADaemonAndNamesTheSocket) {
  const Outcome by_environment = tandemctl({"status"});
  EXPECT_EQ(by_environment.exit, kUnreachable);
  EXPECT_TRUE(contains(by_environment.err, path_));
  EXPECT_TRUE(contains(by_environment.err, "systemctl status tandemd"));
  const Outcome by_option = tandemctl({"status", "-s", directory_ / "other.sock"});
  EXPECT_EQ(by_option.exit, kUnreachable);
  EXPECT_TRUE(contains(by_option.err, "other.sock"));
}

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0, column = 0;
  for (const char c : text) {
    column = c == '\n' ? 0 : column + ((c & 0xc0) != 0x80);
    longest = std::max(longest, column);
  }
  return longest;
}

TEST_F(TandemctlTest, SaysWhatWasMeant) {
  EXPECT_EQ(tandemctl({"servces"}).err,
            "tandemctl: there is no command 'servces'; did you mean \"services\"?\n");
  EXPECT_TRUE(contains(tandemctl({"xyzzy"}).err, "see tandemctl --help"));
  EXPECT_TRUE(contains(tandemctl({"failover", "--forse"}).err, "did you mean \"--force\"?"));
  EXPECT_EQ(tandemctl({"help", "vrp"}).exit, kUsage);
}

TEST_F(TandemctlTest, HasHelpAndVersionAsCommands) {
  EXPECT_EQ(tandemctl({"help"}).out, tandemctl({"--help"}).out);
  EXPECT_EQ(tandemctl({"help", "flows"}).out, tandemctl({"flows", "--help"}).out);
  EXPECT_EQ(tandemctl({"version"}).out, tandemctl({"--version"}).out);
  EXPECT_EQ(json::parse(tandemctl({"version", "--json"}).out).at("version"), TANDEM_VERSION);
}

TEST_F(TandemctlTest, WritesCompletionsOfEveryCommandAndOption) {
  EXPECT_TRUE(tandemctl({"completion", "bash"}).out.starts_with("# SPDX"));
  for (const char* shell : {"zsh", "fish"}) {
    const Outcome outcome = tandemctl({"completion", shell});
    EXPECT_EQ(outcome.exit, kGood);
    for (const Command* command : commands())
      EXPECT_TRUE(contains(outcome.out, command->name)) << shell << ": " << command->name;
    for (const char* option : {"exit-code", "follow", "force", "socket", "timeout"})
      EXPECT_TRUE(contains(outcome.out, option)) << shell << ": " << option;
  }
  EXPECT_EQ(tandemctl({"completion", "csh"}).exit, kUsage);
}

TEST(Since, IsADurationOrATime) {
  using std::chrono::sys_days, std::chrono::year, std::chrono::hours;
  const auto now = sys_days(year(2026) / 12 / 1) + hours(3);
  EXPECT_EQ(beginning_of("90m", now), "2026-12-01T01:30:00");
  EXPECT_EQ(beginning_of("2d", now), "2026-11-29T03:00:00");
  EXPECT_EQ(beginning_of("2026-11-30", now), "2026-11-30");
  EXPECT_EQ(beginning_of("2026-11-30T12:00Z", now), "2026-11-30T12:00");
  for (const char* wrong : {"", "d", "10", "yesterday", "2026-11", "-3m"})
    EXPECT_EQ(beginning_of(wrong, now), std::nullopt) << wrong;
}

TEST(SupportBundle, HasNoSecrets) {
  EXPECT_EQ(without_secrets("password = \"abc\\\"d\"\n  'password'='x' # no\nkey_file = \"/k\"\n"
                            "http = \"http://me:secret@192.0.2.1/\"\n"),
            "password = \"(removed)\"\n  'password'=\"(removed)\" # no\nkey_file = \"/k\"\n"
            "http = \"http://(removed)@192.0.2.1/\"\n");
}

TEST(Wrapping, KeepsListsAndBreaksLinesAtEightyColumns) {
  EXPECT_EQ(wrapped("a b\nc\n\n  term  text\n"), "a b c\n\n  term  text\n");
  const std::string words(30, 'x');
  EXPECT_EQ(wrapped("  term  " + words + " " + words + " " + words + "\n"),
            "  term  " + words + " " + words + "\n        " + words + "\n");
}

TEST(TableOnANarrowTerminal, HasItsLastColumnsInLinesOfTheirOwn) {
  Table table({"NAME", "STATE", "NEXT HOP", "WHY"});
  table.row({{"one"}, {"up"}, {"eth1"}, {""}});
  table.row({{"another"}, {"down"}, {"eth1"}, {"connection refused"}});
  EXPECT_EQ(table.render(Style(false, 30)),
            "NAME     STATE  NEXT HOP\n"
            "one      up     eth1\n"
            "another  down   eth1\n"
            "    WHY connection refused\n");
  EXPECT_EQ(table.render(Style(false, 20)),
            "NAME     STATE\n"
            "one      up\n"
            "    NEXT HOP eth1\n"
            "another  down\n"
            "    NEXT HOP eth1\n"
            "    WHY connection refused\n");
  EXPECT_EQ(table.render(Style(false, 46)), table.render(Style(false)));
}

TEST_F(TandemctlTest, HelpsWithoutADaemon) {
  const Outcome general = tandemctl({"--help"});
  EXPECT_EQ(general.exit, kGood);
  for (const Command* command : commands()) {
    EXPECT_TRUE(contains(general.out, std::string("  ") + command->name)) << command->name;
    const Outcome own = tandemctl({command->name, "--help"});
    EXPECT_EQ(own.exit, kGood);
    EXPECT_TRUE(contains(own.out, std::string("[--json] ") + command->name)) << own.out;
    EXPECT_TRUE(contains(own.out, wrapped(command->help)));
    for (const auto& text : {general.out, own.out}) EXPECT_LE(longest_line(text), 80U) << text;
  }
  for (const char* part : {"--socket", "TANDEM_SOCKET", "NO_COLOR", "Exit status", "--json"})
    EXPECT_TRUE(contains(general.out, part)) << part;
  EXPECT_TRUE(contains(tandemctl({"events", "--help"}).out, "--follow"));
  EXPECT_TRUE(contains(tandemctl({"failover", "-h"}).out, "--back"));
  EXPECT_TRUE(contains(tandemctl({"--version"}).out, "tandemctl "));
}

}  // namespace
}  // namespace tandem::ctl
