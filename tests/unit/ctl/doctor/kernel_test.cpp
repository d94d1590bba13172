// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/kernel.hpp"

#include <linux/magic.h>
#include <unistd.h>

#include "tree.hpp"

namespace tandem::doctor {
namespace {

Kernel good() {
  Kernel kernel;
  kernel.probed = 18;
  kernel.btf = true;
  kernel.bpffs_at = "/sys/fs/bpf";
  kernel.bpffs = true;
  return kernel;
}

Finding judge(const Kernel& kernel, Check check) {
  Findings findings;
  judge_kernel(kernel, findings);
  return worst(check, std::move(findings));
}

TEST(DoctorKernel, IsGoodWithAllOfIt) {
  Findings findings;
  judge_kernel(good(), findings);
  for (const Finding& finding : std::move(findings).take())
    EXPECT_EQ(finding.severity, Severity::ok) << finding.what;
}

TEST(DoctorKernel, TellsHowTheProgramWillBeAttached) {
  Kernel kernel = good();
  EXPECT_EQ(judge(kernel, Check::kernel_program).what,
            "takes the steering program behind libxdp's dispatcher");
  kernel.alone = "Invalid argument";
  EXPECT_EQ(judge(kernel, Check::kernel_program).severity, Severity::ok);
  EXPECT_EQ(judge(kernel, Check::kernel_program).what,
            "takes the steering program, alone on a device: behind libxdp's dispatcher it does not "
            "(Invalid argument)");
}

TEST(DoctorKernel, NamesWhatIsMissing) {
  Kernel kernel = good();
  kernel.missing = {"maps of type xskmap", "helper bpf_xdp_load_bytes for programs of type xdp"};
  kernel.refused = "refuses the steering program: Invalid argument";
  kernel.no_clsact = "has no clsact in tc: Operation not supported";
  kernel.no_af_xdp = "has no AF_XDP sockets: Address family not supported by protocol";
  kernel.btf = false;
  EXPECT_EQ(judge(kernel, Check::kernel_features).what,
            "lacks maps of type xskmap and helper bpf_xdp_load_bytes for programs of type xdp");
  EXPECT_EQ(judge(kernel, Check::kernel_program).severity, Severity::error);
  EXPECT_EQ(judge(kernel, Check::kernel_egress).severity, Severity::warning);
  EXPECT_EQ(judge(kernel, Check::kernel_af_xdp).severity, Severity::error);
  EXPECT_EQ(judge(kernel, Check::kernel_btf).severity, Severity::note);
}

TEST(DoctorKernel, SaysNothingOfWhatItCouldNotTry) {
  Kernel kernel = good();
  kernel.probed = 0;
  kernel.untried = "needs root, cannot tell";
  for (const auto check : {Check::kernel_program, Check::kernel_features, Check::kernel_egress,
                           Check::kernel_af_xdp}) {
    EXPECT_EQ(judge(kernel, check).severity, Severity::note);
    EXPECT_EQ(judge(kernel, check).what, "needs root, cannot tell");
  }
  EXPECT_EQ(judge(kernel, Check::kernel_btf).severity, Severity::ok);
}

TEST(DoctorKernel, MissesABpfFileSystem) {
  Tree tree;
  tree.file("sys/fs/bpf/README", "on the file system of the test's own directory");
  config::Config config;
  Kernel kernel = good();
  read_kernel(tree.root(), config, kernel);
  const Finding finding = judge(kernel, Check::kernel_bpffs);
  EXPECT_EQ(finding.severity, Severity::error);
  EXPECT_EQ(finding.fix, "mount -t bpf bpf /sys/fs/bpf");
  EXPECT_EQ(finding.actions, (std::vector<Action>{{Action::Kind::mount_bpffs, "/sys/fs/bpf", ""}}));
}

TEST(DoctorKernel, KnowsAFileSystemByItsNumber) {
  EXPECT_TRUE(is_on(Root(), "/proc", PROC_SUPER_MAGIC));
  EXPECT_FALSE(is_on(Root(), "/proc", BPF_FS_MAGIC));
  EXPECT_FALSE(is_on(Root(), "/nowhere", PROC_SUPER_MAGIC));
}

TEST(DoctorKernel, ProbesWhatTheProgramUses) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to load programs";
  const Kernel kernel = probe_kernel();
  EXPECT_GE(kernel.probed, 15U);
  EXPECT_TRUE(kernel.missing.empty()) << listed(kernel.missing);
  EXPECT_EQ(kernel.refused, std::nullopt);
  EXPECT_EQ(kernel.no_clsact, std::nullopt);
  EXPECT_EQ(kernel.no_af_xdp, std::nullopt);
}

}  // namespace
}  // namespace tandem::doctor
