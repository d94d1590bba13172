// SPDX-License-Identifier: Apache-2.0
#include "daemon/vrrp_events.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/overloaded.hpp"

namespace tandem::daemon {
namespace {

std::string words(const vrrp::Transition& t) {
  std::string text =
      std::string(to_string(t.from)) + " -> " + to_string(t.to) + ": " + to_string(t.cause);
  if (!t.peer.is_unspecified())
    text += " (" + t.peer.to_string() + ", priority " + std::to_string(t.peer_priority) + ")";
  return text;
}

}  // namespace

VrrpEvents::VrrpEvents(boost::asio::io_context& loop, const Running& running,
                       const Tracking& tracking,
                       const std::vector<speaker::InterfaceState>& interfaces,
                       observe::EventLog& events, Effects effects)
    : running_(running),
      tracking_(tracking),
      interfaces_(interfaces),
      events_(events),
      effects_(std::move(effects)),
      notifier_(loop, [this](const notify::Outcome& outcome) { on_notified(outcome); }) {}

void VrrpEvents::on(const speaker::VrrpEvent& event) {
  const auto with = [this](vrrp::RouterId id, const auto& effect) {
    if (const auto* router = running_.plan.find(id)) effect(*router);
  };
  std::visit(Overloaded{
                 [&](const vrrp::InstallAddresses& e) { with(e.router, effects_.install); },
                 [&](const vrrp::RemoveAddresses& e) { with(e.router, effects_.remove); },
                 [&](const vrrp::Transition& e) { on_transition(event.at, e); },
                 [&](const vrrp::Notice& e) { on_notice(event.at, e); },
                 [&](const speaker::DroppedAdvert& e) { on_dropped(event.at, e); },
                 [&](const speaker::AllIdle&) { effects_.idle(); },
             },
             event.what);
}

void VrrpEvents::on_transition(MonotonicTime at, const vrrp::Transition& t) {
  const auto* r = running_.plan.find(t.router);
  if (r == nullptr) return;
  spdlog::info("{}: {}", r->config.name, words(t));
  events_.add(
      observe::TransitionEvent{r->config.name, t.from, t.to, t.cause, t.peer, t.peer_priority}, at);
  effects_.transition();
  const int priority = effective_priority(r->settings, tracking_.failing(*r));
  notifier_.notify(r->config.notify, {r->config.name, t.to, priority, to_string(t.cause)});
}

void VrrpEvents::on_quorum(const config::Service& service, bool up, const std::string& why) {
  events_.add(observe::NoticeEvent{"service " + service.name + (up ? ": up: " : ": down: ") + why});
  notifier_.notify_of_service(service.notify,
                              notify::Notice{.cause = why, .service = service.name, .up = up});
}

void VrrpEvents::on_notice(MonotonicTime at, const vrrp::Notice& notice) {
  const auto* r = running_.plan.find(notice.router);
  if (r == nullptr) return;
  std::string text = r->config.name + ": " + to_string(notice);
  if (notice.matter == vrrp::Matter::stalled)
    text += ": " + effects_.why_stalled(at, std::chrono::milliseconds(notice.detail));
  spdlog::warn("{}", text);
  events_.add(observe::NoticeEvent{text}, at);
}

void VrrpEvents::on_dropped(MonotonicTime at, const speaker::DroppedAdvert& dropped) {
  std::string interface = "?";
  for (const auto& i : interfaces_)
    if (i.number == dropped.link) interface = i.config.name;
  events_.add(observe::DroppedAdvertEvent{interface, dropped.source, dropped.vrid, dropped.reason},
              at);
}

void VrrpEvents::on_notified(const notify::Outcome& outcome) {
  const notify::Notice& notice = outcome.notice;
  const bool good = outcome.kind == notify::Outcome::Kind::ok;
  if (!notice.service.empty()) {
    const std::string text = "service " + notice.service + ": notify " +
                             (notice.up ? "up" : "down") + ": " + (good ? "ok" : outcome.what);
    spdlog::log(good ? spdlog::level::info : spdlog::level::warn, "{}", text);
    return events_.add(observe::NoticeEvent{text});
  }
  const std::string word = notify::notify_word(notice.state);
  const std::string which = notice.any ? "any (" + word + ")" : word;
  spdlog::log(good ? spdlog::level::info : spdlog::level::warn, "{}: notify {}: {}", notice.router,
              which, good ? "ok" : outcome.what);
  events_.add(observe::NotifyEvent{notice.router, notice.state, good, outcome.what});
  const std::pair key(notice.router, notice.any);
  if (good)
    failed_.erase(key);
  else if (outcome.kind != notify::Outcome::Kind::superseded)
    failed_[key] = which + " failed: " + outcome.what;
}

std::vector<std::string> VrrpEvents::troubles() const {
  std::vector<std::string> sentences;
  for (const auto& [key, what] : failed_) {
    const std::string& router = key.first;
    const auto is_there = [&](const auto& r) { return r.config.name == router; };
    if (std::ranges::any_of(running_.plan.routers, is_there))
      sentences.push_back(router + ": the notify command for " + what +
                          "; what it does may be undone now: run it by hand");
  }
  return sentences;
}

}  // namespace tandem::daemon
