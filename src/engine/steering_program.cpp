// SPDX-License-Identifier: Apache-2.0
#include "engine/steering_program.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <xdp/libxdp.h>

#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "tandem.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace tandem::engine {
namespace {

constexpr const char* kProgram = "td_steer";
constexpr const char* kPlaceholder = "td_sockets";  // bpf/sockets.bpf.c

xdp_attach_mode to_libxdp(XdpMode mode) {
  return mode == XdpMode::generic ? XDP_MODE_SKB : XDP_MODE_NATIVE;
}

std::uint32_t to_flags(XdpMode mode) {
  return mode == XdpMode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

bool is_ours(std::string_view program) {
  return program == kProgram || program == kPlaceholder;
}

std::string reason(int error) {
  char text[128];
  libxdp_strerror(error, text, sizeof text);
  return text;
}

Result<void> make_pin_directory(const std::string& bpffs, const std::string& pins) {
  const auto parent = std::filesystem::path(bpffs).parent_path();
  struct statfs fs {};
  if (statfs(parent.c_str(), &fs) != 0 || static_cast<unsigned long>(fs.f_type) != BPF_FS_MAGIC)
    return fail("node.bpffs: " + parent.string() +
                " is not a BPF file system; mount it with: mount -t bpf bpf " + parent.string());
  std::error_code error;
  std::filesystem::create_directories(pins, error);
  if (error) return fail("node.bpffs: cannot create " + pins + ": " + error.message());
  return {};
}

// Each interface gets an instance with the steps, which take the kernel's verifier most of a
// second.
void leave_steps(tandem_bpf& skeleton) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton.obj) {
    if (program != skeleton.progs.td_egress && program != skeleton.progs.td_read_clock)
      bpf_program__set_autoload(program, false);
  }
  bpf_map__set_type(skeleton.maps.td_steps, BPF_MAP_TYPE_ARRAY);  // nothing to be filled with
}

constexpr std::size_t kShortestFrame = 64;  // that a program can be run on

// Our filter among those on the way out of an interface: its priority and handle ("tdm").
constexpr std::uint32_t kFilterPriority = 1;
constexpr std::uint32_t kFilterHandle = 0x74646d;

struct MultiprogDeleter {
  void operator()(xdp_multiprog* p) const { xdp_multiprog__close(p); }
};

}  // namespace

struct SteeringProgram::Instance {
  struct Close {
    void operator()(xdp_program* p) const { xdp_program__close(p); }
  };

  tandem_bpf* skeleton = nullptr;
  std::unique_ptr<xdp_program, Close> program;  // libxdp's; none: see replace()
  XdpMode mode = XdpMode::native;

  ~Instance() {
    program.reset();
    tandem_bpf__destroy(skeleton);
  }
};

// What an earlier process, or DPDK, left on the device, if it is there without libxdp's dispatcher.
struct SteeringProgram::Predecessor {
  Descriptor program;
  XdpMode mode = XdpMode::native;
};

std::optional<SteeringProgram::Predecessor> SteeringProgram::predecessor(unsigned ifindex) {
  xdp_multiprog* raw = xdp_multiprog__get_from_ifindex(static_cast<int>(ifindex));
  if (libxdp_get_error(raw) != 0) return {};  // nothing attached
  const std::unique_ptr<xdp_multiprog, MultiprogDeleter> multi(raw);
  const xdp_program* program = xdp_multiprog__main_prog(raw);
  if (!xdp_multiprog__is_legacy(raw) || !is_ours(xdp_program__name(program))) return {};
  Descriptor descriptor(bpf_prog_get_fd_by_id(xdp_program__id(program)));
  if (!descriptor) return {};
  return Predecessor{std::move(descriptor), xdp_multiprog__attach_mode(raw) == XDP_MODE_SKB
                                                ? XdpMode::generic
                                                : XdpMode::native};
}

SteeringProgram::SteeringProgram(std::string pins, const MapSizes& sizes, Log log)
    : pins_(std::move(pins)), sizes_(sizes), log_(std::move(log)) {}

SteeringProgram::~SteeringProgram() = default;

