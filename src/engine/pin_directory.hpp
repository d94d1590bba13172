// SPDX-License-Identifier: Apache-2.0
// The directory in the BPF file system where maps and programs are pinned: this process's alone.
#pragma once

#include <string>

#include "base/descriptor.hpp"
#include "base/result.hpp"

namespace tandem::engine {

class PinDirectory {
 public:
  PinDirectory() = default;
  // The folder of this ABI version below bpffs ("/sys/fs/bpf/tandem"), locked. What is missing of it
  // is created; its parent has to be a mounted BPF file system. Error: another process has it open.
  static Result<PinDirectory> open(const std::string& bpffs);

  [[nodiscard]] const std::string& path() const { return path_; }
  // Removes all pins and the folder, and bpffs if no other version has pins there.
  void remove() const;

 private:
  std::string path_;
  Descriptor lock_;
};

}  // namespace tandem::engine
