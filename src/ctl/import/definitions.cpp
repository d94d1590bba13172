// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/definitions.hpp"

#include "ctl/import/text.hpp"

namespace tandem::importer {
namespace {

std::size_t name_length(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() && is_name_character(text[length])) ++length;
  return length > 0 && is_digit(text.front()) ? 0 : length;
}

// Without braces a name ends at white space, or where ~SEQ(...) goes on.
bool ends_name(std::string_view rest) {
  return rest.empty() || rest.front() == ',' || rest.front() == ')' ||
         kBlank.find(rest.front()) != std::string_view::npos;
}

}  // namespace

std::optional<Definitions::Head> Definitions::head_of(std::string_view line) {
  if (!line.starts_with('$')) return std::nullopt;
  const auto length = name_length(line.substr(1));
  auto at = 1 + length;
  if (length == 0 || at >= line.size() || line[at] != '=') return std::nullopt;
  ++at;
  while (at < line.size() && kBlank.find(line[at]) != std::string_view::npos) ++at;
  return Head{std::string(line.substr(1, length)), at};
}

void Definitions::set(const std::string& name, Definition definition) {
  known_.insert_or_assign(name, std::make_shared<const Definition>(std::move(definition)));
}

void Definitions::set(const std::string& name, const Location& place, std::string value) {
  set(name, {{{place, std::move(value)}}});
}

std::optional<Definitions::Reference> Definitions::find(std::string_view line) const {
  for (auto at = line.find('$'); at != std::string_view::npos; at = line.find('$', at + 1)) {
    auto rest = line.substr(at + 1);
    const bool has_braces = rest.starts_with('{');
    if (has_braces) rest.remove_prefix(1);
    const auto length = name_length(rest);
    const auto behind = rest.substr(length);
    if (length == 0 || (has_braces ? !behind.starts_with('}') : !ends_name(behind))) continue;
    const auto known = known_.find(rest.substr(0, length));
    if (known == known_.end()) continue;
    const Reference found{at, length + (has_braces ? 3u : 1u), known->second};
    // Several lines take the place of the end of one.
    if (!known->second->is_multiline() || found.at + found.length == line.size()) return found;
  }
  return std::nullopt;
}

}  // namespace tandem::importer
