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
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "tandem.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace tandem::engine {
namespace {

xdp_attach_mode to_libxdp(XdpMode mode) {
  return mode == XdpMode::generic ? XDP_MODE_SKB : XDP_MODE_NATIVE;
}

std::uint32_t to_flags(XdpMode mode) {
  return mode == XdpMode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

const char* to_text(XdpMode mode) {
  return mode == XdpMode::generic ? "generic" : "native";
}

std::unexpected<Error> cannot_attach(const std::string& name, XdpMode mode, int error) {
  const std::string hint = error == EBUSY || error == EEXIST
                               ? "; is another program there? bpftool net show dev " + name
                               : "";
  return fail("cannot attach XDP to " + name + " in " + to_text(mode) +
              " mode: " + std::strerror(error) + hint);
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

// A directory that nobody else can enter, and so neither lock nor list. One that somebody else made
// there goes: a bpffs that is mounted without a mode lets everybody.
Result<void> make_private(const std::string& directory) {
  std::error_code error;
  struct stat found {};
  if (lstat(directory.c_str(), &found) == 0 &&
      (!S_ISDIR(found.st_mode) || found.st_uid != geteuid())) {
    std::filesystem::remove_all(directory, error);
    if (error)
      return fail("node.bpffs: " + directory + " belongs to user " + std::to_string(found.st_uid) +
                  " and cannot be removed: " + error.message());
  }
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno("node.bpffs: cannot create " + directory);
  if (lstat(directory.c_str(), &found) != 0 || !S_ISDIR(found.st_mode) ||
      found.st_uid != geteuid() || chmod(directory.c_str(), 0700) != 0)
    return fail("node.bpffs: " + directory + " is not this user's own");
  return {};
}

Result<void> make_pin_directory(const std::string& bpffs, const std::string& pins) {
  const auto parent = std::filesystem::path(bpffs).parent_path();
  struct statfs fs {};
  if (statfs(parent.c_str(), &fs) != 0 || static_cast<unsigned long>(fs.f_type) != BPF_FS_MAGIC)
    return fail("node.bpffs: " + parent.string() +
                " is not a BPF file system; mount it with: mount -t bpf bpf " + parent.string());
  if (auto made = make_private(bpffs); !made) return made;
  return make_private(pins);
}

constexpr std::size_t kShortestFrame = 64;  // that a program can be run on

// Our filter among those on the way out of an interface: its priority and handle ("tdm").
constexpr std::uint32_t kFilterPriority = 1;
constexpr std::uint32_t kFilterHandle = 0x74646d;

}  // namespace

struct SteeringProgram::Instance {
  struct Close {
    void operator()(xdp_program* p) const { xdp_program__close(p); }
  };

  Skeleton skeleton;                            // behind a dispatcher: it is loaded for each
  std::unique_ptr<xdp_program, Close> program;  // libxdp's; none: it is alone
  int fd = -1;                                  // of what is attached
  XdpAttachment attachment;
  std::uint32_t seen =
      0;  // the kernel's number of what it runs on the device: this, or a dispatcher
  bool has_egress = false;  // the filter was there
};

SteeringProgram::SteeringProgram(std::string pins, Log log, Dispatcher dispatcher)
    : pins_(std::move(pins)), log_(std::move(log)), dispatcher_(std::move(dispatcher)) {}

SteeringProgram::~SteeringProgram() = default;

Result<std::unique_ptr<SteeringProgram>> SteeringProgram::open(const std::string& bpffs,
                                                               const MapSizes& sizes, Log log,
                                                               Dispatcher dispatcher) {
  const std::string pins = bpffs + "/v" + std::to_string(TD_ABI_VERSION);
  if (auto made = make_pin_directory(bpffs, pins); !made) return std::unexpected(made.error());
  // Two that write the same tables would open each other's gates.
  Descriptor lock(::open(pins.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock || flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return fail_errno("node.bpffs: cannot have " + pins + " alone; does another tandemd use it?");
  // Both libraries print to stderr by themselves; what matters of it comes back as an error.
  libbpf_set_print(nullptr);
  libxdp_set_print(nullptr);

  std::unique_ptr<SteeringProgram> self(
      new SteeringProgram(pins, std::move(log), std::move(dispatcher)));
  self->lock_ = std::move(lock);
  SteeringMaps::drop_misfits(pins, sizes, self->log_);
  auto code = SteeringCode::open(pins, sizes);
  if (!code) return std::unexpected(code.error());
  self->code_ = std::move(*code);
  if (auto mapped = self->shared_.map(*self->code_.maps().obj, sizes); !mapped)
    return std::unexpected(mapped.error());
  return self;
}

// The gate's other side. Without it the node runs, but after a crash it may speak in the name of
// an address that it lost.
void SteeringProgram::attach_egress(unsigned ifindex, const std::string& name) {
  DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex),
                      .attach_point = BPF_TC_EGRESS);
  DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = code_.program(SteeringCode::egress),
                      .flags = BPF_TC_F_REPLACE, .handle = kFilterHandle,
                      .priority = kFilterPriority);
  int error = bpf_tc_hook_create(&hook);
  if (error == 0 || error == -EEXIST) error = bpf_tc_attach(&hook, &filter);
  if (error != 0)
    log_("WARNING: " + name + ": what the kernel sends is not gated (" + std::strerror(-error) +
         "): after a crash it may ask in the name of an address that the peer has by then");
}

// Where the kernel has no tc filters there is none to miss.
bool SteeringProgram::has_egress(unsigned ifindex) const {
  DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex),
                      .attach_point = BPF_TC_EGRESS);
  DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .handle = kFilterHandle, .priority = kFilterPriority);
  bpf_prog_info info{};
  std::uint32_t length = sizeof info;
  if (bpf_obj_get_info_by_fd(code_.program(SteeringCode::egress), &info, &length) != 0) return true;
  return bpf_tc_query(&hook, &filter) == 0 && filter.prog_id == info.id;
}

