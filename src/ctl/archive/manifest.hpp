// SPDX-License-Identifier: Apache-2.0
// What an archive says of itself: the first file in it. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace tandem::archive {

enum class Kind : std::uint8_t { file, directory, link };

// Something of a file system, with what it takes to make it again.
struct Entry {
  std::string path;  // absolute, normal: no ".", no "..", no "//"
  Kind kind = Kind::file;
  std::uint32_t mode = 0;  // permissions alone
  std::uint32_t uid = 0, gid = 0;
  std::string user, group;  // names go before numbers where they are known
  std::string content;      // of a file; where a link leads. Not in the manifest.
  std::string sha256;       // of the content, in hexadecimal

  friend bool operator==(const Entry&, const Entry&) = default;
};

struct Manifest {
  std::string version;  // of the Tandem that wrote it
  std::string node, host, time;
  std::string config;                          // the path of the configuration
  std::map<std::string, std::string> sysctls;  // as they were, by name
  std::vector<Entry> entries;                  // without content
};

inline constexpr std::size_t kLargestManifest = 4U << 20;  // as text

[[nodiscard]] std::string to_text(const Manifest& manifest);
// Refuses what is no manifest, and entries that could lead anywhere but to their own path.
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view text);

}  // namespace tandem::archive
