// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/notes.hpp"

#include <algorithm>

namespace tandem::importer {

const char* to_string(Note::Kind kind) noexcept {
  switch (kind) {
    case Note::Kind::lost:
      return "not carried over";
    case Note::Kind::trap:
      return "caution";
    case Note::Kind::implied:
      return "needs no setting";
  }
  return "?";
}

std::string line_of(const Note& note) {
  return std::string(to_string(note.kind)) + ": " + note.where.to_string() + ": " + note.what;
}

// A line that stands in a sequence (~SEQ), and a file that is included twice, say things once.
void Notes::add(Note::Kind kind, const Location& where, std::string what) {
  const auto is_same = [&](const Note& note) {
    return note.kind == kind && note.where == where && note.what == what;
  };
  constexpr std::size_t kLookBack = 64;
  const auto from = notes_.size() > kLookBack ? notes_.end() - kLookBack : notes_.begin();
  if (std::any_of(from, notes_.end(), is_same)) return;
  notes_.push_back({kind, where, std::move(what)});
}

std::vector<std::string> Notes::place_from(std::size_t first) {
  std::vector<std::string> lines;
  for (std::size_t i = first; i < notes_.size(); ++i) {
    Note& note = notes_[i];
    if (note.kind == Note::Kind::implied || note.is_placed) continue;
    note.is_placed = true;
    lines.push_back(line_of(note));
  }
  return lines;
}

}  // namespace tandem::importer
