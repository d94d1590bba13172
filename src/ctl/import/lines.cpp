// SPDX-License-Identifier: Apache-2.0
// Theory of operation: a line of a file loses its comment and goes through take(), which carries
// out what it is to the text (a condition, a definition, a repetition, a reference, an include)
// and calls itself for what comes of that; a line to which nothing more applies is a result.
//
// A few lines can stand for billions. So each line that is taken, and each turn of a repetition, is
// charged for, and all together may not cost more than kBudget; recursion is bounded by kDeepest.
#include "ctl/import/lines.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "ctl/import/sequence.hpp"
#include "ctl/import/text.hpp"

namespace tandem::importer {
namespace {

constexpr std::size_t kLongestLine = 65536;
constexpr std::size_t kBudget = std::size_t{16} << 20;  // bytes
constexpr std::size_t kLineCost = 64;                   // bytes, beside those of its text
constexpr int kDeepest = 100;

// Up to a # or ! that is not in "..." and has no backslash before it, and without the white space
// around. Those that have one lose the backslash. A backslash at the end stays, also that of a
// remark: to keepalived the line goes on.
std::string without_comment(std::string_view line) {
  std::string out;
  bool is_quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const char next = i + 1 < line.size() ? line[i + 1] : '\0';
    if (c == '\\' && next != '\0') {
      if (is_quoted || (next != '#' && next != '!')) out += c;
      out += next;
      ++i;
      continue;
    }
    if (c == '"') is_quoted = !is_quoted;
    if (!is_quoted && (c == '#' || c == '!')) {
      out = trimmed(out);
      if (line.ends_with('\\')) out += '\\';
      return out;
    }
    out += c;
  }
  return trimmed(out);
}

// keepalived reads no further than to a carriage return at the end of a line.
std::string_view without_return(std::string_view line) {
  while (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// "include" and its variants, which differ in what is an error.
struct Include {
  std::string_view keyword;
  bool must_match;
};
constexpr std::array kIncludes{Include{"include", false},  Include{"includer", false},
                               Include{"includem", true},  Include{"includew", true},
                               Include{"includeb", false}, Include{"includea", true}};

class LineReader {
 public:
  LineReader(const Files& files, const std::string& config_id, Notes& notes)
      : files_(files), config_id_(config_id), notes_(notes) {
    definitions_.set("_INSTANCE", {}, config_id);
    definitions_.set("_HASH", {}, "#");
    definitions_.set("_BANG", {}, "!");
  }

  Result<void> read_file(const std::string& path) {
    auto text = read_text(files_, path);
    if (!text) return std::unexpected(text.error());
    open_.push_back(path);
    spent_ += kLineCost;  // its lines are charged when they are taken
    set_directory();
    int number = 0;
    for (std::size_t at = 0; at < text->size();) {
      const auto end = std::min(text->find('\n', at), text->size());
      auto done = take_raw({path, ++number}, std::string_view(*text).substr(at, end - at));
      if (!done) return done;
      at = end + 1;
    }
    finish_definition();
    open_.pop_back();
    if (!open_.empty()) set_directory();
    return {};
  }

  std::vector<Line> lines() && { return std::move(lines_); }

 private:
  void set_directory() {
    const auto slash = open_.back().rfind('/');
    definitions_.set("_PWD", {}, slash == std::string::npos ? "." : open_.back().substr(0, slash));
  }

  // A line as it stands in a file.
  Result<void> take_raw(const Location& place, std::string_view raw) {
    if (raw.size() > kLongestLine)
      return fail_at(place, "the line is too long, expected at most 65536 bytes");
    raw = without_return(raw);
    std::string text = without_comment(raw);
    if (!defining_.empty()) {
      // An empty line ends a value; one with a remark alone does not.
      if (text.empty() && !raw.empty()) return {};
      return continue_definition(place, std::move(text));
    }
    if (text.empty() || text == "\\") return {};
    return take(place, std::move(text), 0);
  }

  Result<void> charge(const Location& place, std::size_t bytes) {
    spent_ += bytes;
    if (spent_ > kBudget) return fail_at(place, "the configuration expands to more than 16 MiB");
    return {};
  }

  // A value of several lines goes on as long as lines end with a backslash.
  Result<void> continue_definition(const Location& place, std::string text) {
    if (auto done = charge(place, text.size() + kLineCost); !done) return done;
    const bool goes_on = text.ends_with('\\');
    if (goes_on) text = trimmed(std::string_view(text).substr(0, text.size() - 1));
    if (!text.empty()) definition_.lines.push_back({place, std::move(text)});
    if (!goes_on) finish_definition();
    return {};
  }

  void finish_definition() {
    if (defining_.empty()) return;
    definitions_.set(defining_, std::exchange(definition_, {}));
    defining_.clear();
  }

  void define(const Location& place, const Definitions::Head& head, std::string_view line) {
    std::string value(line.substr(head.value_at));
    if (!value.ends_with('\\')) return definitions_.set(head.name, place, std::move(value));
    value = trimmed(std::string_view(value).substr(0, value.size() - 1));
    defining_ = head.name;
    definition_ = {};
    if (!value.empty()) definition_.lines.push_back({place, std::move(value)});
  }

  Result<void> take(const Location& place, std::string text, int depth) {
    if (depth > kDeepest) return fail_at(place, "parameters or ~SEQ refer to themselves");
    while (true) {
      if (auto done = charge(place, text.size() + kLineCost); !done) return done;
      if (text.size() > kLongestLine)
        return fail_at(place, "expands to a line that is too long, expected at most 65536 bytes");
      if (text.starts_with('@')) {
        text = if_ours(text);
        if (text.empty()) return {};
      }
      if (const auto head = Definitions::head_of(text)) {
        define(place, *head, text);
        return {};
      }
      if (is_sequence(text)) return repeat(place, text, depth);
      const auto reference = definitions_.find(text);
      if (!reference) return finish(place, std::move(text));
      if (reference->definition->is_multiline()) return put_in(text, *reference, place, depth);
      const auto& lines = reference->definition->lines;
      text.replace(reference->at, reference->length, lines.empty() ? "" : lines.front().text);
      text = without_comment(text);  // ${_HASH} begins a remark
      if (text.empty()) return {};
    }
  }

  // "@ID TEXT" and "@^ID TEXT": the text if the condition holds, else nothing.
  [[nodiscard]] std::string if_ours(std::string_view text) const {
    const bool is_negated = text.starts_with("@^");
    text.remove_prefix(is_negated ? 2 : 1);
    const auto end = text.find_first_of(kBlank);
    if (end == std::string_view::npos) return {};
    return (text.substr(0, end) == config_id_) != is_negated ? trimmed(text.substr(end))
                                                             : std::string();
  }

  Result<void> repeat(const Location& place, const std::string& text, int depth) {
    const auto sequence = parse_sequence(text);
    if (!sequence) {
      notes_.lost(place, sequence.error().message + "; keepalived ignores the line, too");
      return {};
    }
    if (auto done = charge(place, sequence->turns.size() * kLineCost); !done) return done;
    for (const auto& turn : sequence->turns) {
      for (std::size_t i = 0; i < turn.size(); ++i)
        definitions_.set(sequence->names[i], place, turn[i]);
      auto done = take(place, sequence->text, depth + 1);
      if (!done) return done;
      finish_definition();
    }
    return {};
  }

  // A reference to several lines, at the end of `text`.
  Result<void> put_in(const std::string& text, const Definitions::Reference& reference,
                      const Location& place, int depth) {
    const auto& lines = reference.definition->lines;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto& line = lines[i];
      const std::string before = i == 0 ? text.substr(0, reference.at) : "";
      auto done = defining_.empty()
                      ? take(i == 0 ? place : line.place, before + line.text, depth + 1)
                      : continue_definition(line.place, line.text);
      if (!done) return done;
    }
    return {};
  }

  Result<void> finish(const Location& place, std::string text) {
    if (text.empty()) return {};
    const auto end = text.find_first_of(kBlank);
    const auto* include =
        std::ranges::find(kIncludes, std::string_view(text).substr(0, end), &Include::keyword);
    if (include == kIncludes.end()) {
      lines_.push_back({place, std::move(text)});
      return {};
    }
    if (end == std::string::npos) {
      notes_.lost(place, "include: expected a path");
      return {};
    }
    auto path = trimmed(std::string_view(text).substr(end));
    if (path.size() > 1 && path.starts_with('"') && path.ends_with('"'))
      path = path.substr(1, path.size() - 2);
    return include_files(place, *include, path);
  }

  Result<void> include_files(const Location& place, const Include& include,
                             const std::string& path) {
    if (open_.size() == kMostOpen)
      return fail_at(place, "include: expected at most 16 files that include each other");
    const auto paths = files_.match(beside(place.file, path));
    if (paths.empty()) {
      if (include.must_match) return fail_at(place, "include: no file matches " + shown(path));
      notes_.trap(place, "include: no file matches " + shown(path) +
                             "; keepalived goes on without it, too");
    }
    for (const auto& found : paths) {
      if (std::ranges::find(open_, found) != open_.end())
        return fail_at(place, "include: " + found + " includes itself");
      auto done = read_file(found);
      if (!done) {
        // What is wrong with a file as a whole is wrong with the line that names it.
        if (done.error().message.starts_with(found + ": "))
          return fail_at(place, "include: " + done.error().message);
        return done;
      }
    }
    return {};
  }

  const Files& files_;
  const std::string& config_id_;
  Notes& notes_;
  Definitions definitions_;
  std::string defining_;  // the parameter whose value goes on in the next line; empty: none
  Definition definition_;
  std::vector<std::string> open_;
  std::vector<Line> lines_;
  std::size_t spent_ = 0;
};

}  // namespace

Result<std::vector<Line>> read_lines(const Files& files, const std::string& path,
                                     const std::string& config_id, Notes& notes) {
  LineReader reader(files, config_id, notes);
  auto done = reader.read_file(path);
  if (!done) return std::unexpected(done.error());
  return std::move(reader).lines();
}

}  // namespace tandem::importer
