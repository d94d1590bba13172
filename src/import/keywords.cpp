// SPDX-License-Identifier: Apache-2.0
#include "import/keywords.hpp"

namespace tandem::importer {

std::string described(const Statement& statement, std::string_view why) {
  std::string text = statement.keyword();
  for (std::size_t n = 1; n < statement.words.size() && n < 3; ++n)
    text += ' ' + statement.words[n];
  return cut(text) + ": " + std::string(why);
}

void note_rest(const Statement& statement, std::size_t most_words, Notes& notes) {
  if (statement.words.size() <= most_words) return;
  notes.trap(statement.place,
             cut(statement.keyword()) + ": " + shown(statement.words[most_words]) +
                 " behind it is ignored, by keepalived, too; it may want a line of "
                 "its own");
}

Result<void> settle(const Statement& statement, std::span<const Fate> fates, std::string_view block,
                    Notes& notes) {
  for (const auto& fate : fates) {
    if (fate.name != statement.keyword()) continue;
    notes.add(fate.kind, statement.place, described(statement, fate.why));
    return {};
  }
  if (statement.has_block)
    return fail_at(statement.place, "unknown block " + shown(statement.keyword()) + " in " +
                                        std::string(block) +
                                        ", expected one that keepalived 2.2 knows");
  notes.lost(statement.place, described(statement, "unknown here in " + std::string(block) +
                                                       ", to keepalived 2.2, too; it ignores it"));
  return {};
}

}  // namespace tandem::importer
