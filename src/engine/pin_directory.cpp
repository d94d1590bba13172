// SPDX-License-Identifier: Apache-2.0
#include "engine/pin_directory.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>

#include "tandem/abi.h"

namespace tandem::engine {
namespace {

// A directory that nobody else can enter, and so neither lock nor list. One that belongs to another
// user is removed first: a BPF file system that is mounted without a mode lets every user create one.
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

}  // namespace

Result<PinDirectory> PinDirectory::open(const std::string& bpffs) {
  const auto parent = std::filesystem::path(bpffs).parent_path();
  struct statfs fs {};
  if (statfs(parent.c_str(), &fs) != 0 || static_cast<unsigned long>(fs.f_type) != BPF_FS_MAGIC)
    return fail("node.bpffs: " + parent.string() +
                " is not a BPF file system; mount it with: mount -t bpf bpf " + parent.string());
  PinDirectory self;
  self.path_ = bpffs + "/v" + std::to_string(TD_ABI_VERSION);
  if (auto made = make_private(bpffs); !made) return std::unexpected(made.error());
  if (auto made = make_private(self.path_); !made) return std::unexpected(made.error());
  // Two processes that write the same tables would open each other's gates.
  self.lock_ = Descriptor(::open(self.path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!self.lock_ || flock(self.lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return fail_errno("node.bpffs: cannot have " + self.path_ +
                      " alone; does another tandemd use it?");
  return self;
}

void PinDirectory::remove() const {
  std::error_code ignored;
  const std::filesystem::path pins(path_);
  for (const auto& entry : std::filesystem::directory_iterator(pins, ignored))
    unlink(entry.path().c_str());
  std::filesystem::remove(pins, ignored);
  std::filesystem::remove(pins.parent_path(), ignored);  // fails while it has other folders
}

}  // namespace tandem::engine