Result<std::unique_ptr<SteeringProgram>> SteeringProgram::open(const std::string& bpffs,
                                                               const MapSizes& sizes, Log log) {
  const std::string pins = bpffs + "/v" + std::to_string(TD_ABI_VERSION);
  if (auto made = make_pin_directory(bpffs, pins); !made) return std::unexpected(made.error());
  // Two that write the same tables would open each other's gates.
  Descriptor lock(::open(pins.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock || flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return fail_errno("node.bpffs: cannot have " + pins + " alone; does another tandemd use it?");
  // Both libraries print to stderr by themselves; what matters of it comes back as an error.
  libbpf_set_print(nullptr);
  libxdp_set_print(nullptr);

  std::unique_ptr<SteeringProgram> self(new SteeringProgram(pins, sizes, std::move(log)));
  self->lock_ = std::move(lock);
  SteeringMaps::drop_misfits(pins, sizes, self->log_);
  auto instance = self->load();
  if (!instance) return std::unexpected(instance.error());
  self->maps_ = std::move(*instance);
  leave_steps(*self->maps_->skeleton);
  if (const int error = tandem_bpf__load(self->maps_->skeleton); error != 0)
    return fail_errno(
        "the kernel refused the steering program or its maps (pinned in " + pins + ")", -error);
  if (auto mapped = self->shared_.map(*self->maps_->skeleton->obj, sizes); !mapped)
    return std::unexpected(mapped.error());
  return self;
}

// An instance whose maps are to be found under, or put at, the pin paths. Not loaded yet.
Result<std::unique_ptr<SteeringProgram::Instance>> SteeringProgram::load() const {
  auto instance = std::make_unique<Instance>();
  instance->skeleton = tandem_bpf__open();
  if (instance->skeleton == nullptr) return fail_errno("cannot open the steering program");
  if (auto ready = SteeringMaps::prepare(*instance->skeleton->obj, pins_, sizes_); !ready)
    return std::unexpected(ready.error());
  // Behind libxdp's dispatcher the first step is an extension, which has no attach type; and
  // kernels want one of all that call each other (bpf_prog_map_compatible).
  bpf_program* step = nullptr;
  bpf_object__for_each_program(step, instance->skeleton->obj) {
    if (bpf_program__type(step) == BPF_PROG_TYPE_XDP)
      bpf_program__set_expected_attach_type(step, static_cast<bpf_attach_type>(0));
  }
  return instance;
}

// The gate's other side. Without it the node runs, but after a crash it may speak in the name of
// an address that it lost.
void SteeringProgram::attach_egress(unsigned ifindex, const std::string& name) {
  DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex),
                      .attach_point = BPF_TC_EGRESS);
  DECLARE_LIBBPF_OPTS(
      bpf_tc_opts, filter, .prog_fd = bpf_program__fd(maps_->skeleton->progs.td_egress),
      .flags = BPF_TC_F_REPLACE, .handle = kFilterHandle, .priority = kFilterPriority);
  int error = bpf_tc_hook_create(&hook);
  if (error == 0 || error == -EEXIST) error = bpf_tc_attach(&hook, &filter);
  if (error != 0)
    log_("WARNING: " + name + ": what the kernel sends is not gated (" + std::strerror(-error) +
         "): after a crash it may ask in the name of an address that the peer has by then");
}

// The qdisc that the filter hangs on stays: others may use it too.
void SteeringProgram::detach_egress(unsigned ifindex) {
  DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex),
                      .attach_point = BPF_TC_EGRESS);
  DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .handle = kFilterHandle, .priority = kFilterPriority);
  bpf_tc_detach(&hook, &filter);
}

Result<XdpMode> SteeringProgram::attach(unsigned ifindex, const std::string& name, XdpMode mode,
                                        Workers workers) {
  const XdpMode first = mode == XdpMode::generic ? XdpMode::generic : XdpMode::native;
  if (const auto before = predecessor(ifindex); before && before->mode == first) {
    attach_egress(ifindex, name);
    if (auto done = replace(ifindex, name, *before, workers); !done)
      return std::unexpected(done.error());
    return first;
  }
  if (auto off = clear(ifindex, name); !off) return std::unexpected(off.error());
  attach_egress(ifindex, name);
  auto done = attach_in_mode(ifindex, name, first, workers);
  if (done) return first;
  if (mode != XdpMode::automatic) return std::unexpected(done.error());
  log_(done.error().message);
  log_("WARNING: " + name + " runs XDP in generic mode, several times slower than native");
  if (auto again = attach_in_mode(ifindex, name, XdpMode::generic, workers); !again)
    return std::unexpected(again.error());
  return XdpMode::generic;
}

