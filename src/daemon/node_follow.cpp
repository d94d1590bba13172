// SPDX-License-Identifier: Apache-2.0
// What follows from what happens: a transition moves the kernel's addresses, runs a command and
// leaves a trace; a check or an interface that comes or goes is told to the VRRP thread.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "daemon/node.hpp"

namespace tandem::daemon {
namespace {

std::string words(const vrrp::Transition& t) {
  std::string text =
      std::string(to_string(t.from)) + " -> " + to_string(t.to) + ": " + to_string(t.cause);
  if (!t.peer.is_unspecified())
    text += " (" + t.peer.to_string() + ", priority " + std::to_string(t.peer_priority) + ")";
  return text;
}

std::optional<notify::Role> role_of(vrrp::State state) {
  switch (state) {
    case vrrp::State::active:
      return notify::Role::active;
    case vrrp::State::backup:
      return notify::Role::backup;
    case vrrp::State::fault:
      return notify::Role::fault;
    case vrrp::State::initialize:
      break;
  }
  return std::nullopt;
}

}  // namespace

void Node::note(observe::Event event, MonotonicTime at) {
  events_.add(observe::Now::read(), at, std::move(event));
}

void Node::on_vrrp_event(const speaker::VrrpEvent& event) {
  if (const auto* a = std::get_if<vrrp::InstallAddresses>(&event.what)) {
    if (const auto* r = running_.plan.find(a->router)) install(*r);
  } else if (const auto* d = std::get_if<vrrp::RemoveAddresses>(&event.what)) {
    if (const auto* r = running_.plan.find(d->router))
      if (auto removed = addresses_->remove(speaker::router_key(r->config)); !removed)
        spdlog::error("{}: {}", r->config.name, removed.error().message);
  } else if (const auto* t = std::get_if<vrrp::Transition>(&event.what)) {
    on_transition(event, *t);
  } else if (const auto* n = std::get_if<vrrp::Notice>(&event.what)) {
    on_notice(event.at, *n);
  } else if (const auto* drop = std::get_if<speaker::DroppedAdvert>(&event.what)) {
    std::string interface = "?";
    for (const auto& i : interfaces_->all())
      if (i.number == drop->link) interface = i.config.name;
    note(observe::DroppedAdvertEvent{interface, drop->source, drop->vrid, drop->reason}, event.at);
  } else {
    // Not from here: it ends the VRRP thread, whose events these are.
    boost::asio::post(loop_, [this] { on_idle(); });
  }
}

// What we put on and take off: all but those that the address owner has anyway.
std::vector<netlink::DeviceAddress> Node::addresses_of(const config::Vrrp& router) const {
  std::vector<netlink::DeviceAddress> list;
  for (const auto& a : router.addresses)
    if (!real_.contains(a.prefix.address))
      list.push_back({a.device.empty() ? router.interface : a.device, a.prefix, a.label});
  return list;
}

void Node::install(const speaker::PlannedRouter& r) {
  if (auto done = addresses_->install(speaker::router_key(r.config), addresses_of(r.config),
                                      MonotonicClock::now());
      !done)
    spdlog::error("{}: {}", r.config.name, done.error().message);
  addresses_due_->set(addresses_->next_deadline());
}

void Node::on_transition(const speaker::VrrpEvent& event, const vrrp::Transition& t) {
  const auto* r = running_.plan.find(t.router);
  if (r == nullptr) return;
  spdlog::info("{}: {}", r->config.name, words(t));
  note(observe::TransitionEvent{r->config.name, t.from, t.to, t.cause, t.peer, t.peer_priority},
       event.at);
  if (manager_) manager_->changed();
  if (const auto role = role_of(t.to)) {
    notifier_->notify(r->config.notify, {r->config.name, *role,
                                         effective_priority(r->settings, tracking_->failing(*r)),
                                         to_string(t.cause)});
  }
}

void Node::on_notice(MonotonicTime at, const vrrp::Notice& notice) {
  const auto* r = running_.plan.find(notice.router);
  if (r == nullptr) return;
  const std::string text = r->config.name + ": " + to_string(notice);
  spdlog::warn("{}", text);
  note(observe::NoticeEvent{text}, at);
}

void Node::on_links() {
  if (interfaces_->refresh(running_.plan.routers))
    if (auto published = publish(running_.plan); !published)
      spdlog::error("{}", published.error().message);
  services_->follow(*interfaces_);
  tracking_->look_at_interfaces([this](const std::string& interface) {
    const auto link = links_->find(interface);
    return link && link->up;
  });
}

// Makes the kernel's addresses what the states say: events were lost, or addresses changed in what
// VRRP knows nothing of. The answers come as events, so that none is older than what it undoes.
void Node::reconcile() {
  for (const auto& r : running_.plan.routers)
    thread_->post([id = r.id](speaker::VrrpDriver& driver, MonotonicTime now) {
      driver.restate_addresses(id, now);
    });
}

}  // namespace tandem::daemon
