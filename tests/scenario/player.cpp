// SPDX-License-Identifier: Apache-2.0
#include "player.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <stdexcept>

namespace tandem::scenario {
namespace {

constexpr std::uint16_t kInterface = 7;

[[noreturn]] void complain(const std::string& what) {
  throw std::runtime_error(what);
}

std::string join(const std::vector<std::string>& words, std::size_t from) {
  std::string text;
  for (std::size_t i = from; i < words.size(); ++i) text += (text.empty() ? "" : " ") + words[i];
  return text;
}

template <class Target>
void set_all(Target& target, const std::vector<std::string>& words, std::size_t from) {
  for (std::size_t i = from; i < words.size(); ++i) {
    const auto equals = words[i].find('=');
    if (equals == std::string::npos) complain("no KEY=VALUE: " + words[i]);
    set(target, words[i].substr(0, equals), words[i].substr(equals + 1));
  }
}

}  // namespace

std::optional<std::string> Player::play(std::istream& timeline) {
  int number = 0;
  try {
    for (std::string text; std::getline(timeline, text);) {
      ++number;
      const Words words = split(text.substr(0, text.find('#')), ' ');
      if (!words.empty()) line(words);
    }
    if (!happened_.empty()) complain("at the end, not expected: " + happened_.front().what);
  } catch (const std::exception& e) {
    return "line " + std::to_string(number) + ": " + e.what();
  }
  return std::nullopt;
}

void Player::line(Words words) {
  const bool timed = words[0] == "at";
  std::optional<MonotonicTime> when;
  if (timed) {
    when = kOrigin + parse_time(words.at(1));
    words.erase(words.begin(), words.begin() + 2);
  }
  router_ = 0;
  if (words.at(0).ends_with(':')) {
    const auto name = std::ranges::find(names_, words[0].substr(0, words[0].size() - 1));
    if (name == names_.end()) complain("no such router: " + words[0]);
    router_ = static_cast<vrrp::RouterId>(name - names_.begin());
    words.erase(words.begin());
  }
  if (when) advance(*when);
  if (words[0] == "router") return declare(words);
  if (words[0] == "mute") return muted_.insert(words.begin() + 1, words.end());
  if (words[0] == "hear") return muted_.clear();
  if (words[0] == "expect") return expect(words);
  event(words);
}

void Player::declare(const Words& words) {
  names_.push_back(words.at(1));
  plans_.push_back(default_plan());
  set_all(plans_.back(), words, 2);
  plans_.back().settings.name = words[1];
}

// Deadlines before `to` fire in time. One at `to` fires after the events of that instant: a
// driver reads adverts before it looks at the clock.
void Player::advance(MonotonicTime to) {
  if (to < now_) complain("time runs backwards");
  run_due(to - Duration(1));
  now_ = std::max(now_, to);
}

void Player::run_due(MonotonicTime until) {
  while (set_.next_deadline() <= until) {
    now_ = std::max(now_, set_.next_deadline());
    set_.on_time(now_, actions_);
    collect();
  }
}

void Player::collect() {
  // What became of an advert is known at once, and may ask for more.
  for (std::size_t i = 0; i < actions_.size(); ++i) {
    const vrrp::Action action = actions_[i];
    const auto* advert = std::get_if<vrrp::SendAdvert>(&action);
    if (advert != nullptr && advert->priority != vrrp::kResignPriority) {
      set_.on_sent(advert->router, stuck_ ? EMSGSIZE : 0, now_, actions_);
    }
    const std::string what = describe(action);
    if (muted_.contains(what.substr(0, what.find(' ')))) continue;
    const vrrp::RouterId router = router_of(action);
    happened_.push_back({now_, router == 0 ? what : names_[router] + ": " + what});
  }
  actions_.clear();
}

void Player::event(const Words& words) {
  if (!happened_.empty()) {
    complain("not expected, at " + describe(happened_.front().when - kOrigin) + ": " +
             happened_.front().what);
  }
  const std::string& verb = words[0];
  if (verb == "start") {
    start();
  } else if (verb == "advert") {
    advert(words);
  } else if (verb == "track") {
    const std::uint16_t source = track_source(words.at(1));
    const bool up = words.at(2) == "up";
    if (up) fails_.erase(source);
    if (!up) fails_.insert(source);
    set_.on_track(source, up, now_, actions_);
  } else if (verb == "interface") {
    const IpAddress source = words.size() > 2 ? parse_address(words[2]) : plan().source;
    set_.on_interface(kInterface, words.at(1) == "up", source, source, now_, actions_);
  } else if (verb == "update") {
    set_all(plan(), words, 1);
    set_.update(router_, plan().settings, now_, actions_);
  } else if (verb == "backends") {
    set_.set_backends_up(router_, words.at(1) == "up");
  } else if (verb == "control") {
    const bool runs = words.at(1) == "runs";
    set_.on_control(runs ? Duration{} : parse_time(words.at(2)), now_, actions_);
  } else if (verb == "installed") {
    set_.on_installed(router_, now_, actions_);
  } else if (verb == "in_sync") {
    set_.set_in_sync(router_, words.at(1) == "yes");
  } else if (verb == "peer") {
    peer_says(words);
  } else if (verb == "failover" || verb == "back") {
    if (!fail_over(verb, join(words, 1))) complain(verb + " was refused");
  } else if (verb == "refused") {
    if (fail_over(words.at(1), {})) complain("not refused");
  } else if (verb == "shutdown") {
    set_.shut_down(now_, actions_);
  } else if (verb == "remove") {
    set_.remove(router_, now_, actions_);
  } else if (verb == "adverts") {
    stuck_ = words.at(1) == "stuck";
  } else if (verb == "stall") {
    now_ = kOrigin + parse_time(words.at(2));
  } else {
    complain("no such event: " + verb);
  }
  collect();
}

bool Player::fail_over(const std::string& verb, const std::string& how) {
  if (verb == "back") return set_.back(router_, now_, actions_);
  return set_.hand_over(router_, how == "forced", now_, actions_);
}

void Player::start() {
  for (vrrp::RouterId id = 0; id < plans_.size(); ++id) {
    const Plan& p = plans_[id];
    set_.add(id, kInterface, p.settings, p.source, p.usable, now_, actions_);
  }
}

void Player::advert(const Words& words) {
  wire::ReceivedAdvert received = default_advert(plan());
  set_all(received, words, 1);
  drop_ = set_.on_advert(kInterface, received, now_, actions_);
}

void Player::peer_says(const Words& words) {
  using vrrp::State;
  static const std::map<std::string, State> states = {{"Initialize", State::initialize},
                                                      {"Backup", State::backup},
                                                      {"Active", State::active},
                                                      {"Fault", State::fault}};
  vrrp::PeerRole peer{{states.at(words.at(1)), 100, words[1] == "Active"}, now_};
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (words[i] == "resigns") {
      peer.role.priority = 0;
    } else if (words[i] == "unwell") {
      peer.role.serves = false;
    } else if (words[i].starts_with("age=")) {
      peer.as_of -= parse_time(words[i].substr(4));
    } else {
      complain("the peer cannot say: " + words[i]);
    }
  }
  set_.on_peer_role(router_, peer, now_, actions_);
}

