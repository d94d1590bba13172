// SPDX-License-Identifier: Apache-2.0
#include "config/section.hpp"

#include <algorithm>

namespace tandem::config {

void report_unknown_key(const Entry& entry, std::string_view title,
                        const std::vector<std::string>& known, const std::vector<AbsentKey>& absent,
                        Problems& problems) {
  const auto found = std::ranges::find(absent, entry.key, &AbsentKey::name);
  if (found != absent.end())
    problems.error(entry.where, entry.key + ": " + std::string(found->why) +
                                    " is not in this build, expected no such key");
  else
    problems.error(entry.where, "unknown key " + in_quotes(entry.key) + " in " +
                                    std::string(title) + ", " +
                                    suggest(entry.key, known, "no keys"));
}

void check_exactly_one(const Value& table, std::string_view title,
                       const std::vector<std::string_view>& names, Problems& problems) {
  if (names.empty()) return;
  std::string list;
  std::vector<const Entry*> found;
  for (const auto name : names) {
    list += (list.empty() ? "" : ", ") + std::string(name);
    if (const auto* entry = table.find(name)) found.push_back(entry);
  }
  if (found.empty())
    problems.error(table.where,
                   std::string(title) + ": incomplete, expected exactly one of " + list);
  for (std::size_t i = 1; i < found.size(); ++i)
    problems.error(found[i]->where, found[i]->key + ": " + found[0]->key +
                                        " is there too, expected exactly one of " + list);
}

}  // namespace tandem::config
