// SPDX-License-Identifier: Apache-2.0
// Backends behind an interface that no virtual router is on.
#include <gtest/gtest.h>

#include "test_files.hpp"

namespace tandem::importer {
namespace {

constexpr const char* kKeepalived = R"(
vrrp_instance V {
    interface eth0
    virtual_router_id 51
    unicast_src_ip 192.0.2.2
    virtual_ipaddress {
        192.0.2.100/24
    }
}
virtual_server 192.0.2.100 80 {
    protocol TCP
    real_server 192.0.2.21 80 {
    }
    real_server 198.51.100.21 80 {
    }
    real_server 203.0.113.21 80 {
    }
}
)";
constexpr const char* kNginx = R"(
stream {
    upstream u { server 198.51.101.21:8080; server 198.51.100.22:8080; }
    server { listen 81; proxy_pass u; }
    server { listen 82; allow 192.0.2.0/24; deny all; proxy_pass 198.51.102.21:80; }
}
)";

std::optional<std::string> way_to(const IpAddress& address) {
  const auto text = address.to_string();
  if (text.starts_with("192.0.2.")) return "eth0";
  if (text.starts_with("198.51.100.")) return "eth1";
  if (text.starts_with("198.51.101.")) return "eth2";
  return text.starts_with("198.51.102.") ? std::optional<std::string>("eth3") : std::nullopt;
}

Imported import_on(const Machine& machine) {
  auto imported = import_configuration({"k", "n", "", "", "node-a", machine, as_tandemd()},
                                       in_memory({{"k", kKeepalived}, {"n", kNginx}}));
  EXPECT_TRUE(imported) << imported.error().message;
  return std::move(*imported);
}

TEST(WaysToBackends, BecomeInterfaces) {
  auto machine = a_machine();
  machine.way_to = way_to;
  const auto imported = import_on(machine);
  for (const char* name : {"eth0", "eth1", "eth2"})
    EXPECT_TRUE(imported.written.text.contains(std::string("[[interface]]\nname = \"") + name))
        << name << " in " << imported.written.text;
  // Nginx passes these on.
  EXPECT_FALSE(imported.written.text.contains("eth3"));
  EXPECT_TRUE(std::ranges::any_of(imported.notes, [](const Note& note) {
    return note.kind == Note::Kind::trap && note.what.contains("no route") &&
           note.what.contains("203.0.113.21");
  }));
}

TEST(WaysToBackends, AreNotGuessed) {
  const auto imported = import_on(a_machine());
  EXPECT_FALSE(imported.written.text.contains("eth1"));
  EXPECT_FALSE(std::ranges::any_of(
      imported.notes, [](const Note& note) { return note.what.contains("no route"); }));
}

TEST(AddressOfTheMachine, IsAlwaysHeld) {
  auto machine = a_machine();
  machine.home_of = [](const IpAddress& address) -> std::optional<Machine::Home> {
    if (address == *IpAddress::parse("192.0.2.150")) return Machine::Home{"eth0", 24};
    if (address == *IpAddress::parse("192.0.2.160")) return Machine::Home{"lo", 32};
    return std::nullopt;
  };
  std::string text =
      "vrrp_instance V {\n interface eth0\n virtual_router_id 255\n"
      " virtual_ipaddress {\n 192.0.2.100/24\n }\n}\n";
  for (const char* address :
       {"192.0.2.150 80", "192.0.2.150 81", "192.0.2.160 80", "192.0.2.170 80"})
    text += std::string("virtual_server ") + address +
            " {\n protocol TCP\n real_server 192.0.2.21 80 {\n }\n}\n";
  const auto imported = import_configuration({"k", "", "", "", "node-a", machine, as_tandemd()},
                                             in_memory({{"k", text}}));
  ASSERT_TRUE(imported) << imported.error().message;
  const auto& toml = imported->written.text;
  EXPECT_TRUE(
      toml.contains("name = \"holds 192.0.2.150\"\ninterface = \"eth0\"\nvrid = 254\n"
                    "version = 3\npriority = 255\naddresses = [\"192.0.2.150/24\"]"))
      << toml;
  EXPECT_TRUE(toml.contains("name = \"192.0.2.150:80\""));
  EXPECT_TRUE(toml.contains("name = \"192.0.2.150:81\""));
  for (const char* address : {"192.0.2.160", "192.0.2.170"}) {
    EXPECT_FALSE(toml.contains(std::string("address = \"") + address)) << toml;
    EXPECT_TRUE(std::ranges::any_of(imported->notes, [&](const Note& note) {
      return note.kind == Note::Kind::lost && note.what.contains(address);
    }));
  }
}

}  // namespace
}  // namespace tandem::importer
