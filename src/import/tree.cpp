// SPDX-License-Identifier: Apache-2.0
#include "import/tree.hpp"

#include "import/text.hpp"

namespace tandem::importer {
namespace {

class TreeBuilder {
 public:
  // Braces count unless they are in "...": in '...' keepalived sees them, too.
  Result<void> take(const Line& line) {
    std::string part;
    bool is_quoted = false;
    for (std::size_t i = 0; i < line.text.size(); ++i) {
      const char c = line.text[i];
      if (c == '"') is_quoted = !is_quoted;
      if (c == '\\' && i + 1 < line.text.size()) {
        part += c;
        part += line.text[++i];
      } else if (is_quoted || (c != '{' && c != '}')) {
        part += c;
      } else {
        auto done = add(line.place, part);
        if (done) done = c == '{' ? open(line.place) : close(line.place);
        if (!done) return done;
        part.clear();
      }
    }
    return add(line.place, part);
  }

  Result<std::vector<Statement>> finish() && {
    if (blocks_.size() > 1) {
      const Statement& open = blocks_[blocks_.size() - 2]->back();
      return fail_at(opened_.back(),
                     "the block of " + shown(open.keyword()) + " is not closed, expected }");
    }
    return std::move(top_);
  }

 private:
  std::vector<Statement>& current() { return *blocks_.back(); }

  Result<void> add(const Place& place, std::string_view text) {
    auto words = split_words(text);
    if (!words) return fail_at(place, "a quote is not closed");
    if (!words->empty()) current().push_back({place, std::move(*words), false, {}});
    return {};
  }

  Result<void> open(const Place& place) {
    if (current().empty() || current().back().has_block)
      return fail_at(place, "{ without a keyword before it");
    if (blocks_.size() > kDeepestBlock)
      return fail_at(place, "expected at most 16 blocks within each other");
    current().back().has_block = true;
    opened_.push_back(place);
    blocks_.push_back(&current().back().inside);
    return {};
  }

  Result<void> close(const Place& place) {
    if (blocks_.size() == 1) return fail_at(place, "} without a { before it");
    opened_.pop_back();
    blocks_.pop_back();
    return {};
  }

  std::vector<Statement> top_;
  // The open ones; a block does not move before those within it are closed.
  std::vector<std::vector<Statement>*> blocks_{&top_};
  std::vector<Place> opened_;
};

}  // namespace

Result<std::vector<Statement>> build_tree(const std::vector<Line>& lines) {
  TreeBuilder builder;
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
