// SPDX-License-Identifier: Apache-2.0
// The interfaces of the configuration as the kernel has them: which device their frames come in
// on, the steering program on it, the socket that adverts leave by. Follows every change of the
// kernel's and tells the VRRP thread. Belongs to the control thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "dataplane/data_plane.hpp"
#include "engine/device_claim.hpp"
#include "engine/steering_program.hpp"
#include "flow/steering.hpp"
#include "netlink/links.hpp"
#include "speaker/plan.hpp"
#include "speaker/vrrp_commands.hpp"

namespace tandem::speaker {

// Where an interface's frames come in: its configured device and tags, else those of the kernel.
struct Placement {
  int device = 0;  // ifindex
  std::string device_name;
  wire::VlanTags vlan{};
};
// Errors: the interface or its device does not exist, or has more than two tags.
[[nodiscard]] Result<Placement> place(const config::Interface& interface,
                                      const netlink::Links& links);

struct InterfaceState {
  config::Interface config;
  std::uint16_t number = 0;  // of the link
  bool present = false;
  bool up = false;
  Placement placement;
  int host = 0;  // ifindex of the interface that has the addresses
  MacAddress mac;
  IpAddress source_v4;  // unspecified: none
  IpAddress source_v6;
  bool attached = false;
  std::string trouble;              // why it is not present or not attached; empty: it is
  MonotonicTime retry_at = kNever;  // when it is tried again to attach it
  engine::XdpAttachment xdp;
  unsigned ups = 0;        // how often the device came up
  bool has_ports = false;  // a bond with native XDP
  std::vector<dataplane::DataPlane::Port> ports;
};

class Interfaces {
 public:
  using Log = std::function<void(const std::string& line)>;

  Interfaces(netlink::Links& links, engine::SteeringProgram& program, dataplane::DataPlane& plane,
             VrrpCommands& vrrp, Log log);

  // What is done while the kernel looks at a program, which takes it a second: returns within some
  // 20 ms. It must not change the interfaces. Without it nothing is.
  void set_meanwhile(std::function<void()> meanwhile) { meanwhile_ = std::move(meanwhile); }

  // Takes these interfaces, attaching the program where it is not yet, and joins the groups that
  // the routers need. One that does not exist is waited for; the error names the first that does,
  // and cannot be had.
  Result<void> apply(const std::vector<config::Interface>& interfaces,
                     const std::vector<PlannedRouter>& routers, const Numbers& numbers);
  // Lets go of what apply() found listed no more: the VRRP thread loses the link, the device the
  // program. Not before its virtual routers have been told to resign.
  void let_go();
  // Native XDP cannot send by a device in generic mode: those that may be in either mode become
  // generic together with it.
  void level_modes();
  // Looks at all of them again; true if anything that steering depends on changed (ifindex, MAC,
  // host()).
  bool refresh(const std::vector<PlannedRouter>& routers);

  // Looks whether the program is still on each device. What can be put back at once is; an interface
  // without it is told to be of no use. false: refresh() may help.
  bool keep_programs(const std::vector<PlannedRouter>& routers, MonotonicTime now);

  // Of all interfaces, as apply() or refresh() saw it; without virtual addresses, which come and go
  // with each transition.
  [[nodiscard]] const flow::SteeredHost& host() const { return host_; }
  // Sentences for the operator.
  [[nodiscard]] std::vector<std::string> troubles() const;
  [[nodiscard]] const InterfaceState* find(const std::string& name) const;
  [[nodiscard]] const std::vector<InterfaceState>& all() const { return interfaces_; }

 private:
  bool refresh(InterfaceState& state, const std::vector<PlannedRouter>& routers);
  Result<void> attach(InterfaceState& state);
  Result<engine::XdpAttachment> put_program_on(unsigned ifindex, const InterfaceState& state);
  void forget(int ifindex);
  void forget_devices_that_are_gone();
  void forget_deaf_devices();
  unsigned deaf_ups(int ifindex);
  void see_ports(InterfaceState& state);
  bool see_host(const std::vector<PlannedRouter>& routers);
  unsigned ups_of(int ifindex, bool up);
  void tell(const InterfaceState& state, const std::vector<PlannedRouter>& routers);
  void join_groups(VrrpLink& link, const InterfaceState& state,
                   const std::vector<PlannedRouter>& routers) const;

  netlink::Links& links_;
  engine::SteeringProgram& program_;
  dataplane::DataPlane& plane_;
  VrrpCommands& vrrp_;
  Log log_;
  std::vector<InterfaceState> interfaces_;
  flow::SteeredHost host_;
  std::vector<std::uint16_t> gone_;  // numbers of links that let_go() is to end
  struct Attached {
    engine::XdpAttachment xdp;
    engine::DeviceClaim claim;
    unsigned deaf_ups;  // as of then
  };
  std::map<int, Attached> devices_;  // by ifindex
  std::function<void()> meanwhile_;
  struct Ups {
    bool up = false;
    unsigned count = 0;
  };
  std::map<int, Ups> ups_;  // of devices and ports, by ifindex
};

}  // namespace tandem::speaker
