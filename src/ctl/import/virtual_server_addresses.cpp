// SPDX-License-Identifier: Apache-2.0
// Which services there are: a virtual_server is reached at an address, or at all those of a
// virtual_server_group.
#include <algorithm>
#include <array>
#include <map>

#include "ctl/import/keywords.hpp"
#include "ctl/import/value.hpp"
#include "ctl/import/virtual_server.hpp"

namespace tandem::importer {
namespace {

constexpr std::size_t kMostInRange = kMostServices;

// The one behind it; all ones are followed by all zeros.
IpAddress next(const IpAddress& address) {
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(address.bytes(), bytes.begin());
  for (auto at = address.bytes().size(); at > 0 && ++bytes[at - 1] == 0;) --at;
  return address.is_v4() ? IpAddress::v4(std::span(bytes).first<4>()) : IpAddress::v6(bytes);
}

IpAddress network_of(const IpPrefix& prefix) {
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(prefix.address.bytes(), bytes.begin());
  for (std::size_t bit = prefix.length; bit < 8 * prefix.address.bytes().size(); ++bit)
    bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> bit % 8));
  return prefix.address.is_v4() ? IpAddress::v4(std::span(bytes).first<4>()) : IpAddress::v6(bytes);
}

// FIRST-LAST, where LAST may be its last part alone, or ADDRESS/LENGTH.
std::optional<std::vector<IpAddress>> parse_range(const std::string& word) {
  std::vector<IpAddress> range;
  if (const auto dash = word.find('-'); dash != std::string::npos) {
    const auto from = IpAddress::parse(word.substr(0, dash));
    auto rest = word.substr(dash + 1);
    if (rest.find_first_of(".:") == std::string::npos)
      rest = word.substr(0, word.find_last_of(".:", dash) + 1) + rest;
    const auto to = IpAddress::parse(rest);
    if (!from || !to || from->family() != to->family() || *to < *from) return std::nullopt;
    for (auto address = *from; range.size() < kMostInRange; address = next(address)) {
      range.push_back(address);
      if (address == *to) return range;
    }
    return std::nullopt;
  }
  const auto prefix = IpPrefix::parse(word);
  if (!prefix) return std::nullopt;
  const auto bits = 8 * prefix->address.bytes().size() - prefix->length;
  if (bits > 10) return std::nullopt;  // kMostInRange
  auto address = network_of(*prefix);
  for (std::size_t left = std::size_t{1} << bits; left > 0; --left, address = next(address))
    range.push_back(address);
  return range;
}

class Servers {
 public:
  explicit Servers(Gateway& gateway) : gateway_(gateway), notes_(gateway.notes) {}

  Result<void> read_group(const Statement& block) {
    const auto name = text_at(block);
    if (!name) return std::unexpected(name.error());
    if (groups_.contains(*name)) return fail(described(block, "there is one already"));
    auto& entries = groups_[*name];
    for (const auto& s : block.inside) {
      if (s.keyword() == "fwmark")
        notes_.lost(s.place, described(s, "a service is an address, a protocol and a port"));
      else
        note_error(s, add_range(s, entries), notes_);
    }
    return {};
  }

  Result<void> read_server(const Statement& block) {
    const auto entries = entries_of(block);
    if (!entries) return std::unexpected(entries.error());
    const auto first = notes_.size();
    auto server = read_virtual_server(block, gateway_);
    if (server.servers.empty())
      return fail(described(block, "has no real_server; keepalived leaves it out, too"));
    if (server.protocol == "sctp") return fail(described(block, "services are TCP or UDP"));
    if (server.protocol.empty()) {
      server.protocol = "udp";
      notes_.trap(block.place, described(block,
                                         "without a protocol keepalived takes UDP, and so it "
                                         "is here; write protocol = \"tcp\" if that is "
                                         "meant"));
    }
    bool is_first = true;
    for (const auto& entry : *entries) {
      if (!is_possible(block, entry)) continue;
      if (gateway_.services.size() == kMostServices)
        return fail(described(block, "expected at most 1024 services"));
      auto table = service_of(server, entry, gateway_);
      if (std::exchange(is_first, false)) table.comments = notes_.place_from(first);
      gateway_.services.push_back(std::move(table));
    }
    return {};
  }

