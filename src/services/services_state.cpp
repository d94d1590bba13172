// SPDX-License-Identifier: Apache-2.0
// Which backends may get flows, as time goes on.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "services/services.hpp"

namespace tandem::services {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kTableDelay = milliseconds(20);  // so that many changes make one table

config::Check check_of(const config::Service& service, const config::Backend& backend) {
  const config::BackendCheck& c = *service.check;
  const std::uint16_t port = c.port != 0 ? c.port : backend.port;
  config::Check check;
  check.name = service.name + "/" + endpoint_of(backend);
  check.interval = c.interval;
  check.timeout = c.timeout;
  check.fall = c.fall;
  check.rise = c.rise;
  if (c.http || c.https) {
    check.http = config::HttpProbe{};
    check.http->tls = c.https.has_value();
    check.http->host = backend.address.to_string();
    check.http->port = port;
    check.http->target = c.http ? *c.http : *c.https;
  } else if (c.tcp) {
    check.tcp = config::TcpProbe{backend.address, port};
  } else {
    check.command = config::CommandProbe{c.command};
    check.command->argv.push_back(backend.address.to_string());
    check.command->argv.push_back(std::to_string(port));
  }
  return check;
}

}  // namespace

// ---- Checks and next hops

void Services::watch() {
  std::vector<config::Check> checks;
  std::vector<netlink::Destination> destinations;
  checked_.clear();
  for (auto& service : services_) {
    for (auto& backend : service.backends) {
      destinations.push_back({backend.config.address, 0});
      backend.check.reset();
      if (!service.config.check || backend.retired) continue;
      backend.check = checks.size();
      checks.push_back(check_of(service.config, backend.config));
      checked_.emplace_back(service.config.name, backend.slot);
    }
  }
  for (auto& service : services_)
    if (!service.config.check)
      for (auto& backend : service.backends) backend.check_up.reset();
  checker_.apply(checks);
  next_hops_.watch(destinations, MonotonicClock::now());
  hops_due_.set(next_hops_.next_deadline());
}

void Services::on_check(std::size_t index, bool up, const std::string& why) {
  if (index >= checked_.size()) return;
  RunningService* service = find(checked_[index].first);
  if (service == nullptr) return;
  for (auto& backend : service->backends) {
    if (backend.slot != checked_[index].second) continue;
    backend.check_up = up;
    backend.check_why = why;
    judge(*service, backend);
  }
}

// The device and the tags that the kernel's interface stands for.
std::optional<td_hop> Services::hop_of(const RunningBackend& backend, std::string& trouble) const {
  if (!backend.next_hop || interfaces_ == nullptr) {
    trouble = "next hop: " + next_hops_.why_unresolved({backend.config.address, 0});
    return std::nullopt;
  }
  const auto& interfaces = interfaces_->all();
  const auto found = std::ranges::find_if(interfaces, [&](const speaker::InterfaceState& state) {
    return state.present && state.attached && state.host == backend.next_hop->ifindex;
  });
  if (found == interfaces.end()) {
    const auto link = rooms_.links.find(backend.next_hop->ifindex);
    trouble = "next hop: leaves by " + (link ? link->name : "a device that is gone") +
              ", which is no [[interface]]";
    return std::nullopt;
  }
  const auto link = rooms_.links.find(backend.next_hop->ifindex);
  td_hop hop{};
  hop.ifindex = static_cast<std::uint32_t>(found->placement.device);
  hop.mtu = static_cast<std::uint16_t>(std::min(link ? link->mtu : 1500U, 65535U));
  for (std::size_t i = 0; i < 2; i++) {
    hop.vlan[i] = found->placement.vlan[i];
    hop.tpid[i] = TD_ETHERTYPE_8021Q;
  }
  std::ranges::copy(backend.next_hop->mac.bytes, hop.destination);
  std::ranges::copy(found->mac.bytes, hop.source);
  return hop;
}

// ---- States

void Services::judge_all() {
  for (auto& service : services_)
    for (auto& backend : service.backends) judge(service, backend);
}

