// SPDX-License-Identifier: Apache-2.0
// The data thread: first packets come over AF_XDP, are admitted by the forwarder and sent; ends of
// flows come through a ring; the flow tables are swept a little at a time.
//
// The control thread has its commands run in between, and waits for each: a command must not wait
// for anything.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "engine/af_xdp.hpp"
#include "engine/ring.hpp"
#include "flow/flow_time.hpp"
#include "forward/forwarder.hpp"

namespace tandem::daemon {

class DataThread {
 public:
  struct Tools {
    std::unique_ptr<forward::Forwarder> forwarder;
    std::unique_ptr<engine::AfXdp> sockets;
    engine::EndRing ends;
    flow::JiffyClock clock;
    std::uint32_t tick_shift = 0;
  };
  using Run = std::function<void(forward::Forwarder&, engine::AfXdp&, MonotonicTime now)>;

  static Result<std::unique_ptr<DataThread>> start(Tools tools);
  ~DataThread();

  // ---- Control thread
  // Runs it on the data thread; returns when it has run.
  void call(Run run);
  // For what any thread may read: counters, and FlowTable::for_each().
  [[nodiscard]] const forward::Forwarder& forwarder() const { return *tools_.forwarder; }
  [[nodiscard]] std::uint64_t jiffies(MonotonicTime now) const { return tools_.clock.at(now); }
  [[nodiscard]] flow::Tick tick(MonotonicTime now) const {
    return static_cast<flow::Tick>(jiffies(now) >> tools_.tick_shift);
  }
  // Since a flow's last packet, to a tick.
  [[nodiscard]] Duration idle(flow::Tick stamp, flow::Tick now) const;

 private:
  struct Command {
    Run run;
    std::binary_semaphore done{0};
  };

  explicit DataThread(Tools tools);
  void loop();
  void wait(bool all_sent);
  void run_command();
  std::size_t admit_burst();
  void admit(const engine::Frame& frame, MonotonicTime now, std::uint64_t jiffies);
  void take_ends();
  void sweep();

  Tools tools_;
  Descriptor wake_;
  std::atomic<Command*> command_ = nullptr;
  std::atomic<bool> stop_ = false;
  std::vector<pollfd> fds_;
  MonotonicTime swept_ = MonotonicTime::min();
  std::thread thread_;
};

}  // namespace tandem::daemon
