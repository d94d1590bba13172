// SPDX-License-Identifier: Apache-2.0
#include "kernel.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>
#include <unistd.h>

#include "base/descriptor.hpp"
#include "rig.hpp"
#include "tandem/steer.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "tandem.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace tandem {
using Code = engine::SteeringCode;

Kernel::~Kernel() {
  if (program_) program_->close();
}

Result<std::unique_ptr<Kernel>> Kernel::load(const std::string& bpffs,
                                             const engine::MapSizes& sizes, bool workers) {
  std::unique_ptr<Kernel> self(new Kernel);
  auto program = engine::SteeringProgram::open(bpffs + "/tandem", sizes, [](const std::string&) {});
  if (!program) return std::unexpected(program.error());
  self->program_ = std::move(*program);
  self->program_->tables().has_workers = workers ? 1 : 0;
  auto ring = engine::AdvertRing::open(self->program_->advert_ring_fd());
  if (!ring) return std::unexpected(ring.error());
  self->ring_ = std::move(*ring);
  self->steering_.emplace(self->program_->tables());
  return self;
}

Kernel::Outcome Kernel::steer(const frames::Bytes& frame) {
  frames::Bytes out(frame.size() + 128);
  xdp_md context{};
  context.data_end = static_cast<std::uint32_t>(frame.size());
  context.ingress_ifindex = rig::kLink;
  DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = out.data(),
                      .data_size_in = static_cast<std::uint32_t>(frame.size()),
                      .data_size_out = static_cast<std::uint32_t>(out.size()), .ctx_in = &context,
                      .ctx_size_in = sizeof context);
  const auto before = program_->maps().counters();
  const int error = bpf_prog_test_run_opts(program_->code().program(Code::steer), &options);
  EXPECT_EQ(error, 0) << "frame of " << frame.size() << " bytes";
  const auto after = program_->maps().counters();

  Outcome outcome{options.retval, {}, {}};
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < after.size(); i++) {
    sum += after[i] - before[i];
    if (after[i] != before[i]) outcome.reason = static_cast<td_reason>(i);
  }
  if (sum != 1) outcome.reason.reset();
  out.resize(options.data_size_out);
  outcome.frame = std::move(out);
  return outcome;
}

std::optional<frames::Bytes> Kernel::lets_out(const frames::Bytes& frame, bool forwarded) {
  frames::Bytes out(frame.size());
  __sk_buff context{};
  context.ingress_ifindex = forwarded ? rig::kLink : 0;
  DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = out.data(),
                      .data_size_in = static_cast<std::uint32_t>(frame.size()),
                      .data_size_out = static_cast<std::uint32_t>(out.size()), .ctx_in = &context,
                      .ctx_size_in = sizeof context);
  const int error = bpf_prog_test_run_opts(program_->code().program(Code::egress), &options);
  EXPECT_EQ(error, 0) << "frame of " << frame.size() << " bytes";
  if (options.retval == TC_ACT_SHOT) return {};
  out.resize(options.data_size_out);
  return out;
}

std::map<std::string, unsigned> Kernel::verified_instructions() const {
  std::map<std::string, unsigned> verified;
  const auto note = [&](const std::string& name, int program) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(program, &info, &size) == 0 && info.verified_insns != 0)
      verified[name] = info.verified_insns;
  };
  note("td_steer", program_->code().program(Code::steer));
  note("td_adverts_only", program_->code().program(Code::adverts_only));
  note("td_egress", program_->code().program(Code::egress));
  const int steps = bpf_map__fd(program_->code().skeleton().maps.td_steps);
  for (std::uint32_t step = 0, id = 0; step < TD_STEPS; step++) {
    if (bpf_map_lookup_elem(steps, &step, &id) != 0) continue;
    const Descriptor program(bpf_prog_get_fd_by_id(id));
    note("step " + std::to_string(step), program.get());
  }
  return verified;
}

void KernelTest::set_up(const engine::MapSizes& sizes, bool workers) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to load BPF programs";
  bpffs_ = std::make_unique<PrivateBpffs>();
  if (bpffs_->path().empty()) GTEST_SKIP() << "needs to be allowed to mount a BPF file system";
  auto kernel = Kernel::load(bpffs_->path(), sizes, workers);
  if (!kernel && (errno == EPERM || errno == ENOSYS))
    GTEST_SKIP() << "needs to be allowed to load BPF programs: " << kernel.error().message;
  ASSERT_TRUE(kernel) << kernel.error().message;
  kernel_ = std::move(*kernel);
  const auto filled = rig::fill(kernel_->steering());
  ASSERT_TRUE(filled) << filled.error().message;
}

}  // namespace tandem
