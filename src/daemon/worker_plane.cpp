// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker_plane.hpp"

#include <pthread.h>
#include <sched.h>
#include <spdlog/spdlog.h>

#include "engine/dpdk/eal.hpp"

namespace tandem::daemon {
namespace {

constexpr std::uint32_t kFrameBytes = 2048;
constexpr std::uint32_t kFrameMemory = kFrameBytes + 512;  // with what DPDK keeps of each

engine::RestMode rest_of(config::Idle idle) {
  switch (idle) {
    case config::Idle::poll:
      return engine::RestMode::poll;
    case config::Idle::pause:
      return engine::RestMode::pause;
    case config::Idle::sleep:
      break;
  }
  return engine::RestMode::sleep;
}

std::vector<std::uint16_t> cpus_of(const config::Dpdk& config) {
  if (!config.cpus.empty()) return config.cpus;
  return {static_cast<std::uint16_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)) - 1)};
}

engine::EalOptions eal_options(const config::Config& config) {
  engine::EalOptions options{.memory_mb = static_cast<std::uint32_t>(config.dpdk.memory_mb)};
  for (const auto& interface : config.interfaces)
    if (interface.driver == "pci")
      options.pci.push_back(interface.pci +
                            (interface.devargs.empty() ? "" : "," + interface.devargs));
  return options;
}

std::unexpected<Error> too_many() {
  return fail("workers have " + std::to_string(engine::PortSet::kMost) + " ports at most");
}

void pin(std::thread& thread, int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (pthread_setaffinity_np(thread.native_handle(), sizeof set, &set) != 0)
    spdlog::warn("CPU {} cannot be had for a worker, which runs anywhere now", cpu);
}

}  // namespace

Result<WorkerPlane::Tables> WorkerPlane::open_tables(const config::Config& config) {
  const std::string prefix =
      "tandem-" + config.node.name + "-v" + std::to_string(TD_ABI_VERSION) + "-";
  const auto open = [&](const char* name, std::size_t elements, std::size_t size) {
    return engine::HugeMemory::open(config.dpdk.huge_pages, prefix + name, elements * size);
  };
  auto flow4 =
      open("flow4", flow::FlowTable4::elements_for(static_cast<std::uint32_t>(config.flows.size)),
           sizeof(td_flow4_bucket));
  if (!flow4) return std::unexpected(flow4.error());
  auto flow6 = open(
      "flow6", flow::FlowTable6::elements_for(static_cast<std::uint32_t>(config.flows.size_ipv6)),
      sizeof(td_flow6_bucket));
  if (!flow6) return std::unexpected(flow6.error());
  return Tables{std::move(*flow4), std::move(*flow6)};
}

Result<std::unique_ptr<DataPlane>> open_worker_plane(const config::Config& config,
                                                     const engine::SteeringProgram& program,
                                                     const flow::JiffyClock& clock) {
  auto tables = WorkerPlane::open_tables(config);
  if (!tables) return std::unexpected(tables.error());
  td_env env = program.maps().env();
  env.flow4 = tables->flow4.bytes().data();
  env.flow6 = tables->flow6.bytes().data();
  auto core = DataCore::open({env, tables->flow4.bytes(), tables->flow6.bytes()}, config, clock);
  if (!core) return std::unexpected(core.error());
  return WorkerPlane::start(std::move(*core), std::move(*tables), config);
}

WorkerPlane::WorkerPlane(DataCore core, Tables tables, engine::FramePool frames,
                         std::unique_ptr<engine::KernelPath> kernel)
    : DataPlane(std::move(core)),
      tables_(std::move(tables)),
      frames_(std::move(frames)),
      kernel_(std::move(kernel)) {}

