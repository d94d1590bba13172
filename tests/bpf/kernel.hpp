// SPDX-License-Identifier: Apache-2.0
// The XDP program in the kernel, one frame at a time (BPF_PROG_TEST_RUN), with the maps that the
// daemon's own loader made.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/ring.hpp"
#include "engine/steering_program.hpp"
#include "flow/steering.hpp"
#include "frames.hpp"
#include "private_bpffs.hpp"

namespace tandem {

class Kernel {
 public:
  struct Outcome {
    std::uint32_t action = 0;         // enum xdp_action
    std::optional<td_reason> reason;  // none, unless exactly one counter went up, and by one
    frames::Bytes frame;
  };

  // workers: as for the dpdk engine, but without a socket of any worker.
  static Result<std::unique_ptr<Kernel>> load(const std::string& bpffs,
                                              const engine::MapSizes& sizes = {},
                                              bool workers = false);
  ~Kernel();

  // As if the frame had come in on the loopback interface. It has at least 14 bytes: the kernel
  // refuses to try shorter ones.
  Outcome steer(const frames::Bytes& frame);

  // As if our own kernel, or (forwarded) another host through us, sent the frame: as what it goes;
  // none if it does not.
  std::optional<frames::Bytes> lets_out(const frames::Bytes& frame, bool forwarded = false);

  // Instructions that the verifier went through, by program; empty if this kernel does not tell.
  [[nodiscard]] std::map<std::string, unsigned> verified_instructions() const;
  [[nodiscard]] flow::Steering& steering() { return *steering_; }
  [[nodiscard]] engine::SteeringProgram& program() { return *program_; }
  [[nodiscard]] engine::AdvertRing& ring() { return *ring_; }

 private:
  Kernel() = default;

  std::unique_ptr<engine::SteeringProgram> program_;
  std::optional<flow::Steering> steering_;
  std::optional<engine::AdvertRing> ring_;
};

// The node of rig.hpp in the kernel, made anew for each test.
class KernelTest : public testing::Test {
 protected:
  void SetUp() override { set_up({}); }
  void set_up(const engine::MapSizes& sizes, bool workers = false);

  std::unique_ptr<PrivateBpffs> bpffs_;
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace tandem
