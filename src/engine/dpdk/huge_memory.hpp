// SPDX-License-Identifier: Apache-2.0
// Memory of huge pages that outlives the process: a file on a hugetlbfs, mapped. So the flow table
// takes few entries of the TLB, and the next process finds the flows of the one before.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.hpp"

namespace tandem::engine {

class HugeMemory {
 public:
  // The file NAME in a directory on a hugetlbfs; of another size than `bytes` needs, it is made
  // anew, and is all 0 then. Errors: no hugetlbfs there, or too few huge pages, with the command
  // that fixes it.
  static Result<HugeMemory> open(const std::string& directory, const std::string& name,
                                 std::size_t bytes);
  HugeMemory(HugeMemory&& other) noexcept;
  HugeMemory& operator=(HugeMemory&&) = delete;
  ~HugeMemory();  // leaves the file

  [[nodiscard]] std::span<std::byte> bytes() const { return {address_, bytes_}; }
  // A clean end: nobody shall find it.
  void remove();

 private:
  HugeMemory(std::string path, std::byte* address, std::size_t bytes, std::size_t mapped)
      : path_(std::move(path)), address_(address), bytes_(bytes), mapped_(mapped) {}

  std::string path_;
  std::byte* address_;
  std::size_t bytes_, mapped_;
};

}  // namespace tandem::engine
