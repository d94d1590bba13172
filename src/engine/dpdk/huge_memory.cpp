// SPDX-License-Identifier: Apache-2.0
#include "engine/dpdk/huge_memory.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <filesystem>

#include "base/descriptor.hpp"

namespace tandem::engine {

Result<HugeMemory> HugeMemory::open(const std::string& directory, const std::string& name,
                                    std::size_t bytes) {
  struct statfs fs {};
  if (statfs(directory.c_str(), &fs) != 0 || fs.f_type != HUGETLBFS_MAGIC)
    return fail("dpdk.huge_pages: " + directory + " is not a hugetlbfs; mount one with: mkdir -p " +
                directory + " && mount -t hugetlbfs hugetlbfs " + directory);
  const auto page = static_cast<std::size_t>(fs.f_bsize);
  const std::size_t whole = (bytes + page - 1) / page * page;
  const std::string path = directory + "/" + name;
  struct stat status {};
  if (stat(path.c_str(), &status) == 0 && static_cast<std::size_t>(status.st_size) != whole)
    unlink(path.c_str());
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file || ftruncate(file.get(), static_cast<off_t>(whole)) != 0)
    return fail_errno("cannot make " + path);
  // Populated at once: a page that is missing later would be a SIGBUS.
  void* address =
      mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file.get(), 0);
  if (address == MAP_FAILED) {
    const int code = errno;
    if (status.st_size == 0) unlink(path.c_str());
    if (code != ENOMEM) return fail_errno("cannot map " + path, code);
    return fail("huge pages: " + std::to_string(whole >> 20) + " MB for the flow table " + path +
                " are not free; set aside more with: sysctl vm.nr_hugepages=N (of " +
                std::to_string(page >> 20) + " MB each)");
  }
  return HugeMemory(path, static_cast<std::byte*>(address), bytes, whole);
}

HugeMemory::HugeMemory(HugeMemory&& other) noexcept
    : path_(std::move(other.path_)),
      address_(std::exchange(other.address_, nullptr)),
      bytes_(other.bytes_),
      mapped_(other.mapped_) {}

HugeMemory::~HugeMemory() {
  if (address_ != nullptr) munmap(address_, mapped_);
}

void HugeMemory::remove() {
  unlink(path_.c_str());
}

}  // namespace tandem::engine