// The kernel's number of what it runs there stays the same, or another one of libxdp's dispatchers
// calls ours.
bool SteeringProgram::has_program(unsigned ifindex, Instance& instance) const {
  std::uint32_t now = 0;
  const auto flags = to_flags(instance.attachment.mode);
  if (bpf_xdp_query_id(static_cast<int>(ifindex), static_cast<int>(flags), &now) != 0) return true;
  if (now != 0 && now == instance.seen) return true;
  bool ours = false;
  if (now != 0) {
    bpf_prog_info info{};
    std::uint32_t length = sizeof info;
    const auto occupant = XdpOccupant::of(ifindex);
    ours = bpf_obj_get_info_by_fd(instance.fd, &info, &length) == 0 && occupant &&
           occupant->has(info.id);
  }
  if (ours) instance.seen = now;
  return ours;
}

bool SteeringProgram::keep_up(unsigned ifindex, const std::string& name, std::string& said) {
  const auto it = attached_.find(ifindex);
  if (it == attached_.end()) return false;
  Instance& instance = *it->second;
  if (instance.has_egress && !has_egress(ifindex)) {
    said = name + ": the filter on the way out was taken off, and is put back";
    attach_egress(ifindex, name);
    instance.has_egress = has_egress(ifindex);
  }
  if (has_program(ifindex, instance)) return true;
  said = name + ": the steering program was taken off or replaced";
  const auto [mode, way] = instance.attachment;
  if (way != XdpWay::alone ||
      bpf_xdp_attach(static_cast<int>(ifindex), instance.fd,
                     to_flags(mode) | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr) != 0)
    return false;
  said += ", and is put back";
  return true;
}

// The qdisc that the filter hangs on stays: others may use it too.
void SteeringProgram::detach_egress(unsigned ifindex) {
  DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex),
                      .attach_point = BPF_TC_EGRESS);
  DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .handle = kFilterHandle, .priority = kFilterPriority);
  bpf_tc_detach(&hook, &filter);
}

// The steps are pinned last: what an earlier process left works by its own until then.
Result<XdpAttachment> SteeringProgram::attach(unsigned ifindex, const std::string& name,
                                              XdpMode mode, Workers workers) {
  if (auto ready = prepare(ifindex, name, workers); !ready) return std::unexpected(ready.error());
  auto done = attach_in(mode, ifindex, name, workers);
  if (!done) return done;
  if (auto pinned = pin_steps(ifindex); !pinned) log_(pinned.error().message);
  return done;
}

