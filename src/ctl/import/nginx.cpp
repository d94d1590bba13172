// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/nginx.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <set>

#include "ctl/import/keywords.hpp"
#include "ctl/import/upstream.hpp"

namespace tandem::importer {
namespace {

const Statement* find(const Statement& block, std::string_view keyword) {
  const auto found =
      std::ranges::find(block.inside, keyword, [](const Statement& s) { return s.keyword(); });
  return found == block.inside.end() ? nullptr : &*found;
}

// What a listen takes: an address, or all of one family or of both.
struct Listen {
  std::optional<IpAddress> address;
  Family family = Family::ipv4;
  bool has_both = false;                 // [::] with ipv6only=off
  std::uint16_t port = 80, last = 80;    // of a range
  bool is_udp = false, is_plain = true;  // plain: neither TLS nor a PROXY header ends here

  [[nodiscard]] bool takes(const IpAddress& to) const {
    return address ? to == *address : has_both || to.family() == family;
  }
};

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

// ADDRESS:PORT, ADDRESS, PORT, *:PORT; PORT may be FIRST-LAST.
std::optional<Listen> parse_listen(const Statement& s) {
  Listen listen;
  std::string text = s.word(1);
  if (text.starts_with("*:")) text = text.substr(2);
  std::optional<std::uint16_t> last;
  if (const auto dash = text.rfind('-');
      dash != std::string::npos && dash > text.find_last_of(":]") + 1) {
    last = parse_port(std::string_view(text).substr(dash + 1));
    if (!last) return std::nullopt;
    text = text.substr(0, dash);
  }
  if (const auto port = parse_port(text)) {
    listen.port = *port;
  } else if (text != "*") {
    const auto endpoint = parse_endpoint(text);
    if (!endpoint) return std::nullopt;  // a UNIX socket, a name
    listen.family = endpoint->address.family();
    if (!endpoint->address.is_unspecified()) listen.address = endpoint->address;
    if (endpoint->port != 0) listen.port = endpoint->port;
  }
  listen.last = last.value_or(listen.port);
  if (listen.last < listen.port) return std::nullopt;
  for (std::size_t n = 2; n < s.words.size(); ++n) {
    const auto& word = s.words[n];
    if (word == "udp" || word == "quic") listen.is_udp = true;
    if (word == "ssl" || word == "proxy_protocol") listen.is_plain = false;
    if (word == "ipv6only=off") listen.has_both = listen.family == Family::ipv6 && !listen.address;
  }
  return listen;
}

// What a server of stream {} may say, and still do nothing but pass connections on. What is not here
// does more, or is not known; with "off" or 0 behind it it does nothing.
bool only_passes_on(const Statement& s) {
  static constexpr std::array<std::string_view, 27> kPlain{"listen",
                                                           "proxy_pass",
                                                           "proxy_bind",
                                                           "proxy_buffer_size",
                                                           "proxy_connect_timeout",
                                                           "proxy_timeout",
                                                           "proxy_socket_keepalive",
                                                           "proxy_half_close",
                                                           "proxy_next_upstream",
                                                           "proxy_next_upstream_timeout",
                                                           "proxy_next_upstream_tries",
                                                           "proxy_requests",
                                                           "proxy_responses",
                                                           "access_log",
                                                           "error_log",
                                                           "log_format",
                                                           "open_log_file_cache",
                                                           "tcp_nodelay",
                                                           "preread_buffer_size",
                                                           "preread_timeout",
                                                           "resolver",
                                                           "resolver_timeout",
                                                           "status_zone",
                                                           "variables_hash_bucket_size",
                                                           "variables_hash_max_size",
                                                           "limit_conn_zone",
                                                           "limit_conn_log_level"};
  static constexpr std::array<std::string_view, 6> kHasInside{"upstream", "server",        "map",
                                                              "geo",      "split_clients", "match"};
  if (s.has_block) return std::ranges::find(kHasInside, s.keyword()) != kHasInside.end();
  return std::ranges::find(kPlain, s.keyword()) != kPlain.end() || s.word(1) == "off" ||
         s.word(1) == "0";
}

// Settings of Nginx's proxy that a service does not have, and that do not need Nginx.
bool is_left_behind(const Statement& s) {
  static constexpr std::array<std::string_view, 9> kLeft{"proxy_connect_timeout",
                                                         "proxy_timeout",
                                                         "proxy_next_upstream",
                                                         "proxy_next_upstream_timeout",
                                                         "proxy_next_upstream_tries",
                                                         "proxy_requests",
                                                         "proxy_responses",
                                                         "status_zone",
                                                         "access_log"};
  return s.word(1) != "off" && std::ranges::find(kLeft, s.keyword()) != kLeft.end();
}

// What a server has for itself, or from the block around it. allow and deny are one list.
const Statement* first_that_does_more(const Statement& stream, const Statement& server) {
  const auto is_rule = [](const Statement& s) {
    return s.keyword() == "allow" || s.keyword() == "deny";
  };
  for (const auto& s : server.inside)
    if (!only_passes_on(s)) return &s;
  for (const auto& s : stream.inside) {
    if (only_passes_on(s)) continue;
    const bool is_replaced = std::ranges::any_of(server.inside, [&](const Statement& own) {
      return own.keyword() == s.keyword() || (is_rule(own) && is_rule(s));
    });
    if (!is_replaced) return &s;
  }
  return nullptr;
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
      if (s.keyword() == "mail") read_mail(s);
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
      listen_all(s, nullptr);
      // As root, which has virtual addresses.
      if (find(s, "listen") == nullptr) listen({s.place, {"listen", "80"}, false, {}}, nullptr);
      find_status(s, s);
    }
  }

