// SPDX-License-Identifier: Apache-2.0
#include "import/upstream.hpp"

#include <algorithm>
#include <charconv>

#include "import/keywords.hpp"

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

class UpstreamWriter {
 public:
  UpstreamWriter(Table& service, std::uint16_t port, Family family, Notes& notes)
      : service_(service), port_(port), family_(family), notes_(notes) {}

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
    const auto& word = s.keyword();
    const auto choose = [&](const char* scheduler) {
      service_.set("scheduler", scheduler, s.place);
    };
    if (word == "least_conn") return choose("\"least_conn\"");
    if (word == "ip_hash") return choose("\"source_hash\"");
    if (word == "zone" || word == "keepalive") {
      notes_.implied(s.place, described(s, "all of Tandem shares its counts"));
      return;
    }
    if (word == "hash" && (s.word(1) == "$remote_addr" || s.word(1) == "$binary_remote_addr"))
      return choose(s.word(2) == "consistent" ? "\"maglev\"" : "\"source_hash\"");
    if (word == "random") {
      choose("\"least_conn\"");
      notes_.trap(s.place, described(s, "least connections without a choice at random"));
      return;
    }
    notes_.lost(s.place, described(s, "a service has no such setting"));
  }

  void server(const Statement& s) {
    const auto endpoint = parse_endpoint(s.word(1));
    if (!endpoint || endpoint->address.family() != family_) {
      notes_.lost(s.place, described(s, std::string("a backend is a numeric address, and ") +
                                            to_string(family_) + " here"));
      return;
    }
    std::int64_t weight = 1;
    std::int64_t most = 0;
    for (std::size_t n = 2; n < s.words.size(); ++n) {
      const auto& word = s.words[n];
      if (word == "backup") {
        notes_.lost(s.place, described(s,
                                       "no backend waits for others to fail; with its own weight "
                                       "it would take its share"));
        return;
      }
      if (word == "down")
        weight = 0;
      else if (const auto text = value_of(word, "weight"))
        weight = weight == 0 ? 0 : number(*text).value_or(1);
      else if (const auto conns = value_of(word, "max_conns"))
        most = number(*conns).value_or(0);
      else if (const auto fails = value_of(word, "max_fails"))
        failures(s, *fails);
      else if (value_of(word, "fail_timeout"))
        notes_.implied(s.place, described(s, word + ": a check has a backend back when it passes"));
      else
        notes_.lost(s.place, described(s, shown(word) + ": a backend has no such setting"));
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
  Family family_;
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

void set_backends(Table& service, const Statement& upstream, std::uint16_t port, Family family,
                  Notes& notes) {
  UpstreamWriter(service, port, family, notes).write(upstream);
}

}  // namespace tandem::importer
