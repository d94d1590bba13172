// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/repair.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <functional>
#include <set>

namespace tandem::importer {
namespace {

// A table is nothing without one of these.
bool is_required(const std::string& key) {
  static constexpr std::array<std::string_view, 9> kRequired{"name",      "interface", "vrid",
                                                             "addresses", "address",   "protocol",
                                                             "port",      "forward",   "command"};
  return std::ranges::find(kRequired, key) != kRequired.end();
}

class Repair {
 public:
  Repair(std::vector<Table>& tables, std::vector<Note>& notes, const Judge& judge)
      : tables_(tables), notes_(notes), judge_(judge) {}

  Result<void> run() {
    // Each round leaves something out. What refers to that may be refused in the next one.
    constexpr int kMostRounds = 64;
    for (int round = 0; round < kMostRounds; ++round) {
      written_ = write({}, tables_, {});
      auto complaints = judge_(written_.text);
      const auto warnings = std::ranges::stable_partition(complaints, &Complaint::is_error);
      if (warnings.begin() == complaints.begin()) {
        for (const auto& warning : warnings) warn(warning);
        return {};
      }
      std::set<Spot, std::greater<>> out;  // the last first, so that indices stay
      for (auto c = complaints.begin(); c != warnings.begin(); ++c) {
        const auto spot = spot_of(*c);
        if (!spot.table) return fail(c->what);
        out.insert(spot);
        note(Note::Kind::lost, *c);
      }
      for (const auto& spot : out) leave_out(spot);
    }
    return fail("what is left of the configuration is not valid");
  }

 private:
  [[nodiscard]] std::size_t index_of(int line) const {
    return static_cast<std::size_t>(std::max(line, 1)) - 1;
  }
  [[nodiscard]] Location origin_of(int line) const {
    const auto n = index_of(line);
    return n < written_.origins.size() ? written_.origins[n] : Location{};
  }
  // A whole table, where it is nothing without what is refused.
  [[nodiscard]] Spot spot_of(const Complaint& complaint) const {
    const auto n = index_of(complaint.line);
    if (complaint.line == 0 || n >= written_.spots.size()) return {};
    Spot spot = written_.spots[n];
    if (!spot.setting) return spot;
    const auto& setting = tables_[*spot.table].settings[*spot.setting];
    if (is_required(setting.key) && setting.elements.size() < 2) return {spot.table, {}, {}};
    return spot;
  }

  // "in line 12" of the result is for nobody to see: where that line came from.
  [[nodiscard]] std::string with_origins(std::string what) const {
    constexpr std::string_view kIn = "in line ";
    for (auto at = what.find(kIn); at != std::string::npos; at = what.find(kIn, at + 1)) {
      const auto from = at + kIn.size();
      int line = 0;
      const auto [end, problem] =
          std::from_chars(what.data() + from, what.data() + what.size(), line);
      if (problem != std::errc{}) continue;
      const auto length = static_cast<std::size_t>(end - what.data()) - at;
      what.replace(at, length, "in " + origin_of(line).to_string());
    }
    return what;
  }

  void note(Note::Kind kind, const Complaint& complaint) {
    Note note{kind, origin_of(complaint.line), with_origins(complaint.what), false};
    const auto is_same = [&](const Note& other) {
      return other.kind == note.kind && other.where == note.where && other.what == note.what;
    };
    if (std::ranges::none_of(notes_, is_same)) notes_.push_back(std::move(note));
  }

  void warn(const Complaint& complaint) {
    const auto origin = origin_of(complaint.line);
    const auto is_known = [&](const Note& note) {
      return note.kind == Note::Kind::trap && note.where == origin;
    };
    if (std::ranges::none_of(notes_, is_known)) note(Note::Kind::trap, complaint);
  }

  void leave_out(const Spot& spot) {
    if (*spot.table >= tables_.size()) return;
    auto& table = tables_[*spot.table];
    if (!spot.setting) {
      // What was said above the table is said below all of them.
      for (auto& note : notes_)
        if (note.is_placed &&
            std::ranges::find(table.comments, line_of(note)) != table.comments.end())
          note.is_placed = false;
      tables_.erase(tables_.begin() + static_cast<std::ptrdiff_t>(*spot.table));
      return;
    }
    auto& settings = table.settings;
    if (*spot.setting >= settings.size()) return;
    auto& elements = settings[*spot.setting].elements;
    if (spot.element && *spot.element < elements.size() && elements.size() > 1)
      elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(*spot.element));
    else
      settings.erase(settings.begin() + static_cast<std::ptrdiff_t>(*spot.setting));
  }

  std::vector<Table>& tables_;
  std::vector<Note>& notes_;
  const Judge& judge_;
  Written written_;
};

}  // namespace

Result<void> repair(std::vector<Table>& tables, std::vector<Note>& notes, const Judge& judge) {
  return Repair(tables, notes, judge).run();
}

}  // namespace tandem::importer
