// SPDX-License-Identifier: Apache-2.0
// Files of the source tree, for tests.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace tandem {

inline std::filesystem::path source_path(const std::string& path) {
  return std::filesystem::path(TANDEM_SOURCE) / path;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The TOML files of a directory, in the order of their names.
inline std::vector<std::filesystem::path> toml_files(const std::string& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(source_path(directory)))
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

}  // namespace tandem
