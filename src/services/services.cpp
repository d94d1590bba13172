// SPDX-License-Identifier: Apache-2.0
#include "services/services.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "dataplane/flow_settings.hpp"

namespace tandem::services {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

Result<std::unique_ptr<Services>> Services::open(const Rooms& rooms,
                                                 std::function<void()> republish, Note note) {
  auto next_hops = netlink::NextHops::open();
  if (!next_hops) return std::unexpected(next_hops.error());
  std::unique_ptr<Services> self(
      new Services(rooms, std::move(*next_hops), std::move(republish), std::move(note)));
  self->numbers_.adopt(rooms.program.maps().env());
  self->second_.set(MonotonicClock::now() + seconds(1));
  return self;
}

Services::Services(const Rooms& rooms, netlink::NextHops next_hops, std::function<void()> republish,
                   Note note)
    : rooms_(rooms),
      next_hops_(std::move(next_hops)),
      republish_(std::move(republish)),
      note_(std::move(note)),
      blocks_(TD_PICK_BLOCKS),
      checker_(rooms.loop, [this](std::size_t index, bool up,
                                  const std::string& why) { on_check(index, up, why); }),
      hops_due_(rooms.loop,
                [this] {
                  next_hops_.on_time(MonotonicClock::now());
                  hops_due_.set(next_hops_.next_deadline());
                }),
      tables_due_(rooms.loop, [this] { make_tables(); }),
      second_(rooms.loop, [this] { on_second(); }) {
  next_hops_.on_change([this](const netlink::Destination& changed) {
    for (auto& service : services_)
      for (auto& backend : service.backends)
        if (backend.config.address == changed.address) judge(service, backend);
  });
  readable_ = std::make_unique<ReadWatch>(rooms.loop, next_hops_.fd(), [this] {
    next_hops_.process(MonotonicClock::now());
    hops_due_.set(next_hops_.next_deadline());
  });
}

// ---- From one configuration to the next

RunningService* Services::find(const std::string& name) {
  const auto found = std::ranges::find_if(
      services_, [&](const auto& s) { return s.number != 0 && s.config.name == name; });
  return found == services_.end() ? nullptr : &*found;
}

// What ran already under this number keeps its state.
Result<RunningService> Services::stage(const config::Service& config) {
  RunningService next;
  next.config = config;
  if (config.forward == config::Forward::local) return next;
  auto number = numbers_.of_service(config);
  if (!number) return std::unexpected(number.error());
  next.number = *number;
  const auto before = std::ranges::find(services_, *number, &RunningService::number);
  if (before != services_.end()) {
    next.picks = before->picks;
    next.filled = before->filled;
    next.backends = before->backends;
  }
  const std::uint32_t room = rooms_.program.maps().env().source_addresses;
  for (const auto& address : config.sources) {
    auto slot = numbers_.of_source(address, room);
    if (!slot) return fail("service '" + config.name + "': " + slot.error().message);
    next.sources.push_back(*slot);
  }
  for (auto& backend : next.backends) backend.retired = true;
  for (const auto& wanted : config.backends) {
    auto slot = numbers_.of_backend(next.number, wanted);
    if (!slot) return fail("service '" + config.name + "': " + slot.error().message);
    auto known = std::ranges::find(next.backends, *slot, &RunningBackend::slot);
    if (known == next.backends.end()) {
      next.backends.push_back({.config = wanted,
                               .slot = *slot,
                               .weight = wanted.weight,
                               .since = MonotonicClock::now(),
                               .before = totals_of(*slot, rooms_.plane)});
      next.backends.back().flows_before = next.backends.back().before.picks;
      continue;
    }
    if (known->config.weight != wanted.weight || known->retired)
      known->weight = wanted.weight;  // the file's word is newer than the operator's
    known->config = wanted;
    known->retired = false;
  }
  next.table_is_due = true;
  return next;
}

Result<void> Services::stage(const config::Config& config) {
  auto idle = dataplane::idle_ticks(config.flows);
  if (!idle) return std::unexpected(idle.error());
  staged_.clear();
  staging_ = true;
  for (const auto& service : config.services) {
    auto next = stage(service);
    if (!next) return std::unexpected(next.error());
    staged_.push_back(std::move(*next));
  }
  rooms_.plane.call([&](forward::Forwarder& f, MonotonicTime now) {
    f.set_idle(*idle);
    for (const auto& service : staged_)
      if (service.number != 0) f.set_service(service.number, services::settings_of(service), now);
  });
  for (const auto& service : staged_) tell(service);
  if (!std::exchange(adopted_, true))
    rooms_.plane.call([](forward::Forwarder& f, MonotonicTime) {
      if (const auto flows = f.adopt(); flows > 0) spdlog::info("{} flows go on", flows);
    });
  rooms_.steering.set_budget(static_cast<std::uint32_t>(config.flows.new_per_second),
                             dataplane::kFirstPacketBurst);
  return {};
}

void Services::commit(const speaker::Interfaces& interfaces) {
  std::swap(services_, staged_);
  staging_ = false;
  for (const auto& old : staged_) {
    if (old.number == 0 ||
        std::ranges::find(services_, old.number, &RunningService::number) != services_.end())
      continue;
    rooms_.plane.call([&](forward::Forwarder& f, MonotonicTime) { f.remove_service(old.number); });
    rooms_.steering.set_picks(old.number, 0, 0);
    for (const auto& region : old.picks)
      if (region) blocks_.give(*region);
    for (const auto& backend : old.backends) numbers_.release_backend(backend.slot);
    numbers_.release_service(old.number);
  }
  staged_.clear();
  watch();
  follow(interfaces);
}

void Services::follow(const speaker::Interfaces& interfaces) {
  interfaces_ = &interfaces;
  follow_devices();
  judge_all();
}

void Services::follow_devices() {
  std::vector<dataplane::DataPlane::Device> wanted;
  for (const auto& state : interfaces_->all()) {
    const auto ifindex = static_cast<unsigned>(state.placement.device);
    if (!state.present || !state.attached ||
        std::ranges::find(wanted, ifindex, &dataplane::DataPlane::Device::ifindex) != wanted.end())
      continue;
    wanted.push_back({ifindex, state.placement.device_name,
                      state.xdp.mode == engine::XdpMode::generic, rooms_.program.xsks_fd(ifindex),
                      state.ups, state.has_ports, state.ports});
  }
  rooms_.plane.call([&](forward::Forwarder& f, MonotonicTime) {
    for (const auto& device : wanted)
      if (const auto link = rooms_.links.find(static_cast<int>(device.ifindex)))
        f.set_mtu(device.ifindex, static_cast<std::uint16_t>(std::min(link->mtu, 65535U)));
  });
  const bool forwards = std::ranges::any_of(services_, [](const auto& s) { return s.number != 0; });
  rooms_.plane.follow(forwards ? wanted : std::vector<dataplane::DataPlane::Device>{});
}

// ---- What the forwarder is told

forward::BackendSettings Services::settings_of(const RunningService& s,
                                               const RunningBackend& b) const {
  forward::BackendSettings settings = services::settings_of(latest(), s, b);
  if (b.next_hop && b.next_hop->source) settings.outer = *b.next_hop->source;
  std::string trouble;
  settings.hop = hop_of(b, trouble);
  return settings;
}

void Services::tell(const RunningService& service) {
  if (service.number == 0) return;
  std::vector<std::pair<std::uint16_t, forward::BackendSettings>> settings;
  for (const auto& backend : service.backends)
    settings.emplace_back(backend.slot, settings_of(service, backend));
  constexpr std::size_t kBatch = 256;  // first packets wait for no more than these
  for (std::size_t i = 0; i < settings.size(); i += kBatch)
    rooms_.plane.call([&](forward::Forwarder& f, MonotonicTime now) {
      for (std::size_t j = i; j < std::min(settings.size(), i + kBatch); j++)
        f.set_backend(settings[j].first, settings[j].second, now);
    });
}

void Services::tell(const RunningService& service, const RunningBackend& backend) {
  const auto settings = settings_of(service, backend);
  rooms_.plane.call([&](forward::Forwarder& f, MonotonicTime now) {
    f.set_backend(backend.slot, settings, now);
  });
}

}  // namespace tandem::services
