// SPDX-License-Identifier: Apache-2.0
#include "config/problems.hpp"

#include <algorithm>
#include <tuple>

namespace tandem::config {

void Problems::add(Severity severity, Location where, std::string what) {
  // One line a problem, whatever the file's strings hold.
  std::ranges::replace_if(
      what, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }, '?');
  found_.push_back({severity, where, std::move(what)});
}

std::vector<Problem> Problems::take() && {
  std::ranges::stable_sort(found_, {}, [](const Problem& problem) {
    return std::tuple(problem.where.file, problem.where.line, problem.where.column);
  });
  return std::move(found_);
}

std::string format(const Problem& problem, std::string_view file) {
  return std::string(problem.file.empty() ? file : problem.file) + ':' +
         std::to_string(problem.where.line) + ':' + std::to_string(problem.where.column) + ": " +
         (problem.severity == Severity::warning ? "warning: " : "") + problem.what;
}

}  // namespace tandem::config
