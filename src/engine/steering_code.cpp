// SPDX-License-Identifier: Apache-2.0
#include "engine/steering_code.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "tandem.skel.h"  // generated C
#pragma GCC diagnostic pop

#include "tandem/steer.h"

namespace tandem::engine {
namespace {

// In the order of SteeringCode::Program.
constexpr std::array<const char*, SteeringCode::kPrograms> kNames = {
    "td_steer", "td_adverts_only", "td_egress", "td_answers", "td_read_clock"};
constexpr std::size_t kShortestFrame = 64;     // that a program can be run on
constexpr std::string_view kPinned = "code_";  // what the programs' pins begin with

// In the order of td_step.
#define TD_STEP_PROGRAM(name, program, run) #program,
constexpr std::array kSteps = {TD_STEP_LIST(TD_STEP_PROGRAM)};

// Tells builds apart: the object as it was compiled.
std::string build_of(const void* object, std::size_t bytes) {
  return std::to_string(
      std::hash<std::string_view>{}(std::string_view(static_cast<const char*>(object), bytes)));
}

std::string pin_prefix(const std::string& pins) {
  std::size_t bytes = 0;
  const void* object = tandem_bpf__elf_bytes(&bytes);
  return pins + "/" + std::string(kPinned) + build_of(object, bytes) + "_";
}

std::uint32_t id_of_map(int fd) {
  bpf_map_info info{};
  std::uint32_t length = sizeof info;
  return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 ? info.id : 0;
}

void add_maps_of(int program, std::vector<std::uint32_t>& ids) {
  std::array<std::uint32_t, 64> found{};
  bpf_prog_info info{};
  info.map_ids = reinterpret_cast<std::uintptr_t>(found.data());
  info.nr_map_ids = found.size();
  std::uint32_t length = sizeof info;
  if (bpf_obj_get_info_by_fd(program, &info, &length) != 0) return;
  ids.insert(ids.end(), found.begin(),
             found.begin() + std::min<std::size_t>(info.nr_map_ids, found.size()));
}

// The programs in the table of steps. Error: one is missing.
Result<std::vector<Descriptor>> steps_in(int table) {
  std::vector<Descriptor> steps;
  for (std::uint32_t i = 0; i < TD_STEPS; i++) {
    std::uint32_t id = 0;
    if (bpf_map_lookup_elem(table, &i, &id) != 0) return fail_errno("no step");
    Descriptor step(bpf_prog_get_fd_by_id(id));
    if (!step) return fail_errno("no step");
    steps.push_back(std::move(step));
  }
  return steps;
}

// Behind libxdp's dispatcher the first step is an extension, which has no attach type; and kernels
// want one of all programs that call each other (bpf_prog_map_compatible).
void level_attach_types(bpf_object& object) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, &object) {
    if (bpf_program__type(program) == BPF_PROG_TYPE_XDP)
      bpf_program__set_expected_attach_type(program, static_cast<bpf_attach_type>(0));
  }
}

constexpr std::string_view kNone = "-", kAll = "*";  // in place of a program's name

// An object on the maps at the pins. programs: which will be loaded: a name, kNone or kAll.
Result<Skeleton> open_object(const std::string& pins, const MapSizes& sizes,
                             std::string_view programs) {
  Skeleton skeleton(tandem_bpf__open());
  if (!skeleton) return fail_errno("cannot open the steering program");
  if (auto ready = SteeringMaps::prepare(*skeleton->obj, pins, sizes); !ready)
    return std::unexpected(ready.error());
  const std::string steps = pin_prefix(pins) + "steps";
  if (const int error = bpf_map__set_pin_path(skeleton->maps.td_steps, steps.c_str()); error != 0)
    return fail_errno("cannot pin " + steps, -error);
  level_attach_types(*skeleton->obj);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    bpf_program__set_autoload(program, programs == kAll || programs == bpf_program__name(program));
  }
  return skeleton;
}

Result<void> load_object(tandem_bpf& skeleton, const std::string& pins) {
  if (const int error = tandem_bpf__load(&skeleton); error != 0)
    return fail_errno(
        "the kernel refused the steering program or its maps (pinned in " + pins + ")", -error);
  return {};
}

}  // namespace

