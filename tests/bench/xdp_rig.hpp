// SPDX-License-Identifier: Apache-2.0
// The steering program and the empty one, loaded and attached to nothing: frames reach them by
// BPF_PROG_TEST_RUN, as if they came in on the loopback device.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/result.hpp"
#include "tandem/abi.h"

namespace tandem::bench {

// What is run: the program under test, or what it is compared to.
enum class Subject : std::uint8_t { empty, steering };

// A frame and how to run it.
struct Load {
  std::span<const std::uint8_t> frame;
  std::uint32_t repeat = 1;
  // Put the frame back before each run (and so measure that as well, for both subjects). The
  // frame is then BENCH_FRAME_BYTES long.
  bool restored = false;
};

// Nanoseconds per run, measured in two ways.
struct Taken {
  double processor;  // of this thread, with the system call around the runs: for many runs
  double kernel;     // by the kernel around the runs alone, in whole nanoseconds: for few
};

class XdpRig {
 public:
  static Result<std::unique_ptr<XdpRig>> open();
  ~XdpRig();

  Result<Taken> run(Subject subject, const Load& load);
  void drain_adverts();

  [[nodiscard]] td_tables& tables() { return *tables_; }
  // Packets that got this verdict so far, on all CPUs.
  [[nodiscard]] std::uint64_t packets(td_reason reason) const;

 private:
  struct Programs;
  XdpRig();
  Result<void> restore_before(Subject subject, std::span<const std::uint8_t> frame);

  std::unique_ptr<Programs> programs_;
  td_tables* tables_ = nullptr;
};

}  // namespace tandem::bench
