// SPDX-License-Identifier: Apache-2.0
// What to probe is read from the compiled steering program: its program types, its map types, and
// every helper that one of its instructions calls. So the list is never out of date.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <span>
#include <thread>
#include <utility>

#include "base/descriptor.hpp"
#include "ctl/doctor/kernel.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "tandem.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace tandem::doctor {
namespace {

struct Destroy {
  void operator()(tandem_bpf* p) const { tandem_bpf__destroy(p); }
};
using Skeleton = std::unique_ptr<tandem_bpf, Destroy>;

struct Needed {
  std::set<bpf_prog_type> programs;
  std::set<bpf_map_type> maps;
  std::set<std::pair<bpf_prog_type, bpf_func_id>> helpers;
};

// Those that not every kernel with XDP has. libbpf knows no names of helpers.
std::string name_of(bpf_func_id helper) {
  switch (helper) {
    case BPF_FUNC_jiffies64:
      return "bpf_jiffies64";
    case BPF_FUNC_ringbuf_output:
      return "bpf_ringbuf_output";
    case BPF_FUNC_ringbuf_reserve:
      return "bpf_ringbuf_reserve";
    case BPF_FUNC_xdp_get_buff_len:
      return "bpf_xdp_get_buff_len";
    case BPF_FUNC_xdp_load_bytes:
      return "bpf_xdp_load_bytes";
    default:
      return "no. " + std::to_string(helper) + " of linux/bpf.h";
  }
}

// A call of a helper: its number is the immediate, where a subprogram has BPF_PSEUDO_CALL.
bool calls_helper(const bpf_insn& instruction) {
  return instruction.code == (BPF_JMP | BPF_CALL) && instruction.src_reg == 0;
}

Needed needed_by(const bpf_object& object) {
  Needed needed;
  const bpf_program* program = nullptr;
  while ((program = bpf_object__next_program(&object, const_cast<bpf_program*>(program)))) {
    const auto type = bpf_program__type(program);
    needed.programs.insert(type);
    for (const auto& instruction :
         std::span(bpf_program__insns(program), bpf_program__insn_cnt(program)))
      if (calls_helper(instruction))
        needed.helpers.emplace(type, static_cast<bpf_func_id>(instruction.imm));
  }
  const bpf_map* map = nullptr;
  while ((map = bpf_object__next_map(&object, map))) needed.maps.insert(bpf_map__type(map));
  return needed;
}

void probe(const Needed& needed, Kernel& kernel) {
  const auto note = [&](int outcome, const std::string& what) {
    kernel.probed++;
    if (outcome == 0) kernel.missing.push_back(what);  // below 0: the probe itself failed
  };
  for (const auto type : needed.programs)
    note(libbpf_probe_bpf_prog_type(type, nullptr),
         std::string("programs of type ") + libbpf_bpf_prog_type_str(type));
  for (const auto type : needed.maps)
    note(libbpf_probe_bpf_map_type(type, nullptr),
         std::string("maps of type ") + libbpf_bpf_map_type_str(type));
  for (const auto& [type, helper] : needed.helpers)
    note(libbpf_probe_bpf_helper(type, helper, nullptr),
         "helper " + name_of(helper) + " for programs of type " + libbpf_bpf_prog_type_str(type));
}

// In a network namespace that ends with the thread: no device of the host is touched.
std::optional<std::string> try_clsact() {
  std::optional<std::string> trouble;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      trouble = std::string("tc's clsact was not tried: ") + std::strerror(errno);
      return;
    }
    DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(if_nametoindex("lo")),
                        .attach_point = BPF_TC_EGRESS);
    if (const int error = bpf_tc_hook_create(&hook); error != 0)
      trouble = std::string("has no clsact in tc: ") + std::strerror(-error);
  }).join();
  return trouble;
}

// What the kernel lacks it says in other ways.
bool is_forbidden() {
  const std::array<bpf_insn, 2> pass{
      bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS},
      bpf_insn{BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  const Descriptor program(
      bpf_prog_load(BPF_PROG_TYPE_XDP, nullptr, "Dual BSD/GPL", pass.data(), pass.size(), nullptr));
  return !program && errno == EPERM;
}

std::optional<std::string> try_af_xdp() {
  const Descriptor socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (socket) return std::nullopt;
  return std::string("has no AF_XDP sockets: ") + std::strerror(errno);
}

}  // namespace

Kernel probe_kernel() {
  Kernel kernel;
  libbpf_set_print(nullptr);
  if (is_forbidden()) {
    kernel.untried = geteuid() != 0
                         ? "needs root, cannot tell"
                         : "BPF is forbidden to this process although it is root's (by a "
                           "container?), cannot tell";
    return kernel;
  }
  const Skeleton skeleton(tandem_bpf__open());
  if (!skeleton) {
    kernel.refused = std::string("cannot open the steering program: ") + std::strerror(errno);
    return kernel;
  }
  probe(needed_by(*skeleton->obj), kernel);
  try_program(kernel);
  kernel.no_clsact = try_clsact();
  kernel.no_af_xdp = try_af_xdp();
  return kernel;
}

}  // namespace tandem::doctor
