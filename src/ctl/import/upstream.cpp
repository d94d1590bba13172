// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/upstream.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "ctl/import/keywords.hpp"

namespace tandem::importer {
namespace {

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// NAME=VALUE of a server's parameters.
std::optional<std::string_view> value_of(std::string_view parameter, std::string_view name) {
  if (!parameter.starts_with(name) || !parameter.substr(name.size()).starts_with('='))
    return std::nullopt;
  return parameter.substr(name.size() + 1);
}

// A scheduler for the way that an upstream picks its servers; none: a service has none such.
std::optional<std::string_view> scheduler_of(const Statement& s) {
  const auto& word = s.keyword();
  if (word == "least_conn" || word == "random") return "least_conn";
  if (word == "ip_hash") return "source_hash";
  if (word == "hash" && (s.word(1) == "$remote_addr" || s.word(1) == "$binary_remote_addr"))
    return s.word(2) == "consistent" ? "maglev" : "source_hash";
  return std::nullopt;
}

bool is_shared_memory(const Statement& s) {
  return s.keyword() == "zone" || s.keyword() == "keepalive";
}

std::string reason_of_server(const Statement& s, Family family, const Gateway& gateway) {
  const auto endpoint = parse_endpoint(s.word(1));
  if (!endpoint || endpoint->address.family() != family)
    return shown(s.word(1)) + " is no " + to_string(family) + " address";
  if (gateway.is_own(endpoint->address)) return shown(s.word(1)) + " is this node";
  for (std::size_t n = 2; n < s.words.size(); ++n) {
    const auto& word = s.words[n];
    static constexpr std::array<std::string_view, 4> kKnown{"weight", "max_conns", "max_fails",
                                                            "fail_timeout"};
    const auto is_known = [&](std::string_view name) { return value_of(word, name).has_value(); };
    if (word != "down" && std::ranges::none_of(kKnown, is_known))
      return "a backend has no " + shown(word);
  }
  return {};
}

class UpstreamWriter {
 public:
  UpstreamWriter(Table& service, std::uint16_t port, Notes& notes)
      : service_(service), port_(port), notes_(notes) {}

  void write(const Statement& upstream) {
    service_.set("scheduler", "\"round_robin\"", upstream.place);
    for (const auto& s : upstream.inside) {
      if (s.keyword() == "server")
        server(s);
      else
        method(s);
    }
    // Nginx judges by the connections it makes; nothing is probed. UDP has nothing to probe by.
    const bool is_udp = service_.find("protocol")->value == "\"udp\"";
    if (is_udp || service_.find("backends") == nullptr) return;
    service_.set("check", "{ tcp = true, fall = " + std::to_string(fall_) + ", rise = 1 }",
                 upstream.place, "Nginx noticed when a client's connection failed");
  }

 private:
  void method(const Statement& s) {
    if (is_shared_memory(s)) {
      notes_.implied(s.place, described(s, "all of Tandem shares its counts"));
      return;
    }
    const auto scheduler = scheduler_of(s);
    if (!scheduler) return;  // reason_to_stay() has told of it
    service_.set("scheduler", toml(*scheduler), s.place);
    if (s.keyword() == "random")
      notes_.trap(s.place, described(s, "least connections without a choice at random"));
  }

  void server(const Statement& s) {
    const auto endpoint = parse_endpoint(s.word(1));
    std::int64_t weight = 1;
    std::int64_t most = 0;
    for (std::size_t n = 2; n < s.words.size(); ++n) {
      const auto& word = s.words[n];
      if (word == "down")
        weight = 0;
      else if (const auto text = value_of(word, "weight"))
        weight = weight == 0 ? 0 : number(*text).value_or(1);
      else if (const auto conns = value_of(word, "max_conns"))
        most = number(*conns).value_or(0);
      else if (const auto fails = value_of(word, "max_fails"))
        failures(s, *fails);
      else
        notes_.implied(s.place, described(s, word + ": a check has a backend back when it passes"));
    }
    std::string value = "{ address = " + toml(endpoint->address.to_string());
    const auto port = endpoint->port == 0 ? port_ : endpoint->port;
    if (port != port_) value += ", port = " + std::to_string(port);
    value += ", weight = " + std::to_string(std::min<std::int64_t>(weight, 65535));
    if (most != 0)
      value += ", max_connections = " + std::to_string(std::min<std::int64_t>(most, 1'000'000'000));
    service_.add("backends", value + " }", s.place);
  }

  // 0 has Nginx never take a server for failed.
  void failures(const Statement& s, std::string_view text) {
    const auto count = number(text).value_or(1);
    if (count == 0)
      notes_.trap(s.place, described(s, "max_fails=0: here the check counts for it, too"));
    else
      fall_ = std::clamp<std::int64_t>(count, fall_, 100);
  }

  Table& service_;
  std::uint16_t port_;
  Notes& notes_;
  std::int64_t fall_ = 1;
};

}  // namespace

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  const auto address = IpAddress::parse(host);
  if (!address) return std::nullopt;
  if (port.empty()) return Endpoint{*address, 0};
  const auto value = number(port.substr(1));
  if (!port.starts_with(':') || !value || *value < 1 || *value > 65535) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(*value)};
}

std::string reason_to_stay(const Statement& upstream, Family family, const Gateway& gateway) {
  bool has_server = false;
  for (const auto& s : upstream.inside) {
    if (s.keyword() == "server") {
      has_server = true;
      if (const auto why = reason_of_server(s, family, gateway); !why.empty()) return why;
    } else if (!is_shared_memory(s) && !scheduler_of(s)) {
      return "a service has no " +
             shown(s.keyword() + (s.words.size() > 1 ? ' ' + s.words[1] : ""));
    }
  }
  return has_server ? "" : "its upstream has no server";
}

void set_backends(Table& service, const Statement& upstream, std::uint16_t port, Notes& notes) {
  UpstreamWriter(service, port, notes).write(upstream);
}

}  // namespace tandem::importer
