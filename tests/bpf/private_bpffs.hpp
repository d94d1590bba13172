// SPDX-License-Identifier: Apache-2.0
// A BPF file system of the test's own, in a mount namespace of its own: pins collide with nobody's
// and go with the process, however it ends.
#pragma once

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <string>

namespace tandem {

class PrivateBpffs {
 public:
  PrivateBpffs() {
    if (unshare(CLONE_NEWNS) != 0) return;
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    std::string directory = "/tmp/tandem-bpf-XXXXXX";
    if (mkdtemp(directory.data()) == nullptr) return;
    if (mount("bpf", directory.c_str(), "bpf", 0, nullptr) != 0) {
      rmdir(directory.c_str());
      return;
    }
    path_ = directory;
    setenv("LIBXDP_BPFFS", path_.c_str(), 1);  // libxdp pins its dispatchers, where it has any
  }
  ~PrivateBpffs() {
    if (path_.empty()) return;
    umount2(path_.c_str(), MNT_DETACH);
    rmdir(path_.c_str());
  }
  PrivateBpffs(const PrivateBpffs&) = delete;
  PrivateBpffs& operator=(const PrivateBpffs&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }  // empty: not allowed here

 private:
  std::string path_;
};

}  // namespace tandem
