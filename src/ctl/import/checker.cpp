// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/checker.hpp"

#include <algorithm>
#include <array>

#include "ctl/import/keywords.hpp"
#include "ctl/import/script_user.hpp"
#include "ctl/import/value.hpp"

namespace tandem::importer {
namespace {

using Kind = Note::Kind;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array kNone{std::string_view("SMTP_CHECK"), std::string_view("DNS_CHECK"),
                           std::string_view("BFD_CHECK"),  std::string_view("PING_CHECK"),
                           std::string_view("UDP_CHECK"),  std::string_view("FILE_CHECK")};

constexpr std::string_view kResponse =
    "the status alone counts; a service's check with a command may look at the page";

constexpr std::array kCheckerFates{
    Fate{"bindto", Kind::lost, "checks come from the address that the route has"},
    Fate{"bind_if", Kind::lost, "checks come from the address that the route has"},
    Fate{"bind_port", Kind::lost, "checks come from any port"},
    Fate{"fwmark", Kind::lost, "checks have no mark"},
    Fate{"connect_ip", Kind::lost, "a check goes to the backend's address"},
    Fate{"warmup", Kind::implied, "first checks are spread over their interval"},
    Fate{"alpha", Kind::lost, "a backend is up until its first check"},
    Fate{"log_all_failures", Kind::implied, "the last failure of each check is shown"},
    Fate{"http_protocol", Kind::lost, "checks are HTTP/1.1"},
    Fate{"name", Kind::lost, kResponse},
    Fate{"fast_recovery", Kind::implied, "one pass brings a backend up"},
    Fate{"enable_sni", Kind::implied, "checks by HTTPS send the name that is asked for"},
    Fate{"misc_dynamic", Kind::lost, "a check does not set weights"},
    Fate{"digest", Kind::lost, kResponse},
    Fate{"regex", Kind::lost, kResponse},
    Fate{"regex_no_match", Kind::lost, kResponse},
    Fate{"regex_options", Kind::lost, kResponse},
    Fate{"regex_stack", Kind::lost, kResponse},
    Fate{"regex_min_offset", Kind::lost, kResponse},
    Fate{"regex_max_offset", Kind::lost, kResponse},
};

class CheckerReader {
 public:
  CheckerReader(Checker& checker, Gateway& gateway) : checker_(checker), gateway_(gateway) {}

  void read(const Statement& block) {
    for (const auto& s : block.inside)
      if (!checker_.timing.take(s, gateway_.notes)) one(s, block.keyword());
  }

 private:
  void one(const Statement& s, const std::string& block) {
    using R = CheckerReader;
    static constexpr std::array kKeywords{
        Keyword<R>{"connect_port", &R::port},
        Keyword<R>{"url", &R::url},
        Keyword<R>{"path", &R::path},
        Keyword<R>{"status_code", &R::status, 64},
        Keyword<R>{"virtualhost", &R::host},
        Keyword<R>{"misc_path", &R::script, 4},
        Keyword<R>{"misc_timeout", &R::timeout},
        Keyword<R>{"user", &R::user, 3},
    };
    read_block<R>(*this, {&s, 1}, kKeywords, kCheckerFates, block, gateway_.notes);
  }

  Result<void> port(const Statement& s) {
    const auto port = integer_at(s, 1, 65535);
    if (!port) return std::unexpected(port.error());
    checker_.port = static_cast<std::uint16_t>(*port);
    return {};
  }

  Result<void> url(const Statement& s) {
    if (std::exchange(has_url_, true)) {
      gateway_.notes.lost(s.place, "url: a check asks for one path, and that is the first");
      return {};
    }
    read(s);
    return {};
  }

  Result<void> path(const Statement& s) {
    if (!s.word(1).starts_with('/')) return unexpected_word(s, 1, "a path such as /health");
    checker_.target = s.word(1);
    return {};
  }

  Result<void> host(const Statement& s) {
    const auto host = text_at(s);
    if (!host) return std::unexpected(host.error());
    checker_.host = *host;
    return {};
  }

  Result<void> status(const Statement& s) {
    checker_.has_status = true;
    for (std::size_t i = 1; i < s.words.size(); i++) {
      const std::string& word = s.word(i);
      const auto is_status = [](std::string_view digits) {
        return digits.size() == 3 && digits[0] != '0' &&
               digits.find_first_not_of("0123456789") == std::string_view::npos;
      };
      const auto dash = word.find('-');
      const std::string_view all = word;
      if (!is_status(all.substr(0, dash)) ||
          (dash != std::string::npos && !is_status(all.substr(dash + 1)))) {
        checker_.status.clear();
        return unexpected_word(s, i, "a status such as 200 or 200-299");
      }
      checker_.status.push_back(word);
    }
    return {};
  }

  Result<void> script(const Statement& s) {
    auto script = script_to_run(s, 1, gateway_);
    if (!script) return std::unexpected(script.error());
    if (!checker_.script.user.empty()) {
      script->user = checker_.script.user;
      script->group = checker_.script.group;
    }
    checker_.script = *script;
    return {};
  }

  Result<void> user(const Statement& s) {
    const auto user = text_at(s);
    if (!user) return std::unexpected(user.error());
    checker_.script.user = *user;
    checker_.script.group = s.word(2);
    return {};
  }

  Result<void> timeout(const Statement& s) {
    const auto timeout = seconds_within(s, milliseconds(1), hours(1), gateway_.notes);
    if (!timeout) return std::unexpected(timeout.error());
    checker_.timeout = *timeout;
    return {};
  }

