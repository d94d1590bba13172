// SPDX-License-Identifier: Apache-2.0
// What parts of a node are given in tests, in place of its threads and of the kernel.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../speaker/direct_vrrp.hpp"
#include "config/load.hpp"
#include "daemon/running.hpp"
#include "dataplane/data_plane.hpp"
#include "forward/table_memory.hpp"

namespace tandem::daemon {

inline constexpr const char* kNode = R"(
[node]
name = "node-a"
[flows]
size = 1000
size_ipv6 = 1000
[[interface]]
name = "eth0"
[[check]]
name = "nginx"
command = ["/bin/false"]
fall = 1
[[vrrp]]
name = "VI_1"
interface = "eth0"
vrid = 51
priority = 150
addresses = ["192.0.2.100/24"]
track = [{ check = "nginx", weight = -60 }, { interface = "eth0" }]
[[vrrp]]
name = "VI_2"
interface = "eth0"
vrid = 52
addresses = ["192.0.2.101/24"]
[[service]]
name = "web"
address = "192.0.2.100"
port = 80
forward = "nat"
backends = [{ address = "203.0.113.1", port = 8080 }, { address = "203.0.113.2", port = 8080 }]
[[service]]
name = "local"
address = "192.0.2.101"
port = 443
)";

using speaker::DirectVrrp;

inline config::Config parsed(const std::string& text) {
  auto loaded = config::parse(text);
  for (const auto& problem : loaded.problems)
    EXPECT_EQ(problem.severity, config::Severity::warning) << config::format(problem, "test");
  return std::move(loaded.config);
}

inline Running running(const config::Config& config) {
  Running running;
  running.file = "/etc/tandem/tandem.toml";
  running.plan = speaker::make_plan(config, running.numbers).value();
  return running;
}

// A forwarder over ordinary memory. Its thread is the one that calls; it can be made to stand still.
class MemoryPlane : public dataplane::DataPlane {
 public:
  explicit MemoryPlane(const config::Config& config)
      : MemoryPlane(config, std::make_unique<forward::TableMemory>(
                                static_cast<std::uint32_t>(config.flows.size),
                                static_cast<std::uint32_t>(config.flows.size_ipv6), 1)) {}

  void stop() override {}
  Result<engine::Workers> prepare(unsigned, const std::string&,
                                  const std::function<Result<void>()>&) override {
    return engine::Workers{};
  }
  void release(unsigned) override {}
  void follow(const std::vector<Device>&) override {}
  [[nodiscard]] bool can_forward() const override { return !stands_still; }
  [[nodiscard]] std::vector<Unserved> unserved() const override { return without_sockets; }
  [[nodiscard]] std::vector<std::string> troubles() const override {
    auto all = DataPlane::troubles();
    all.insert(all.end(), sentences.begin(), sentences.end());
    return all;
  }
  [[nodiscard]] forward::Counted counted() const override { return counts; }
  [[nodiscard]] td_traffic traffic(std::uint16_t slot) const override {
    return traffic_by_forwarder(slot);
  }
  td_tables& tables() { return memory_->tables(); }

  bool stands_still = false;
  std::vector<std::string> sentences;
  std::vector<Unserved> without_sockets;
  forward::Counted counts;

 private:
  MemoryPlane(const config::Config& config, std::unique_ptr<forward::TableMemory> memory)
      : DataPlane(dataplane::DataCore::open(
                      memory->memory(), config,
                      {std::chrono::milliseconds(4), 1'000'000, MonotonicClock::now()})
                      .value()),
        memory_(std::move(memory)) {}
  void wake() override { run_command(); }

  std::unique_ptr<forward::TableMemory> memory_;
};

}  // namespace tandem::daemon
