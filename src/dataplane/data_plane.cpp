// SPDX-License-Identifier: Apache-2.0
#include "dataplane/data_plane.hpp"

#include <algorithm>
#include <random>

#include "dataplane/data_thread.hpp"
#include "dataplane/flow_settings.hpp"
#include "dataplane/stall_watch.hpp"
#include "sync/key.hpp"

namespace tandem::dataplane {
namespace {

constexpr std::size_t kChanges = 4'096;                     // of the peer's, applied in a row
constexpr Duration kSweepRound = std::chrono::seconds(20);  // in which all tables are seen once

}  // namespace

Result<DataCore> DataCore::open(const forward::Forwarder::Memory& memory,
                                const config::Config& config, const flow::JiffyClock& clock) {
  const config::Flows& flows = config.flows;
  auto idle = idle_ticks(flows);
  if (!idle) return std::unexpected(idle.error());
  DataCore core{
      {}, std::make_unique<forward::Forwarder>(memory, *idle), clock, dataplane::tick_shift()};
  const auto now = static_cast<flow::Tick>(clock.at(MonotonicClock::now()) >> core.tick_shift);
  if (auto opened = core.forwarder->open(
          {static_cast<std::uint32_t>(flows.size), static_cast<std::uint32_t>(flows.size_ipv6),
           core.tick_shift, std::random_device{}()},
          now);
      !opened)
    return std::unexpected(opened.error());
  if (!config.sync) return core;
  const auto key = sync::read_key(config.sync->key_file);
  if (!key) return std::unexpected(key.error());
  core.replication = std::make_unique<forward::Replication>(
      sync::secret_of_sums(*key),
      static_cast<std::uint32_t>(memory.flow4.size() / flow::FlowTable4::kElementBytes),
      static_cast<std::uint32_t>(memory.flow6.size() / flow::FlowTable6::kElementBytes));
  core.forwarder->replicate(core.replication.get());
  core.forwarder->set_longest_hold(config.sync->hold);
  return core;
}

Result<std::unique_ptr<DataPlane>> open_data_plane(const config::Config& config,
                                                   const engine::SteeringProgram& program,
                                                   const flow::JiffyClock& clock) {
  if (config.node.engine == "dpdk") return open_worker_plane(config, program, clock);
  const auto& maps = program.maps();
  auto core = DataCore::open({maps.env(), maps.flow4(), maps.flow6()}, config, clock);
  if (!core) return std::unexpected(core.error());
  return DataThread::start(std::move(*core), program);
}

std::vector<std::string> DataPlane::troubles() const {
  std::vector<std::string> troubles;
  for (const auto& device : unserved())
    troubles.push_back("services with backends are not served, since new flows that come in on " +
                       device.device + " are lost: " + device.why);
  return troubles;
}

bool DataPlane::call(Run run) {
  if (!can_admit()) return false;
  Command command{std::move(run)};
  command_.store(&command, std::memory_order_release);
  wake();
  while (!command.done.try_acquire_for(StallWatch::kInterval)) {
    Command* mine = &command;
    if (command_.load(std::memory_order_relaxed) != mine) continue;  // it runs: not a stall
    check(MonotonicClock::now());
    if (!can_admit() && command_.compare_exchange_strong(mine, nullptr)) return false;
  }
  return true;
}

void DataPlane::run_command() {
  if (core_.replication && !core_.replication->changes.empty()) {
    const auto now = MonotonicClock::now();
    owned().apply_changes(kChanges, now, tick(now));
  }
  if (command_.load(std::memory_order_relaxed) == nullptr) return;
  Command* command = command_.exchange(nullptr, std::memory_order_acquire);
  command->run(owned(), MonotonicClock::now());
  command->done.release();
}

void DataPlane::sweep(MonotonicTime now) {
  if (now < swept_ + kSweepInterval) return;
  const std::uint64_t buckets = std::max(owned().flows4().buckets(), owned().flows6().buckets());
  const auto share = static_cast<std::uint32_t>(buckets * kSweepInterval.count() /
                                                static_cast<std::uint64_t>(kSweepRound.count()));
  swept_ = now;
  rounds_.fetch_add(1, std::memory_order_relaxed);
  owned().look_at_leases(now);
  owned().tell_clients(now);
  owned().sweep(share + 1, tick(now));
}

// Before anybody else's numbers are read: none is handed on later than it is decided.
forward::Counted DataPlane::counted_by_forwarder() const {
  forward::Counted counted;
  counted.add(forwarder().reasons());
  return counted;
}

td_traffic DataPlane::traffic_by_forwarder(std::uint16_t backend) const {
  const auto& counts = forwarder().of_backend(backend);
  return {counts.packets, counts.bytes, 0, 0};
}

Duration DataPlane::idle(flow::Tick stamp, flow::Tick now) const {
  return clock().jiffy() * (std::int64_t{flow::age(now, stamp)} << core_.tick_shift);
}

}  // namespace tandem::dataplane
