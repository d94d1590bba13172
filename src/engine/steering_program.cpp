// SPDX-License-Identifier: Apache-2.0
#include "engine/steering_program.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
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

// The pin of an interface's steps, before its number: each that has a steering program has one.
constexpr std::string_view kPinnedSteps = "td_steps_";

std::vector<unsigned> interfaces_in(const std::string& pins) {
  std::vector<unsigned> interfaces;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(pins, error)) {
    const std::string name = entry.path().filename();
    unsigned ifindex = 0;
    if (name.starts_with(kPinnedSteps) &&
        std::from_chars(name.data() + kPinnedSteps.size(), name.data() + name.size(), ifindex).ec ==
            std::errc{})
      interfaces.push_back(ifindex);
  }
  return interfaces;
}

Result<void> take_off(unsigned ifindex, const std::string& name) {
  TcFilter::detach(ifindex, TcDirection::out);
  auto occupant = XdpOccupant::of(ifindex);
  const bool is_of_others =
      occupant && occupant->way() == XdpWay::alone && !occupant->others().empty();
  if (!occupant || is_of_others) return {};
  return occupant->take_off_ours(ifindex, name);
}

// They are there for moments, on whatever interface it was.
void take_off_filters_on_the_way_in() {
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> all(if_nameindex(),
                                                                              if_freenameindex);
  for (const auto* i = all.get(); i != nullptr && i->if_index != 0; i++)
    TcFilter::detach(i->if_index, TcDirection::in);
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

}  // namespace

Result<void> take_off_what_was_left(const PinDirectory& pins) {
  libbpf_set_print(nullptr);
  libxdp_set_print(nullptr);
  std::string troubles;
  for (const unsigned ifindex : interfaces_in(pins.path())) {
    std::array<char, IF_NAMESIZE> name{};
    if (if_indextoname(ifindex, name.data()) == nullptr) continue;  // it has gone
    if (auto off = take_off(ifindex, name.data()); !off)
      troubles += (troubles.empty() ? "" : "; ") + off.error().message;
  }
  take_off_filters_on_the_way_in();
  pins.remove();
  return troubles.empty() ? Result<void>{} : fail(troubles);
}

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

SteeringProgram::SteeringProgram(PinDirectory pins, Log log, Dispatcher dispatcher)
    : pins_(std::move(pins)), log_(std::move(log)), dispatcher_(std::move(dispatcher)) {}

SteeringProgram::~SteeringProgram() = default;

Result<std::unique_ptr<SteeringProgram>> SteeringProgram::open(const std::string& bpffs,
                                                               const MapSizes& sizes, Log log,
                                                               Dispatcher dispatcher) {
  auto pins = PinDirectory::open(bpffs);
  if (!pins) return std::unexpected(pins.error());
  // Both libraries print to stderr by themselves; what matters of it comes back as an error.
  libbpf_set_print(nullptr);
  libxdp_set_print(nullptr);

  std::unique_ptr<SteeringProgram> self(
      new SteeringProgram(std::move(*pins), std::move(log), std::move(dispatcher)));
  SteeringMaps::drop_misfits(self->pins_.path(), sizes, self->log_);
  auto code = SteeringCode::open(self->pins_.path(), sizes);
  if (!code) return std::unexpected(code.error());
  self->code_ = std::move(*code);
  if (auto mapped = self->maps_.map(*self->code_.skeleton().obj, sizes); !mapped)
    return std::unexpected(mapped.error());
  self->egress_ = TcFilter(self->code_.program(SteeringCode::egress), TcDirection::out);
  self->sockets_ = DeviceSockets(self->code_.skeleton(), self->tables());
  return self;
}

// The gate's other side. Without it the node runs, but after a crash it may speak in the name of
// an address that it lost.
void SteeringProgram::attach_egress(unsigned ifindex, const std::string& name) {
  if (auto attached = egress_.attach(ifindex); !attached)
    log_("WARNING: " + name + ": packets that the kernel sends are not filtered (" +
         attached.error().message +
         "): after a crash it may ask in the name of an address that the peer has by then");
}

// The device runs the same program as before, or another one of libxdp's dispatchers, which calls
// ours.
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

