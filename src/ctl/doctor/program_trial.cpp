// SPDX-License-Identifier: Apache-2.0
// Attaches the steering program as the daemon does, to a device that nobody uses: behind libxdp's
// dispatcher, else alone. The device is in a network namespace that ends with the thread.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netlink/route/link/veth.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <cstring>
#include <memory>
#include <thread>

#include "ctl/doctor/kernel.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "tandem.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace tandem::doctor {
namespace {

struct Drop {
  void operator()(tandem_bpf* p) const { tandem_bpf__destroy(p); }
  void operator()(xdp_program* p) const { xdp_program__close(p); }
  void operator()(nl_sock* p) const { nl_socket_free(p); }
};
template <class T>
using Held = std::unique_ptr<T, Drop>;

// One end of a veth pair, which has native XDP; the loopback device where there is no veth.
struct Trial {
  int ifindex = 0;
  xdp_attach_mode mode = XDP_MODE_SKB;
};

Trial make_device() {
  const Held<nl_sock> socket(nl_socket_alloc());
  const auto here = static_cast<pid_t>(syscall(SYS_gettid));  // the process is in another namespace
  if (socket && nl_connect(socket.get(), NETLINK_ROUTE) == 0 &&
      rtnl_link_veth_add(socket.get(), "trial0", "trial1", here) == 0)
    return {static_cast<int>(if_nametoindex("trial0")), XDP_MODE_NATIVE};
  return {static_cast<int>(if_nametoindex("lo")), XDP_MODE_SKB};
}

// Without pins, and with the smallest maps: what is large depends on the configuration.
Held<tandem_bpf> open_program() {
  Held<tandem_bpf> skeleton(tandem_bpf__open());
  if (!skeleton) return skeleton;
  for (bpf_map* map : {skeleton->maps.td_flow4, skeleton->maps.td_flow6, skeleton->maps.td_sources})
    bpf_map__set_max_entries(map, 1);
  bpf_program* step = nullptr;
  bpf_object__for_each_program(step, skeleton->obj) {
    if (bpf_program__type(step) == BPF_PROG_TYPE_XDP)  // those that call each other: the same
      bpf_program__set_expected_attach_type(step, static_cast<bpf_attach_type>(0));
  }
  return skeleton;
}

// Why not. The first step alone, which is what the daemon puts there: all of them take the verifier
// a second and more.
std::optional<std::string> try_behind_dispatcher(const Trial& trial) {
  const auto skeleton = open_program();
  bpf_program* step = nullptr;
  bpf_object__for_each_program(step, skeleton->obj) {
    bpf_program__set_autoload(step, step == skeleton->progs.td_steer);
  }
  DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = skeleton->obj, .prog_name = "td_steer");
  const Held<xdp_program> program(xdp_program__create(&options));
  if (!program) return std::strerror(errno);
  if (const int error = xdp_program__attach(program.get(), trial.ifindex, trial.mode, 0);
      error != 0)
    return std::strerror(-error);
  xdp_multiprog* there = xdp_multiprog__get_from_ifindex(trial.ifindex);
  const bool is_alone = libxdp_get_error(there) == 0 && xdp_multiprog__is_legacy(there);
  xdp_multiprog__close(there);
  xdp_program__detach(program.get(), trial.ifindex, trial.mode, 0);  // and what libxdp pinned
  return is_alone ? std::optional<std::string>("program extensions are not to be had")
                  : std::nullopt;
}

std::optional<std::string> try_alone(const Trial& trial) {
  const auto skeleton = open_program();
  if (const int error = tandem_bpf__load(skeleton.get()); error != 0)
    return error == -EPERM ? "the steering program was not tried: this takes root"
                           : std::string("refuses the steering program: ") + std::strerror(-error);
  const auto flags = trial.mode == XDP_MODE_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
  if (const int error =
          bpf_xdp_attach(trial.ifindex, bpf_program__fd(skeleton->progs.td_steer), flags, nullptr);
      error != 0)
    return std::string("does not let the steering program be attached: ") + std::strerror(-error);
  return std::nullopt;
}

}  // namespace

void try_program(Kernel& kernel) {
  libbpf_set_print(nullptr);
  libxdp_set_print(nullptr);
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      kernel.refused = std::string("the steering program was not tried: ") + std::strerror(errno);
      return;
    }
    const Trial trial = make_device();
    kernel.alone = try_behind_dispatcher(trial);
    kernel.refused = try_alone(trial);
  }).join();
}

}  // namespace tandem::doctor
