// SPDX-License-Identifier: Apache-2.0
// The dpdk engine: workers that forward, on the CPUs of the configuration, and the ports that they
// take their frames from.
#pragma once

#include <map>
#include <optional>
#include <thread>

#include "dataplane/data_plane.hpp"
#include "dataplane/own_ports.hpp"
#include "dataplane/stall_watch.hpp"
#include "engine/dpdk/af_xdp_port.hpp"
#include "engine/dpdk/huge_memory.hpp"
#include "engine/dpdk/kernel_path.hpp"
#include "engine/dpdk/worker.hpp"

namespace tandem::dataplane {

class WorkerPlane : public DataPlane {
 public:
  // Where the flow tables are.
  struct Tables {
    engine::HugeMemory flow4, flow6;
  };
  static Result<Tables> open_tables(const config::Config& config);

  static Result<std::unique_ptr<DataPlane>> start(DataCore core,
                                                  const engine::SteeringProgram& program,
                                                  Tables tables, const config::Config& config);
  ~WorkerPlane() override;

  void stop() override;
  Result<void> open_ports(const std::vector<config::Interface>& interfaces) override;
  void close_ports(const std::vector<config::Interface>& wanted) override;
  Result<engine::Workers> prepare(unsigned ifindex, const std::string& name,
                                  const std::function<Result<void>()>& take_off) override;
  void release(unsigned ifindex) override;
  void follow(const std::vector<Device>& devices) override;
  void leave() override;
  void forget() override;
  void check(MonotonicTime now) override;
  [[nodiscard]] bool can_forward() const override { return works_; }
  [[nodiscard]] std::vector<Unserved> unserved() const override;
  [[nodiscard]] std::vector<std::string> troubles() const override;
  [[nodiscard]] observe::EngineView view() const override;
  void drain_captured(const std::function<void(const td_captured&)>& each) override;
  [[nodiscard]] forward::Counted counted() const override;
  [[nodiscard]] td_traffic traffic(std::uint16_t backend) const override;

 private:
  WorkerPlane(DataCore core, const engine::SteeringProgram& program, Tables tables,
              engine::FramePool frames, std::unique_ptr<engine::KernelPath> kernel);
  void wake() override { workers_.front()->wake(); }
  Result<void> hire(const config::Dpdk& config);
  void tell_ports();

  const engine::SteeringProgram& program_;
  Tables tables_;
  engine::FramePool frames_;
  std::unique_ptr<engine::KernelPath> kernel_;
  std::map<unsigned, std::unique_ptr<engine::AfXdpPort>> ports_;  // by ifindex
  std::map<unsigned, Unserved> unserved_;                         // likewise
  std::vector<std::string> cut_short_;                            // whose long frames are lost
  bool forwards_ = false;
  std::optional<OwnPorts> own_ports_;  // while there are workers
  std::vector<std::unique_ptr<engine::Worker>> workers_;
  std::vector<std::thread> threads_;
  std::vector<StallWatch> watches_;  // of each worker
  bool works_ = true;
};

}  // namespace tandem::dataplane