// What the program looks up by the device.
Result<void> SteeringProgram::prepare(unsigned ifindex, const std::string& name, Workers workers) {
  bpf_map_delete_elem(bpf_map__fd(code_.maps().maps.td_ports), &ifindex);  // it was one once
  if (workers.ahead) return {};
  tables().has_workers = workers.sockets >= 0 || workers.absent ? 1 : 0;
  if (workers.sockets < 0 && sockets_.contains(ifindex)) return {};
  return give_sockets(ifindex, name, workers.sockets);
}

// map: an XSKMAP; -1: a new one.
Result<void> SteeringProgram::give_sockets(unsigned ifindex, const std::string& name, int map) {
  Descriptor sockets(map >= 0 ? fcntl(map, F_DUPFD_CLOEXEC, 0)
                              : bpf_map_create(BPF_MAP_TYPE_XSKMAP, "td_sockets", sizeof(__u32),
                                               sizeof(__u32), TD_MAX_QUEUES, nullptr));
  const int fd = sockets.get();
  if (!sockets ||
      bpf_map_update_elem(bpf_map__fd(code_.maps().maps.td_xsks), &ifindex, &fd, BPF_ANY) != 0)
    return fail_errno(name + ": cannot give its sockets to the steering program");
  sockets_[ifindex] = std::move(sockets);
  return {};
}

void SteeringProgram::take_sockets(unsigned ifindex) {
  bpf_map_delete_elem(bpf_map__fd(code_.maps().maps.td_xsks), &ifindex);
  sockets_.erase(ifindex);
}

Result<XdpAttachment> SteeringProgram::attach_in(XdpMode mode, unsigned ifindex,
                                                 const std::string& name, Workers workers) {
  const XdpMode first = mode == XdpMode::generic ? XdpMode::generic : XdpMode::native;
  if (auto before = XdpOccupant::of(ifindex)) {
    if (before->mode() == first) return join(ifindex, name, *before, workers);
    if (auto off = before->take_off_ours(ifindex, name); !off) return std::unexpected(off.error());
  }
  attach_egress(ifindex, name);
  auto done = put_on(ifindex, name, first, workers);
  if (done || mode != XdpMode::automatic) return done;
  log_(done.error().message);
  log_("WARNING: " + name + " runs XDP in generic mode, several times slower than native");
  return put_on(ifindex, name, XdpMode::generic, workers);
}

Result<void> SteeringProgram::clear(unsigned ifindex, const std::string& name) const {
  auto before = XdpOccupant::of(ifindex);
  return before ? before->take_off_ours(ifindex, name) : Result<void>{};
}

// Beside or in place of what is on the device, in the same mode. At no moment is it without one of
// ours, if it had one: the kernel would forward backends' answers as they are while the verifier
// looks at the next program, and clients would reset their connections.
Result<XdpAttachment> SteeringProgram::join(unsigned ifindex, const std::string& name,
                                            XdpOccupant& before, Workers workers) {
  const auto others = before.others();
  const XdpMode mode = before.mode();
  if (before.way() == XdpWay::alone) {
    if (!others.empty())
      return fail(name + " has an XDP program " + listed(others) +
                  " that is not attached through libxdp; take it off with: ip link set dev " +
                  name + " xdp off");
    attach_egress(ifindex, name);
    return put_alone(ifindex, name, mode, workers, before.program());
  }
  attach_egress(ifindex, name);
  auto beside = put_behind(ifindex, mode, workers);
  if (beside) {
    if (auto off = before.take_off_ours(ifindex, name); !off) log_(off.error().message);
    return *beside;
  }
  if (!others.empty())
    return fail(name + " has XDP programs of others behind libxdp's dispatcher (" + listed(others) +
                "), and the steering program cannot share it with them: " + beside.error().why +
                "; take them off with: xdp-loader unload " + name + " --all");
  auto alone = put_alone(ifindex, name, mode, workers, before.program());
  if (alone) {
    note(beside.error());
    XdpOccupant::forget_dispatcher(ifindex);
  }
  return alone;
}