Result<std::unique_ptr<SteeringProgram::Instance>> SteeringProgram::load_for(
    Workers workers) const {
  auto instance = load();
  if (!instance) return instance;
  (*instance)->skeleton->rodata->td_is_behind_workers = workers.ahead ? 1 : 0;
  if (workers.sockets >= 0) {
    (*instance)->skeleton->rodata->td_has_workers = 1;
    if (const int error = bpf_map__reuse_fd((*instance)->skeleton->maps.td_xsks, workers.sockets);
        error != 0)
      return fail_errno("cannot give the workers' sockets to the steering program", -error);
  }
  bpf_program__set_autoload((*instance)->skeleton->progs.td_egress, false);  // one serves all
  bpf_program__set_autoload((*instance)->skeleton->progs.td_read_clock, false);
  return instance;
}

// The kernel swaps the two at once. Were the device without a program while the verifier looks at
// the next one, the kernel would forward backends' answers as they are, and clients would reset
// their connections.
Result<void> SteeringProgram::replace(unsigned ifindex, const std::string& name,
                                      const Predecessor& before, Workers workers) {
  auto instance = load_for(workers);
  if (!instance) return std::unexpected(instance.error());
  if (const int error = tandem_bpf__load((*instance)->skeleton); error != 0)
    return fail_errno("the kernel refused the steering program", -error);
  (*instance)->mode = before.mode;
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = before.program.get());
  const int program = bpf_program__fd((*instance)->skeleton->progs.td_steer);
  if (const int error = bpf_xdp_attach(static_cast<int>(ifindex), program,
                                       to_flags(before.mode) | XDP_FLAGS_REPLACE, &options);
      error != 0)
    return fail_errno("cannot replace the steering program on " + name, -error);
  return keep(ifindex, std::move(*instance));
}

Result<void> SteeringProgram::attach_in_mode(unsigned ifindex, const std::string& name,
                                             XdpMode mode, Workers workers) {
  auto instance = load_for(workers);
  if (!instance) return std::unexpected(instance.error());
  DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = (*instance)->skeleton->obj,
                      .prog_name = kProgram);
  xdp_program* program = xdp_program__create(&options);
  if (const long error = libxdp_get_error(program); error != 0)
    return fail("libxdp cannot use the steering program: " + reason(static_cast<int>(error)));
  (*instance)->program.reset(program);
  (*instance)->mode = mode;
  const char* mode_name = mode == XdpMode::generic ? "generic" : "native";
  if (const int error = xdp_program__attach(program, static_cast<int>(ifindex), to_libxdp(mode), 0);
      error != 0)
    return fail("cannot attach XDP to " + name + " in " + mode_name + " mode: " + reason(error));
  return keep(ifindex, std::move(*instance));
}

Result<void> SteeringProgram::keep(unsigned ifindex, std::unique_ptr<Instance> instance) {
  if (auto pinned = pin_steps(*instance, ifindex); !pinned) log_(pinned.error().message);
  attached_[ifindex] = std::move(instance);
  return {};
}

// The kernel empties a table of programs that no process and no pin holds: without this one, what
// takes several steps would get stuck when the daemon dies.
Result<void> SteeringProgram::pin_steps(Instance& instance, unsigned ifindex) const {
  const std::string path = steps_pin(ifindex);
  unlink(path.c_str());
  if (const int error = bpf_map__pin(instance.skeleton->maps.td_steps, path.c_str()); error != 0)
    return fail_errno("cannot pin " + path, -error);
  return {};
}

std::string SteeringProgram::steps_pin(unsigned ifindex) const {
  return pins_ + "/td_steps_" + std::to_string(ifindex);
}

