// SPDX-License-Identifier: Apache-2.0
#include "engine/dpdk/af_xdp_port.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <array>

#include "engine/frame.hpp"
#include "engine/rx_queues.hpp"
#include "tandem/abi.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "sockets.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace tandem::engine {
namespace {

constexpr unsigned kFramesOfQueue = 2048;  // net_af_xdp: each queue's fill ring

// The object as a file that has a path, which is what DPDK takes.
Result<Descriptor> object_file() {
  std::size_t size = 0;
  const void* bytes = sockets_bpf__elf_bytes(&size);
  Descriptor file(memfd_create("td_sockets", MFD_CLOEXEC));
  if (!file || ::write(file.get(), bytes, size) != static_cast<ssize_t>(size))
    return fail_errno("cannot keep the program for AF_XDP sockets in memory");
  return file;
}

// DPDK does not tell why the kernel refused.
std::string hint(const std::string& name) {
  if (const unsigned mtu = mtu_of(name); mtu > kLargestWorkerMtu)
    return " (its MTU is " + std::to_string(mtu) + ", which may be why: expected " +
           std::to_string(kLargestWorkerMtu) + " at most)";
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return "";
  return " (RLIMIT_MEMLOCK is " + std::to_string(limit.rlim_cur >> 10) +
         " kB, which may be why: LimitMEMLOCK=infinity in the unit, or `ulimit -l unlimited`)";
}

// The one map of the program that is on the device now.
Result<Descriptor> map_of_program(unsigned ifindex) {
  std::uint32_t id = 0;
  if (const int error = bpf_xdp_query_id(static_cast<int>(ifindex), 0, &id); error != 0)
    return fail_errno("cannot ask for the XDP program", -error);
  const Descriptor program(bpf_prog_get_fd_by_id(id));
  std::array<std::uint32_t, 8> maps{};
  bpf_prog_info info{};
  std::uint32_t length = sizeof info;
  info.nr_map_ids = maps.size();
  info.map_ids = reinterpret_cast<std::uintptr_t>(maps.data());
  if (!program || bpf_obj_get_info_by_fd(program.get(), &info, &length) != 0)
    return fail_errno("cannot look at the XDP program");
  for (std::uint32_t i = 0; i < info.nr_map_ids && i < maps.size(); i++) {
    Descriptor map(bpf_map_get_fd_by_id(maps[i]));
    bpf_map_info about{};
    length = sizeof about;
    if (map && bpf_obj_get_info_by_fd(map.get(), &about, &length) == 0 &&
        about.type == BPF_MAP_TYPE_XSKMAP)
      return map;
  }
  return fail("DPDK put its sockets into no map; is another XDP program on the device?");
}

}  // namespace

// The kernel keeps kHeadroom bytes before each frame. A buffer has to be within a page, with what
// DPDK keeps of it: 64 bytes of the pool's, 128 of the mbuf, RTE_PKTMBUF_HEADROOM.
unsigned AfXdpPort::largest_mtu(std::uint32_t frame_bytes) {
  return frame_bytes - kHeadroom - kMostEthernet;
}

std::uint32_t AfXdpPort::frame_bytes_for(unsigned mtu) {
  constexpr std::uint32_t kUsual = 2048;
  return mtu <= largest_mtu(kUsual) ? kUsual : kLargestWorkerFrame;
}

Result<void> AfXdpPort::has_queues_for(std::size_t workers, const std::string& name) {
  const unsigned queues = rx_queues(name);
  if (queues >= workers) return {};
  return fail(name + " has " + std::to_string(queues) + " queues for " + std::to_string(workers) +
              " workers; set more with: ethtool -L " + name + " combined " +
              std::to_string(workers) + ", or name fewer CPUs in dpdk.cpus");
}

Result<std::unique_ptr<AfXdpPort>> AfXdpPort::open(unsigned ifindex, const std::string& name,
                                                   const FramePool& pool) {
  const unsigned queues = rx_queues(name);
  if (queues > TD_MAX_QUEUES)
    return fail(name + " has " + std::to_string(queues) + " queues, expected " +
                std::to_string(TD_MAX_QUEUES) + " at most; set fewer with: ethtool -L " + name +
                " combined " + std::to_string(TD_MAX_QUEUES));
  if (const auto wanted = std::uint64_t{queues} * kFramesOfQueue; pool.free() < wanted)
    return fail(name + ": its " + std::to_string(queues) + " queues take " +
                std::to_string(wanted) + " packet buffers of dpdk.memory_mb, and " +
                std::to_string(pool.free()) + " are free");
  auto object = object_file();
  if (!object) return std::unexpected(object.error());
  PortOptions options;
  options.bus = "vdev";
  options.device = "net_af_xdp" + std::to_string(ifindex);
  options.arguments = "iface=" + name + ",queue_count=" + std::to_string(queues) +
                      ",xdp_prog=/proc/self/fd/" + std::to_string(object->get());
  options.rx_queues = options.tx_queues = static_cast<std::uint16_t>(queues);
  options.descriptors = kFramesOfQueue;
  auto port = Port::open(options, pool);
  if (!port) return fail(name + ": " + port.error().message + hint(name));
  auto sockets = map_of_program(ifindex);
  if (!sockets) return fail(name + ": " + sockets.error().message);
  return std::unique_ptr<AfXdpPort>(new AfXdpPort(name, std::move(*port), std::move(*sockets)));
}

}  // namespace tandem::engine
