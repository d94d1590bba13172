// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/virtual_server.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "ctl/import/keywords.hpp"
#include "ctl/import/script_user.hpp"
#include "ctl/import/value.hpp"

namespace tandem::importer {
namespace {

using Kind = Note::Kind;
using std::chrono::hours;
using std::chrono::seconds;

constexpr std::string_view kScript =
    "there are no scripts for changes of a backend; follow the events";
constexpr std::string_view kFlag = "it is a flag of an IPVS scheduler";
constexpr std::string_view kUp = "a backend is up until its first check";

constexpr std::array kServerFates{
    Fate{"persistence_engine", Kind::lost, "affinity is by the client's address"},
    Fate{"ha_suspend", Kind::lost, "backends are checked on both nodes"},
    Fate{"smtp_alert", Kind::lost, kNoMail},
    Fate{"virtualhost", Kind::lost, "checks ask for the backend's address as host"},
    Fate{"snmp_name", Kind::implied, "there is no SNMP"},
    Fate{"alpha", Kind::lost, kUp},
    Fate{"omega", Kind::implied, "nothing is run at the end"},
    Fate{"hysteresis", Kind::lost, "a quorum comes and goes at the same weight"},
    Fate{"ip_family", Kind::implied, "the address tells the family"},
    Fate{"sorry_server_inhibit", Kind::implied,
         "flows that are there stay with a backup that is not needed any more"},
    Fate{"warmup", Kind::implied, "first checks are spread over their interval"},
    Fate{"inhibit_on_failure", Kind::implied,
         "flows that are there stay with a backend that is down"},
    Fate{"hashed", Kind::implied, "IPVS always has it so"},
    Fate{"flag-1", Kind::lost, kFlag},
    Fate{"flag-2", Kind::lost, kFlag},
    Fate{"flag-3", Kind::lost, kFlag},
    Fate{"sh-port", Kind::lost, kFlag},
    Fate{"sh-fallback", Kind::implied, "a backend that is down is not picked"},
    Fate{"mh-port", Kind::implied, "maglev hashes the port, too"},
    Fate{"mh-fallback", Kind::implied, "a backend that is down is not picked"},
};

constexpr std::array kRealFates{
    Fate{"notify_up", Kind::lost, kScript},
    Fate{"notify_down", Kind::lost, kScript},
    Fate{"lthreshold", Kind::lost, "a full backend takes new flows as soon as it has room"},
    Fate{"smtp_alert", Kind::lost, kNoMail},
    Fate{"virtualhost", Kind::lost, "checks ask for the backend's address as host"},
    Fate{"snmp_name", Kind::implied, "there is no SNMP"},
    Fate{"alpha", Kind::lost, kUp},
    Fate{"warmup", Kind::implied, "first checks are spread over their interval"},
    Fate{"inhibit_on_failure", Kind::implied,
         "flows that are there stay with a backend that is down"},
};

Result<std::string> forward_of(const Statement& s, Notes& notes) {
  const auto word = s.word(1);
  if (word == "NAT") return "nat";
  if (word == "DR") return "dsr";
  if (word != "TUN") return unexpected_word(s, 1, "NAT, DR or TUN");
  if (s.words.size() > 2 && s.word(3) != "ipip")
    notes.lost(s.place, described(s, "a tunnel is IP in IP; the backends have to unpack that"));
  return "tunnel";
}

// The address and the port behind the keyword.
Result<Entry> entry_at(const Statement& s) {
  const auto address = address_at(s);
  if (!address) return std::unexpected(address.error());
  Entry entry{*address, 0, s.place};
  if (s.words.size() == 2) return entry;
  const auto port = integer_at(s, 0, 65535, 2);
  if (!port) return std::unexpected(port.error());
  entry.port = static_cast<std::uint16_t>(*port);
  return entry;
}

void note_all_overruled(const Statement& block, Notes& notes) {
  const std::span<const Statement> all(block.inside);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (!is_checker(all[i])) note_overruled(all[i], all.subspan(i + 1), notes);
}

class RealReader {
 public:
  explicit RealReader(Gateway& gateway) : gateway_(gateway) {}

