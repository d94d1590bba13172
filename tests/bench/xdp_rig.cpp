// SPDX-License-Identifier: Apache-2.0
#include "xdp_rig.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/steering_code.hpp"
#include "restore.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "bench.skel.h"  // generated C
#include "tandem.skel.h"
#pragma GCC diagnostic pop

namespace tandem::bench {
namespace {

// Time on the processor, which other processes do not lengthen; nanoseconds.
std::int64_t thread_time() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

struct XdpRig::Programs {
  bench_bpf* bench = nullptr;
  tandem_bpf* tandem = nullptr;
  ring_buffer* adverts = nullptr;

  Programs() = default;
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;
  ~Programs() {
    ring_buffer__free(adverts);
    tandem_bpf__destroy(tandem);
    bench_bpf__destroy(bench);
  }

  [[nodiscard]] int fd(Subject subject) const {
    return bpf_program__fd(subject == Subject::empty ? bench->progs.empty : tandem->progs.td_steer);
  }
};

XdpRig::XdpRig() : programs_(std::make_unique<Programs>()) {}

XdpRig::~XdpRig() {
  if (tables_ != nullptr) munmap(tables_, sizeof(td_tables));
}

Result<std::unique_ptr<XdpRig>> XdpRig::open() {
  std::unique_ptr<XdpRig> self(new XdpRig);
  Programs& p = *self->programs_;
  p.bench = bench_bpf__open_and_load();
  if (p.bench == nullptr) return fail_errno("the kernel refused the reference programs");
  p.tandem = tandem_bpf__open_and_load();
  if (p.tandem == nullptr) return fail_errno("the kernel refused the steering program");
  if (auto filled = engine::fill_steps(*p.tandem); !filled) return std::unexpected(filled.error());

  void* memory = mmap(nullptr, sizeof(td_tables), PROT_READ | PROT_WRITE, MAP_SHARED,
                      bpf_map__fd(p.tandem->maps.td_tables), 0);
  if (memory == MAP_FAILED) return fail_errno("cannot map the steering tables");
  self->tables_ = static_cast<td_tables*>(memory);

  const auto ignore = [](void*, void*, std::size_t) { return 0; };
  p.adverts = ring_buffer__new(bpf_map__fd(p.tandem->maps.td_adverts), ignore, nullptr, nullptr);
  if (p.adverts == nullptr) return fail_errno("cannot open the ring buffer of adverts");
  return self;
}

Result<void> XdpRig::restore_before(Subject subject, std::span<const std::uint8_t> frame) {
  const std::uint32_t zero = 0;
  const int callee = programs_->fd(subject);
  bench_frame original{};
  std::copy_n(frame.begin(), std::min(frame.size(), sizeof original.bytes), original.bytes);
  const bool done =
      bpf_map_update_elem(bpf_map__fd(programs_->bench->maps.original), &zero, &original, 0) == 0 &&
      bpf_map_update_elem(bpf_map__fd(programs_->bench->maps.callee), &zero, &callee, 0) == 0;
  if (!done) return fail_errno("cannot prepare the program that restores the frame");
  return {};
}

Result<Taken> XdpRig::run(Subject subject, const Load& load) {
  int program = programs_->fd(subject);
  if (load.restored) {
    if (auto ready = restore_before(subject, load.frame); !ready)
      return std::unexpected(ready.error());
    program = bpf_program__fd(programs_->bench->progs.restore);
  }
  std::vector<std::uint8_t> frame(load.frame.begin(), load.frame.end());
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<std::uint32_t>(frame.size());
  options.repeat = static_cast<int>(load.repeat);

  const std::int64_t before = thread_time();
  const int error = bpf_prog_test_run_opts(program, &options);
  const std::int64_t after = thread_time();
  if (error != 0) return fail_errno("BPF_PROG_TEST_RUN", -error);
  return Taken{static_cast<double>(after - before) / load.repeat,
               static_cast<double>(options.duration)};
}

void XdpRig::drain_adverts() {
  ring_buffer__consume(programs_->adverts);
}

std::uint64_t XdpRig::packets(td_reason reason) const {
  const std::uint32_t zero = 0;
  std::vector<td_counters> counters(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  bpf_map_lookup_elem(bpf_map__fd(programs_->tandem->maps.td_counters), &zero, counters.data());
  std::uint64_t sum = 0;
  for (const td_counters& cpu : counters) sum += cpu.packets[reason];
  return sum;
}

}  // namespace tandem::bench