  Checker& checker_;
  Gateway& gateway_;
  bool has_url_ = false;
};

// The address and the port that Tandem appends, as $0 and $1, in place of these very words.
std::string with_parameters(const Script& script, const IpAddress& address, std::uint16_t port) {
  std::string line;
  for (const auto& word : script.words) {
    if (!line.empty()) line += ' ';
    line += word == address.to_string()    ? "\"$0\""
            : word == std::to_string(port) ? "\"$1\""
                                           : shell_quoted(word);
  }
  return line;
}

// keepalived appends nothing to a script; Tandem appends the two words that are taken out here.
std::string command_value(const Script& script, const IpAddress& address, std::uint16_t port,
                          bool for_any) {
  if (!for_any || script.words.empty()) return toml(command_of(script));
  return toml(run_as(script, shell_command("exec " + with_parameters(script, address, port))));
}

constexpr Duration kDelayLoop = seconds(60);
constexpr Duration kConnectTimeout = seconds(5);

}  // namespace

bool Timing::take(const Statement& s, Notes& notes) {
  const auto keep = [&](std::optional<Duration>& to) {
    const auto time = seconds_within(s, {}, hours(1), notes);
    if (time)
      to = *time;
    else
      notes.lost(s.place, time.error().message);
    return true;
  };
  const auto& keyword = s.keyword();
  if (keyword == "delay_loop") return keep(delay_loop);
  if (keyword == "connect_timeout") return keep(connect_timeout);
  if (keyword == "delay_before_retry") return keep(delay_before_retry);
  if (keyword != "retry" && keyword != "nb_get_retry") return false;
  const auto count = integer_within(s, 0, 99, notes);
  if (count)
    retry = *count;
  else
    notes.lost(s.place, count.error().message);
  return true;
}

Timing Timing::over(const Timing& outer) const {
  return {delay_loop ? delay_loop : outer.delay_loop,
          connect_timeout ? connect_timeout : outer.connect_timeout,
          delay_before_retry ? delay_before_retry : outer.delay_before_retry,
          retry ? retry : outer.retry};
}

bool is_checker(const Statement& s) {
  const auto& word = s.keyword();
  return word == "HTTP_GET" || word == "SSL_GET" || word == "TCP_CHECK" || word == "MISC_CHECK" ||
         std::ranges::find(kNone, word) != kNone.end();
}

void read_checker(const Statement& block, std::vector<Checker>& checkers, Gateway& gateway) {
  const auto& word = block.keyword();
  if (std::ranges::find(kNone, word) != kNone.end()) {
    gateway.notes.lost(block.place, word + ": checks are http, https, tcp or command");
    return;
  }
  Checker checker;
  checker.place = block.place;
  checker.kind = word == "HTTP_GET"    ? "http"
                 : word == "SSL_GET"   ? "https"
                 : word == "TCP_CHECK" ? "tcp"
                                       : "command";
  const bool is_http = checker.kind.starts_with("http");
  checker.default_retry = checker.kind == "command" ? 0 : 1;
  if (is_http) checker.target = "/";
  CheckerReader(checker, gateway).read(block);
  if (checker.kind == "command" && checker.script.text.empty()) {
    gateway.notes.lost(block.place,
                       "MISC_CHECK: has no misc_path that is run; keepalived leaves it out, too");
    return;
  }
  if (is_http && !checker.has_status) checker.status = {"200-299"};  // as keepalived has it
  checkers.push_back(std::move(checker));
}

std::string check_value(const Checker& checker, const Timing& outer, const Checked& server,
                        bool for_any) {
  const auto timing = checker.timing.over(outer);
  const auto interval =
      std::max<Duration>(timing.delay_loop.value_or(kDelayLoop), milliseconds(10));
  Duration timeout = timing.connect_timeout.value_or(kConnectTimeout);
  std::string value = "{ " + checker.kind + " = ";
  if (checker.kind == "command") {
    value += command_value(checker.script, server.address, server.port, for_any);
    timeout = checker.timeout.value_or(interval);
  } else {
    value += checker.kind == "tcp" ? "true" : toml(checker.target);
  }
  if (!checker.host.empty()) value += ", host = " + toml(checker.host);
  if (!checker.status.empty()) {
    value += ", status = [";
    for (std::size_t i = 0; i < checker.status.size(); i++)
      value += (i == 0 ? "" : ", ") + toml(checker.status[i]);
    value += "]";
  }
  const auto port = checker.port.value_or(server.target);
  if (checker.kind != "command" && port != server.port) value += ", port = " + std::to_string(port);
  value += ", interval = " + toml(interval);
  value += ", timeout = " + toml(std::max<Duration>(timeout, milliseconds(1)));
  value += ", fall = " + std::to_string(timing.retry.value_or(checker.default_retry) + 1);
  return value + ", rise = 1 }";
}

Patience patience_of(const Checker& checker, const Timing& outer) {
  const auto timing = checker.timing.over(outer);
  const auto interval = timing.delay_loop.value_or(kDelayLoop);
  const auto retry = timing.retry.value_or(checker.default_retry);
  const Duration usual = checker.kind.starts_with("http") ? seconds(3) : seconds(1);
  return {interval * (retry + 1), interval + timing.delay_before_retry.value_or(usual) * retry};
}

}  // namespace tandem::importer
