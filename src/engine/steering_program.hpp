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

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "engine/device_sockets.hpp"
#include "engine/dispatcher.hpp"
#include "engine/pin_directory.hpp"
#include "engine/steering_code.hpp"
#include "engine/steering_maps.hpp"
#include "engine/tc_filter.hpp"
#include "engine/xdp_mode.hpp"
#include "engine/xdp_occupant.hpp"
#include "tandem/abi.h"

namespace tandem::engine {

// What the program on an interface leaves to others.
struct Workers {
  int sockets = -1;  // the XSKMAP of workers, if they get all that concerns backends; else -1
  bool no_sockets = false;  // they get it, but have no sockets here: it is dropped
  bool adverts_only =
      false;  // what comes in here has been with a worker: there are only adverts to take
};

class SteeringProgram {
 public:
  using Log = std::function<void(const std::string& line)>;

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
  // out, and a program that was alone. true: all is there now. said: what was missing.
  bool restore(unsigned ifindex, const std::string& name, std::string& said);
  // Detaches everything. The maps stay pinned, for the next process.
  void detach_all();
  // Before that, at an end after which another process goes on with the flows: until then the kernel does
  // not get what backends of nat and fullnat answer. The next attach() ends it.
  void leave_answers(MonotonicTime until);
  // Besides, unpins the maps: what is in them is forgotten.
  void close();

  [[nodiscard]] const SteeringMaps& maps() const { return maps_; }
  [[nodiscard]] const SteeringCode& code() const { return code_; }
  [[nodiscard]] td_tables& tables() { return maps_.tables(); }
  // Ring buffers: td_advert, td_flow_end, td_captured.
  [[nodiscard]] int advert_ring_fd() const;
  [[nodiscard]] int end_ring_fd() const;
  [[nodiscard]] int capture_ring_fd() const;
  // Of a bond that the program is on natively: frames come in on these, and no others.
  void set_ports(unsigned bond, std::span<const BondPort> ports);
  // The XSKMAP of a device or of a bond's port, by queue; -1 if there is none.
  [[nodiscard]] int xsks_fd(unsigned ifindex) const { return sockets_.of(ifindex); }

 private:
  struct Instance;
  SteeringProgram(PinDirectory pins, Log log, Dispatcher dispatcher);
  Result<void> prepare(unsigned ifindex, const std::string& name, Workers workers);
  Result<XdpAttachment> attach_in(XdpMode mode, unsigned ifindex, const std::string& name,
                                  Workers workers);
  Result<XdpAttachment> attach_to_occupied(unsigned ifindex, const std::string& name,
                                           XdpOccupant& before, Workers workers);
  Result<XdpAttachment> attach_to_empty(unsigned ifindex, const std::string& name, XdpMode mode,
                                        Workers workers);
  std::expected<XdpAttachment, DispatcherRefusal> attach_behind_dispatcher(unsigned ifindex,
                                                                           XdpMode mode,
                                                                           Workers workers);
  Result<XdpAttachment> attach_alone(unsigned ifindex, const std::string& name, XdpMode mode,
                                     Workers workers, const Descriptor& instead_of);
  XdpAttachment remember(unsigned ifindex, std::unique_ptr<Instance> instance);
  void note_refusal(const DispatcherRefusal& refusal);
  void attach_egress(unsigned ifindex, const std::string& name);
  [[nodiscard]] bool has_program(unsigned ifindex, Instance& instance) const;
  [[nodiscard]] std::string steps_pin(unsigned ifindex) const;
  Result<void> pin_steps(unsigned ifindex) const;

  PinDirectory pins_;
  Log log_;
  Dispatcher dispatcher_;
  std::optional<DispatcherRefusal> refusal_;  // once this kernel was seen to want the program alone
  SteeringMaps maps_;
  SteeringCode code_;
  TcFilter egress_;
  DeviceSockets sockets_;
  std::map<unsigned, std::unique_ptr<Instance>> attached_;
};

// Where no process has the directory: takes off the programs and filters that an earlier one left on
// interfaces, and removes its pins, flows included. Programs of others stay. Error: each program that
// could not be taken off.
Result<void> take_off_what_was_left(const PinDirectory& pins);

}  // namespace tandem::engine
