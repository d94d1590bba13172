// SPDX-License-Identifier: Apache-2.0
#include "import/nginx.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <set>

#include "import/keywords.hpp"
#include "import/upstream.hpp"

namespace tandem::importer {
namespace {

const Statement* find(const Statement& block, std::string_view keyword) {
  const auto found =
      std::ranges::find(block.inside, keyword, [](const Statement& s) { return s.keyword(); });
  return found == block.inside.end() ? nullptr : &*found;
}

// What a listen takes: an address, or all of one family.
struct Listen {
  std::optional<IpAddress> address;
  Family family = Family::ipv4;
  std::uint16_t port = 80;
  bool is_udp = false, is_plain = true;  // plain: neither TLS nor a PROXY header ends here
};

std::optional<Listen> parse_listen(const Statement& s) {
  Listen listen;
  std::string text = s.word(1);
  if (text.starts_with("*:")) text = text.substr(2);
  std::uint16_t port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem == std::errc{} && end == text.data() + text.size()) {
    listen.port = port;
  } else {
    const auto endpoint = parse_endpoint(text);
    if (!endpoint) return std::nullopt;  // a UNIX socket, a name
    listen.family = endpoint->address.family();
    if (!endpoint->address.is_unspecified()) listen.address = endpoint->address;
    if (endpoint->port != 0) listen.port = endpoint->port;
  }
  for (std::size_t n = 2; n < s.words.size(); ++n) {
    const auto& word = s.words[n];
    if (word == "udp" || word == "quic") listen.is_udp = true;
    if (word == "ssl" || word == "proxy_protocol") listen.is_plain = false;
  }
  return listen.port == 0 ? std::nullopt : std::optional(listen);
}

class NginxReader {
 public:
  explicit NginxReader(Gateway& gateway) : gateway_(gateway), notes_(gateway.notes) {
    for (const auto& service : gateway.services) taken_.insert(key_of(service));
  }

  void read(const std::vector<Statement>& statements) {
    for (const auto& s : statements) {
      if (s.keyword() == "http") read_http(s);
      if (s.keyword() == "stream") read_stream(s);
    }
  }

 private:
  static std::string key_of(const Table& service) {
    return service.find("address")->value + service.find("protocol")->value +
           service.find("port")->value;
  }

  void read_http(const Statement& http) {
    for (const auto& s : http.inside) {
      if (s.keyword() == "upstream")
        notes_.implied(s.place, described(s, "stays with Nginx: it balances HTTP requests"));
      if (s.keyword() != "server") continue;
      for (const auto& line : s.inside)
        if (line.keyword() == "listen") listen(line, nullptr);
      find_status(s, s);
    }
  }

  // Where Nginx tells its own figures, somewhere in `server`.
  void find_status(const Statement& server, const Statement& block) {
    for (const auto& s : block.inside) {
      if (s.keyword() == "location") find_status(server, s);
      if (s.keyword() != "stub_status") continue;
      const auto origin = origin_of(server);
      const auto path = path_of(block);
      if (!origin || !path || gateway_.nginx) {
        notes_.implied(s.place,
                       described(s, gateway_.nginx ? "one is enough, and stands in [nginx]"
                                                   : "no plain URL leads there at all times; for "
                                                     "its metrics write one into [nginx]"));
        continue;
      }
      gateway_.nginx = Table{"[nginx]", s.place, {}, {}};
      gateway_.nginx->set("stub_status", toml(*origin + *path), s.place);
    }
  }

  // "/path" or "= /path", as it stands in a URL; not by a regular expression, or by name.
  static std::optional<std::string> path_of(const Statement& location) {
    const bool is_exact = location.word(1) == "=" || location.word(1) == "^~";
    const auto path = location.word(is_exact ? 2 : 1);
    const auto is_plain = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
             std::string_view("-._~/").contains(c);
    };
    return location.keyword() == "location" && path.starts_with("/") &&
                   std::ranges::all_of(path, is_plain)
               ? std::optional(path)
               : std::nullopt;
  }

  // How a server is reached from this node whether it is Active or not.
  std::optional<std::string> origin_of(const Statement& server) const {
    for (const auto& line : server.inside) {
      if (line.keyword() != "listen") continue;
      const auto listen = parse_listen(line);
      if (!listen || !listen->is_plain || listen->is_udp) continue;
      if (listen->address && gateway_.owner_of(*listen->address) != nullptr) continue;
      const bool v4 = listen->family == Family::ipv4;
      const auto address = listen->address ? listen->address->to_string()
                           : v4            ? "127.0.0.1"
                                           : "::1";
      return "http://" + (v4 ? address : "[" + address + "]") + ":" + std::to_string(listen->port);
    }
    return std::nullopt;
  }

