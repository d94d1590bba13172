// SPDX-License-Identifier: Apache-2.0
// The programs of bpf/tandem.bpf.c in the kernel. The verifier takes a third of a second for
// them: they are loaded once for all interfaces, and pinned beside the maps, so that the next process of
// the same build takes them over as they are.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "engine/steering_maps.hpp"
#include "flow/flow_time.hpp"

struct tandem_bpf;

namespace tandem::engine {

struct DestroySkeleton {
  void operator()(tandem_bpf* skeleton) const;
};
using Skeleton = std::unique_ptr<tandem_bpf, DestroySkeleton>;

// Of a skeleton that was loaded whole: puts its steps into their table (td_steps).
Result<void> fill_steps(tandem_bpf& skeleton);

class SteeringCode {
 public:
  enum Program : std::size_t { steer, adverts_only, egress, answers, clock_reader, kPrograms };

  // pins: the directory; the shared maps are made or found there, in these sizes.
  static Result<SteeringCode> open(const std::string& pins, const MapSizes& sizes);

  [[nodiscard]] int program(Program which) const { return programs_[which].get(); }
  // The object with its maps, of whose programs none was loaded by it.
  [[nodiscard]] tandem_bpf& skeleton() const { return *skeleton_; }
  // Whether the programs are an earlier process's.
  [[nodiscard]] bool taken_over() const { return taken_over_; }
  // The kernel's jiffies, reckoned from the moment at which one begins: takes up to two of them.
  [[nodiscard]] Result<flow::JiffyClock> read_clock() const;
  // Another object on the same maps, not loaded yet, of whose programs only this one will be: libxdp
  // loads a program for each device.
  Result<Skeleton> one_more(const char* program) const;

 private:
  bool take_over();
  Result<void> load();

  std::string pins_;
  MapSizes sizes_;
  Skeleton skeleton_;
  std::array<Descriptor, kPrograms> programs_;
  bool taken_over_ = false;
};

}  // namespace tandem::engine
