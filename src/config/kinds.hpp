// SPDX-License-Identifier: Apache-2.0
// What the value of a key may be. A kind says what it expects, reads a value, and prints one:
//   expected()   the words after "expected" in a problem, and in the reference
//   parse(v)     the value, or what is wrong with it: "256 is out of range"
//   show(x)      as it would stand in a file, for defaults in the reference; empty: none
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/value.hpp"

namespace tandem::config {

template <class T>
using Parsed = std::expected<T, std::string>;

// "VALUE is TYPE", where a value has the wrong type.
[[nodiscard]] std::unexpected<std::string> wrong_type(const Value& value);

struct Boolean {
  [[nodiscard]] std::string expected() const { return "true or false"; }
  [[nodiscard]] Parsed<bool> parse(const Value& value) const;
  [[nodiscard]] std::string show(bool value) const { return value ? "true" : "false"; }
};

struct True {  // a key that is there or not
  [[nodiscard]] std::string expected() const { return "true"; }
  [[nodiscard]] Parsed<bool> parse(const Value& value) const;
  [[nodiscard]] std::string show(bool) const { return ""; }
};

struct Integer {
  int lowest;
  int highest;
  bool zero = true;  // false: 0 is not allowed
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] Parsed<int> parse(const Value& value) const;
  [[nodiscard]] std::string show(int value) const { return std::to_string(value); }
};

struct Span {  // of time
  Duration shortest;
  Duration longest;
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] Parsed<Duration> parse(const Value& value) const;
  [[nodiscard]] std::string show(Duration value) const;
};

struct Text {
  std::string_view what;
  bool (*valid)(std::string_view);
  [[nodiscard]] std::string expected() const { return std::string(what); }
  [[nodiscard]] Parsed<std::string> parse(const Value& value) const;
  [[nodiscard]] std::string show(const std::string& value) const {
    return value.empty() ? "" : in_quotes(value);
  }
};
[[nodiscard]] Text name_text();       // of a node, check, virtual router, service or group
[[nodiscard]] Text interface_text();  // as the kernel names interfaces
[[nodiscard]] Text label_text();      // of an IPv4 address: at most 15 characters
[[nodiscard]] Text socket_text();     // an absolute path that fits into sun_path
[[nodiscard]] Text directory_text();  // an absolute path
[[nodiscard]] Text pci_text();        // the address of a PCI device
[[nodiscard]] Text devargs_text();    // DPDK's arguments of a device
[[nodiscard]] Text target_text();     // of an HTTP request
[[nodiscard]] Text origin_text();     // a URL without a path
[[nodiscard]] bool is_absolute_path(std::string_view text);

[[nodiscard]] Text host_text();     // of an HTTP request
[[nodiscard]] Text content_text();  // that a response has to contain

struct Status {  // of HTTP: "204", or "200-299"
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] Parsed<StatusRange> parse(const Value& value) const;
  [[nodiscard]] std::string show(const StatusRange&) const { return ""; }
};

// Version 2's password. Never shown in a problem.
struct Password {
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] Parsed<std::string> parse(const Value& value) const;
  [[nodiscard]] std::string show(const std::string&) const { return ""; }
};

// One of some words, each standing for a value. `absent` are words that this build refuses.
template <class T>
struct Choice {
  std::vector<std::pair<std::string, T>> options;
  std::vector<std::string> absent = {};

  [[nodiscard]] std::string expected() const {
    std::string text;
    for (const auto& [word, _] : options) text += (text.empty() ? "" : " or ") + in_quotes(word);
    return text;
  }
  [[nodiscard]] Parsed<T> parse(const Value& value) const {
    const auto* text = value.get<std::string>();
    if (text == nullptr) return wrong_type(value);
    for (const auto& [word, meaning] : options)
      if (*text == word) return meaning;
    for (const auto& word : absent)
      if (*text == word) return std::unexpected(in_quotes(word) + " is not in this build");
    return std::unexpected(in_quotes(*text) + " is unknown");
  }
  [[nodiscard]] std::string show(const T& value) const {
    for (const auto& [word, meaning] : options)
      if (meaning == value) return in_quotes(word);
    return "";
  }
};

struct Address {  // unicast
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] Parsed<IpAddress> parse(const Value& value) const;
  [[nodiscard]] std::string show(const IpAddress&) const { return ""; }
};

struct MulticastGroup {
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] Parsed<IpAddress> parse(const Value& value) const;
  [[nodiscard]] std::string show(const IpAddress&) const { return ""; }
};

struct Prefix {  // of a virtual address
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] Parsed<IpPrefix> parse(const Value& value) const;
  [[nodiscard]] std::string show(const IpPrefix&) const { return ""; }
};

struct HttpUrl {
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] Parsed<HttpProbe> parse(const Value& value) const;
  [[nodiscard]] std::string show(const HttpProbe&) const { return ""; }
};

struct TcpEndpoint {
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] Parsed<TcpProbe> parse(const Value& value) const;
  [[nodiscard]] std::string show(const TcpProbe&) const { return ""; }
};

struct Listen {  // where a server listens, if at all
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] Parsed<std::optional<ListenAddress>> parse(const Value& value) const;
  [[nodiscard]] std::string show(const ListenAddress& listen) const;
};

struct LinkEnds {  // of one or two links
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] Parsed<std::vector<ListenAddress>> parse(const Value& value) const;
  [[nodiscard]] std::string show(const std::vector<ListenAddress>&) const { return ""; }
};

struct Argv {  // a program and its arguments
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] Parsed<std::vector<std::string>> parse(const Value& value) const;
  [[nodiscard]] std::string show(const std::vector<std::string>&) const { return ""; }
};

struct Command {  // Argv, as a probe
  [[nodiscard]] std::string expected() const { return Argv{}.expected(); }
  [[nodiscard]] Parsed<CommandProbe> parse(const Value& value) const;
  [[nodiscard]] std::string show(const CommandProbe&) const { return ""; }
};

}  // namespace tandem::config