  void read_mail(const Statement& mail) {
    for (const auto& s : mail.inside)
      if (s.keyword() == "server") listen_all(s, nullptr);
  }

  void listen_all(const Statement& server, const Statement* stream_server) {
    for (const auto& line : server.inside)
      if (line.keyword() == "listen") listen(line, stream_server);
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
      const bool v4 = listen->family == Family::ipv4 || listen->has_both;
      const auto address = listen->address ? listen->address->to_string()
                           : v4            ? "127.0.0.1"
                                           : "::1";
      return "http://" + (v4 ? address : "[" + address + "]") + ":" + std::to_string(listen->port);
    }
    return std::nullopt;
  }

  void read_stream(const Statement& stream) {
    upstreams_.clear();
    stream_ = &stream;
    for (const auto& s : stream.inside)
      if (s.keyword() == "upstream") upstreams_[s.word(1)] = &s;
    for (const auto& s : stream.inside)
      if (s.keyword() == "server") listen_all(s, &s);
  }

  // `stream_server`: the server of stream {} that it is in; null: it is HTTP's.
  void listen(const Statement& line, const Statement* stream_server) {
    auto listen = parse_listen(line);
    if (!listen) {
      if (!line.word(1).starts_with("unix:") && !line.word(1).starts_with("localhost"))
        notes_.lost(line.place, described(line,
                                          "expected a numeric address or a port; if a virtual "
                                          "address is meant, write a [[service]] with forward "
                                          "= \"local\""));
      return;
    }
    constexpr int kMostPorts = 256;
    if (listen->last - listen->port >= kMostPorts) {
      notes_.lost(line.place, described(line,
                                        "a service is one port, and more than 256 of them are "
                                        "not written out"));
      return;
    }
    const auto last = listen->last;
    for (unsigned port = listen->port; port <= last; ++port) {
      listen->port = static_cast<std::uint16_t>(port);
      for (const auto& router : gateway_.routers)
        for (const auto& address : router.addresses)
          if (listen->takes(address)) add(line, *listen, address, stream_server);
    }
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
    if (gateway_.services.size() >= kMostServices) {
      notes_.lost(line.place, described(line, "expected at most 1024 services"));
      return;
    }
    if (!taken_.insert(key_of(service)).second) return;  // several servers by name, say
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
    const auto stays = [&](const std::string& why) {
      notes_.implied(pass->place, described(*pass, "stays with Nginx: " + why));
    };
    if (!listen.is_plain) return stays("TLS or the PROXY protocol ends there");
    if (const auto* more = first_that_does_more(*stream_, server))
      return stays(more->keyword() + " (" + more->place.to_string() + ") is Nginx's to do");
    const auto upstream = upstreams_.find(pass->word(1));
    if (upstream == upstreams_.end() && !parse_endpoint(pass->word(1)))
      return stays("where it goes is known to Nginx alone");
    const Statement single{
        pass->place, {"upstream"}, true, {{pass->place, {"server", pass->word(1)}, false, {}}}};
    const auto& backends = upstream != upstreams_.end() ? *upstream->second : single;
    if (const auto why = reason_to_stay(backends, address.family(), gateway_); !why.empty())
      return stays(why);
    if (!set_forward(service, address, server, *pass))
      return stays(
          "with forward = \"fullnat\" and an address of this node in sources it would be "
          "forwarded without it");
    set_backends(service, backends, listen.port, notes_);
    for (const auto& s : backends.inside)
      if (const auto endpoint = parse_endpoint(s.word(1)); endpoint && s.keyword() == "server")
        gateway_.backends.emplace(endpoint->address, s.place);
    for (const auto* block : {&server, stream_})
      for (const auto& s : block->inside)
        if (is_left_behind(s) && (block == &server || find(server, s.keyword()) == nullptr))
          notes_.lost(s.place, described(s,
                                         "is of Nginx, which these connections do not pass any "
                                         "more; a service has no such setting"));
  }

  // Nginx's backends see this node as the client, and need no way back to the real one, unless it
  // takes the client's address (proxy_bind with "transparent"). false: no source is known.
  bool set_forward(Table& service, const IpAddress& address, const Statement& server,
                   const Statement& pass) {
    const auto* bind = find(server, "proxy_bind");
    if (bind == nullptr) bind = find(*stream_, "proxy_bind");
    const bool is_bound = bind != nullptr && bind->word(1) != "off";
    if (is_bound && bind->words.back() == "transparent") {
      service.set("forward", "\"nat\"", pass.place, "backends see clients, as with proxy_bind");
      return true;
    }
    auto source = is_bound ? IpAddress::parse(bind->word(1)) : std::nullopt;
    if (is_bound && !source) return false;
    if (!source) source = gateway_.owner_of(address)->source;
    if (!source || source->family() != address.family() || gateway_.owner_of(*source) != nullptr)
      return false;
    service.set("forward", "\"fullnat\"", pass.place);
    service.set("sources", "[" + toml(source->to_string()) + "]", pass.place,
                "backends see this node's address, as with Nginx");
    return true;
  }

  Gateway& gateway_;
  Notes& notes_;
  std::set<std::string> taken_;
  const Statement* stream_ = nullptr;  // the stream {} that is read
  std::map<std::string, const Statement*> upstreams_;
};

}  // namespace

void read_nginx(const std::vector<Statement>& statements, Gateway& gateway) {
  NginxReader(gateway).read(statements);
}

}  // namespace tandem::importer
