// SPDX-License-Identifier: Apache-2.0
// tandemctl's commands about services: what they ask, and how they word the answers.
#include <gtest/gtest.h>

#include <sstream>

#include "ctl/render.hpp"
#include "ctl/run.hpp"
#include "server_fixture.hpp"

namespace tandem::ctl {
namespace {

using nlohmann::json;

const Style kNoColour(false);

class ServicesCommands : public control::ServerTest {
 protected:
  // Answers each command with an empty document of its kind, and remembers the arguments.
  void SetUp() override {
    control::ServerTest::start();
    std::promise<void> ready;
    boost::asio::post(io_, [&] {
      for (const char* command :
           {"services", "backends", "flows", "drain", "undrain", "weight", "explain", "capture"})
        server_->on(command, [this, command](const json& arguments) -> control::Answer {
          asked_ = {command, arguments};
          return json::parse(R"({"services": [], "backends": [], "flows": [], "matched": 0,
            "steps": [], "flow": null, "pick": null, "rewrite": [], "egress": null,
            "verdict": "pass", "reason": "pass/other",
            "packets": 3, "lost": 1, "seconds": 2.0, "file": "/tmp/x"})");
        });
      ready.set_value();
    });
    ready.get_future().wait();
  }

  int tandemctl(const std::vector<std::string>& arguments) {
    std::ostringstream out, err;
    const int exit = run(arguments, {path_.c_str(), false, out, err});
    out_ = out.str();
    err_ = err.str();
    return exit;
  }

  std::pair<std::string, json> asked_;
  std::string out_, err_;
};

TEST_F(ServicesCommands, AskForWhatTheCommandLineSays) {
  const std::vector<std::pair<std::vector<std::string>, const char*>> cases = {
      {{"services"}, "{}"},
      {{"services", "web"}, R"({"name": "web"})"},
      {{"backends", "web"}, R"({"service": "web"})"},
      {{"flows", "--client", "192.0.2.7", "--state", "reset", "-n", "5"},
       R"({"client": "192.0.2.7", "state": "reset", "limit": 5, "count_only": false})"},
      {{"flows", "--backend", "[2001:db8::1]:80", "--count"},
       R"({"backend": "[2001:db8::1]:80", "limit": 100, "count_only": true})"},
      {{"drain", "web", "198.51.100.21"}, R"({"service": "web", "backend": "198.51.100.21"})"},
      {{"undrain", "web"}, R"({"service": "web"})"},
      {{"weight", "web", "198.51.100.21:80", "0"},
       R"({"service": "web", "backend": "198.51.100.21:80", "weight": 0})"},
      {{"explain", "192.0.2.7", "192.0.2.100:80"},
       R"({"source": "192.0.2.7", "destination": "192.0.2.100", "port": 80, "protocol": "tcp"})"},
      {{"explain", "[2001:db8::7]:5", "[2001:db8::1]:53", "udp"},
       R"({"source": "2001:db8::7", "source_port": 5, "destination": "2001:db8::1", "port": 53,
           "protocol": "udp"})"},
      {{"capture", "/tmp/x", "--count", "3", "tcp", "port", "80"},
       R"({"file": "/tmp/x", "filter": "tcp port 80", "count": 3, "seconds": 10})"},
  };
  for (const auto& [line, expected] : cases) {
    EXPECT_EQ(tandemctl(line), kGood) << line[0] << ": " << err_;
    EXPECT_EQ(asked_.first, line[0]);
    EXPECT_EQ(asked_.second, json::parse(expected)) << line[0];
  }
  EXPECT_NE(out_.find("Captured 3 packets in 2s, in /tmp/x\n"), std::string::npos) << out_;
  EXPECT_NE(out_.find("1 more were lost"), std::string::npos) << out_;
}

TEST_F(ServicesCommands, RefuseACommandLineBeforeAnythingIsAsked) {
  const std::vector<std::pair<std::vector<std::string>, const char*>> cases = {
      {{"drain"}, "service"},
      {{"weight", "web", "198.51.100.21"}, "weight"},
      {{"weight", "web", "198.51.100.21", "65536"}, "WEIGHT: expected a whole number, 0 to 65535"},
      {{"weight", "web", "backend1", "5"}, "'backend1': expected ADDRESS"},
      {{"flows", "--state", "open"}, "'open': expected \"syn_sent\""},
      {{"flows", "-n", "0"}, "--limit: expected a whole number, 1 to 100000"},
      {{"explain", "192.0.2.7", "192.0.2.100"}, "expected ADDRESS:PORT"},
      {{"explain", "192.0.2.7", "192.0.2.100:80", "sctp"}, "\"tcp\" or \"udp\""},
      {{"capture", "/tmp/x", "--seconds", "4000"}, "--seconds: expected a whole number, 1 to 3600"},
  };
  for (const auto& [line, expected] : cases) {
    EXPECT_EQ(tandemctl(line), kUsage) << line[0];
    EXPECT_NE(err_.find(expected), std::string::npos) << err_;
  }
  EXPECT_EQ(asked_.first, "");
}