  void read_stream(const Statement& stream) {
    upstreams_.clear();
    for (const auto& s : stream.inside)
      if (s.keyword() == "upstream") upstreams_[s.word(1)] = &s;
    for (const auto& s : stream.inside) {
      if (s.keyword() != "server") continue;
      for (const auto& line : s.inside)
        if (line.keyword() == "listen") listen(line, &s);
    }
  }

  // `stream_server`: the server of stream {} that it is in; null: it is HTTP's.
  void listen(const Statement& line, const Statement* stream_server) {
    const auto listen = parse_listen(line);
    if (!listen) return;  // not reached through a virtual address
    for (const auto& router : gateway_.routers)
      for (const auto& address : router.addresses)
        if (listen->address ? address == *listen->address : address.family() == listen->family)
          add(line, *listen, address, stream_server);
  }

  void add(const Statement& line, const Listen& listen, const IpAddress& address,
           const Statement* stream_server) {
    const auto text = address.to_string();
    Table service{"[[service]]", line.place, {}, {}};
    const std::string port = std::to_string(listen.port);
    service.set("name",
                toml((address.is_v4() ? text : "[" + text + "]") + ":" + port +
                     (listen.is_udp ? "/udp" : "")),
                line.place);
    service.set("address", toml(text), line.place);
    service.set("protocol", listen.is_udp ? "\"udp\"" : "\"tcp\"", line.place);
    service.set("port", port, line.place);
    service.set("forward", "\"local\"", line.place);
    if (gateway_.services.size() > kMostServices) return;  // `config` refuses that many
    if (!taken_.insert(key_of(service)).second) return;    // several servers by name, say
    const auto first = notes_.size();
    if (stream_server != nullptr) pass_on(service, listen, address, *stream_server);
    service.comments = notes_.place_from(first);
    gateway_.services.push_back(std::move(service));
  }

  // Without Nginx, if all that it does is to pass connections on.
  void pass_on(Table& service, const Listen& listen, const IpAddress& address,
               const Statement& server) {
    const auto* pass = find(server, "proxy_pass");
    if (pass == nullptr) return;
    static constexpr std::array<std::string_view, 4> kMore{"proxy_ssl", "proxy_protocol",
                                                           "ssl_preread", "js_filter"};
    const auto does_more = std::ranges::any_of(
        kMore, [&](std::string_view keyword) { return find(server, keyword) != nullptr; });
    const auto upstream = upstreams_.find(pass->word(1));
    const auto endpoint = parse_endpoint(pass->word(1));
    if (!listen.is_plain || does_more || (upstream == upstreams_.end() && !endpoint)) {
      notes_.implied(pass->place, described(*pass,
                                            "stays with Nginx, which does more than pass "
                                            "connections on"));
      return;
    }
    const Statement single{
        pass->place, {"upstream"}, true, {{pass->place, {"server", pass->word(1)}, false, {}}}};
    set_backends(service, upstream != upstreams_.end() ? *upstream->second : single, listen.port,
                 address.family(), notes_);
    if (service.find("backends") == nullptr) {  // none that a service can have
      std::erase_if(service.settings, [](const Setting& s) { return s.key == "scheduler"; });
      return;
    }
    set_forward(service, address, server, *pass);
  }

  // Nginx's backends see this node as the client, and need no way back to the real one.
  void set_forward(Table& service, const IpAddress& address, const Statement& server,
                   const Statement& pass) {
    const auto* bind = find(server, "proxy_bind");
    auto source = bind != nullptr ? IpAddress::parse(bind->word(1)) : std::nullopt;
    if (!source) source = gateway_.owner_of(address)->source;
    if (source && source->family() == address.family()) {
      service.set("forward", "\"fullnat\"", pass.place);
      service.set("sources", "[" + toml(source->to_string()) + "]", pass.place,
                  "backends see this node's address, as with Nginx");
      return;
    }
    service.set("forward", "\"nat\"", pass.place);
    notes_.trap(pass.place, described(pass,
                                      "backends have to reach clients through this node; "
                                      "where they do not, use forward = \"fullnat\" with an "
                                      "address of this node in sources, as Nginx does"));
  }

  Gateway& gateway_;
  Notes& notes_;
  std::set<std::string> taken_;
  std::map<std::string, const Statement*> upstreams_;
};

}  // namespace

void read_nginx(const std::vector<Statement>& statements, Gateway& gateway) {
  NginxReader(gateway).read(statements);
}

}  // namespace tandem::importer
