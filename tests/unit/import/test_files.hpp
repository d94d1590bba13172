// SPDX-License-Identifier: Apache-2.0
// Files for the importer, without a disk or in a directory of it.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "import/import.hpp"

namespace tandem::importer {

// A pattern is anything up to a *, then anything.
inline bool fits(const std::string& pattern, const std::string& path) {
  const auto star = pattern.find('*');
  return star == std::string::npos ? path == pattern : path.starts_with(pattern.substr(0, star));
}

inline Files in_memory(std::map<std::string, std::string> texts) {
  const auto match = [texts](const std::string& pattern) {
    std::vector<std::string> paths;
    for (const auto& [path, text] : texts)
      if (fits(pattern, path)) paths.push_back(path);
    return paths;
  };
  const auto read = [texts](const std::string& path) -> Result<std::string> {
    const auto found = texts.find(path);
    if (found == texts.end()) return fail("cannot be read: No such file or directory");
    return found->second;
  };
  return {read, match};
}

// What is in a directory, by its name alone.
inline Files in_directory(const std::filesystem::path& directory) {
  std::map<std::string, std::string> texts;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    texts[entry.path().filename().string()] = text.str();
  }
  return in_memory(std::move(texts));
}

// Of one file without includes.
inline Result<Imported> import_text(const std::string& text) {
  return import_configuration({"k.conf", "", "", "n", "n"}, in_memory({{"k.conf", text}}));
}

}  // namespace tandem::importer
