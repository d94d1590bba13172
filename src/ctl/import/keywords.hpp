// SPDX-License-Identifier: Apache-2.0
// How a block is read: each statement by the function for its keyword, or by a row of a table that
// says why nothing is done. What cannot be read is noted, and the next statement is read, so that one
// import has all of them.
#pragma once

#include <span>
#include <string_view>

#include "ctl/import/notes.hpp"
#include "ctl/import/tree.hpp"

namespace tandem::importer {

template <class Reader>
struct Keyword {
  std::string_view name;
  Result<void> (Reader::*take)(const Statement&);
  std::size_t most_words = 2;  // with itself; keepalived ignores more
  bool first_counts = false;   // of several, with a word of the function's own; else the last does
};

struct Fate {
  std::string_view name;
  Note::Kind kind;
  std::string_view why;
};

// Why settings of mail are not carried over.
inline constexpr std::string_view kNoMail =
    "Tandem sends no mail; alert from its events and metrics";

// What is said of a statement that is not carried over: "KEYWORD WORDS: why".
[[nodiscard]] std::string described(const Statement& statement, std::string_view why);

// Says so if there are more words than a keyword takes: most likely a line break is missing.
void note_rest(const Statement& statement, std::size_t most_words, Notes& notes);

// Says so if the same keyword with another value stands behind it.
void note_overruled(const Statement& statement, std::span<const Statement> behind, Notes& notes);

// For a keyword that has no function.
void settle(const Statement& statement, std::span<const Fate> fates, std::string_view block,
            Notes& notes);

// Notes an error at the statement that it is about.
void note_error(const Statement& statement, const Result<void>& done, Notes& notes);

template <class Reader>
void read_block(Reader& reader, std::span<const Statement> statements,
                std::span<const Keyword<Reader>> keywords, std::span<const Fate> fates,
                std::string_view block, Notes& notes) {
  for (std::size_t i = 0; i < statements.size(); ++i) {
    const auto& statement = statements[i];
    const Keyword<Reader>* known = nullptr;
    for (const auto& keyword : keywords)
      if (keyword.name == statement.keyword()) known = &keyword;
    if (known == nullptr) {
      settle(statement, fates, block, notes);
      continue;
    }
    note_rest(statement, known->most_words, notes);
    if (!known->first_counts) note_overruled(statement, statements.subspan(i + 1), notes);
    note_error(statement, (reader.*known->take)(statement), notes);
  }
}

}  // namespace tandem::importer
