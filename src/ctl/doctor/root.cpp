// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/root.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <sstream>

#include "base/descriptor.hpp"

namespace tandem::doctor {

bool Root::exists(const std::string& name) const {
  std::error_code error;
  return std::filesystem::exists(path(name), error);
}

// Not by a stream, which throws where sysfs answers a read with an error.
std::optional<std::string> Root::text(const std::string& name) const {
  const Descriptor file(open(path(name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 4096> piece;
  for (;;) {
    const auto got = read(file.get(), piece.data(), piece.size());
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

std::optional<std::int64_t> Root::number(const std::string& name) const {
  const auto found = text(name);
  return found ? to_number(*found) : std::nullopt;
}

std::optional<std::string> Root::link(const std::string& name) const {
  std::error_code error;
  const auto target = std::filesystem::read_symlink(path(name), error);
  if (error) return std::nullopt;
  return target.string();
}

std::vector<std::string> Root::list(const std::string& name) const {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(path(name), error), end; !error && at != end;
       at.increment(error))
    names.push_back(at->path().filename().string());
  std::ranges::sort(names);
  return names;
}

std::optional<std::int64_t> to_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) all.push_back(std::move(line));
  return all;
}

std::vector<int> cpu_list(const std::string& text) {
  std::vector<int> cpus;
  std::istringstream stream(text);
  for (std::string range; std::getline(stream, range, ',');) {
    const auto dash = range.find('-');
    const auto first = to_number(range.substr(0, dash));
    const auto last = dash == std::string::npos ? first : to_number(range.substr(dash + 1));
    if (!first || !last) break;
    for (auto cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

std::string listed(const std::vector<std::string>& parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i)
    text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
  return text;
}

}  // namespace tandem::doctor