bool SteeringProgram::restore(unsigned ifindex, const std::string& name, std::string& said) {
  const auto it = attached_.find(ifindex);
  if (it == attached_.end()) return false;
  Instance& instance = *it->second;
  if (instance.has_egress && !egress_.is_attached(ifindex)) {
    said = name + ": the filter on the way out was taken off, and is put back";
    attach_egress(ifindex, name);
    instance.has_egress = egress_.is_attached(ifindex);
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

// The steps are pinned last: what an earlier process left works by its own until then.
Result<XdpAttachment> SteeringProgram::attach(unsigned ifindex, const std::string& name,
                                              XdpMode mode, Workers workers) {
  if (auto ready = prepare(ifindex, name, workers); !ready) return std::unexpected(ready.error());
  auto done = attach_in(mode, ifindex, name, workers);
  if (!done) return done;
  TcFilter::detach(ifindex, TcDirection::in);  // answers wait no more: see leave_answers()
  if (auto pinned = pin_steps(ifindex); !pinned) log_(pinned.error().message);
  return done;
}

// What the program looks up by the device.
Result<void> SteeringProgram::prepare(unsigned ifindex, const std::string& name, Workers workers) {
  sockets_.is_no_port(ifindex);
  if (workers.adverts_only) return {};
  tables().has_workers = workers.sockets >= 0 || workers.no_sockets ? 1 : 0;
  if (workers.sockets < 0 && sockets_.of(ifindex) >= 0) return {};
  return sockets_.give(ifindex, name, workers.sockets);
}

Result<XdpAttachment> SteeringProgram::attach_in(XdpMode mode, unsigned ifindex,
                                                 const std::string& name, Workers workers) {
  const XdpMode first = mode == XdpMode::generic ? XdpMode::generic : XdpMode::native;
  if (auto before = XdpOccupant::of(ifindex)) {
    if (before->mode() == first) return attach_to_occupied(ifindex, name, *before, workers);
    if (auto off = before->take_off_ours(ifindex, name); !off) return std::unexpected(off.error());
  }
  attach_egress(ifindex, name);
  auto done = attach_to_empty(ifindex, name, first, workers);
  if (done || mode != XdpMode::automatic) return done;
  log_(done.error().message);
  log_("WARNING: " + name + " runs XDP in generic mode, several times slower than native");
  return attach_to_empty(ifindex, name, XdpMode::generic, workers);
}

Result<void> SteeringProgram::clear(unsigned ifindex, const std::string& name) const {
  auto before = XdpOccupant::of(ifindex);
  return before ? before->take_off_ours(ifindex, name) : Result<void>{};
}

// Beside or in place of what is on the device, in the same mode. At no moment is it without one of
// ours, if it had one: the kernel would forward backends' answers as they are while the verifier
// looks at the next program, and clients would reset their connections.
Result<XdpAttachment> SteeringProgram::attach_to_occupied(unsigned ifindex, const std::string& name,
                                                          XdpOccupant& before, Workers workers) {
  const auto others = before.others();
  const XdpMode mode = before.mode();
  if (before.way() == XdpWay::alone) {
    if (!others.empty())
      return fail(name + " has an XDP program " + listed(others) +
                  " that is not attached through libxdp; take it off with: ip link set dev " +
                  name + " xdp off");
    attach_egress(ifindex, name);
    return attach_alone(ifindex, name, mode, workers, before.program());
  }
  attach_egress(ifindex, name);
  auto beside = attach_behind_dispatcher(ifindex, mode, workers);
  if (beside) {
    if (auto off = before.take_off_ours(ifindex, name); !off) log_(off.error().message);
    return *beside;
  }
  if (!others.empty())
    return fail(name + " has XDP programs of others behind libxdp's dispatcher (" + listed(others) +
                "), and the steering program cannot share it with them: " + beside.error().why +
                "; take them off with: xdp-loader unload " + name + " --all");
  auto alone = attach_alone(ifindex, name, mode, workers, before.program());
  if (alone) {
    note_refusal(beside.error());
    XdpOccupant::forget_dispatcher(ifindex);
  }
  return alone;
}

// On a device that has no program: behind a dispatcher if that can be, else alone.
Result<XdpAttachment> SteeringProgram::attach_to_empty(unsigned ifindex, const std::string& name,
                                                       XdpMode mode, Workers workers) {
  auto behind = attach_behind_dispatcher(ifindex, mode, workers);
  if (behind) return *behind;
  if (!refusal_ && behind.error().error == EOPNOTSUPP)  // the driver's word
    return cannot_attach(name, mode, EOPNOTSUPP);
  auto alone = attach_alone(ifindex, name, mode, workers, {});
  if (alone) note_refusal(behind.error());
  return alone;
}

// EOPNOTSUPP: the driver has no such mode.
std::expected<XdpAttachment, DispatcherRefusal> SteeringProgram::attach_behind_dispatcher(
    unsigned ifindex, XdpMode mode, Workers workers) {
  if (refusal_) return std::unexpected(*refusal_);
  const char* name = workers.adverts_only ? "td_adverts_only" : "td_steer";
  auto instance = std::make_unique<Instance>();
  auto skeleton = code_.one_more(name);
  if (!skeleton) return std::unexpected(DispatcherRefusal{EINVAL, skeleton.error().message});
  instance->skeleton = std::move(*skeleton);
  DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = instance->skeleton->obj, .prog_name = name);
  xdp_program* program = xdp_program__create(&options);
  if (const long error = libxdp_get_error(program); error != 0)
    return std::unexpected(DispatcherRefusal{static_cast<int>(-error), "libxdp does not know it"});
  instance->program.reset(program);
  if (auto behind = dispatcher_(*program, ifindex, mode); !behind)
    return std::unexpected(std::move(behind.error()));
  const auto now = XdpOccupant::of(ifindex);
  instance->fd = xdp_program__fd(program);
  instance->attachment = {mode, now ? now->way() : XdpWay::alone};
  if (instance->attachment.way == XdpWay::alone)
    note_refusal({EPERM, "libxdp found no way to extend programs"});
  return remember(ifindex, std::move(instance));
}

void SteeringProgram::note_refusal(const DispatcherRefusal& refusal) {
  if (refusal_) return;
  refusal_ = refusal;
  log_(
      "XDP programs of others cannot share a device with the steering program, which is attached "
      "alone: it cannot be behind libxdp's dispatcher here (" +
      refusal.why + ")");
}

// instead_of: the program that the device has now; the kernel swaps the two at once.
Result<XdpAttachment> SteeringProgram::attach_alone(unsigned ifindex, const std::string& name,
                                                    XdpMode mode, Workers workers,
                                                    const Descriptor& instead_of) {
  auto instance = std::make_unique<Instance>();
  instance->fd =
      code_.program(workers.adverts_only ? SteeringCode::adverts_only : SteeringCode::steer);
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = instead_of.get());
  const std::uint32_t flags = instead_of ? XDP_FLAGS_REPLACE : XDP_FLAGS_UPDATE_IF_NOEXIST;
  if (const int error = bpf_xdp_attach(static_cast<int>(ifindex), instance->fd,
                                       to_flags(mode) | flags, instead_of ? &options : nullptr);
      error != 0)
    return cannot_attach(name, mode, -error);
  instance->attachment = {mode, XdpWay::alone};
  return remember(ifindex, std::move(instance));
}