TEST_F(ServicesCommands, TellWhatTheyAreFor) {
  for (const char* command :
       {"services", "backends", "flows", "drain", "undrain", "weight", "explain", "capture"}) {
    EXPECT_EQ(tandemctl({command, "--help"}), kGood);
    EXPECT_NE(out_.find(command), std::string::npos);
    EXPECT_EQ(tandemctl({"--help"}), kGood);
    EXPECT_NE(out_.find(std::string("  ") + command), std::string::npos) << command;
  }
}

// ---- Texts

TEST(RenderServices, WarnsWhenCountsDisagree) {
  json document = json::parse(R"({"services": [
    {"name": "web", "address": "192.0.2.100", "protocol": "tcp", "port": 80, "forward": "nat",
     "scheduler": "least_conn", "lease": true, "backends": {"up": 3, "draining": 0, "down": 1},
     "flows": {"active": 17, "total": 20}, "new_per_second": 12.3, "picks": 40, "hash_picks": 2,
     "refused": 1, "packets_in": 100, "bytes_in": 6000, "packets_out": 90, "bytes_out": 120000}],
    "flow_tables": {"ipv4": {"flows": 20, "capacity": 1000, "evicted": 3},
                    "ipv6": {"flows": 0, "capacity": 1000, "evicted": 0}},
    "counts": {"active_in_table": 17, "active_in_schedulers": 17, "agree": true}})");
  EXPECT_EQ(render_services(document, kNoColour),
            "SERVICE  ADDRESS             LEASE  FORWARD  SCHEDULER   BACKENDS      ACTIVE  FLOWS"
            "  NEW/S  PICKS  BY HASH  REFUSED  IN         OUT\n"
            "web      192.0.2.100:80/tcp  live   nat      least_conn  3 up, 1 down  17      20   "
            "  12.3   40     2        1        100, 6 kB  90, 120 kB\n"
            "\nflow tables  IPv4 20 of 1000 (3 evicted), IPv6 0 of 1000"
            "\ncounts       17 active, in the flow tables as in the schedulers\n");
  document["counts"] = {{"active_in_table", 17}, {"active_in_schedulers", 16}, {"agree", false}};
  EXPECT_NE(render_services(document, kNoColour).find("these must be equal"), std::string::npos);
}

TEST(RenderBackends, ShowsWhatTheFileSaysWhereItDiffers) {
  const json document = json::parse(R"({"backends": [
    {"service": "web", "address": "2001:db8::21", "port": 80, "weight": 5, "configured_weight": 1,
     "state": "down", "why": "check: HTTP 503", "for_seconds": 3.0, "active": 4, "total": 6,
     "new_per_second": 0.0, "max_connections": 10, "picks": 9, "packets_in": 1, "bytes_in": 60,
     "packets_out": 0, "bytes_out": 0, "next_hop": null}]})");
  const std::string text = render_backends(document, kNoColour);
  for (const char* part :
       {"[2001:db8::21]:80", "down", "5 (file: 1)", "4 of 10", "unknown", "check: HTTP 503"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  EXPECT_EQ(render_backends(json::parse(R"({"backends": []})"), kNoColour),
            "There is no backend.\n");
}

TEST(RenderFlows, SaysWhenThereAreMore) {
  const json document = json::parse(R"({"matched": 7, "flows": [
    {"client": "192.0.2.7", "client_port": 40000, "service": "web", "backend": "198.51.100.21",
     "backend_port": 80, "state": "established", "counted": true, "idle_seconds": 1.5,
     "source_port": 1024}]})");
  const std::string text = render_flows(document, kNoColour);
  EXPECT_NE(text.find("192.0.2.7:40000"), std::string::npos);
  EXPECT_NE(text.find("1024"), std::string::npos);
  EXPECT_NE(text.find("1 of 7 flows that match"), std::string::npos);
}

}  // namespace
}  // namespace tandem::ctl