void DestroySkeleton::operator()(tandem_bpf* skeleton) const {
  tandem_bpf__destroy(skeleton);
}

Result<void> fill_steps(tandem_bpf& skeleton) {
  for (std::uint32_t i = 0; i < kSteps.size(); i++) {
    const int fd = bpf_program__fd(bpf_object__find_program_by_name(skeleton.obj, kSteps[i]));
    if (bpf_map_update_elem(bpf_map__fd(skeleton.maps.td_steps), &i, &fd, BPF_ANY) != 0)
      return fail_errno("cannot enter a step of the steering program into its table");
  }
  return {};
}

Result<SteeringCode> SteeringCode::open(const std::string& pins, const MapSizes& sizes) {
  SteeringCode self;
  self.pins_ = pins;
  self.sizes_ = sizes;
  auto maps = open_object(pins, sizes, kNone);
  if (!maps) return std::unexpected(maps.error());
  self.skeleton_ = std::move(*maps);
  if (auto loaded = load_object(*self.skeleton_, pins); !loaded)
    return std::unexpected(loaded.error());
  self.taken_over_ = self.take_over();
  if (self.taken_over_) return self;
  if (auto loaded = self.load(); !loaded) return std::unexpected(loaded.error());
  return self;
}

// Only if they are whole, and use the maps that were opened now: a map of another size is a new one.
bool SteeringCode::take_over() {
  const std::string prefix = pin_prefix(pins_);
  std::vector<std::uint32_t> theirs;
  for (std::size_t i = 0; i < kNames.size(); i++) {
    programs_[i] = Descriptor(bpf_obj_get((prefix + kNames[i]).c_str()));
    if (!programs_[i]) return false;
    add_maps_of(programs_[i].get(), theirs);
  }
  const auto steps = steps_in(bpf_map__fd(skeleton_->maps.td_steps));
  if (!steps) return false;
  for (const Descriptor& step : *steps) add_maps_of(step.get(), theirs);
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton_->obj) {
    if (bpf_map__pin_path(map) != nullptr &&
        std::ranges::find(theirs, id_of_map(bpf_map__fd(map))) == theirs.end())
      return false;
  }
  return true;
}

// Pins of other builds are removed: a program that is still attached keeps its steps by its
// interface's own pin.
Result<void> SteeringCode::load() {
  auto whole = open_object(pins_, sizes_, kAll);
  if (!whole) return std::unexpected(whole.error());
  tandem_bpf& skeleton = **whole;
  if (auto loaded = load_object(skeleton, pins_); !loaded) return loaded;
  if (auto filled = fill_steps(skeleton); !filled) return filled;
  const std::string prefix = pin_prefix(pins_);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(pins_, error))
    if (entry.path().filename().string().starts_with(kPinned) &&
        entry.path().string() != prefix + "steps")
      unlink(entry.path().c_str());
  for (std::size_t i = 0; i < kNames.size(); i++) {
    const bpf_program* program = bpf_object__find_program_by_name(skeleton.obj, kNames[i]);
    programs_[i] = Descriptor(fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0));
    if (!programs_[i]) return fail_errno("cannot keep the steering program");
    const std::string path = prefix + kNames[i];
    if (bpf_obj_pin(programs_[i].get(), path.c_str()) != 0) return fail_errno("cannot pin " + path);
  }
  return {};
}

Result<flow::JiffyClock> SteeringCode::read_clock() const {
  timespec jiffy{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy);
  std::array<std::byte, kShortestFrame> frame{};
  td_clock clock{};
  for (std::uint64_t first = 0;;) {
    DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                        .data_out = frame.data(), .data_size_in = frame.size(),
                        .data_size_out = frame.size());
    if (const int error = bpf_prog_test_run_opts(program(clock_reader), &options); error != 0)
      return fail_errno("cannot read the kernel's clock", -error);
    std::memcpy(&clock, frame.data(), sizeof clock);
    if (first != 0 && clock.jiffies != first) break;
    first = clock.jiffies;
  }
  return flow::JiffyClock(std::chrono::nanoseconds(jiffy.tv_nsec), clock.jiffies,
                          from_ns(clock.now_ns));
}

Result<Skeleton> SteeringCode::one_more(const char* program) const {
  return open_object(pins_, sizes_, program);
}

}  // namespace tandem::engine
