// SPDX-License-Identifier: Apache-2.0
// A configuration as blocks within blocks: what keepalived's and Nginx's have in common.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ctl/import/definitions.hpp"
#include "ctl/import/notes.hpp"
#include "ctl/import/words.hpp"

namespace tandem::importer {

struct Statement {
  Location place;
  Words words;  // at least one: its keyword
  bool has_block = false;
  std::vector<Statement> inside;  // of its block

  [[nodiscard]] const std::string& keyword() const { return words.front(); }
  // The word behind the keyword, and so on; empty if there is none.
  [[nodiscard]] std::string word(std::size_t n) const {
    return n < words.size() ? words[n] : std::string();
  }
};

inline constexpr std::size_t kDeepestBlock = 16;

// Lines of keepalived: a statement is a line; { and } open and close the block of the one before.
// What does not add up is noted, and left out as keepalived does. An error, with its place, is what
// is no configuration at all: a template that was not rendered.
[[nodiscard]] Result<std::vector<Statement>> build_tree(const std::vector<Line>& lines,
                                                        Notes& notes);

// All words of a block that is a list, wherever its lines end.
[[nodiscard]] std::vector<Statement> one_by_one(const Statement& list);

}  // namespace tandem::importer