Result<std::unique_ptr<DataPlane>> WorkerPlane::start(DataCore core, Tables tables,
                                                      const config::Config& config) {
  if (auto started = engine::start_eal(eal_options(config),
                                       [](const std::string& line) { spdlog::warn("{}", line); });
      !started)
    return std::unexpected(started.error());
  const auto room = static_cast<std::uint64_t>(config.dpdk.memory_mb) << 20;
  auto frames = engine::FramePool::create(
      "frames", static_cast<std::uint32_t>(room * 9 / 10 / kFrameMemory), kFrameBytes);
  if (!frames) return std::unexpected(frames.error());
  auto kernel = engine::KernelPath::open();
  if (!kernel) return std::unexpected(kernel.error());
  std::unique_ptr<WorkerPlane> self(
      new WorkerPlane(std::move(core), std::move(tables), std::move(*frames), std::move(*kernel)));
  if (auto hired = self->hire(config.dpdk); !hired) return std::unexpected(hired.error());
  return self;
}

Result<void> WorkerPlane::hire(const config::Dpdk& config) {
  const auto cpus = cpus_of(config);
  const auto count = static_cast<unsigned>(cpus.size());
  for (unsigned i = 0; i < count; i++) {
    engine::Worker::Rooms rooms{forwarder().env(), clock(), kernel_.get(), nullptr, {}};
    if (i == 0) {
      rooms.forwarder = &owned();
      rooms.tend = [this](MonotonicTime now) {
        run_command();
        sweep(now);
      };
    }
    workers_.push_back(std::make_unique<engine::Worker>(
        engine::Worker::Options{i, count, rest_of(config.idle)}, std::move(rooms)));
    if (auto opened = workers_[i]->open_rings(); !opened) return opened;
    if (i > 0) workers_[0]->take_from(*workers_[i]);
  }
  watches_.resize(count);
  own_ports_.emplace(
      count, frames_, [this] { tell_ports(); }, [this] { wake(); });
  for (unsigned i = 0; i < count; i++) {
    threads_.emplace_back([worker = workers_[i].get(), i] {
      pthread_setname_np(pthread_self(), ("worker-" + std::to_string(i)).c_str());
      worker->run();
    });
    pin(threads_.back(), cpus[i]);
  }
  return {};
}

WorkerPlane::~WorkerPlane() {
  stop();
  own_ports_.reset();  // their threads wake workers
}

void WorkerPlane::stop() {
  for (auto& worker : workers_) worker->stop();
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
}

void WorkerPlane::forget() {
  tables_.flow4.remove();
  tables_.flow6.remove();
}

Result<void> WorkerPlane::open_ports(const std::vector<config::Interface>& interfaces) {
  const auto own = std::ranges::count_if(interfaces, &config::Interface::has_own_port);
  if (ports_.size() + static_cast<std::size_t>(own) > engine::PortSet::kMost) return too_many();
  return own_ports_->open(interfaces);
}

void WorkerPlane::close_ports(const std::vector<config::Interface>& wanted) {
  own_ports_->close_others(wanted);
}

Result<engine::Workers> WorkerPlane::prepare(unsigned ifindex, const std::string& name,
                                             const std::function<Result<void>()>& take_off) {
  if (own_ports_->has(ifindex)) return engine::Workers{.ahead = true};
  if (ports_.size() + own_ports_->all().size() >= engine::PortSet::kMost) return too_many();
  if (auto off = take_off(); !off) return std::unexpected(off.error());  // DPDK wants it so
  auto port =
      engine::AfXdpPort::open(ifindex, name, static_cast<unsigned>(workers_.size()), frames_);
  if (!port) return std::unexpected(port.error());
  const int sockets = (*port)->sockets();
  ports_[ifindex] = std::move(*port);
  tell_ports();
  return engine::Workers{.sockets = sockets};
}

void WorkerPlane::release(unsigned ifindex) {
  auto gone = ports_.extract(ifindex);
  if (gone) tell_ports();  // before it is closed, which is now
}

