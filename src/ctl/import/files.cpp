// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/files.hpp"

#include <algorithm>
#include <filesystem>

#include "ctl/import/location.hpp"

namespace tandem::importer {

std::string cut(std::string_view text) {
  constexpr std::size_t kMost = 80;
  std::string out;
  for (const char c : text.substr(0, kMost)) out += c >= ' ' && c <= '~' ? c : '?';
  return out + (text.size() > kMost ? "..." : "");
}

std::string shown(std::string_view text) {
  return "'" + cut(text) + "'";
}

Result<std::string> read_text(const Files& files, const std::string& path) {
  auto text = files.read(path);
  if (!text) return fail_at({path}, text.error().message);
  if (text->size() > kLongestFile) return fail_at({path}, "is too long, expected at most 4 MiB");
  const auto is_binary = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < ' ' && c != '\n' && c != '\t' && c != '\r' && c != '\f') || byte == 0x7f;
  };
  const auto bad = std::ranges::find_if(*text, is_binary);
  if (bad != text->end()) {
    const auto line = 1 + std::count(text->begin(), bad, '\n');
    return fail_at({path, static_cast<int>(line)}, "has a control character, expected text");
  }
  return text;
}

std::string beside(const std::string& file, const std::string& path) {
  if (path.starts_with('/')) return path;
  return (std::filesystem::path(file).parent_path() / path).lexically_normal().string();
}

bool is_pattern(const std::string& path) {
  return path.find_first_of("*?[{") != std::string::npos;
}

}  // namespace tandem::importer
