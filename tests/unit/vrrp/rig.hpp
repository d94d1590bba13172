// SPDX-License-Identifier: Apache-2.0
// Brings a single virtual router into any state, and asks what an event makes of it.
#pragma once

#include <chrono>
#include <variant>

#include "vrrp/router_set.hpp"

namespace tandem::vrrp {

inline constexpr std::uint16_t kInterface = 3;
inline constexpr RouterId kId = 0;

inline IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}

inline Settings plain_settings(int version = 3, int priority = 100) {
  Settings s;
  s.name = "VI_1";
  s.vrid = 51;
  s.version = static_cast<std::uint8_t>(version);
  s.priority = static_cast<std::uint8_t>(priority);
  s.addresses = {address("192.0.2.100")};
  s.tracked = {{"check", 1, std::nullopt}};
  return s;
}

struct Rig {
  RouterSet set;
  Actions out;
  Settings settings;
  MonotonicTime now{std::chrono::seconds(1000)};

  explicit Rig(const Settings& s) : settings(s) { out.reserve(4096); }

  void start() { set.add(kId, kInterface, settings, address("192.0.2.2"), true, now, out); }

  // Brings it into `state`, and forgets the actions.
  void bring_to(State state) {
    if (state == State::initialize) return;
    start();
    if (state == State::active) {
      while (set.status(kId).state != State::active) pass_to_deadline();
    }
    if (state == State::fault) set.on_track(1, false, now, out);
    out.clear();
  }

  void pass_to_deadline() {
    if (set.next_deadline() == MonotonicTime::max()) return;  // in Fault there may be none
    now = set.next_deadline();
    set.on_time(now, out);
  }

  [[nodiscard]] wire::ReceivedAdvert advert(int priority, const char* from = "192.0.2.3") const {
    wire::ReceivedAdvert r;
    r.advert.version = settings.version;
    r.advert.vrid = settings.vrid;
    r.advert.priority = static_cast<std::uint8_t>(priority);
    r.advert.interval = settings.advert_interval;
    r.advert.addresses = settings.addresses;
    r.source = address(from);
    r.destination = address("224.0.0.18");
    return r;
  }

  void hear(int priority, const char* from = "192.0.2.3") {
    set.on_advert(kInterface, advert(priority, from), now, out);
  }

  [[nodiscard]] State state() const { return set.status(kId).state; }

  template <class A>
  [[nodiscard]] int count() const {
    int n = 0;
    for (const Action& a : out) n += std::holds_alternative<A>(a) ? 1 : 0;
    return n;
  }

  // Priorities of the adverts sent, in order.
  [[nodiscard]] std::vector<int> adverts() const {
    std::vector<int> sent;
    for (const Action& a : out) {
      if (const auto* advert = std::get_if<SendAdvert>(&a)) sent.push_back(advert->priority);
    }
    return sent;
  }
};

}  // namespace tandem::vrrp