void Player::expect(const Words& words) {
  run_due(now_);
  const std::string& what = words.at(1);
  if (what == "nothing") {
    if (!happened_.empty()) complain("not expected: " + happened_.front().what);
  } else if (what == "drop") {
    expect_fact(words.at(2), drop_ ? wire::to_string(*drop_) : "none");
  } else if (what == "status") {
    expect_fact(join(words, 3), describe(set_.status(router_), words.at(2)));
  } else if (what == "explained") {
    expect_fact(join(words, 2), explain_priority(plan().settings, failing()));
  } else if (what == "idle") {
    expect_fact(words.at(2), set_.idle() ? "yes" : "no");
  } else {
    const std::string action = join(words, 1);
    expect_action(router_ == 0 ? action : names_[router_] + ": " + action);
  }
}

vrrp::Failing Player::failing() const {
  vrrp::Failing failing;
  for (const auto& tracked : plans_.at(router_).settings.tracked) {
    failing.push_back(fails_.contains(tracked.source));
  }
  return failing;
}

void Player::expect_fact(const std::string& expected, const std::string& found) {
  if (expected != found) complain("expected " + expected + ", found " + found);
}

void Player::expect_action(const std::string& expected) {
  if (happened_.empty()) complain("expected " + expected + ", nothing happened");
  const Happened next = happened_.front();
  happened_.pop_front();
  if (next.what != expected || next.when != now_) {
    complain("expected " + expected + " at " + describe(now_ - kOrigin) + ", found " + next.what +
             " at " + describe(next.when - kOrigin));
  }
}

}  // namespace tandem::scenario