// An instance that an earlier process left on the interface; anybody else's program is left alone
// (libxdp chains behind it, or refuses by name).
Result<void> SteeringProgram::clear(unsigned ifindex, const std::string& name) const {
  xdp_multiprog* raw = xdp_multiprog__get_from_ifindex(static_cast<int>(ifindex));
  if (libxdp_get_error(raw) != 0) return {};  // nothing attached
  const std::unique_ptr<xdp_multiprog, MultiprogDeleter> multi(raw);
  const auto mode = xdp_multiprog__attach_mode(raw);
  if (xdp_multiprog__is_legacy(raw)) {
    const std::string other = xdp_program__name(xdp_multiprog__main_prog(raw));
    if (!is_ours(other))
      return fail(name + " has an XDP program '" + other +
                  "' that is not attached through libxdp; take it off with: ip link set dev " +
                  name + " xdp off");
    if (const int error = xdp_multiprog__detach(raw); error != 0)
      return fail("cannot replace the steering program on " + name + ": " + reason(error));
    return {};
  }
  std::vector<xdp_program*> ours;
  for (xdp_program* p = xdp_multiprog__next_prog(nullptr, raw); p != nullptr;
       p = xdp_multiprog__next_prog(p, raw))
    if (std::string_view(xdp_program__name(p)) == kProgram) ours.push_back(p);
  for (xdp_program* p : ours)
    if (const int error = xdp_program__detach(p, static_cast<int>(ifindex), mode, 0); error != 0)
      return fail("cannot replace the steering program on " + name + ": " + reason(error));
  return {};
}

void SteeringProgram::detach(unsigned ifindex) {
  const auto it = attached_.find(ifindex);
  if (it == attached_.end()) return;
  detach_egress(ifindex);
  const Instance& instance = *it->second;
  if (instance.program)
    xdp_program__detach(instance.program.get(), static_cast<int>(ifindex), to_libxdp(instance.mode),
                        0);
  else
    bpf_xdp_detach(static_cast<int>(ifindex), to_flags(instance.mode), nullptr);
  unlink(steps_pin(ifindex).c_str());
  attached_.erase(it);
}

void SteeringProgram::close() {
  while (!attached_.empty()) detach(attached_.begin()->first);
  SteeringMaps::unpin(pins_);
  rmdir(pins_.c_str());
}

Result<flow::JiffyClock> SteeringProgram::read_clock() const {
  const int program = bpf_program__fd(maps_->skeleton->progs.td_read_clock);
  timespec jiffy{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy);
  std::array<std::byte, kShortestFrame> frame{};
  td_clock clock{};
  for (std::uint64_t first = 0;;) {
    DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                        .data_out = frame.data(), .data_size_in = frame.size(),
                        .data_size_out = frame.size());
    if (const int error = bpf_prog_test_run_opts(program, &options); error != 0)
      return fail_errno("cannot read the kernel's clock", -error);
    std::memcpy(&clock, frame.data(), sizeof clock);
    if (first != 0 && clock.jiffies != first) break;
    first = clock.jiffies;
  }
  return flow::JiffyClock(std::chrono::nanoseconds(jiffy.tv_nsec), clock.jiffies,
                          from_ns(clock.now_ns));
}

int SteeringProgram::advert_ring_fd() const {
  return bpf_map__fd(maps_->skeleton->maps.td_adverts);
}

int SteeringProgram::end_ring_fd() const {
  return bpf_map__fd(maps_->skeleton->maps.td_ends);
}

int SteeringProgram::capture_ring_fd() const {
  return bpf_map__fd(maps_->skeleton->maps.td_captured);
}

int SteeringProgram::xsks_fd(unsigned ifindex) const {
  const auto it = attached_.find(ifindex);
  return it == attached_.end() ? -1 : bpf_map__fd(it->second->skeleton->maps.td_xsks);
}

std::array<std::uint64_t, TD_REASON_COUNT> SteeringProgram::counters() const {
  std::array<std::uint64_t, TD_REASON_COUNT> sum{};
  std::vector<td_counters> of_cpu(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  const std::uint32_t zero = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(maps_->skeleton->maps.td_counters), &zero, of_cpu.data()) !=
      0)
    return sum;
  for (const auto& counters : of_cpu)
    for (std::size_t i = 0; i < sum.size(); i++) sum[i] += counters.packets[i];
  return sum;
}

td_traffic SteeringProgram::traffic(std::uint16_t backend) const {
  td_traffic sum{};
  std::vector<td_traffic> of_cpu(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  const std::uint32_t key = backend;
  if (bpf_map_lookup_elem(bpf_map__fd(maps_->skeleton->maps.td_traffic), &key, of_cpu.data()) != 0)
    return sum;
  for (const auto& traffic : of_cpu) {
    sum.in_packets += traffic.in_packets;
    sum.in_bytes += traffic.in_bytes;
    sum.out_packets += traffic.out_packets;
    sum.out_bytes += traffic.out_bytes;
  }
  return sum;
}

}  // namespace tandem::engine
