// SPDX-License-Identifier: Apache-2.0
// What the control thread sees of an engine: who owns the forwarder, and the devices that it
// serves.
//
//   xdp   DataThread: XDP forwards, a thread admits first packets    (data_thread.hpp)
//   dpdk  WorkerPlane: workers forward, the first of them admits     (worker_plane.hpp)
//
// The forwarder belongs to one thread of the engine's. The control thread has its commands run
// there, in between packets, and waits for each: a command must not wait for anything.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "engine/steering_program.hpp"
#include "flow/flow_time.hpp"
#include "forward/counted.hpp"
#include "forward/forwarder.hpp"
#include "observe/engine_view.hpp"

namespace tandem::dataplane {

// The forwarder, over tables that are open, and the clock that they go by.
struct DataCore {
  std::unique_ptr<forward::Replication> replication;  // with [sync]; else nullptr
  std::unique_ptr<forward::Forwarder> forwarder;
  flow::JiffyClock clock;
  std::uint32_t tick_shift = 0;

  static Result<DataCore> open(const forward::Forwarder::Memory& memory,
                               const config::Config& config, const flow::JiffyClock& clock);
};

class DataPlane {
 public:
  using Run = std::function<void(forward::Forwarder&, MonotonicTime now)>;
  struct Port {  // of a bond
    unsigned ifindex = 0;
    std::string name;
    int sockets = -1;  // its XSKMAP
    unsigned ups = 0;
  };
  struct Device {
    unsigned ifindex = 0;
    std::string name;
    bool generic = false;  // XDP's mode
    unsigned mtu = 0;
    int sockets = -1;      // its XSKMAP
    unsigned ups = 0;      // how often it came up: some drivers make queues anew with it
    bool is_bond = false;  // natively: frames come in on its ports
    std::vector<Port> ports;
  };

  virtual ~DataPlane() = default;
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  // ---- Control thread
  // Runs it on the forwarder's thread; returns when it has run. false: it has not, and will not,
  // since that thread stands still. Once can_admit() is true again, it has to be told anew.
  bool call(Run run);
  // No thread runs any more after it; call() is not allowed then.
  virtual void stop() = 0;

  // Before interfaces are looked for: makes those that stand for a port of the engine's own and are
  // not there yet. What is listed no more stays until close_ports(), and so does the rest after an
  // error.
  virtual Result<void> open_ports(const std::vector<config::Interface>&) { return {}; }
  // Takes those away that are not among these.
  virtual void close_ports(const std::vector<config::Interface>&) {}

  // Before the steering program is put on a device. Without workers its packets are
  // for sockets that follow() is told of.
  // take_off: called before, if no XDP program may be on the device.
  virtual Result<engine::Workers> prepare(unsigned ifindex, const std::string& name,
                                          const std::function<Result<void>()>& take_off) = 0;
  // The program is off the device again, or the device is gone.
  virtual void release(unsigned ifindex) = 0;
  // The devices that the program is on, as long as there is something to forward.
  virtual void follow(const std::vector<Device>& devices) = 0;

  // The process ends, and the programs stay on their devices: whatever would take them off is not closed.
  virtual void leave() {}
  // A clean end: the next process finds no flows.
  virtual void forget() {}

  // Every StallWatch::kInterval: can_forward() and can_admit() may have changed.
  virtual void check(MonotonicTime) {}
  // Whether packets of services get anywhere. Where they do not, the virtual routers go to Fault.
  [[nodiscard]] virtual bool can_forward() const { return true; }
  // Whether first packets find a backend: the forwarder's thread goes round, and call() reaches it.
  [[nodiscard]] virtual bool can_admit() const { return can_forward(); }
  // Devices whose first packets nobody takes: AF_XDP gives them no sockets, or the data thread stands
  // still. Services with backends are not served then; all else goes on.
  struct Unserved {
    std::string device;
    std::string why;
    bool operator==(const Unserved&) const = default;
  };
  [[nodiscard]] virtual std::vector<Unserved> unserved() const { return {}; }
  // Of the forwarder's thread, so that one that stands still shows: a hundred a second.
  [[nodiscard]] std::uint64_t rounds() const { return rounds_.load(std::memory_order_relaxed); }
  // Sentences for the operator, besides those on losses.
  [[nodiscard]] virtual std::vector<std::string> troubles() const;

  [[nodiscard]] virtual observe::EngineView view() const { return {}; }

  // What XDP has not captured.
  virtual void drain_captured(const std::function<void(const td_captured&)>&) {}

  // All that this engine has counted: what XDP, workers and the forwarder decided, and what got
  // lost between them.
  [[nodiscard]] virtual forward::Counted counted() const = 0;
  // The same of a backend's slot, whoever had the slot.
  [[nodiscard]] virtual td_traffic traffic(std::uint16_t backend) const = 0;

  // ---- The sync thread
  // Changes of the peer's wait. nullptr: nothing is kept in step with a peer.
  [[nodiscard]] forward::Replication* replication() const { return core_.replication.get(); }
  void wake_for_changes() { wake(); }

  // ---- Any thread: counters, and FlowTable::for_each()
  [[nodiscard]] const forward::Forwarder& forwarder() const { return *core_.forwarder; }
  [[nodiscard]] std::uint64_t jiffies(MonotonicTime now) const { return core_.clock.at(now); }
  [[nodiscard]] flow::Tick tick(MonotonicTime now) const {
    return static_cast<flow::Tick>(jiffies(now) >> core_.tick_shift);
  }
  // Since a flow's last packet, to a tick.
  [[nodiscard]] Duration idle(flow::Tick stamp, flow::Tick now) const;

 protected:
  explicit DataPlane(DataCore core) : core_(std::move(core)) {}

  // What the forwarder decided, for counted() and traffic() to begin with.
  [[nodiscard]] forward::Counted counted_by_forwarder() const;
  [[nodiscard]] td_traffic traffic_by_forwarder(std::uint16_t backend) const;

  // ---- The forwarder's thread
  [[nodiscard]] forward::Forwarder& owned() { return *core_.forwarder; }
  [[nodiscard]] const flow::JiffyClock& clock() const { return core_.clock; }
  // The command that waits, if one does, and what the peer did meanwhile.
  void run_command();
  // A share of the flow tables, when its time has come.
  void sweep(MonotonicTime now);
  static constexpr Duration kSweepInterval = std::chrono::milliseconds(10);

 private:
  struct Command {
    Run run;
    std::binary_semaphore done{0};
  };
  // So that it comes to run_command() soon.
  virtual void wake() = 0;

  DataCore core_;
  std::atomic<Command*> command_ = nullptr;
  MonotonicTime swept_ = MonotonicTime::min();
  std::atomic<std::uint64_t> rounds_ = 0;
};

// The engine of the configuration, over the program's maps. The flows of an earlier process go on.
Result<std::unique_ptr<DataPlane>> open_data_plane(const config::Config& config,
                                                   const engine::SteeringProgram& program,
                                                   const flow::JiffyClock& clock);
// The dpdk engine, if this build has it: worker_plane.cpp or no_worker_plane.cpp.
Result<std::unique_ptr<DataPlane>> open_worker_plane(const config::Config& config,
                                                     const engine::SteeringProgram& program,
                                                     const flow::JiffyClock& clock);

}  // namespace tandem::dataplane