 private:
  Result<std::vector<Entry>> entries_of(const Statement& block) {
    if (block.word(1) == "fwmark") {
      notes_.lost(block.place, described(block, "a service is an address, a protocol and a port"));
      return std::vector<Entry>{};
    }
    if (block.word(1) == "group") {
      const auto group = groups_.find(block.word(2));
      if (group == groups_.end())
        return unexpected_word(block, 2, "the name of a virtual_server_group");
      return group->second;
    }
    const auto address = address_at(block);
    if (!address) return std::unexpected(address.error());
    Entry entry{*address, 0, block.place};
    if (block.words.size() > 2) {
      const auto port = integer_at(block, 0, 65535, 2);
      if (!port) return std::unexpected(port.error());
      entry.port = static_cast<std::uint16_t>(*port);
    }
    return std::vector{entry};
  }

  bool is_possible(const Statement& block, const Entry& entry) {
    const std::string address = entry.address.to_string();
    if (entry.port == 0) {
      notes_.lost(entry.place, described(block, address + " without a port: a service has one"));
      return false;
    }
    if (gateway_.owner_of(entry.address) != nullptr || hold_always(entry)) return true;
    notes_.lost(
        entry.place,
        described(block, address + " is in no vrrp_instance of this file, nor an address of "
                                   "this machine, and a service is on the address of a "
                                   "virtual router; one with priority 255 always holds it"));
    return false;
  }

  // An address that no instance moves and that this machine has: it is the owner of a virtual router.
  bool hold_always(const Entry& entry) {
    if (!gateway_.machine.home_of || gateway_.routers.size() == kMostRouters) return false;
    const auto home = gateway_.machine.home_of(entry.address);
    const auto vrid = free_vrid();
    if (!home || home->interface == "lo" || !vrid) return false;
    VirtualRouter router;
    router.name = "holds " + entry.address.to_string();
    router.interface = home->interface;
    router.priority = 255;
    router.version = 3;
    router.starts_as_master = true;
    router.family = entry.address.family();
    router.addresses = {entry.address};
    router.table = {"[[vrrp]]", entry.place, {}, {}};
    const auto set = [&](const char* key, const std::string& value) {
      router.table.set(key, value, entry.place);
    };
    set("name", toml(router.name));
    set("interface", toml(router.interface));
    set("vrid", std::to_string(*vrid));
    set("version", "3");
    set("priority", "255");
    router.table.add("addresses",
                     toml(entry.address.to_string() + "/" + std::to_string(home->length)),
                     entry.place);
    gateway_.interfaces.emplace(router.interface, entry.place);
    gateway_.routers.push_back(std::move(router));
    notes_.trap(entry.place,
                "virtual_server " + entry.address.to_string() +
                    ": is in no vrrp_instance, and an address of this machine: as the owner of a "
                    "virtual router, with priority 255, the node always holds it. The VRID " +
                    std::to_string(*vrid) + " has to be free on " + home->interface +
                    ", and the other node must not hold the address, too");
    return true;
  }

  // From above, where those of others are not.
  [[nodiscard]] std::optional<int> free_vrid() const {
    for (int vrid = 255; vrid > 0; --vrid) {
      const auto has_it = [&](const VirtualRouter& router) {
        return router.table.find("vrid")->value == std::to_string(vrid);
      };
      if (std::ranges::none_of(gateway_.routers, has_it)) return vrid;
    }
    return std::nullopt;
  }

  // An address or a range, then perhaps a port.
  Result<void> add_range(const Statement& s, std::vector<Entry>& entries) {
    std::uint16_t port = 0;
    if (s.words.size() > 1) {
      const auto number = integer_at(s, 0, 65535);
      if (!number) return std::unexpected(number.error());
      port = static_cast<std::uint16_t>(*number);
    }
    const auto range = parse_range(s.keyword());
    if (!range) return unexpected_word(s, 0, "an address, or a range of at most 1024");
    for (const auto& address : *range) entries.push_back({address, port, s.place});
    return {};
  }

  Gateway& gateway_;
  Notes& notes_;
  std::map<std::string, std::vector<Entry>> groups_;
};

}  // namespace

void read_virtual_servers(const std::vector<Statement>& statements, Gateway& gateway) {
  Servers servers(gateway);
  for (const auto& s : statements)
    if (s.keyword() == "virtual_server_group" && s.has_block)
      note_error(s, servers.read_group(s), gateway.notes);
  gateway.order = 0;
  for (const auto& s : statements) {
    ++gateway.order;
    if (s.keyword() == "virtual_server" && s.has_block)
      note_error(s, servers.read_server(s), gateway.notes);
  }
}

}  // namespace tandem::importer
