// SPDX-License-Identifier: Apache-2.0
// The virtual addresses and unicast peers of a vrrp_instance.
#include <algorithm>
#include <array>

#include "ctl/import/instance.hpp"
#include "ctl/import/keywords.hpp"
#include "ctl/import/value.hpp"

namespace tandem::importer {
namespace {

constexpr std::size_t kLongestLabel = 15;  // IFNAMSIZ - 1

// A length that is none, or 0, is that of one address, as keepalived mostly has it; what stands behind
// its digits does not count.
std::optional<IpPrefix> prefix_of(const Statement& line, Notes& notes) {
  const auto& word = line.keyword();
  const auto slash = word.find('/');
  const auto end =
      slash == std::string::npos ? slash : word.find_first_not_of("0123456789", slash + 1);
  auto prefix = IpPrefix::parse(word.substr(0, end));
  const auto address = IpAddress::parse(word.substr(0, slash));
  if ((prefix && prefix->length != 0 && end == std::string::npos) || !address) return prefix;
  if (!prefix || prefix->length == 0) prefix = IpPrefix::parse(address->to_string());
  notes.trap(line.place, "virtual_ipaddress: " + shown(word) + " is taken for " +
                             prefix->to_string() + "; expected a length behind the / alone");
  return prefix;
}

}  // namespace

Result<void> InstanceReader::addresses(const Statement& s) {
  for (const auto& line : s.inside) note_error(line, add_address(line, true), notes_);
  return {};
}

Result<void> InstanceReader::excluded_addresses(const Statement& s) {
  for (const auto& line : s.inside) note_error(line, add_address(line, false), notes_);
  return {};
}

// ADDRESS[/LENGTH] [OPTIONS]
Result<void> InstanceReader::add_address(const Statement& line, bool is_advertised) {
  const auto prefix = prefix_of(line, notes_);
  if (!prefix) return unexpected_word(line, 0, "a numeric address such as 192.0.2.100/24");
  Address address{*prefix, {}, {}, is_advertised, line.place};
  auto done = read_address_options(line, address);
  if (!done) return done;
  const auto is_same = [&](const Address& known) {
    return known.prefix.address == prefix->address;
  };
  if (addresses_.size() == kMostAddressesOfRouter)
    return fail(described(line, "expected at most 255 addresses in a virtual router"));
  if (std::ranges::any_of(addresses_, is_same))
    notes_.trap(line.place, described(line, "is there twice; keepalived takes the first, too"));
  else
    addresses_.push_back(std::move(address));
  return {};
}

Result<void> InstanceReader::read_address_options(const Statement& line, Address& address) {
  struct Option {
    std::string_view name;
    bool has_value;
    bool is_implied;
  };
  static constexpr std::array kOptions{
      Option{"brd", true, false},           Option{"broadcast", true, false},
      Option{"scope", true, false},         Option{"peer", true, false},
      Option{"preferred_lft", true, false}, Option{"track_group", true, false},
      Option{"home", false, false},         Option{"-nodad", false, true},
      Option{"mngtmpaddr", false, false},   Option{"noprefixroute", false, false},
      Option{"autojoin", false, false},     Option{"no_track", false, false},
      Option{"use_vmac", false, false}};
  for (std::size_t n = 1; n < line.words.size(); ++n) {
    const auto& word = line.words[n];
    if (word == "dev" || word == "label") {
      auto& to = word == "dev" ? address.device : address.label;
      const auto value = text_at(line, ++n);
      if (!value) return std::unexpected(value.error());
      if (word == "dev" && !to.empty())
        return fail(described(line, "has two devices; keepalived leaves the address out, too"));
      to = *value;
      continue;
    }
    const auto* option = std::ranges::find(kOptions, word, &Option::name);
    if (option == kOptions.end()) {
      notes_.lost(line.place, "virtual_ipaddress: " + shown(word) +
                                  " behind an address; keepalived "
                                  "ignores it, too: it wants each address in a line of its own");
      break;
    }
    const auto value = option->has_value ? line.word(++n) : std::string();
    if (option->is_implied || (word == "scope" && value == "global")) continue;
    notes_.lost(line.place, line.keyword() + " " + word + (value.empty() ? "" : " " + value) +
                                ": an address has a label and a device only");
  }
  return {};
}

// The family is that of the first advertised address. Labels are the device's name, and more.
void InstanceReader::finish_addresses() {
  std::ranges::stable_partition(addresses_, &Address::is_advertised);
  for (auto& address : addresses_) {
    const auto text = address.prefix.to_string();
    if (!router_.addresses.empty() &&
        address.prefix.address.family() != router_.addresses.front().family()) {
      notes_.lost(address.place, text +
                                     ": all addresses of a virtual router are of one family; give "
                                     "these a virtual router of their own, on both nodes");
      continue;
    }
    if (!address.label.empty() && !address.prefix.address.is_v4()) {
      notes_.lost(address.place, text + " label " + address.label +
                                     ": IPv6 has no labels; keepalived ignores it, too");
      address.label.clear();
    }
    if (address.label.size() > kLongestLabel) {
      notes_.lost(address.place, text + " label " + address.label +
                                     ": expected at most 15 characters; keepalived leaves the "
                                     "address out, too");
      continue;
    }
    const auto& device = address.device.empty() ? router_.interface : address.device;
    const bool is_own_label = address.label == device || address.label.starts_with(device + ':');
    if (!address.label.empty() && !is_own_label) {
      notes_.lost(address.place, text + " label " + address.label + ": expected " + device +
                                     " or " + device + ":..., and so it has none here");
      address.label.clear();
    }
    std::string more;
    if (!address.label.empty()) more += ", label = " + toml(address.label);
    if (device != router_.interface) {
      more += ", device = " + toml(device);
      router_.devices.emplace_back(device, address.place);
    }
    if (!address.is_advertised) more += ", advertised = false";
    router_.table.add("addresses",
                      more.empty() ? toml(text) : "{ address = " + toml(text) + more + " }",
                      address.place);
    router_.addresses.push_back(address.prefix.address);
  }
}

// ADDRESS [min_ttl N] [max_ttl N]
Result<void> InstanceReader::unicast_peers(const Statement& s) {
  for (const auto& line : s.inside) note_error(line, add_peer(line), notes_);
  return {};
}

Result<void> InstanceReader::add_peer(const Statement& line) {
  const auto address = address_at(line, 0);
  if (!address) return std::unexpected(address.error());
  const auto value = toml(address->to_string());
  const auto* peers = router_.table.find("unicast_peers");
  if (peers != nullptr &&
      std::ranges::find(peers->elements, value, &Element::value) != peers->elements.end()) {
    notes_.trap(line.place, described(line, "is there twice"));
    return {};
  }
  router_.table.add("unicast_peers", value, line.place);
  has_unicast_peers_ = true;
  peers_.emplace_back(*address, line.place);
  if (line.words.size() == 1) return {};
  if (line.word(1) != "min_ttl" && line.word(1) != "max_ttl")
    return fail(described(line,
                          "keepalived reads the first address of a line; expected a line for "
                          "each"));
  checks_source_ = true;  // either of them turns it on
  peer_ttls_.emplace_back(
      described(
          line,
          "the TTL of an advert is 255, and others are dropped (RFC 9568, 7.1): a peer behind "
          "a router is not heard, but with signed adverts (auth) in the mode enforce"),
      line.place);
  return {};
}

// Two addresses of which one network is unlikely: 24 bits of IPv4, 64 of IPv6.
void InstanceReader::find_routed_peers() {
  if (signatures_place_ && signing_mode_ == "enforce") return;
  for (const auto& [what, place] : peer_ttls_) notes_.lost(place, what);
  if (!router_.source) return;
  const auto near = [&](const IpAddress& peer) {
    const auto a = peer.bytes();
    const auto b = router_.source->bytes();
    const std::size_t network = peer.is_v4() ? 3 : 8;
    return a.size() == b.size() && std::equal(a.begin(), a.begin() + network, b.begin());
  };
  for (const auto& [peer, place] : peers_)
    if (!near(peer) && !peer.is_link_local())
      notes_.trap(place, "unicast_peer " + peer.to_string() + ": if a router lies between it and " +
                             router_.source->to_string() +
                             ", neither hears the other: an advert goes to a neighbour, with a TTL "
                             "of 255 (RFC 9568, 7.1), but with signed adverts (auth) in the mode "
                             "enforce");
}

Result<void> InstanceReader::routes(const Statement& s) {
  for (const auto& line : s.inside)
    notes_.lost(line.place, s.keyword() + " " +
                                described(line,
                                          "routes and rules do not move; use "
                                          "notify commands"));
  return {};
}

}  // namespace tandem::importer