  Result<RealServer> read(const Statement& block) {
    const auto entry = entry_at(block);
    if (!entry) return std::unexpected(entry.error());
    server_.address = entry->address;
    server_.port = entry->port;
    server_.place = block.place;
    for (const auto& s : block.inside) one(s);
    note_all_overruled(block, gateway_.notes);
    return std::move(server_);
  }

 private:
  void one(const Statement& s) {
    if (is_checker(s)) return read_checker(s, server_.checkers, gateway_);
    if (server_.timing.take(s, gateway_.notes)) return;
    using R = RealReader;
    static constexpr std::array kKeywords{
        Keyword<R>{"weight", &R::weight},
        Keyword<R>{"lvs_method", &R::method, 6},
        Keyword<R>{"lb_kind", &R::method, 6},
        Keyword<R>{"uthreshold", &R::threshold},
    };
    read_block<R>(*this, {&s, 1}, kKeywords, kRealFates, "real_server", gateway_.notes);
  }

  Result<void> weight(const Statement& s) {
    const auto weight = integer_at(s, 0, 65535);
    if (!weight) return std::unexpected(weight.error());
    server_.weight = *weight;
    return {};
  }
  Result<void> threshold(const Statement& s) {
    const auto most = integer_within(s, 0, 1'000'000'000, gateway_.notes);
    if (!most) return std::unexpected(most.error());
    server_.most_connections = *most;
    return {};
  }
  Result<void> method(const Statement& s) {
    const auto forward = forward_of(s, gateway_.notes);
    if (!forward) return std::unexpected(forward.error());
    server_.forward = *forward;
    return {};
  }

  Gateway& gateway_;
  RealServer server_;
};

class VirtualReader {
 public:
  explicit VirtualReader(Gateway& gateway) : gateway_(gateway) {}

  VirtualServer read(const Statement& block) {
    server_.place = server_.scheduler_place = server_.forward_place = block.place;
    for (const auto& s : block.inside)
      if (!server_.timing.take(s, gateway_.notes)) one(s);
    if (server_.sorry_server) server_.sorry_server->forward = sorry_method_;
    note_all_overruled(block, gateway_.notes);
    return std::move(server_);
  }

 private:
  void one(const Statement& s) {
    using R = VirtualReader;
    static constexpr std::array kKeywords{
        Keyword<R>{"protocol", &R::protocol},
        Keyword<R>{"lb_algo", &R::scheduler},
        Keyword<R>{"lvs_sched", &R::scheduler},
        Keyword<R>{"lb_kind", &R::method, 6},
        Keyword<R>{"lvs_method", &R::method, 6},
        Keyword<R>{"persistence_timeout", &R::persistence},
        Keyword<R>{"weight", &R::weight},
        Keyword<R>{"persistence_granularity", &R::granularity},
        Keyword<R>{"ops", &R::one_packet},
        Keyword<R>{"quorum", &R::quorum},
        Keyword<R>{"quorum_up", &R::quorum_up, 4},
        Keyword<R>{"quorum_down", &R::quorum_down, 4},
        Keyword<R>{"sorry_server", &R::sorry_server, 3},
        Keyword<R>{"sorry_server_lvs_method", &R::sorry_method, 6},
        Keyword<R>{"real_server", &R::real_server, 3},
    };
    read_block<R>(*this, {&s, 1}, kKeywords, kServerFates, "virtual_server", gateway_.notes);
  }

