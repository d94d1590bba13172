// SPDX-License-Identifier: Apache-2.0
// The XDP steering program (bpf/tandem.bpf.c) on its interfaces, and the maps they share.
//
// The maps are pinned below the bpffs directory, in a folder named after the ABI version. Attached
// programs outlive the process on purpose: a daemon that was killed leaves the gate closed behind
// it. The next start finds and replaces them.
//
// On a device the program is behind libxdp's dispatcher where the kernel takes it there, so that
// programs of others can share the device; then it is loaded once more for it, without its steps
// (steering_code.hpp). Where the kernel does not, it is alone. Neither costs native mode.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "engine/dispatcher.hpp"
#include "engine/steering_code.hpp"
#include "engine/steering_maps.hpp"
#include "engine/xdp_mode.hpp"
#include "engine/xdp_occupant.hpp"
#include "flow/flow_time.hpp"
#include "tandem/abi.h"

namespace tandem::engine {

// What the program on an interface leaves to others.
struct Workers {
  int sockets = -1;     // the XSKMAP of workers, if they get all that concerns backends; else -1
  bool absent = false;  // they get it, but have no sockets here: it is dropped
  bool ahead = false;   // what comes in here has been with a worker: there are only adverts to take
};

class SteeringProgram {
 public:
  using Log = std::function<void(const std::string& line)>;

  struct Port {  // of a bond
    std::uint32_t ifindex = 0;
    std::string name;
    bool is_asleep = false;  // the bond takes no frames from it
  };

  // Loads the program and creates or reuses the pinned maps. bpffs: "/sys/fs/bpf/tandem"; what is
  // missing of it is created, its parent has to be a mounted bpffs. An error if another process
  // has it open. dispatcher: how a program gets behind one.
  static Result<std::unique_ptr<SteeringProgram>> open(const std::string& bpffs,
                                                       const MapSizes& sizes, Log log,
                                                       Dispatcher dispatcher = put_behind_libxdps);
  ~SteeringProgram();  // detaches nothing: see detach_all()

  // Takes off what an earlier process left on an interface. Error: somebody else's program is
  // there.
  Result<void> clear(unsigned ifindex, const std::string& name) const;
  // Attaches to an interface, or takes the place of what an earlier process left: at once, if that
  // is in the mode wanted. `automatic` tries native and falls back to generic with a loud line in
  // the log. Returns what it came to. Errors: programs of others are there that the kernel does not
  // let this one share the device with; the mode is not to be had.
  Result<XdpAttachment> attach(unsigned ifindex, const std::string& name, XdpMode mode,
                               Workers workers = {});
  void detach(unsigned ifindex);
  // Puts back what somebody else took off the device, if that takes no time: the filter on the way
  // out, and a program that was alone. true: all is there, and `said` tells what was not.
  bool keep_up(unsigned ifindex, const std::string& name, std::string& said);
  // Detaches everything. The maps stay pinned, for the next process.
  void detach_all();
  // Besides, unpins the maps: what is in them is forgotten.
  void close();

  [[nodiscard]] const SteeringMaps& maps() const { return shared_; }
  [[nodiscard]] const SteeringCode& code() const { return code_; }
  [[nodiscard]] td_tables& tables() { return shared_.tables(); }
  // The kernel's jiffies, reckoned from the moment at which one begins: takes up to two of them.
  [[nodiscard]] Result<flow::JiffyClock> read_clock() const;
  // Ring buffers: td_advert, td_flow_end, td_captured.
  [[nodiscard]] int advert_ring_fd() const;
  [[nodiscard]] int end_ring_fd() const;
  [[nodiscard]] int capture_ring_fd() const;
  // Of a bond that the program is on natively: frames come in on these, and no others.
  void set_ports(unsigned bond, std::span<const Port> ports);
  // The XSKMAP of a device or of a bond's port, by queue; -1 if there is none.
  [[nodiscard]] int xsks_fd(unsigned ifindex) const;
  // Packets by reason, summed over the CPUs; one system call.
  [[nodiscard]] std::array<std::uint64_t, TD_REASON_COUNT> counters() const;
  // What a backend got and gave, summed over the CPUs; one system call.
  [[nodiscard]] td_traffic traffic(std::uint16_t backend) const;

 private:
  struct Instance;
  SteeringProgram(std::string pins, Log log, Dispatcher dispatcher);
  Result<void> prepare(unsigned ifindex, const std::string& name, Workers workers);
  Result<void> give_sockets(unsigned ifindex, const std::string& name, int map);
  void take_sockets(unsigned ifindex);
  Result<XdpAttachment> attach_in(XdpMode mode, unsigned ifindex, const std::string& name,
                                  Workers workers);
  Result<XdpAttachment> join(unsigned ifindex, const std::string& name, XdpOccupant& before,
                             Workers workers);
  Result<XdpAttachment> put_on(unsigned ifindex, const std::string& name, XdpMode mode,
                               Workers workers);
  std::expected<XdpAttachment, DispatcherRefusal> put_behind(unsigned ifindex, XdpMode mode,
                                                             Workers workers);
  Result<XdpAttachment> put_alone(unsigned ifindex, const std::string& name, XdpMode mode,
                                  Workers workers, const Descriptor& instead_of);
  XdpAttachment keep(unsigned ifindex, std::unique_ptr<Instance> instance);
  void note(const DispatcherRefusal& refusal);
  void attach_egress(unsigned ifindex, const std::string& name);
  [[nodiscard]] bool has_egress(unsigned ifindex) const;
  [[nodiscard]] bool has_program(unsigned ifindex, Instance& instance) const;
  void detach_egress(unsigned ifindex);
  [[nodiscard]] std::string steps_pin(unsigned ifindex) const;
  Result<void> pin_steps(unsigned ifindex) const;

  std::string pins_;
  Descriptor lock_;  // on the pins' directory
  Log log_;
  Dispatcher dispatcher_;
  std::optional<DispatcherRefusal> refusal_;  // once this kernel was seen to want the program alone
  SteeringMaps shared_;
  SteeringCode code_;
  std::map<unsigned, Descriptor> sockets_;  // the XSKMAPs, by device
  std::map<unsigned, std::unique_ptr<Instance>> attached_;
};

}  // namespace tandem::engine
