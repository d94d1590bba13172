// SPDX-License-Identifier: Apache-2.0
// What the kernel can do, by trying it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "ctl/doctor/finding.hpp"
#include "ctl/doctor/root.hpp"

namespace tandem::doctor {

struct Kernel {
  std::optional<std::string>
      untried;  // why nothing of the next could be tried: BPF is not permitted
  std::optional<std::string> refused;  // why the steering program was not taken
  std::optional<std::string> alone;    // why libxdp's dispatcher cannot be before it
  std::vector<std::string> missing;    // "helper bpf_xdp_load_bytes for xdp programs"
  std::size_t probed = 0;              // features
  bool btf = false;
  std::optional<std::string> bpffs_at;  // where the file system of node.bpffs has to be mounted
  bool bpffs = false;
  std::optional<std::string> no_clsact;  // why not
  std::optional<std::string> no_af_xdp;
};

// Loads programs and makes sockets; leaves nothing behind.
[[nodiscard]] Kernel probe_kernel();
// The part of it that attaches the program: sets `refused` and `alone`.
void try_program(Kernel& kernel);
// Adds what files tell.
void read_kernel(const Root& root, const config::Config& config, Kernel& kernel);

void judge_kernel(const Kernel& kernel, Findings& findings);

// Whether a directory is of a file system, by its number in linux/magic.h.
[[nodiscard]] bool is_on(const Root& root, const std::string& directory, unsigned long magic);

}  // namespace tandem::doctor