  Result<void> protocol(const Statement& s) {
    auto word = s.word(1);
    for (char& c : word)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (word != "tcp" && word != "udp" && word != "sctp")
      return unexpected_word(s, 1, "TCP, UDP or SCTP");
    server_.protocol = word;
    return {};
  }
  Result<void> weight(const Statement& s) {
    const auto weight = integer_at(s, 1, 65535);
    if (!weight) return std::unexpected(weight.error());
    server_.weight = *weight;
    return {};
  }
  Result<void> quorum(const Statement& s) {
    const auto quorum = integer_at(s, 1, UINT32_MAX);
    if (!quorum) return fail(quorum.error().message + "; keepalived takes 1");
    server_.quorum = std::min<std::int64_t>(*quorum, 1'000'000'000);
    server_.quorum_place = s.place;
    return {};
  }
  Result<void> quorum_up(const Statement& s) { return command(s, server_.quorum_up); }
  Result<void> quorum_down(const Statement& s) { return command(s, server_.quorum_down); }
  Result<void> command(const Statement& s, std::string& command) {
    const auto script = script_to_run(s, 1, gateway_);
    if (!script) return std::unexpected(script.error());
    command = toml(command_of(*script));
    server_.quorum_place = s.place;
    return {};
  }
  Result<void> one_packet(const Statement& s) {
    server_.one_packet = s.place;
    return {};
  }
  // A netmask with IPv4, a length with IPv6.
  Result<void> granularity(const Statement& s) {
    server_.granularity_place = s.place;
    if (const auto mask = IpAddress::parse(s.word(1)); mask && mask->is_v4()) {
      std::uint32_t bits = 0;
      for (const auto byte : mask->bytes()) bits = bits << 8 | byte;
      const int length = std::countl_one(bits);
      if (length == 0 || length != std::popcount(bits)) return unexpected_word(s, 1, "a netmask");
      server_.granularity = VirtualServer::Granularity{length, false};
      return {};
    }
    const auto length = integer_at(s, 1, 128);
    if (!length) return unexpected_word(s, 1, "a netmask, or a length from 1 to 128");
    server_.granularity = VirtualServer::Granularity{static_cast<int>(*length), true};
    return {};
  }
  Result<void> sorry_server(const Statement& s) {
    const auto entry = entry_at(s);
    if (!entry) return std::unexpected(entry.error());
    RealServer& sorry = server_.sorry_server.emplace();
    sorry.address = entry->address;
    sorry.port = entry->port;
    sorry.place = s.place;
    return {};
  }
  Result<void> sorry_method(const Statement& s) {
    const auto forward = forward_of(s, gateway_.notes);
    if (!forward) return std::unexpected(forward.error());
    sorry_method_ = *forward;
    return {};
  }
  Result<void> scheduler(const Statement& s) {
    const auto word = text_at(s);
    if (!word) return std::unexpected(word.error());
    server_.scheduler = *word;
    server_.scheduler_place = s.place;
    return {};
  }
  Result<void> method(const Statement& s) {
    const auto forward = forward_of(s, gateway_.notes);
    if (!forward) return std::unexpected(forward.error());
    server_.forward = *forward;
    server_.forward_place = s.place;
    return {};
  }
  Result<void> persistence(const Statement& s) {
    constexpr Duration kUsual = seconds(360);
    const auto time = s.words.size() == 1
                          ? Result<Duration>(kUsual)
                          : seconds_within(s, seconds(1), hours(24), gateway_.notes);
    if (!time) return std::unexpected(time.error());
    server_.persistence = *time;
    server_.persistence_place = s.place;
    return {};
  }
  Result<void> real_server(const Statement& s) {
    auto server = RealReader(gateway_).read(s);
    if (!server) return std::unexpected(server.error());
    const auto is_same = [&](const RealServer& known) {
      return known.address == server->address && known.port == server->port;
    };
    if (std::ranges::any_of(server_.servers, is_same))
      return fail(described(s, "is there twice, and keepalived takes the first"));
    server_.servers.push_back(std::move(*server));
    return {};
  }

  Gateway& gateway_;
  VirtualServer server_;
  std::string sorry_method_;  // empty: as the real servers
};

}  // namespace

VirtualServer read_virtual_server(const Statement& block, Gateway& gateway) {
  return VirtualReader(gateway).read(block);
}

}  // namespace tandem::importer