// On a device that has no program: behind a dispatcher if that can be, else alone.
Result<XdpAttachment> SteeringProgram::put_on(unsigned ifindex, const std::string& name,
                                              XdpMode mode, Workers workers) {
  auto behind = put_behind(ifindex, mode, workers);
  if (behind) return *behind;
  if (!refusal_ && behind.error().error == EOPNOTSUPP)  // the driver's word
    return cannot_attach(name, mode, EOPNOTSUPP);
  auto alone = put_alone(ifindex, name, mode, workers, {});
  if (alone) note(behind.error());
  return alone;
}

// EOPNOTSUPP: the driver has no such mode.
std::expected<XdpAttachment, DispatcherRefusal> SteeringProgram::put_behind(unsigned ifindex,
                                                                            XdpMode mode,
                                                                            Workers workers) {
  if (refusal_) return std::unexpected(*refusal_);
  const char* name = workers.ahead ? "td_adverts_only" : "td_steer";
  auto instance = std::make_unique<Instance>();
  auto skeleton = code_.one_more(name);
  if (!skeleton) return std::unexpected(DispatcherRefusal{EINVAL, skeleton.error().message});
  instance->skeleton = std::move(*skeleton);
  DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = instance->skeleton->obj, .prog_name = name);
  xdp_program* program = xdp_program__create(&options);
  if (const long error = libxdp_get_error(program); error != 0)
    return std::unexpected(DispatcherRefusal{static_cast<int>(-error), "libxdp does not know it"});
  instance->program.reset(program);
  if (auto refusal = dispatcher_(*program, ifindex, mode); refusal.error != 0)
    return std::unexpected(std::move(refusal));
  const auto now = XdpOccupant::of(ifindex);
  instance->fd = xdp_program__fd(program);
  instance->attachment = {mode, now ? now->way() : XdpWay::alone};
  if (instance->attachment.way == XdpWay::alone)
    note({EPERM, "libxdp found no way to extend programs"});
  return keep(ifindex, std::move(instance));
}

void SteeringProgram::note(const DispatcherRefusal& refusal) {
  if (refusal_) return;
  refusal_ = refusal;
  log_(
      "XDP programs of others cannot share a device with the steering program, which is attached "
      "alone: it cannot be behind libxdp's dispatcher here (" +
      refusal.why + ")");
}

// instead_of: the program that the device has now; the kernel swaps the two at once.
Result<XdpAttachment> SteeringProgram::put_alone(unsigned ifindex, const std::string& name,
                                                 XdpMode mode, Workers workers,
                                                 const Descriptor& instead_of) {
  auto instance = std::make_unique<Instance>();
  instance->fd = code_.program(workers.ahead ? SteeringCode::adverts_only : SteeringCode::steer);
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = instead_of.get());
  const std::uint32_t flags = instead_of ? XDP_FLAGS_REPLACE : XDP_FLAGS_UPDATE_IF_NOEXIST;
  if (const int error = bpf_xdp_attach(static_cast<int>(ifindex), instance->fd,
                                       to_flags(mode) | flags, instead_of ? &options : nullptr);
      error != 0)
    return cannot_attach(name, mode, -error);
  instance->attachment = {mode, XdpWay::alone};
  return keep(ifindex, std::move(instance));
}

XdpAttachment SteeringProgram::keep(unsigned ifindex, std::unique_ptr<Instance> instance) {
  const XdpAttachment attachment = instance->attachment;
  instance->has_egress = has_egress(ifindex);
  bpf_xdp_query_id(static_cast<int>(ifindex), static_cast<int>(to_flags(attachment.mode)),
                   &instance->seen);
  attached_[ifindex] = std::move(instance);
  return attachment;
}

// The kernel empties a table of programs that no process and no pin holds: without this one, what
// takes several steps would get stuck when the daemon dies, or another build starts.
Result<void> SteeringProgram::pin_steps(unsigned ifindex) const {
  const std::string path = steps_pin(ifindex);
  unlink(path.c_str());
  if (const int error = bpf_obj_pin(bpf_map__fd(code_.maps().maps.td_steps), path.c_str());
      error != 0)
    return fail_errno("cannot pin " + path);
  return {};
}

std::string SteeringProgram::steps_pin(unsigned ifindex) const {
  return pins_ + "/td_steps_" + std::to_string(ifindex);
}

