// SPDX-License-Identifier: Apache-2.0
// The data thread of the xdp engine: first packets come over AF_XDP, are admitted by the forwarder
// and sent; ends of flows come through a ring; the flow tables are swept a little at a time.
#pragma once

#include <map>
#include <thread>

#include "base/event_fd.hpp"
#include "dataplane/data_plane.hpp"
#include "dataplane/stall_watch.hpp"
#include "engine/af_xdp.hpp"
#include "engine/ring.hpp"

namespace tandem::dataplane {

class DataThread : public DataPlane {
 public:
  static Result<std::unique_ptr<DataPlane>> start(DataCore core,
                                                  const engine::SteeringProgram& program);
  ~DataThread() override;

  void stop() override;
  Result<engine::Workers> prepare(unsigned, const std::string&,
                                  const std::function<Result<void>()>&) override {
    return engine::Workers{};
  }
  void release(unsigned) override {}
  void follow(const std::vector<Device>& devices) override;
  void check(MonotonicTime now) override;
  [[nodiscard]] bool can_admit() const override { return !watch_.stalled(); }
  [[nodiscard]] std::vector<std::string> troubles() const override;
  [[nodiscard]] std::vector<Unserved> unserved() const override;
  [[nodiscard]] forward::Counted counted() const override;
  [[nodiscard]] td_traffic traffic(std::uint16_t backend) const override;

 private:
  struct Tools {
    std::unique_ptr<engine::AfXdp> sockets;
    engine::EndRing ends;
  };

  DataThread(DataCore core, const engine::SteeringProgram& program, Tools tools);
  void wake() override;
  void loop();
  void wait(bool all_sent);
  std::size_t admit_burst();
  void admit(const engine::Frame& frame, MonotonicTime now, std::uint64_t jiffies);
  void send_or_release(engine::Frame frame, const td_frame& f, td_reason reason,
                       const td_outcome& outcome);
  void let_go();
  void take_ends();

  const engine::SteeringProgram& program_;
  Tools tools_;
  EventFd wake_;
  std::atomic<bool> stop_ = false;
  std::vector<pollfd> fds_;
  // The control thread's:
  std::vector<engine::AfXdp::Queues> places_;  // that have sockets
  std::vector<Unserved> unserved_;             // that could not get any
  std::vector<std::string> cut_short_;         // sentences on those whose long frames are lost
  StallWatch watch_;
  std::thread thread_;
};

}  // namespace tandem::dataplane
