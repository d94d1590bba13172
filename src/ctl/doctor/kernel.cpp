// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/kernel.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <filesystem>

namespace tandem::doctor {
namespace {

constexpr const char* kKernelSubject = "kernel";

void judge_features(const Kernel& kernel, Findings& findings) {
  if (kernel.missing.empty())
    findings.good(Check::kernel_features, kKernelSubject,
                  "has all " + std::to_string(kernel.probed) + " features that are used");
  else
    findings.add(Check::kernel_features, Severity::error, kKernelSubject,
                 "lacks " + listed(kernel.missing));
}

void judge_trial(Check check, const std::optional<std::string>& trouble, Severity severity,
                 const std::string& good, Findings& findings) {
  if (trouble)
    findings.add(check, severity, kKernelSubject, *trouble);
  else
    findings.good(check, kKernelSubject, good);
}

void judge_bpffs(const Kernel& kernel, Findings& findings) {
  const std::string at = kernel.bpffs_at.value_or("/sys/fs/bpf");
  if (kernel.bpffs) return findings.good(Check::kernel_bpffs, at, "is a BPF file system");
  findings.add(Check::kernel_bpffs, Severity::error, at, "is no BPF file system",
               "mount -t bpf bpf " + at, {{Action::Kind::mount_bpffs, at, ""}});
}

}  // namespace

void read_kernel(const Root& root, const config::Config& config, Kernel& kernel) {
  kernel.btf = root.exists("sys/kernel/btf/vmlinux");
  kernel.bpffs_at = std::filesystem::path(config.node.bpffs).parent_path().string();
  kernel.bpffs = is_on(root, *kernel.bpffs_at, BPF_FS_MAGIC);
}

void judge_kernel(const Kernel& kernel, Findings& findings) {
  judge_bpffs(kernel, findings);
  if (kernel.btf)
    findings.good(Check::kernel_btf, kKernelSubject, "has BTF");
  else
    findings.add(Check::kernel_btf, Severity::note, kKernelSubject, "has no BTF");
  if (kernel.untried) {
    for (const auto check : {Check::kernel_program, Check::kernel_features, Check::kernel_egress,
                             Check::kernel_af_xdp})
      findings.add(check, Severity::note, kKernelSubject, *kernel.untried);
    return;
  }
  const std::string way = kernel.alone ? "takes the steering program, alone on a device: behind "
                                         "libxdp's dispatcher it does not (" +
                                             *kernel.alone + ")"
                                       : "takes the steering program behind libxdp's dispatcher";
  judge_trial(Check::kernel_program, kernel.refused, Severity::error, way, findings);
  judge_features(kernel, findings);
  judge_trial(Check::kernel_egress, kernel.no_clsact, Severity::warning, "has tc's clsact",
              findings);
  judge_trial(Check::kernel_af_xdp, kernel.no_af_xdp, Severity::error, "has AF_XDP sockets",
              findings);
}

bool is_on(const Root& root, const std::string& directory, unsigned long magic) {
  struct statfs fs {};
  return statfs(root.path(directory).c_str(), &fs) == 0 &&
         static_cast<unsigned long>(fs.f_type) == magic;
}

}  // namespace tandem::doctor