XdpAttachment SteeringProgram::remember(unsigned ifindex, std::unique_ptr<Instance> instance) {
  const XdpAttachment attachment = instance->attachment;
  instance->has_egress = egress_.is_attached(ifindex);
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
  if (const int error = bpf_obj_pin(bpf_map__fd(code_.skeleton().maps.td_steps), path.c_str());
      error != 0)
    return fail_errno("cannot pin " + path);
  return {};
}

std::string SteeringProgram::steps_pin(unsigned ifindex) const {
  return pins_.path() + "/" + std::string(kPinnedSteps) + std::to_string(ifindex);
}

void SteeringProgram::detach(unsigned ifindex) {
  const auto it = attached_.find(ifindex);
  if (it == attached_.end()) return;
  TcFilter::detach(ifindex, TcDirection::out);
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
  sockets_.take(ifindex);
}

void SteeringProgram::leave_answers(MonotonicTime until) {
  tables().answers_until_ns = to_ns(until);
  const TcFilter filter(code_.program(SteeringCode::answers), TcDirection::in);
  for (const auto& [ifindex, instance] : attached_)
    if (auto left = filter.attach(ifindex); !left)
      log_("WARNING: the kernel has backends' answers until the next start (" +
           left.error().message + "): connections of nat and fullnat may be reset");
}

void SteeringProgram::detach_all() {
  while (!attached_.empty()) detach(attached_.begin()->first);
}

void SteeringProgram::close() {
  detach_all();
  pins_.remove();
}

int SteeringProgram::advert_ring_fd() const {
  return bpf_map__fd(code_.skeleton().maps.td_adverts);
}

int SteeringProgram::end_ring_fd() const {
  return bpf_map__fd(code_.skeleton().maps.td_ends);
}

int SteeringProgram::capture_ring_fd() const {
  return bpf_map__fd(code_.skeleton().maps.td_captured);
}

void SteeringProgram::set_ports(unsigned bond, std::span<const BondPort> ports) {
  sockets_.set_ports(bond, ports, log_);
}

}  // namespace tandem::engine
