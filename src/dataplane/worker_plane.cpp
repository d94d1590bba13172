// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker_plane.hpp"

#include <pthread.h>
#include <sched.h>
#include <spdlog/spdlog.h>

#include "engine/dpdk/eal.hpp"
#include "engine/dpdk/waiting_traffic.hpp"
#include "engine/rx_queues.hpp"

namespace tandem::dataplane {
namespace {

constexpr std::uint32_t kFrameOverhead = 512;  // what DPDK keeps of each

// The largest, of devices with AF_XDP.
unsigned mtu_of(const config::Config& config) {
  unsigned mtu = 0;
  for (const auto& interface : config.interfaces)
    if (!interface.has_own_port())
      mtu = std::max(mtu,
                     engine::mtu_of(interface.device.empty() ? interface.name : interface.device));
  return mtu;
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
  return WorkerPlane::start(std::move(*core), program, std::move(*tables), config);
}

WorkerPlane::WorkerPlane(DataCore core, const engine::SteeringProgram& program, Tables tables,
                         engine::FramePool frames, std::unique_ptr<engine::KernelPath> kernel)
    : DataPlane(std::move(core)),
      program_(program),
      tables_(std::move(tables)),
      frames_(std::move(frames)),
      kernel_(std::move(kernel)) {}

Result<std::unique_ptr<DataPlane>> WorkerPlane::start(DataCore core,
                                                      const engine::SteeringProgram& program,
                                                      Tables tables, const config::Config& config) {
  if (auto started = engine::start_eal(eal_options(config),
                                       [](const std::string& line) { spdlog::warn("{}", line); });
      !started)
    return std::unexpected(started.error());
  const auto room = static_cast<std::uint64_t>(config.dpdk.memory_mb) << 20;
  const std::uint32_t bytes = engine::AfXdpPort::frame_bytes_for(mtu_of(config));
  auto frames = engine::FramePool::create(
      "frames", static_cast<std::uint32_t>(room * 9 / 10 / (bytes + kFrameOverhead)), bytes);
  if (!frames) return std::unexpected(frames.error());
  auto kernel = engine::KernelPath::open();
  if (!kernel) return std::unexpected(kernel.error());
  std::unique_ptr<WorkerPlane> self(new WorkerPlane(std::move(core), program, std::move(tables),
                                                    std::move(*frames), std::move(*kernel)));
  if (auto hired = self->hire(config.dpdk); !hired) return std::unexpected(hired.error());
  return self;
}

Result<void> WorkerPlane::hire(const config::Dpdk& config) {
  const auto cpus = cpus_of(config);
  const auto count = static_cast<unsigned>(cpus.size());
  for (unsigned i = 0; i < count; i++) {
    engine::Worker::Deps deps{forwarder().env(), clock(), kernel_.get(), nullptr, {}};
    if (i == 0) {
      deps.forwarder = &owned();
      deps.tend = [this](MonotonicTime now) {
        run_command();
        sweep(now);
      };
    }
    workers_.push_back(std::make_unique<engine::Worker>(
        engine::Worker::Options{i, count, config.idle}, std::move(deps)));
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

// DPDK's driver takes the program of a device off when it closes the port, whosever it is.
void WorkerPlane::leave() {
  for (auto& [ifindex, port] : ports_) (void)port.release();
  ports_.clear();
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
  if (own_ports_->has(ifindex)) return engine::Workers{.adverts_only = true};
  if (ports_.size() + own_ports_->all().size() >= engine::PortSet::kMost) return too_many();
  if (auto enough = engine::AfXdpPort::has_queues_for(workers_.size(), name); !enough)
    return std::unexpected(enough.error());
  const engine::WaitingTraffic waiting(ifindex);
  if (const auto& waits = waiting.state(); !waits)
    spdlog::warn("{}: nothing waits while DPDK opens it, and the kernel may reset connections: {}",
                 name, waits.error().message);
  if (auto off = take_off(); !off) return std::unexpected(off.error());  // DPDK wants it so
  auto port = engine::AfXdpPort::open(ifindex, name, frames_);
  if (!port) {
    unserved_[ifindex] = {name, port.error().message};
    return engine::Workers{.no_sockets = true};
  }
  const int sockets = (*port)->sockets();
  ports_[ifindex] = std::move(*port);
  tell_ports();
  return engine::Workers{.sockets = sockets};
}

void WorkerPlane::release(unsigned ifindex) {
  unserved_.erase(ifindex);
  auto gone = ports_.extract(ifindex);
  if (gone) tell_ports();  // before it is closed, which is now
}

std::vector<DataPlane::Unserved> WorkerPlane::unserved() const {
  std::vector<Unserved> all;
  if (forwards_)
    for (const auto& [ifindex, device] : unserved_) all.push_back(device);
  return all;
}

void WorkerPlane::follow(const std::vector<Device>& devices) {
  forwards_ = !devices.empty();
  cut_short_.clear();
  const unsigned most = engine::AfXdpPort::largest_mtu(frames_.bytes());
  for (const auto& device : devices)
    if (ports_.contains(device.ifindex) && device.mtu > most)
      cut_short_.push_back("packets over " + std::to_string(most) + " bytes that come in on " +
                           device.name + " are lost: its MTU is " + std::to_string(device.mtu) +
                           ", for which dpdk has no buffers" +
                           (device.mtu <= engine::AfXdpPort::largest_mtu(
                                              engine::AfXdpPort::frame_bytes_for(device.mtu))
                                ? " before a restart"
                                : ""));
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
      spdlog::error("worker {} stands still: the virtual routers go to Fault", i);
    else if (before && !stalled)
      spdlog::warn("worker {} works again", i);
  }
  works_ = works;
  if (works) own_ports_->follow(now);
}

std::vector<std::string> WorkerPlane::troubles() const {
  std::vector<std::string> troubles = DataPlane::troubles();
  troubles.insert(troubles.end(), cut_short_.begin(), cut_short_.end());
  for (auto& trouble : own_ports_->troubles()) troubles.push_back(std::move(trouble));
  for (std::size_t i = 0; i < watches_.size(); i++)
    if (watches_[i].stalled()) troubles.push_back("worker " + std::to_string(i) + " stands still");
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

// In the order against the frames' way: what is handed on is seen by then.
forward::Counted WorkerPlane::counted() const {
  forward::Counted counted = counted_by_forwarder();
  for (const auto& worker : workers_) counted.add(worker->counters().packets);
  counted.add(program_.maps().counters());
  const auto lost = [&](const std::string& place, const char* reason, std::uint64_t count,
                        const std::string& sentence, bool decided) {
    counted.losses.push_back({place, reason, sentence, count, decided});
  };
  for (std::size_t i = 0; i < workers_.size(); i++) {
    const auto& c = workers_[i]->counters();
    const std::string who = "worker " + std::to_string(i);
    lost(who, "tx_full", c.tx_full,
         "frames could not be sent by " + who + ": the device's queue was full", true);
    lost(who, "no_port", c.no_port,
         "frames could not be sent by " + who + ": their device is no port", true);
    lost(who, "overrun", c.overrun,
         "first packets were lost by " + who + ": the first worker is too slow", false);
    lost(who, "orphaned", c.orphaned,
         "first packets were lost by " + who + ": their port went meanwhile", false);
  }
  std::vector<std::pair<std::string, const engine::Port*>> ports;
  for (const auto& [ifindex, port] : ports_) ports.emplace_back(port->name(), &port->port());
  for (const auto* own : own_ports_->all()) ports.emplace_back(own->name(), &own->port());
  for (const auto& [name, port] : ports) {
    const auto c = port->counters();
    lost("port " + name, "missed", c.missed,
         "frames were lost on " + name + ": workers are too slow", false);
    lost("port " + name, "no_buffer", c.no_frame,
         "times no packet buffer was free for " + name + ": dpdk.memory_mb is too small", false);
  }
  for (const auto* own : own_ports_->all()) {
    const auto c = own->path().counters();
    const std::string& name = own->name();
    lost("port " + name, "kernel_busy", c.lost,
         "frames on " + name + " for the kernel were lost: too many at once", true);
    lost("port " + name, "kernel_refused", c.refused,
         "frames on " + name + " for the kernel were refused by it", true);
    lost("port " + name, "kernel_no_buffer", c.no_frame,
         "frames of the kernel on " + name + " were lost: dpdk.memory_mb is too small", true);
    lost("port " + name, "kernel_unsent", c.unsent,
         "frames of the kernel on " + name + " were lost: the first worker is too slow", true);
  }
  const auto kernel = kernel_->counters();
  lost("kernel", "busy", kernel.lost, "frames for the kernel were lost: too many at once", true);
  lost("kernel", "refused", kernel.refused, "frames for the kernel were refused by it", true);
  return counted;
}

td_traffic WorkerPlane::traffic(std::uint16_t backend) const {
  td_traffic sum = forward::sum_of(traffic_by_forwarder(backend), program_.maps().traffic(backend));
  for (const auto& worker : workers_) {
    const auto& c = worker->traffic(backend);
    sum = forward::sum_of(sum, {c.in_packets, c.in_bytes, c.out_packets, c.out_bytes});
  }
  return sum;
}

}  // namespace tandem::dataplane
