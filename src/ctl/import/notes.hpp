// SPDX-License-Identifier: Apache-2.0
// What an operator has to know about an import beyond its result.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/import/location.hpp"

namespace tandem::importer {

struct Note {
  enum class Kind : std::uint8_t {
    lost,     // was not carried over
    trap,     // was carried over, or was without effect, and is likely not what is meant
    implied,  // needs no setting here: it is always so, or has no meaning
  };
  Kind kind = Kind::lost;
  Location where{};
  std::string what{};
  bool is_placed = false;  // stands above the table that it belongs to
};
[[nodiscard]] const char* to_string(Note::Kind kind) noexcept;  // "not carried over", ...
[[nodiscard]] std::string line_of(const Note& note);  // "KIND: FILE:LINE: what", above a table

class Notes {
 public:
  void lost(const Location& where, std::string what) {
    add(Note::Kind::lost, where, std::move(what));
  }
  void trap(const Location& where, std::string what) {
    add(Note::Kind::trap, where, std::move(what));
  }
  void implied(const Location& where, std::string what) {
    add(Note::Kind::implied, where, std::move(what));
  }
  void add(Note::Kind kind, const Location& where, std::string what);

  [[nodiscard]] std::size_t size() const { return notes_.size(); }
  // The lines to stand above a table, of what was noted from the index `first` on.
  [[nodiscard]] std::vector<std::string> place_from(std::size_t first);
  [[nodiscard]] const std::vector<Note>& all() const { return notes_; }

 private:
  std::vector<Note> notes_;
};

}  // namespace tandem::importer