void WorkerPlane::tell_ports() {
  auto set = std::make_shared<engine::PortSet>();
  for (const auto& [ifindex, port] : ports_)
    set->entries.push_back({port->port().id(), port->port().options().rx_queues, ifindex});
  for (auto* own : own_ports_->all())
    set->entries.push_back({own->port().id(), own->port().options().rx_queues,
                            own->path().device().ifindex(), &own->path()});
  for (auto& worker : workers_) worker->use(set);
}

void WorkerPlane::check(MonotonicTime now) {
  bool works = true;
  for (std::size_t i = 0; i < workers_.size(); i++) {
    const bool before = watches_[i].stalled();
    const bool stalled = watches_[i].look(workers_[i]->counters().rounds, now);
    works = works && !stalled;
    if (stalled && !before)
      spdlog::error("worker {} stands still: virtual addresses are released", i);
    else if (before && !stalled)
      spdlog::warn("worker {} works again", i);
  }
  works_ = works;
  if (works) own_ports_->follow(now);
}

std::vector<std::string> WorkerPlane::troubles() const {
  std::vector<std::string> troubles;
  const auto tell = [&](std::uint64_t count, const std::string& what) {
    if (count > 0) troubles.push_back(std::to_string(count) + " " + what);
  };
  for (std::size_t i = 0; i < workers_.size(); i++) {
    const auto& c = workers_[i]->counters();
    const std::string who = "by worker " + std::to_string(i);
    if (watches_[i].stalled()) troubles.push_back("worker " + std::to_string(i) + " stands still");
    tell(c.tx_full, "frames could not be sent " + who + ": the device's queue was full");
    tell(c.no_port, "frames could not be sent " + who + ": their device is no port");
    tell(c.overrun, "first packets were lost " + who + ": the first worker is too slow");
  }
  std::vector<std::pair<std::string, const engine::Port*>> ports;
  for (const auto& [ifindex, port] : ports_) ports.emplace_back(port->name(), &port->port());
  for (const auto* own : own_ports_->all()) ports.emplace_back(own->name(), &own->port());
  for (const auto& [name, port] : ports) {
    const auto counters = port->counters();
    tell(counters.missed, "frames were lost on " + name + ": workers are too slow");
    tell(counters.no_frame,
         "times no packet buffer was free for " + name + ": dpdk.memory_mb is too small");
  }
  std::ranges::copy(own_ports_->troubles(), std::back_inserter(troubles));
  const auto kernel = kernel_->counters();
  tell(kernel.lost, "frames for the kernel were lost: too many at once");
  tell(kernel.refused, "frames for the kernel were refused by it");
  return troubles;
}

observe::EngineView WorkerPlane::view() const {
  observe::EngineView view;
  for (std::size_t i = 0; i < workers_.size(); i++) {
    const auto& c = workers_[i]->counters();
    view.workers.push_back({watches_[i].stalled(), c.rounds, c.bursts, c.received, c.sent,
                            c.tx_full, c.no_port, c.handed_over, c.overrun});
  }
  for (const auto& [ifindex, port] : ports_) {
    const auto counters = port->port().counters();
    view.ports.push_back({port->name(), counters.missed, counters.no_frame});
  }
  return view;
}

void WorkerPlane::drain_captured(const std::function<void(const td_captured&)>& each) {
  for (const auto& worker : workers_) worker->drain_captured(each);
}

void WorkerPlane::add_packets(std::array<std::uint64_t, TD_REASON_COUNT>& packets) const {
  for (const auto& worker : workers_)
    for (std::size_t i = 0; i < packets.size(); i++) packets[i] += worker->counters().packets[i];
}

void WorkerPlane::add_traffic(std::uint16_t backend, td_traffic& traffic) const {
  for (const auto& worker : workers_) {
    const auto& counted = worker->traffic(backend);
    traffic.in_packets += counted.in_packets;
    traffic.in_bytes += counted.in_bytes;
    traffic.out_packets += counted.out_packets;
    traffic.out_bytes += counted.out_bytes;
  }
}

}  // namespace tandem::daemon
