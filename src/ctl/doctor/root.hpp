// SPDX-License-Identifier: Apache-2.0
// The files of a machine, below a directory: "/", or a tree that a test made.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tandem::doctor {

class Root {
 public:
  explicit Root(std::filesystem::path directory = "/") : directory_(std::move(directory)) {}

  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return directory_ / std::filesystem::path(name).relative_path();
  }
  [[nodiscard]] bool exists(const std::string& name) const;
  // A file without the white space at its end; nothing if it cannot be read.
  [[nodiscard]] std::optional<std::string> text(const std::string& name) const;
  [[nodiscard]] std::optional<std::int64_t> number(const std::string& name) const;
  // The target of a symbolic link, as it is written.
  [[nodiscard]] std::optional<std::string> link(const std::string& name) const;
  // The names in a directory, sorted; none if there is no such directory.
  [[nodiscard]] std::vector<std::string> list(const std::string& name) const;

 private:
  std::filesystem::path directory_;
};

[[nodiscard]] std::optional<std::int64_t> to_number(std::string_view text);
[[nodiscard]] std::vector<std::string> words(const std::string& text);  // between white space
[[nodiscard]] std::vector<std::string> lines(const std::string& text);
// "0-3,8" as the kernel lists CPUs; what is no number ends the list.
[[nodiscard]] std::vector<int> cpu_list(const std::string& text);
// "a, b and c"
[[nodiscard]] std::string listed(const std::vector<std::string>& parts);

}  // namespace tandem::doctor
