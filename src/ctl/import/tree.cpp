// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/tree.hpp"

#include "ctl/import/text.hpp"

namespace tandem::importer {
namespace {

// Jinja and its like ({{ x }}, {% if %}), ERB (<% %>).
bool is_template(char c, char next) {
  return (c == '{' && (next == '{' || next == '%')) || (c == '<' && next == '%');
}

class TreeBuilder {
 public:
  explicit TreeBuilder(Notes& notes) : notes_(notes) {}

  // Braces count unless they are in "...": in '...' keepalived sees them, too.
  Result<void> take(const Line& line) {
    std::string part;
    bool is_quoted = false;
    for (std::size_t i = 0; i < line.text.size(); ++i) {
      const char c = line.text[i];
      const char next = i + 1 < line.text.size() ? line.text[i + 1] : '\0';
      if (!is_quoted && is_template(c, next))
        return fail_at(line.place, shown(line.text.substr(i)) +
                                       " is of a template, expected the file that is made from it");
      if (c == '"') is_quoted = !is_quoted;
      if (c == '\\' && next != '\0') {
        part += c;
        part += line.text[++i];
      } else if (is_quoted || (c != '{' && c != '}')) {
        part += c;
      } else {
        add(line.place, part);
        c == '{' ? open(line.place) : close(line.place);
        part.clear();
      }
    }
    add(line.place, part);
    return {};
  }

  std::vector<Statement> finish() && {
    for (std::size_t i = 0; i < opened_.size(); ++i)
      notes_.trap(opened_[i], "the block of " + shown(blocks_[i]->back().keyword()) +
                                  " is not closed, expected }; all that follows is in it, for "
                                  "keepalived, too");
    return std::move(top_);
  }

 private:
  std::vector<Statement>& current() { return *blocks_.back(); }

  void add(const Location& place, std::string_view text) {
    auto words = split_words(text);
    if (!words) {
      notes_.lost(place, "a quote is not closed, and so the line is left out");
      return;
    }
    if (!words->empty()) current().push_back({place, std::move(*words), false, {}});
  }

  void open(const Location& place) {
    if (current().empty() || current().back().has_block) {
      notes_.lost(place, "{ without a keyword before it; keepalived ignores it, too");
      return;
    }
    if (blocks_.size() > kDeepestBlock) {
      notes_.lost(place, "{ is in more than 16 blocks; it and the } for it are left out");
      ++ignored_;
      return;
    }
    current().back().has_block = true;
    opened_.push_back(place);
    blocks_.push_back(&current().back().inside);
  }

  void close(const Location& place) {
    if (ignored_ > 0) {
      --ignored_;
      return;
    }
    if (blocks_.size() == 1) {
      notes_.lost(place, "} without a { before it; keepalived ignores it, too");
      return;
    }
    opened_.pop_back();
    blocks_.pop_back();
  }

  Notes& notes_;
  std::size_t ignored_ = 0;
  std::vector<Statement> top_;
  // The open ones; a block does not move before those within it are closed.
  std::vector<std::vector<Statement>*> blocks_{&top_};
  std::vector<Location> opened_;
};

}  // namespace

Result<std::vector<Statement>> build_tree(const std::vector<Line>& lines, Notes& notes) {
  TreeBuilder builder(notes);
  for (const auto& line : lines)
    if (auto done = builder.take(line); !done) return std::unexpected(done.error());
  return std::move(builder).finish();
}

std::vector<Statement> one_by_one(const Statement& list) {
  std::vector<Statement> items;
  for (const auto& line : list.inside)
    for (const auto& word : line.words) items.push_back({line.place, {word}, false, {}});
  return items;
}

}  // namespace tandem::importer