void Services::judge(RunningService& service, RunningBackend& backend) {
  if (interfaces_ == nullptr) return;
  backend.next_hop = next_hops_.lookup({backend.config.address, 0});
  std::string trouble;
  const bool reachable = hop_of(backend, trouble).has_value();
  balance::State state = balance::State::up;
  std::string why = !service.config.check ? "no check"
                    : !backend.check_up   ? "not checked yet"
                                          : "check: " + backend.check_why;
  if (!reachable) {
    state = balance::State::down;
    why = trouble;
  } else if (backend.check_up && !*backend.check_up) {
    state = balance::State::down;
  } else if (backend.drained || backend.retired) {
    state = balance::State::draining;
    why = backend.retired ? "no longer configured" : "drained by the operator";
  } else if (backend.weight == 0) {
    why = "weight 0: no new flows";
  }
  const bool other = state != backend.state;
  if (other) {
    backend.state = state;
    backend.since = MonotonicClock::now();
  }
  const bool other_reason = why != std::exchange(backend.why, why);
  tell(service, backend);
  service.table_is_due = true;
  tables_due_.set(MonotonicClock::now() + kTableDelay);
  if (!other || !other_reason) return;
  spdlog::info("{} {}: {}: {}", service.config.name, endpoint_of(backend.config),
               state == balance::State::up         ? "up"
               : state == balance::State::draining ? "draining"
                                                   : "down",
               backend.why);
  note_(service.config.name, backend);
}

// The hash picks of services whose backends have changed: one table for the scheduler, and the same
// for XDP.
void Services::make_tables() {
  const td_env env = rooms_.program.maps().env();
  for (auto& service : services_) {
    if (service.number == 0 || !std::exchange(service.table_is_due, false)) continue;
    balance::MaglevTable table = hash_picks(service);
    const auto slots = table.slots();
    const auto blocks =
        static_cast<std::uint32_t>((slots.size() + TD_PICKS_IN_BLOCK - 1) / TD_PICKS_IN_BLOCK);
    auto& region = service.picks[static_cast<std::size_t>(1 - service.filled)];
    if (region && region->blocks < blocks) {
      blocks_.give(*region);
      region.reset();
    }
    if (!region && blocks > 0) region = blocks_.take(blocks);
    if (slots.empty() || !region) {
      rooms_.steering.set_picks(service.number, 0, 0);
      if (!slots.empty())
        spdlog::warn("{}: no room for its table of hash picks", service.config.name);
    } else {
      write_picks(env, region->first, slots);
      rooms_.steering.set_picks(service.number, region->first,
                                static_cast<std::uint32_t>(slots.size()));
      service.filled = 1 - service.filled;
    }
    rooms_.plane.call(
        [&](forward::Forwarder& f, MonotonicTime) { f.install(service.number, std::move(table)); });
  }
}

// ---- As time goes on

void Services::on_second() {
  for (auto& service : services_)
    for (auto& backend : service.backends) {
      const std::uint64_t flows = rooms_.plane.forwarder().of_backend(backend.slot).flows;
      backend.new_per_second = static_cast<double>(flows - backend.flows_before);
      backend.flows_before = flows;
    }
  drop_retired();
  second_.set(MonotonicClock::now() + seconds(1));
}

// Those whose last flow has gone.
void Services::drop_retired() {
  bool dropped = false;
  for (auto& service : services_) {
    std::erase_if(service.backends, [&](const RunningBackend& backend) {
      if (!backend.retired || rooms_.plane.forwarder().counts().total(backend.slot) != 0)
        return false;
      rooms_.plane.call(
          [&](forward::Forwarder& f, MonotonicTime) { f.remove_backend(backend.slot); });
      numbers_.release_backend(backend.slot);
      return dropped = true;
    });
  }
  if (!dropped) return;
  for (const auto& service : services_) tell(service);  // chains of those alike
  watch();
  republish_();
}

// ---- The operator

template <class Change>
bool Services::change(const std::string& name, const std::optional<control::Endpoint>& endpoint,
                      Change change) {
  RunningService* service = find(name);
  if (service == nullptr) return false;
  bool found = false;
  for (auto& backend : service->backends) {
    if (backend.retired ||
        (endpoint && !endpoint->names(backend.config.address, backend.config.port)))
      continue;
    change(backend);
    judge(*service, backend);
    found = true;
  }
  return found;
}

bool Services::drain(const std::string& service, const std::optional<control::Endpoint>& backend,
                     bool drained) {
  return change(service, backend, [&](RunningBackend& b) { b.drained = drained; });
}

bool Services::set_weight(const std::string& service, const control::Endpoint& backend,
                          std::uint16_t weight) {
  return change(service, backend, [&](RunningBackend& b) { b.weight = weight; });
}

}  // namespace tandem::services
