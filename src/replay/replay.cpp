// SPDX-License-Identifier: Apache-2.0
#include "replay/replay.hpp"

#include <algorithm>
#include <set>

#include "dataplane/flow_settings.hpp"
#include "services/pick_tables.hpp"
#include "services/service_numbers.hpp"
#include "vrrp/priority.hpp"

namespace tandem::replay {
namespace {

constexpr std::uint32_t kDevice = 1;
constexpr MacAddress kMac{{0x02, 0, 0, 0, 0, 0x01}};
constexpr std::uint16_t kMtu = 1500;
constexpr std::size_t kHeadroom = 128, kRoom = 65'536 + 512;
constexpr std::uint32_t kTickShift = 6;  // of jiffies of 4 ms
constexpr Duration kJiffy = std::chrono::milliseconds(4);
constexpr Duration kSweep = std::chrono::seconds(1);
constexpr Duration kForEver = std::chrono::hours(24 * 365);

std::uint32_t sources_of(const config::Config& config) {
  std::set<IpAddress> sources;
  for (const auto& service : config.services)
    sources.insert(service.sources.begin(), service.sources.end());
  return static_cast<std::uint32_t>(std::max<std::size_t>(sources.size(), 1));
}

td_hop hop_to(const IpAddress& address) {
  td_hop hop{};
  hop.ifindex = kDevice;
  hop.mtu = kMtu;
  const auto bytes = address.bytes();
  hop.destination[0] = 0x02;
  std::ranges::copy(bytes.last(4), hop.destination + 2);
  std::ranges::copy(kMac.bytes, hop.source);
  return hop;
}

IpAddress outer_of(const IpAddress& backend) {
  return IpAddress::parse(backend.is_v4() ? "192.0.2.1" : "2001:db8::1").value();
}

flow::SteeredRouter steered(const config::Vrrp& router, std::uint16_t slot,
                            const config::Config& config) {
  flow::SteeredRouter r;
  r.slot = slot;
  r.ifindex = kDevice;
  r.family = router.family;
  r.vrid = router.vrid;
  r.accept = router.accept || router.priority == vrrp::kOwnerPriority;
  r.virtual_mac = router.mac == config::MacMode::virtual_mac;
  r.interface_mac = kMac;
  const auto interface =
      std::ranges::find(config.interfaces, router.interface, &config::Interface::name);
  if (interface != config.interfaces.end()) std::ranges::copy(interface->vlan, r.vlan.begin());
  for (const auto& a : router.addresses) r.addresses.push_back(a.prefix.address);
  return r;
}

}  // namespace

Replay::Replay(const config::Config& config, MonotonicTime start)
    : clock_(kJiffy, 1'000'000, start),
      memory_(static_cast<std::uint32_t>(config.flows.size),
              static_cast<std::uint32_t>(config.flows.size_ipv6), sources_of(config)),
      steering_(memory_.tables(), [] { return 1; }),
      swept_(start),
      buffer_(kRoom) {}

Result<std::unique_ptr<Replay>> Replay::open(const config::Config& config, MonotonicTime start) {
  std::unique_ptr<Replay> self(new Replay(config, start));
  const Duration tick = kJiffy * (std::int64_t{1} << kTickShift);
  auto idle = flow::IdleTicks::from(dataplane::timeouts_of(config.flows), tick);
  if (!idle) return std::unexpected(idle.error());
  self->forwarder_ = std::make_unique<forward::Forwarder>(self->memory_.memory(), *idle);
  if (auto opened = self->forwarder_->open(
          {static_cast<std::uint32_t>(config.flows.size),
           static_cast<std::uint32_t>(config.flows.size_ipv6), kTickShift, 0},
          0);
      !opened)
    return std::unexpected(opened.error());
  if (auto made = self->make_services(config); !made) return std::unexpected(made.error());
  self->tell_forwarder(start);
  if (auto published = self->publish(config); !published) return std::unexpected(published.error());
  for (std::size_t i = 0; i < config.vrrp.size(); i++)
    self->steering_.grant_lease(static_cast<std::uint16_t>(i), start + kForEver);
  return self;
}

Result<void> Replay::make_services(const config::Config& config) {
  services::ServiceNumbers numbers;
  for (const auto& service : config.services) {
    services::RunningService running;
    running.config = service;
    services_.push_back(running);
    if (service.forward == config::Forward::local) continue;
    auto number = numbers.of_service(service);
    if (!number) return std::unexpected(number.error());
    services_.back().number = *number;
    for (const auto& address : service.sources) {
      auto slot = numbers.of_source(address, sources_of(config));
      if (!slot) return std::unexpected(slot.error());
      services_.back().sources.push_back({address, *slot});
    }
    for (const auto& backend : service.backends) {
      auto slot = numbers.of_backend(*number, backend);
      if (!slot) return std::unexpected(slot.error());
      services_.back().backends.push_back({.config = backend,
                                           .slot = *slot,
                                           .weight = backend.weight,
                                           .state = balance::State::up});
    }
  }
  return {};
}

void Replay::tell_forwarder(MonotonicTime now) {
  forwarder_->set_mtu(kDevice, kMtu);
  services::PickTables tables(memory_.memory().env, steering_);
  for (auto& service : services_) {
    if (service.number == 0) continue;
    forwarder_->set_service(service.number, settings_of(service), now);
    for (const auto& backend : service.backends) {
      forward::BackendSettings settings = settings_of(services_, service, backend);
      settings.hop = hop_to(backend.config.address);
      settings.outer = outer_of(backend.config.address);
      forwarder_->set_backend(backend.slot, settings, now);
    }
    balance::MaglevTable picks = services::hash_picks(service);
    tables.set(service, picks);
    forwarder_->install(service.number, std::move(picks));
  }
}

Result<void> Replay::publish(const config::Config& config) {
  std::vector<flow::SteeredRouter> routers;
  for (std::size_t i = 0; i < config.vrrp.size(); i++)
    routers.push_back(steered(config.vrrp[i], static_cast<std::uint16_t>(i), config));
  steering_.set_clock(clock_);
  steering_.set_budget(static_cast<std::uint32_t>(config.flows.new_per_second),
                       dataplane::kFirstPacketBurst);
  return steering_.publish(routers, services::steered(services_), replies(services_),
                           {.any_mac = true});  // a capture does not tell whose it is
}

void Replay::pass_time(MonotonicTime now) {
  if (now < swept_ + kSweep) return;
  swept_ = now;
  forwarder_->sweep(std::max(forwarder_->flows4().buckets(), forwarder_->flows6().buckets()),
                    static_cast<flow::Tick>(clock_.at(now) >> kTickShift));
}

Replay::Outcome Replay::put(std::span<const std::uint8_t> frame, MonotonicTime at) {
  pass_time(at);
  if (frame.size() > buffer_.size() - 2 * kHeadroom) return {TD_DROP_TOO_BIG, {}};
  td_frame& f = job_.frame;
  f = {};
  f.first = buffer_.data();
  f.last = buffer_.data() + buffer_.size();
  f.data = f.first + kHeadroom;
  f.end = std::ranges::copy(frame, f.data).out;
  f.ifindex = kDevice;
  f.now_ns = to_ns(at);
  f.jiffies = clock_.at(at);
  forward::steer({&job_, 1}, forwarder_->env());
  if (f.ended.family != 0)
    forwarder_->on_end(f.ended, static_cast<flow::Tick>(f.jiffies >> kTickShift));
  if (td_is_punt(job_.reason)) job_.reason = forwarder_->admit(f, job_.outcome, at);
  if (!td_is_tx(job_.reason)) return {job_.reason, {}};
  return {job_.reason, {f.data, f.end}};
}

}  // namespace tandem::replay
