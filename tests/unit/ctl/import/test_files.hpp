// SPDX-License-Identifier: Apache-2.0
// Files for the importer, without a disk or in a directory of it.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "config/load.hpp"
#include "ctl/import/import.hpp"

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

// A machine with a few users, and an address.
inline Machine a_machine() {
  const auto is_one_of = [](std::set<std::string> names) {
    return [names](const std::string& name) { return names.contains(name); };
  };
  return {is_one_of({"root", "nobody", "www-data", "daemon"}),
          is_one_of({"root", "nogroup", "www-data", "daemon"}),
          [](const IpAddress& address) { return address == *IpAddress::parse("198.51.100.2"); },
          {},
          {}};
}

inline Judge as_tandemd() {
  return [](const std::string& text) {
    std::vector<Complaint> complaints;
    for (const auto& problem : config::parse(text).problems)
      complaints.push_back(
          {problem.severity == config::Severity::error, problem.where.line, problem.what});
    return complaints;
  };
}

// Of one file without includes.
inline Result<Imported> import_text(const std::string& text) {
  return import_configuration({"k.conf", "", "", "n", "n", a_machine(), as_tandemd()},
                              in_memory({{"k.conf", text}}));
}

}  // namespace tandem::importer
