// SPDX-License-Identifier: Apache-2.0
#include "services/services.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "dataplane/flow_settings.hpp"

namespace tandem::services {
namespace {

using std::chrono::seconds;

constexpr Duration kFirstLooks =  // at next hops and by checks: then what is not up is down
    seconds(10);
constexpr Duration kTableDelay =  // so that many changes make one table
    std::chrono::milliseconds(20);

// The sentence about a service that takes no new connections; none if it does.
std::optional<std::string> nobody_up(const RunningService& service) {
  std::size_t serving = 0, drained = 0, configured = 0;
  for (const auto& backend : service.backends) {
    if (backend.retired) continue;
    configured++;
    serving += backend.state == balance::State::up && weight_in_force(service, backend) > 0;
    drained += backend.drained;
  }
  if (service.number == 0 || serving > 0) return std::nullopt;
  const std::string& name = service.config.name;
  return "service " + name + ": none of its " + std::to_string(configured) +
         " backends takes new connections" +
         (drained == 0 ? "" : ", " + std::to_string(drained) + " of them since they were drained") +
         "; `tandemctl backends " + name + "` tells why";
}

std::string why_no_quorum(const RunningService& service) {
  const auto weight = weight_up(service);
  std::string why = weight == 0 && service.config.quorum == 1
                        ? "no backend is up"
                        : "backends of weight " + std::to_string(weight) +
                              " are up, below its quorum of " +
                              std::to_string(service.config.quorum);
  const bool has_backups = std::ranges::any_of(
      service.backends, [](const auto& b) { return b.config.backup && !b.retired; });
  if (has_backups) why += service.backups_serve ? "; its backups serve" : "; nor is a backup";
  return why;
}

constexpr auto has_sources = [](const auto& service) { return !service.sources.empty(); };

}  // namespace

Result<std::unique_ptr<Services>> Services::open(const Deps& deps, std::function<void()> republish,
                                                 Note note, NoteQuorum note_quorum,
                                                 std::function<void()> served) {
  auto next_hops = netlink::NextHops::open();
  if (!next_hops) return std::unexpected(next_hops.error());
  std::unique_ptr<Services> self(new Services(deps, std::move(*next_hops), std::move(republish),
                                              std::move(note), std::move(note_quorum),
                                              std::move(served)));
  self->numbers_.adopt(deps.program.maps().env());
  self->second_.set(MonotonicClock::now() + seconds(1));
  return self;
}

Services::Services(const Deps& deps, netlink::NextHops next_hops, std::function<void()> republish,
                   Note note, NoteQuorum note_quorum, std::function<void()> served)
    : deps_(deps),
      republish_(std::move(republish)),
      note_(std::move(note)),
      note_quorum_(std::move(note_quorum)),
      served_(std::move(served)),
      check_ports_(std::make_shared<health::LocalPorts>()),
      tables_(deps.program.maps().env(), deps.steering),
      states_(deps.loop, std::move(next_hops), deps.links, services_, check_ports_,
              [this](RunningService& service, RunningBackend& backend, bool news) {
                on_judged(service, backend, news);
              }),
      tables_due_(deps.loop, [this] { make_tables(); }),
      second_(deps.loop, [this] { on_second(); }) {}

// ---- From one configuration to the next

// What ran already under this number keeps its state.
Result<RunningService> Services::stage(const config::Service& config) {
  RunningService next;
  next.config = config;
  if (config.forward == config::Forward::local) {
    next.counted = counted_slot(config);
    return next;
  }
  auto number = numbers_.of_service(config);
  if (!number) return std::unexpected(number.error());
  next.number = *number;
  const auto before = std::ranges::find(services_, *number, &RunningService::number);
  next.since = MonotonicClock::now();
  if (before != services_.end()) {
    next.up = before->up;
    next.was_up = before->was_up;
    next.since = before->since;
    next.picks = before->picks;
    next.filled = before->filled;
    next.backends = before->backends;
  }
  next.sources = before != services_.end() ? before->sources : numbers_.sources_of(*number);
  if (auto placed = place_sources(next); !placed)
    return fail("service '" + config.name + "': " + placed.error().message);
  std::set<std::uint16_t> configured;  // slots
  for (const auto& wanted : config.backends) {
    auto slot = numbers_.of_backend(next.number, wanted);
    if (!slot) return fail("service '" + config.name + "': " + slot.error().message);
    configured.insert(*slot);
    auto known = std::ranges::find(next.backends, *slot, &RunningBackend::slot);
    if (known == next.backends.end()) {
      next.backends.push_back({.config = wanted,
                               .slot = *slot,
                               .weight = wanted.weight,
                               .since = MonotonicClock::now(),
                               .before = totals_of(*slot, deps_.plane)});
      next.backends.back().flows_before = next.backends.back().before.picks;
      obey(config, next.backends.back());
      continue;
    }
    if (known->config.weight != wanted.weight || known->retired) {
      known->weight = wanted.weight;  // the file's word is newer than the operator's
      known->weight_set_on.clear();
    }
    known->config = wanted;
    known->retired = false;
    obey(config, *known);
  }
  for (auto& backend : next.backends)
    if (!configured.contains(backend.slot)) backend.retired = true;
  next.table_is_due = true;
  next.backups_serve = backups_are_due(next);
  return next;
}

CountedSlot Services::counted_slot(const config::Service& config) {
  const std::uint16_t slot = numbers_.of_local(config);
  for (const auto& known : services_)
    if (slot != 0 && known.counted.slot == slot) return known.counted;
  return {slot, deps_.plane.traffic(slot)};
}

// ---- What the operator has set

// Earlier versions named services by their names, and had no versions of wishes.
void Services::take_restored(const config::Config& config) {
  node_ = config.node.name;
  for (auto& change : std::exchange(restored_, {})) {
    sync::BackendWish& wish = change.wish;
    if (wish.backend.service_port == 0) {
      const auto service =
          std::ranges::find(config.services, change.service, &config::Service::name);
      if (service == config.services.end()) continue;
      config::Backend backend;
      backend.address = wish.backend.address;
      backend.port = wish.backend.port;
      wish.backend = key_of(*service, backend);
      wish.drain.node = wish.weight.node = node_;
    }
    (void)wishes_.merge(wish);
  }
}

// A weight counts where the file has the one that it had where the operator set it; elsewhere the
// weight in use stays, and a reload that brings that file brings the operator's weight.
void Services::obey(const config::Service& service, RunningBackend& backend) const {
  const sync::BackendWish* wish = wishes_.find(key_of(service, backend.config));
  if (wish == nullptr) return;
  backend.drained = wish->drain.drained;
  backend.drained_on =
      wish->drain.drained && wish->drain.node != node_ ? wish->drain.node : std::string();
  if (wish->weight.version == 0 || wish->weight.configured != backend.config.weight) return;
  backend.weight = wish->weight.weight;
  backend.weight_set_on =
      backend.weight != backend.config.weight ? wish->weight.node : std::string();
}

// Where the file has another weight than when the operator set one, the file's is newer. After a
// restart that is told of this node's own wishes alone: the other node's file may be another one.
void Services::note_newer_weights(const RunningServices& before) {
  for (const auto& service : services_) {
    const auto old = std::ranges::find(before, service.number, &RunningService::number);
    for (const auto& backend : service.backends) {
      const auto key = key_of(service.config, backend.config);
      const sync::BackendWish* wish = wishes_.find(key);
      if (service.number == 0 || wish == nullptr || wish->weight.version == 0 || backend.retired ||
          wish->weight.configured == backend.config.weight)
        continue;
      bool is_newer = before.empty() && wish->weight.node == node_;
      if (old != before.end())
        for (const auto& b : old->backends)
          is_newer =
              is_newer || (b.slot == backend.slot && b.config.weight == wish->weight.configured);
      if (is_newer) wishes_.set_weight(key, backend.config.weight, backend.config.weight, node_);
    }
  }
}

// Those that are there stay where they are.
Result<void> Services::place_sources(RunningService& service) {
  const std::uint32_t room = deps_.program.maps().env().source_addresses;
  auto& sources = service.sources;
  for (auto& source : sources) source.configured = false;
  for (const auto& address : service.config.sources) {
    const auto known = std::ranges::find(sources, address, &SourceAddress::address);
    if (known != sources.end()) {
      known->configured = true;
      continue;
    }
    auto slot = numbers_.of_source(address, room);
    if (!slot) return std::unexpected(slot.error());
    if (sources.size() < TD_SERVICE_SOURCES) {
      sources.push_back({address, *slot});
      continue;
    }
    std::vector<std::uint32_t> taken(sources.size(), 1);
    deps_.plane.call([&](forward::Forwarder& f, MonotonicTime) {
      for (std::size_t i = 0; i < sources.size(); i++) taken[i] = f.ports_taken(sources[i].slot);
    });
    std::size_t free = 0;
    const auto& wanted = service.config.sources;
    while (free < sources.size() &&
           (taken[free] != 0 || std::ranges::find(wanted, sources[free].address) != wanted.end()))
      free++;
    if (free == sources.size())
      return fail("more than " + std::to_string(TD_SERVICE_SOURCES) +
                  " source addresses, with those that flows still have");
    sources[free] = {address, *slot};
  }
  return {};
}

// Places of sources that an earlier process had, and that this one was not given room for, are not
// kept: flows from them end, and the ones configured now have theirs.
void Services::make_room_for_sources(const config::Config& config) {
  std::set<IpAddress> wanted;
  for (const auto& service : config.services)
    wanted.insert(service.sources.begin(), service.sources.end());
  const td_env env = deps_.program.maps().env();
  if (numbers_.have_room(wanted, env.source_addresses)) return;
  numbers_.forget_sources();
  for (std::size_t i = 0; i < env.source_addresses * std::size_t{TD_SOURCE_PORTS}; i++)
    env.sources[i].service = 0;
  spdlog::warn("sources of fullnat have changed: flows from those of before end");
}

Result<void> Services::stage(const config::Config& config) {
  if (!adopted_) make_room_for_sources(config);
  take_restored(config);
  auto idle = dataplane::idle_ticks(config.flows);
  if (!idle) return std::unexpected(idle.error());
  staged_.clear();
  staging_ = true;
  for (const auto& service : config.services) {
    auto next = stage(service);
    if (!next) return std::unexpected(next.error());
    staged_.push_back(std::move(*next));
  }
  deps_.plane.call([&](forward::Forwarder& f, MonotonicTime now) {
    f.set_idle(*idle);
    for (const auto& service : staged_)
      if (service.number != 0) f.set_service(service.number, services::settings_of(service), now);
  });
  follow_kernel_ports();
  for (const auto& service : staged_) tell(service);
  if (!std::exchange(adopted_, true))
    deps_.plane.call([](forward::Forwarder& f, MonotonicTime) {
      if (const auto flows = f.adopt(); flows > 0) spdlog::info("took over {} flows", flows);
    });
  deps_.steering.set_budget(static_cast<std::uint32_t>(config.flows.new_per_second),
                            dataplane::kFirstPacketBurst);
  return {};
}

void Services::commit(const speaker::Interfaces& interfaces) {
  std::swap(services_, staged_);
  staging_ = false;
  for (const auto& old : staged_) {
    if (const auto slot = old.counted.slot;
        slot != 0 && std::ranges::none_of(services_, [&](const RunningService& s) {
          return s.counted.slot == slot;
        }))
      numbers_.release_backend(slot);
    if (old.number == 0 ||
        std::ranges::find(services_, old.number, &RunningService::number) != services_.end())
      continue;
    deps_.plane.call([&](forward::Forwarder& f, MonotonicTime) { f.remove_service(old.number); });
    tables_.remove(old);
    for (const auto& backend : old.backends) numbers_.release_backend(backend.slot);
    numbers_.release_service(old.number);
  }
  note_newer_weights(staged_);
  staged_.clear();
  states_.watch();
  follow(interfaces);
}

void Services::follow(const speaker::Interfaces& interfaces) {
  follow_devices(interfaces);
  states_.follow(interfaces);
}

void Services::follow_devices(const speaker::Interfaces& interfaces) {
  interfaces_ = &interfaces;
  std::vector<dataplane::DataPlane::Device> wanted;
  for (const auto& state : interfaces.all()) {
    const auto ifindex = static_cast<unsigned>(state.placement.device);
    if (!state.present || !state.attached ||
        std::ranges::find(wanted, ifindex, &dataplane::DataPlane::Device::ifindex) != wanted.end())
      continue;
    const auto link = deps_.links.find(state.placement.device);
    wanted.push_back({ifindex, state.placement.device_name,
                      state.xdp.mode == engine::XdpMode::generic, link ? link->mtu : 0,
                      deps_.program.xsks_fd(ifindex), state.ups, state.has_ports, state.ports});
  }
  deps_.plane.call([&](forward::Forwarder& f, MonotonicTime) {
    for (const auto& device : wanted)
      if (device.mtu != 0)
        f.set_mtu(device.ifindex, static_cast<std::uint16_t>(std::min(device.mtu, 65535U)));
  });
  const bool forwards = std::ranges::any_of(services_, [](const auto& s) { return s.number != 0; });
  deps_.plane.follow(forwards ? wanted : std::vector<dataplane::DataPlane::Device>{});
}

// ---- What the forwarder is told

forward::BackendSettings Services::settings_of(const RunningService& s,
                                               const RunningBackend& b) const {
  forward::BackendSettings settings = services::settings_of(latest(), s, b);
  if (b.next_hop && b.next_hop->source) settings.outer = *b.next_hop->source;
  if (const auto hop = states_.hop_of(b)) settings.hop = *hop;
  return settings;
}

void Services::tell(const RunningService& service) {
  if (service.number == 0) return;
  std::vector<std::pair<std::uint16_t, forward::BackendSettings>> settings;
  for (const auto& backend : service.backends)
    settings.emplace_back(backend.slot, settings_of(service, backend));
  constexpr std::size_t kBatch = 256;  // first packets wait for no more than these
  for (std::size_t i = 0; i < settings.size(); i += kBatch)
    deps_.plane.call([&](forward::Forwarder& f, MonotonicTime now) {
      for (std::size_t j = i; j < std::min(settings.size(), i + kBatch); j++)
        f.set_backend(settings[j].first, settings[j].second, now);
    });
}

void Services::tell(const RunningService& service, const RunningBackend& backend) {
  const auto settings = settings_of(service, backend);
  deps_.plane.call([&](forward::Forwarder& f, MonotonicTime now) {
    f.set_backend(backend.slot, settings, now);
  });
}

// ---- As time goes on

void Services::on_judged(RunningService& service, RunningBackend& backend, bool news) {
  if (std::exchange(service.backups_serve, backups_are_due(service)) != service.backups_serve)
    tell(service);
  else
    tell(service, backend);
  judge_quorum(service);
  service.table_is_due = true;
  tables_due_.set(MonotonicClock::now() + kTableDelay);
  if (!news) return;
  spdlog::info("{} {}: {}: {}", service.config.name, endpoint_of(backend.config),
               backend.state == balance::State::up         ? "up"
               : backend.state == balance::State::draining ? "draining"
                                                           : "down",
               backend.why);
  note_(service.config.name, backend);
}

void Services::judge_quorum(RunningService& service) {
  const auto now = MonotonicClock::now();
  const bool up = has_quorum(service);
  service.was_up = service.was_up || up;
  if (service.number == 0 || up == service.up ||
      (!service.was_up && now < service.since + kFirstLooks))
    return;
  service.up = up;
  service.since = now;
  const std::string why = up ? "its quorum is up" : why_no_quorum(service);
  spdlog::log(up ? spdlog::level::info : spdlog::level::warn, "service {}: {}: {}",
              service.config.name, up ? "up" : "down", why);
  note_quorum_(service, why);
}

// The hash picks of services whose backends have changed: one table for the scheduler, and the same
// for XDP.
void Services::make_tables() {
  for (auto& service : services_) {
    if (service.number == 0 || !std::exchange(service.table_is_due, false)) continue;
    balance::MaglevTable table = hash_picks(service);
    if (!tables_.set(service, table))
      spdlog::warn("{}: no room for its table of hash picks", service.config.name);
    deps_.plane.call(
        [&](forward::Forwarder& f, MonotonicTime) { f.install(service.number, std::move(table)); });
  }
}

void Services::on_second() {
  for (auto& service : services_)
    for (auto& backend : service.backends) {
      const std::uint64_t flows = deps_.plane.forwarder().of_backend(backend.slot).flows;
      backend.new_per_second = static_cast<double>(flows - backend.flows_before);
      backend.flows_before = flows;
    }
  for (auto& service : services_) judge_quorum(service);
  drop_retired();
  ask_for_sockets();
  follow_kernel_ports();
  second_.set(MonotonicClock::now() + seconds(1));
}

// Who had the queues, or what the limit was, may have changed.
void Services::ask_for_sockets() {
  constexpr int kBetweenTries = 5;
  if (deps_.plane.unserved().empty() || interfaces_ == nullptr) {
    unserved_for_ = 0;
  } else if (++unserved_for_ % kBetweenTries == 0) {
    follow_devices(*interfaces_);
    served_();
  }
}

// Settings of the kernel's, which anybody may change at any time. Only fullnat asks for them.
void Services::follow_kernel_ports() {
  if (std::ranges::none_of(latest(), has_sources)) {
    if (kernel_ports_) check_ports_->set({});
    kernel_ports_.reset();
    stray_ports_ = 0;
    return;
  }
  if (!kernel_ports_) {
    kernel_ports_.emplace();
    ports_are_told_ = false;
  }
  if (!ports_are_told_ || kernel_ports_->changed()) share_ports();
  const auto before = std::exchange(stray_ports_, 0);
  PortSet taken(kPortNumbers);
  const bool told = deps_.plane.call([&](forward::Forwarder& f, MonotonicTime) {
    stray_ports_ = f.stray_ports();
    if (stray_ports_ > 0) taken = f.taken_ports();
  });
  if (told && (before > 0 || stray_ports_ > 0)) kernel_ports_->keep(taken);
}

void Services::share_ports() {
  PortSet taken(kPortNumbers);
  const auto ask = [&](forward::Forwarder& f, MonotonicTime) { taken = f.taken_ports(); };
  if (!deps_.plane.call(ask)) return;
  const PortShares& shares = kernel_ports_->share_out(taken);
  check_ports_->set(shares.checks);
  ports_are_told_ = deps_.plane.call(
      [&](forward::Forwarder& f, MonotonicTime) { f.set_usable_ports(shares.usable); });
}

std::vector<std::string> Services::troubles() const {
  std::vector<std::string> sentences;
  for (const auto& service : services_)
    if (auto sentence = nobody_up(service))
      sentences.push_back(std::move(*sentence));
    else if (!service.up)
      sentences.push_back("service " + service.config.name + ": " + why_no_quorum(service));
  note_unused_weights(sentences);
  if (kernel_ports_) std::ranges::move(kernel_ports_->troubles(), std::back_inserter(sentences));
  return sentences;
}

// Set where the file has another weight than here.
void Services::note_unused_weights(std::vector<std::string>& sentences) const {
  for (const auto& service : services_)
    for (const auto& b : service.backends) {
      const sync::BackendWish* wish = service.number != 0 && !b.retired
                                          ? wishes_.find(key_of(service.config, b.config))
                                          : nullptr;
      if (wish == nullptr || wish->weight.weight == wish->weight.configured ||
          wish->weight.configured == b.config.weight)
        continue;
      sentences.push_back(
          "service " + service.config.name + ": the weight " + std::to_string(wish->weight.weight) +
          " of " + endpoint_of(b.config) + " that was set on " + wish->weight.node +
          " is not used, since the file there has " + std::to_string(wish->weight.configured) +
          " for it, and here " + std::to_string(b.config.weight) +
          "; give both nodes the same weights in their files");
    }
}

// Those whose last flow has gone.
void Services::drop_retired() {
  bool dropped = false;
  for (auto& service : services_) {
    std::erase_if(service.backends, [&](const RunningBackend& backend) {
      if (!backend.retired || deps_.plane.forwarder().counts().total(backend.slot) != 0)
        return false;
      deps_.plane.call(
          [&](forward::Forwarder& f, MonotonicTime) { f.remove_backend(backend.slot); });
      numbers_.release_backend(backend.slot);
      return dropped = true;
    });
  }
  if (!dropped) return;
  for (const auto& service : services_) tell(service);  // chains of those alike
  states_.watch();
  republish_();
}

// ---- The operator

template <class Change>
bool Services::change(const std::string& name, const std::optional<control::Endpoint>& endpoint,
                      Change change) {
  const auto service = std::ranges::find_if(
      services_, [&](const auto& s) { return s.number != 0 && s.config.name == name; });
  if (service == services_.end()) return false;
  bool found = false;
  for (auto& backend : service->backends) {
    if (backend.retired ||
        (endpoint && !endpoint->names(backend.config.address, backend.config.port)))
      continue;
    change(key_of(service->config, backend.config), backend);
    obey(service->config, backend);
    states_.judge(*service, backend);
    found = true;
  }
  return found;
}

bool Services::drain(const std::string& service, const std::optional<control::Endpoint>& backend,
                     bool drained) {
  return change(service, backend, [&](const sync::BackendKey& key, const RunningBackend&) {
    wishes_.set_drained(key, drained, node_);
  });
}

bool Services::set_weight(const std::string& service, const control::Endpoint& backend,
                          std::uint16_t weight) {
  return change(service, backend, [&](const sync::BackendKey& key, const RunningBackend& b) {
    wishes_.set_weight(key, weight, b.config.weight, node_);
  });
}

bool Services::merge(const std::vector<sync::BackendWish>& wishes) {
  std::set<sync::BackendKey> changed;
  for (const auto& wish : wishes) {
    const auto merged = wishes_.merge(wish);
    if (merged == sync::Merged::no_room)
      spdlog::warn("the other node's settings of {} are left out: there are {} already",
                   wish.backend.address.to_string(), sync::WishBook::kMost);
    if (merged == sync::Merged::conflicts)
      spdlog::warn(
          "{}: both nodes had set something while they were apart: drained stays drained, "
          "and the smaller weight",
          wish.backend.address.to_string());
    if (merged == sync::Merged::taken || merged == sync::Merged::conflicts)
      changed.insert(wish.backend);
  }
  for (auto& service : services_)
    for (auto& backend : service.backends) {
      if (service.number == 0 || backend.retired ||
          !changed.contains(key_of(service.config, backend.config)))
        continue;
      obey(service.config, backend);
      states_.judge(service, backend);
    }
  return !changed.empty();
}

OperatorChanges Services::operator_changes() const {
  std::map<sync::BackendKey, std::string> names;
  for (const auto& service : services_)
    for (const auto& b : service.backends)
      names[key_of(service.config, b.config)] = service.config.name;
  OperatorChanges changes;
  for (auto& wish : wishes_.all()) {
    const auto name = names.find(wish.backend);
    changes.push_back({name != names.end() ? name->second : "", std::move(wish)});
  }
  return changes;
}

}  // namespace tandem::services
