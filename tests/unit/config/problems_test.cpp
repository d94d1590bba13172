// SPDX-License-Identifier: Apache-2.0
// Golden pairs: golden/NAME.toml is a file with mistakes, golden/NAME.problems is what
// `tandemd -c NAME.toml --check` says about it. Each mistake of a file is listed. full.toml is a
// good one. Where they are to differ, TANDEM_WRITE_GOLDEN=1 has it write them anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "config/load.hpp"
#include "config/schema.hpp"
#include "listed.hpp"
#include "source_files.hpp"

namespace tandem::config {
namespace {

class Problems : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Problems, AreThoseExpected) {
  const auto path = GetParam();
  std::string listed;
  for (const auto& problem : load_file(path.string()).problems)
    listed += format(problem, path.filename().string()) + '\n';
  auto expected = path;
  if (std::getenv("TANDEM_WRITE_GOLDEN") != nullptr)
    std::ofstream(std::filesystem::path(path).replace_extension(".problems")) << listed;
  EXPECT_EQ(listed, read_text(expected.replace_extension(".problems")));
}

INSTANTIATE_TEST_SUITE_P(Golden, Problems,
                         testing::ValuesIn(toml_files("tests/unit/config/golden")),
                         [](const auto& file) { return file.param.stem().string(); });

TEST(ProblemFormat, NamesFilePlaceAndSeverity) {
  EXPECT_EQ(format({Severity::error, {3, 8}, "what, expected"}, "a.toml"),
            "a.toml:3:8: what, expected");
  EXPECT_EQ(format({Severity::warning, {3, 8}, "what, expected"}, "a.toml"),
            "a.toml:3:8: warning: what, expected");
}

TEST(UnreadableFile, IsAProblemAtNoPlace) {
  const auto loaded = load_file("/nonexistent/tandem.toml");
  EXPECT_FALSE(loaded.good());
  ASSERT_EQ(loaded.problems.size(), 1U);
  EXPECT_EQ(format(loaded.problems[0], "tandem.toml"),
            "tandem.toml:0:0: cannot be read: No such file or directory, expected a readable file");
  EXPECT_FALSE(load_file("/").good());
}

const std::string kStart = "[node]\nname = \"a\"\n[[interface]]\nname = \"eth0\"\n";

TEST(Limits, AFileMayHaveFourMebibytes) {
  const std::string longest(std::size_t{4} << 20, '\n');
  EXPECT_EQ(parse(longest).problems.at(0).what,
            "node: missing in the file, expected a table [node]");
  EXPECT_EQ(parse(longest + '\n').problems.at(0).what,
            "the file is too long, expected at most 4 MiB");
}

TEST(Limits, DeepNestingIsRefusedAndNotFollowed) {
  std::string dots;
  for (int i = 0; i < 200'000; ++i) dots += "a.";
  EXPECT_FALSE(parse(dots + "a = 1").good());
  EXPECT_FALSE(parse("[" + dots + "a]").good());
  EXPECT_FALSE(parse("a = '''\n'\n''' # '\n" + dots + "a = 1").good());
  EXPECT_FALSE(parse("a = " + std::string(200'000, '[')).good());
  EXPECT_TRUE(parse(kStart + "# " + dots).good()) << "dots in comments are no nesting";
  EXPECT_EQ(parse(dots.substr(0, 2 * 16) + "a = 1").problems.size(), 2U) << "read, unknown";
}

TEST(Limits, NestedTablesWithDottedKeysAreRefusedBeyondTheLibrarysDepth) {
  std::string text = "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1";
  for (int i = 0; i < 250; ++i) text = "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = {" + text + "}";
  EXPECT_EQ(parse(text).problems.size(), 2U) << "read, unknown";
  for (int i = 0; i < 10; ++i) text = "a = {" + text + "}";
  EXPECT_EQ(parse(text).problems.size(), 1U) << "a syntax error";
}

// `count` virtual routers with `addresses` addresses each, all different.
std::string routers(int count, int addresses) {
  std::string text = kStart;
  int next = 0;
  for (int i = 0; i < count; ++i) {
    text += "[[vrrp]]\ninterface = \"eth0\"\nname = \"" + std::to_string(i) +
            "\"\nvrid = " + std::to_string(i + 1) + "\naddresses = [";
    for (int j = 0; j < addresses; ++j, ++next)
      text +=
          "\"198.51." + std::to_string(next / 256) + '.' + std::to_string(next % 256) + "/16\",";
    text += "]\n";
  }
  return text;
}

TEST(Limits, ARouterAdvertisesAtMost255Addresses) {
  EXPECT_TRUE(parse(routers(1, 255)).good());
  const auto loaded = parse(routers(1, 256));
  ASSERT_EQ(loaded.problems.size(), 1U);
  EXPECT_EQ(loaded.problems[0].what,
            "addresses: 256 items, expected an array of 1 to 255 addresses");
}

TEST(Limits, ThereAreAtMost1024Addresses) {
  EXPECT_TRUE(parse(routers(128, 8)).good());
  const auto loaded = parse(routers(129, 8));
  ASSERT_EQ(loaded.problems.size(), 1U);
  EXPECT_EQ(loaded.problems[0].what,
            "addresses: one virtual address too many, expected at most 1024 in all [[vrrp]]");
}

TEST(Limits, ManyIpv6AddressesMakeLongAdverts) {
  std::string text = kStart + "[[vrrp]]\nname = \"6\"\ninterface = \"eth0\"\nvrid = 1\n";
  text += "addresses = [\"fe80::1/64\"";
  for (int i = 1; i < 91; ++i) text += ", \"2001:db8::" + std::to_string(i) + "/64\"";
  const auto loaded = parse(text + "]\n");
  ASSERT_EQ(loaded.problems.size(), 1U);
  EXPECT_EQ(loaded.problems[0].severity, Severity::warning);
  EXPECT_EQ(loaded.problems[0].what,
            "addresses: 91 make adverts longer than 1500 bytes, expected at most 90 IPv6 "
            "addresses");
}

TEST(Limits, ThereAreAtMost510VirtualRouters) {
  std::string text = kStart;
  for (int i = 0; i < 511; ++i) text += "[[vrrp]]\n";
  EXPECT_EQ(parse(text).problems.at(0).what,
            "vrrp: 511 items, expected an array of 0 to 510 tables [[vrrp]]");
}

const std::string kWithRouter =
    kStart +
    "[[vrrp]]\nname = \"1\"\ninterface = \"eth0\"\nvrid = 1\naddresses = [\"192.0.2.1\"]\n";

// `count` services with `backends` backends each, no two alike.
std::string services(int count, int backends, const std::string& keys = "forward = \"nat\"\n") {
  std::string text = kWithRouter;
  int next = 0;
  for (int i = 0; i < count; ++i) {
    text += "[[service]]\naddress = \"192.0.2.1\"\nname = \"" + std::to_string(i) +
            "\"\nport = " + std::to_string(i + 1) + "\n" + keys;
    for (int j = 0; j < backends; ++j, ++next)
      text += "[[service.backends]]\naddress = \"198.51." + std::to_string(next / 256) + '.' +
              std::to_string(next % 256) + "\"\n";
  }
  return text;
}

TEST(Limits, AServiceMayHaveThousandsOfBackends) {
  const auto loaded = parse(services(1, 5'000));
  EXPECT_EQ(listed(loaded), "");
  ASSERT_EQ(loaded.config.services.size(), 1U);
  EXPECT_EQ(loaded.config.services[0].backends.size(), 5'000U);
  EXPECT_EQ(listed(parse(services(1, 8'192))), "");
}

TEST(Engine, DpdkIsRefusedByNameWhereTheBuildHasNone) {
  const std::string text = "[node]\nname = \"a\"\nengine = \"dpdk\"\n";
  EXPECT_EQ(listed(parse(text)),
            kHasDpdk ? "" : "file:3:10: engine: \"dpdk\" is not in this build, expected \"xdp\"\n");
}

TEST(Engine, OfDpdkTakesPortsOfEveryDriver) {
  std::string text = "[node]\nname = \"a\"\nengine = \"dpdk\"\n";
  for (const std::string driver : {"af_xdp", "pci", "af_packet", "pcap", "ring", "null"}) {
    text += "[[interface]]\nname = \"" + driver + "\"\ndriver = \"" + driver + "\"\n";
    if (driver == "pci") text += "pci = \"0000:03:00.0\"\ndevargs = \"a=1,b=2\"\n";
    if (driver == "af_packet") text += "device = \"eth0\"\naddresses = [\"2001:db8::1/64\"]\n";
    if (driver == "pcap") text += "devargs = \"rx_pcap=/tmp/in.pcap\"\n";
  }
  const auto loaded = parse(text);
  EXPECT_EQ(loaded.problems.size(), kHasDpdk ? 0U : 1U) << listed(loaded);
  EXPECT_EQ(loaded.config.interfaces[1].devargs, "a=1,b=2");
}

TEST(Engine, EachWorkerHasACpuOfItsOwn) {
  EXPECT_EQ(listed(parse("[node]\nname = \"a\"\n[dpdk]\ncpus = [1, 2, 1]\n")),
            "file:4:8: cpus: 1 is listed twice, expected a CPU of its own for each worker\n");
}

TEST(Limits, AServiceHasAtMost8192Backends) {
  EXPECT_EQ(listed(parse(services(1, 8'193))),
            "file:15:1: backends: 8193 items, expected an array of 0 to 8192 tables\n");
}

TEST(Limits, AllServicesTogetherHaveAtMost8192Backends) {
  EXPECT_EQ(listed(parse(services(512, 16))), "");
  const auto loaded = parse(services(513, 16));
  ASSERT_EQ(loaded.problems.size(), 1U);
  EXPECT_EQ(loaded.problems[0].what,
            "backends: one backend too many, expected at most 8192 in all [[service]]");
  EXPECT_EQ(loaded.problems[0].where.line, loaded.config.services[512].backends[0].where.line);
}

TEST(Limits, ThereAreAtMost1023Services) {
  EXPECT_EQ(listed(parse(services(1'023, 0, ""))), "");
  EXPECT_EQ(listed(parse(services(1'024, 0, ""))),
            "file:10:1: service: 1024 items, expected an array of 0 to 1023 tables [[service]]\n");
}

// A service with fullnat on each of the ports, each with eight sources of its own.
std::string fullnat_services(const std::vector<int>& ports) {
  std::string text = kWithRouter;
  for (const int port : ports) {
    const auto number = std::to_string(port);
    text += "[[service]]\nforward = \"fullnat\"\naddress = \"192.0.2.1\"\nname = \"" + number +
            "\"\nport = " + number + "\nbackends = [{ address = \"203.0.113.1\" }]\nsources = [";
    for (int j = 0; j < 8; ++j) text += "\"198.51." + number + '.' + std::to_string(j) + "\",";
    text += "]\n";
  }
  return text;
}

TEST(Limits, ThereAreAtMost32DifferentSources) {
  EXPECT_EQ(listed(parse(fullnat_services({1, 2, 3, 4}))), "");
  auto shared = fullnat_services({1, 2, 3, 4, 5});
  for (auto at = shared.find("198.51.5."); at != std::string::npos; at = shared.find("198.51.5."))
    shared.replace(at, 9, "198.51.4.");
  EXPECT_EQ(listed(parse(shared)), "") << "five services, of which two have the same sources";
  EXPECT_EQ(listed(parse(fullnat_services({1, 2, 3, 4, 5}))),
            "file:44:12: sources: one address too many, expected at most 32 different ones in all "
            "[[service]]\n");
}

}  // namespace
}  // namespace tandem::config
