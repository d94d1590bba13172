// SPDX-License-Identifier: Apache-2.0
// The VRRP thread: SCHED_RR, memory locked, waiting for nothing but its own deadline, an advert
// or a command. Commands come and events go through single-producer queues; a command that has
// run goes back to the control thread, which frees it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/event_fd.hpp"
#include "base/result.hpp"
#include "engine/ring.hpp"
#include "speaker/vrrp_commands.hpp"

namespace tandem::speaker {

struct RealtimeState {
  std::string scheduler;  // "SCHED_RR 50", or why not
  bool realtime = false;
  bool memory_locked = false;
  pid_t thread = 0;  // its number
};

class VrrpThread : public VrrpCommands {
 public:
  static Result<std::unique_ptr<VrrpThread>> start(flow::Steering& steering,
                                                   engine::AdvertRing ring);
  ~VrrpThread() override;  // stops and joins; nobody resigns any more

  // ---- Control thread ----
  // `finished` runs from within process().
  void post(Run run, Finished finished = {}) override;
  // That the control thread runs. It is watched from the first time on.
  void beat() { beats_.fetch_add(1, std::memory_order_relaxed); }
  // Readable when process() has work.
  [[nodiscard]] int event_fd() const { return to_control_.get(); }
  // Hands over all waiting events and finishes commands. false: events were lost before, so that
  // only a snapshot tells what holds.
  [[nodiscard]] bool process(const std::function<void(const VrrpEvent&)>& take);
  [[nodiscard]] const RealtimeState& realtime() const { return realtime_; }

  // ---- Sync thread
  [[nodiscard]] vrrp::RoleBoard& roles() { return roles_; }
  // The other node has said something else than before.
  void wake_for_roles() { to_thread_.signal(); }

 private:
  struct Command {
    Run run;
    Finished finished;
  };

  explicit VrrpThread(engine::AdvertRing ring);
  void loop();
  void wait(MonotonicTime deadline) const;
  void run_commands();
  void finish_commands();

  engine::AdvertRing ring_;
  EventFd to_thread_;
  EventFd to_control_;
  boost::lockfree::spsc_queue<Command*> commands_{4096};
  boost::lockfree::spsc_queue<Command*> finished_{4096};
  boost::lockfree::spsc_queue<VrrpEvent> events_{8192};
  std::unique_ptr<VrrpDriver> driver_;
  RealtimeState realtime_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> lost_ = false;
  std::atomic<std::uint64_t> beats_ = 0;  // of the control thread
  vrrp::RoleBoard roles_;
  std::thread thread_;
};

}  // namespace tandem::speaker
