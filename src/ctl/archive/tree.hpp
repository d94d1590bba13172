// SPDX-License-Identifier: Apache-2.0
// A file system below a root: "/", or wherever another one is mounted. Paths are absolute and mean
// what they mean to a process with that root, links included: none leads out of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "ctl/archive/manifest.hpp"

namespace tandem::archive {

class Tree {
 public:
  static Result<Tree> open(const std::string& root);

  // What is there, a last link not followed, with its content; nullopt: nothing, or what no
  // archive takes (a socket, a device).
  [[nodiscard]] Result<std::optional<Entry>> read(const std::string& path) const;
  // The names in a directory, sorted; none if it is no directory.
  [[nodiscard]] std::vector<std::string> list(const std::string& path) const;
  [[nodiscard]] Result<std::string> read_file(const std::string& path) const;  // links followed

  // Makes directories above, as far as they are missing.
  Result<void> make_parents(const std::string& path) const;
  Result<void> make_directory(const Entry& directory) const;  // or gives it its mode and owner
  // Writes it beside its place, so that put() can only rename. Gives the name beside.
  Result<std::string> stage(const Entry& entry) const;
  Result<void> put(const std::string& staged, const std::string& path) const;
  void drop(const std::string& staged) const;

 private:
  explicit Tree(Descriptor root) : root_(std::move(root)) {}
  [[nodiscard]] Descriptor parent_of(const std::string& path) const;  // with errno if it has none

  Descriptor root_;
};

}  // namespace tandem::archive
