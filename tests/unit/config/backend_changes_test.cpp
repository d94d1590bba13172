// SPDX-License-Identifier: Apache-2.0
// Backends that are changed while the daemon runs.
#include "config/backend_changes.hpp"

#include <gtest/gtest.h>

namespace tandem::config {
namespace {

using enum BackendAction;

class ChangedBackends : public testing::Test {
 protected:
  ChangedBackends() {
    const auto loaded = parse(R"([node]
name = "a"
[[interface]]
name = "eth0"
[[vrrp]]
name = "VI_1"
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24"]
[[service]]
name = "api"
address = "192.0.2.100"
port = 80
forward = "nat"
backends = [{ address = "198.51.100.21", port = 8080, weight = 3 }, { address = "198.51.100.22" }]
[[service]]
name = "dsr"
address = "192.0.2.100"
port = 81
forward = "dsr"
[[service]]
name = "web"
address = "192.0.2.100"
port = 82
)");
    EXPECT_TRUE(loaded.good());
    config_ = loaded.config;
  }
  static BackendChange backend(const char* address, std::uint16_t port,
                               const char* service = "api") {
    return {service, *IpAddress::parse(address), port};
  }
  // What is said about it; "": it was done.
  std::string change(BackendAction action, BackendChange change) {
    auto changed = with_change(config_, changes_, action, std::move(change));
    if (!changed) return changed.error().message;
    changes_ = *changed;
    return "";
  }
  std::string backends(std::size_t service = 0) {
    std::vector<std::string> left_out;
    std::string text;
    const auto config = with_changes(config_, changes_, left_out);
    for (const auto& b : config.services[service].backends)
      text += (text.empty() ? "" : " ") + b.address.to_string() + ":" + std::to_string(b.port) +
              "*" + std::to_string(b.weight) + (b.backup ? "b" : "");
    for (const auto& sentence : left_out) text += "\n" + sentence;
    return text;
  }

  Config config_;
  BackendChanges changes_;
};

TEST_F(ChangedBackends, AreAddedSetRemovedAndReset) {
  auto third = backend("198.51.100.23", 80);
  third.weight = 7;
  EXPECT_EQ(change(add, third), "");
  EXPECT_EQ(backends(), "198.51.100.21:8080*3 198.51.100.22:80*1 198.51.100.23:80*7");
  auto second = backend("198.51.100.22", 80);
  second.backup = true;
  EXPECT_EQ(change(set, second), "");
  second.backup.reset();
  second.weight = 9;
  EXPECT_EQ(change(set, second), "");
  EXPECT_EQ(change(remove, backend("198.51.100.21", 8080)), "");
  EXPECT_EQ(backends(), "198.51.100.22:80*9b 198.51.100.23:80*7");
  EXPECT_EQ(change(remove, third), "");
  EXPECT_EQ(change(reset, second), "");
  EXPECT_EQ(backends(), "198.51.100.22:80*1");
  EXPECT_EQ(change(add, backend("198.51.100.21", 8080)), "");
  EXPECT_EQ(backends(), "198.51.100.21:8080*3 198.51.100.22:80*1") << "as the file has it";
}

TEST_F(ChangedBackends, AreRefusedWithTheReason) {
  EXPECT_EQ(change(add, backend("198.51.100.22", 80)),
            "service 'api': 198.51.100.22:80 is there already; `tandemctl backend set` changes it");
  EXPECT_EQ(change(remove, backend("198.51.100.22", 81)),
            "service 'api': 198.51.100.22:81 is no backend, expected one of `tandemctl backends "
            "api`");
  EXPECT_EQ(change(reset, backend("198.51.100.22", 80)),
            "service 'api': 198.51.100.22:80 is as the file has it");
  EXPECT_EQ(change(add, backend("198.51.100.22", 80, "apo")), "there is no service 'apo'");
  EXPECT_EQ(change(add, backend("198.51.100.22", 80, "web")),
            "service 'web' has forward = \"local\", and so no backends");
  EXPECT_EQ(change(add, backend("2001:db8::1", 80)),
            "service 'api': [2001:db8::1]:80 is an address of the other family, expected IPv4, as "
            "the service's");
  EXPECT_EQ(change(add, backend("192.0.2.100", 80)),
            "service 'api': 192.0.2.100:80 is a virtual address, expected an address of the "
            "backend's own");
  EXPECT_EQ(change(add, backend("198.51.100.22", 80, "dsr")),
            "service 'dsr': 198.51.100.22:80: with dsr and tunnel a backend has the service's "
            "port, expected 81");
  EXPECT_TRUE(changes_.empty());
}

TEST_F(ChangedBackends, ThatFitNoLongerAreLeftOutAndKept) {
  EXPECT_EQ(change(add, backend("198.51.100.23", 81, "dsr")), "");
  config_.services[1].port = 8081;
  EXPECT_EQ(backends(1),
            "\na backend that was changed at run time is left out: service 'dsr': "
            "198.51.100.23:81: with dsr and tunnel a backend has the service's port, expected "
            "8081");
}

TEST_F(ChangedBackends, AreReadAsTheyWereWritten) {
  auto all = backend("2001:db8::23", 8080, "a \"quoted\" \\ name");
  all.weight = 0;
  all.max_connections = 5;
  all.backup = false;
  auto removed = backend("198.51.100.21", 80);
  removed.removed = true;
  const BackendChanges changes{all, removed};
  EXPECT_EQ(parse_changes(to_text(changes)), changes);
  EXPECT_EQ(parse_changes(to_text({})), BackendChanges{});
  EXPECT_EQ(parse_changes("[[backend]]\nservice = 3\n").error().message,
            "1:1: address: missing in [[backend]], expected a numeric IPv4 or IPv6 unicast "
            "address");
}

}  // namespace
}  // namespace tandem::config