void SteeringProgram::detach(unsigned ifindex) {
  const auto it = attached_.find(ifindex);
  if (it == attached_.end()) return;
  detach_egress(ifindex);
  const Instance& instance = *it->second;
  const auto [mode, way] = instance.attachment;
  LIBBPF_OPTS(bpf_xdp_attach_opts, only_ours, .old_prog_fd = instance.fd);
  if (way == XdpWay::dispatcher)
    xdp_program__detach(instance.program.get(), static_cast<int>(ifindex), to_libxdp(mode), 0);
  else
    bpf_xdp_detach(static_cast<int>(ifindex), to_flags(mode) | XDP_FLAGS_REPLACE, &only_ours);
  unlink(steps_pin(ifindex).c_str());
  attached_.erase(it);
  set_ports(ifindex, {});
  take_sockets(ifindex);
}

void SteeringProgram::detach_all() {
  while (!attached_.empty()) detach(attached_.begin()->first);
}

void SteeringProgram::close() {
  detach_all();
  SteeringMaps::unpin(pins_);
  std::error_code ignored;
  const std::filesystem::path pins(pins_);
  std::filesystem::remove(pins, ignored);
  std::filesystem::remove(pins.parent_path(), ignored);  // unless other versions have maps there
}

Result<flow::JiffyClock> SteeringProgram::read_clock() const {
  const int program = code_.program(SteeringCode::read_clock);
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
  return bpf_map__fd(code_.maps().maps.td_adverts);
}

int SteeringProgram::end_ring_fd() const {
  return bpf_map__fd(code_.maps().maps.td_ends);
}

int SteeringProgram::capture_ring_fd() const {
  return bpf_map__fd(code_.maps().maps.td_captured);
}

// has_ports goes last when there come some, so that no frame finds the table half filled.
void SteeringProgram::set_ports(unsigned bond, std::span<const Port> ports) {
  const int table = bpf_map__fd(code_.maps().maps.td_ports);
  std::vector<std::uint32_t> known;
  for (std::uint32_t at = 0, next = 0;
       bpf_map_get_next_key(table, known.empty() ? nullptr : &at, &next) == 0; at = next)
    known.push_back(next);
  for (const std::uint32_t ifindex : known) {
    td_port port{};
    if (bpf_map_lookup_elem(table, &ifindex, &port) != 0 || port.bond != bond ||
        std::ranges::find(ports, ifindex, &Port::ifindex) != ports.end())
      continue;
    bpf_map_delete_elem(table, &ifindex);
    take_sockets(ifindex);
  }
  for (const Port& port : ports) {
    const td_port entry{bond, port.is_asleep ? 1U : 0U};
    if (bpf_map_update_elem(table, &port.ifindex, &entry, BPF_ANY) != 0)
      log_(port.name + " is not known as a port: " + std::strerror(errno));
    if (sockets_.contains(port.ifindex)) continue;
    if (auto given = give_sockets(port.ifindex, port.name, -1); !given) log_(given.error().message);
  }
  std::uint32_t first = 0;
  tables().has_ports = bpf_map_get_next_key(table, nullptr, &first) == 0 ? 1 : 0;
}

int SteeringProgram::xsks_fd(unsigned ifindex) const {
  const auto it = sockets_.find(ifindex);
  return it == sockets_.end() ? -1 : it->second.get();
}

std::array<std::uint64_t, TD_REASON_COUNT> SteeringProgram::counters() const {
  std::array<std::uint64_t, TD_REASON_COUNT> sum{};
  std::vector<td_counters> of_cpu(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  const std::uint32_t zero = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(code_.maps().maps.td_counters), &zero, of_cpu.data()) != 0)
    return sum;
  for (const auto& counters : of_cpu)
    for (std::size_t i = 0; i < sum.size(); i++) sum[i] += counters.packets[i];
  return sum;
}

td_traffic SteeringProgram::traffic(std::uint16_t backend) const {
  td_traffic sum{};
  std::vector<td_traffic> of_cpu(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  const std::uint32_t key = backend;
  if (bpf_map_lookup_elem(bpf_map__fd(code_.maps().maps.td_traffic), &key, of_cpu.data()) != 0)
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
