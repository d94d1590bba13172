// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/nginx_tree.hpp"

#include <algorithm>

#include "ctl/import/text.hpp"

namespace tandem::importer {
namespace {

constexpr std::size_t kMostFiles = 1000;

// One file, read from its first byte to its last.
class Scanner {
 public:
  Scanner(std::string text, std::string path) : text_(std::move(text)), place_{path, 1} {}

  struct Token {
    enum class Kind : std::uint8_t { word, semicolon, open, close, end };
    Kind kind = Kind::end;
    std::string word;
    Location place;
  };

  Result<Token> next() {
    skip();
    Token token{Token::Kind::end, {}, place_};
    if (at_ == text_.size()) return token;
    const char c = text_[at_];
    if (c == ';' || c == '{' || c == '}') {
      ++at_;
      token.kind = c == ';'   ? Token::Kind::semicolon
                   : c == '{' ? Token::Kind::open
                              : Token::Kind::close;
      return token;
    }
    token.kind = Token::Kind::word;
    auto done = c == '"' || c == '\'' ? quoted(token) : plain(token);
    if (!done) return std::unexpected(done.error());
    return token;
  }

  // OpenResty's *_by_lua_block: Lua, up to the } that ends it; its { has been taken.
  Result<void> skip_lua(const Location& opened) {
    for (std::size_t depth = 1; at_ < text_.size();) {
      if (skip_lua_text()) continue;
      const char c = take_lua();
      if (c == '{') ++depth;
      if (c == '}' && --depth == 0) return {};
    }
    return fail_at(opened, "the block of Lua is not closed, expected }");
  }

 private:
  char take_lua() {
    if (text_[at_] == '\n') ++place_.line;
    return text_[at_++];
  }
  void take_lua_to(std::size_t end) {
    while (at_ < std::min(end, text_.size())) take_lua();
  }

  // A string or a comment of Lua, in which braces do not count; false: there is none here.
  bool skip_lua_text() {
    const char c = text_[at_];
    if (c == '"' || c == '\'') {
      take_lua();
      while (at_ < text_.size() && text_[at_] != c && text_[at_] != '\n')
        if (take_lua() == '\\' && at_ < text_.size()) take_lua();
      take_lua_to(at_ + 1);
      return true;
    }
    const bool is_comment = text_.compare(at_, 2, "--") == 0;
    if (skip_lua_brackets(is_comment ? at_ + 2 : at_)) return true;
    if (is_comment) take_lua_to(std::min(text_.find('\n', at_), text_.size()));
    return is_comment;
  }

  // [[...]] or [=[...]=], from `from` on.
  bool skip_lua_brackets(std::size_t from) {
    if (from >= text_.size() || text_[from] != '[') return false;
    const auto second = text_.find_first_not_of('=', from + 1);
    if (second == std::string::npos || text_[second] != '[') return false;
    const std::string closing = ']' + std::string(second - from - 1, '=') + ']';
    const auto end = text_.find(closing, second + 1);
    take_lua_to(end == std::string::npos ? text_.size() : end + closing.size());
    return true;
  }

  void skip() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == '\n') {
        ++place_.line;
        ++at_;
      } else if (kBlank.find(c) != std::string_view::npos) {
        ++at_;
      } else {
        return;
      }
    }
  }

  Result<void> quoted(Token& token) {
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) take_one(token);
    if (at_ == text_.size()) return fail_at(token.place, "a quote is not closed");
    ++at_;
    return {};
  }

  // ${name} belongs to the word.
  Result<void> plain(Token& token) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '$' && at_ + 1 < text_.size() && text_[at_ + 1] == '{') {
        const auto end = text_.find('}', at_);
        if (end == std::string::npos) return fail_at(token.place, "${ is not closed");
        token.word += text_.substr(at_, end + 1 - at_);
        at_ = end + 1;
        continue;
      }
      if (c == ';' || c == '{' || c == '}' || c == '\n' || kBlank.find(c) != std::string_view::npos)
        return {};
      take_one(token);
    }
    return {};
  }

  void take_one(Token& token) {
    if (text_[at_] == '\\' && at_ + 1 < text_.size()) token.word += text_[at_++];
    if (text_[at_] == '\n') ++place_.line;
    token.word += text_[at_++];
  }

  std::string text_;
  Location place_;
  std::size_t at_ = 0;
};

class TreeReader {
 public:
  TreeReader(const Files& files, Notes& notes) : files_(files), notes_(notes) {}

  Result<void> read_file(const std::string& path, std::vector<Statement>& into) {
    if (++read_ > kMostFiles) return fail_at({path}, "expected at most 1000 included files");
    auto text = read_text(files_, path);
    if (!text) return std::unexpected(text.error());
    Scanner scanner(std::move(*text), path);
    open_.push_back(path);
    auto done = read_block(scanner, into, nullptr, open_.size());
    open_.pop_back();
    return done;
  }

 private:
  using Kind = Scanner::Token::Kind;

  // Up to the } of `opened`, or to the end of the file.
  Result<void> read_block(Scanner& scanner, std::vector<Statement>& into, const Statement* opened,
                          std::size_t depth) {
    if (depth > 2 * kDeepestBlock)
      return fail_at(opened != nullptr ? opened->place : Location{open_.back()},
                     "expected at most 32 blocks within each other");
    Statement statement;
    while (true) {
      auto token = scanner.next();
      if (!token) return std::unexpected(token.error());
      if (token->kind == Kind::word) {
        if (statement.words.empty()) statement.place = token->place;
        statement.words.push_back(std::move(token->word));
        continue;
      }
      const bool ends = token->kind == Kind::close || token->kind == Kind::end;
      if (ends) return end(*token, statement, opened);
      if (statement.words.empty()) {
        if (token->kind == Kind::semicolon) continue;
        return fail_at(token->place, "{ without a keyword before it");
      }
      auto done =
          token->kind == Kind::open ? read_inside(scanner, statement, depth) : Result<void>{};
      if (done) done = add(std::exchange(statement, {}), into);
      if (!done) return done;
    }
  }

  Result<void> read_inside(Scanner& scanner, Statement& statement, std::size_t depth) {
    statement.has_block = true;
    if (statement.keyword().ends_with("_by_lua_block")) return scanner.skip_lua(statement.place);
    return read_block(scanner, statement.inside, &statement, depth + 1);
  }

  static Result<void> end(const Scanner::Token& token, const Statement& unfinished,
                          const Statement* opened) {
    if (!unfinished.words.empty())
      return fail_at(unfinished.place, shown(unfinished.keyword()) + " is not ended, expected ;");
    const bool is_close = token.kind == Kind::close;
    if (is_close && opened == nullptr) return fail_at(token.place, "} without a { before it");
    if (!is_close && opened != nullptr)
      return fail_at(opened->place,
                     "the block of " + shown(opened->keyword()) + " is not closed, expected }");
    return {};
  }

  Result<void> add(Statement statement, std::vector<Statement>& into) {
    if (statement.keyword() != "include" || statement.has_block) {
      into.push_back(std::move(statement));
      return {};
    }
    const auto& place = statement.place;
    if (open_.size() == kMostOpen)
      return fail_at(place, "include: expected at most 16 files that include each other");
    // Relative to the main file's directory, wherever the include stands.
    const auto paths = files_.match(beside(open_.front(), statement.word(1)));
    if (paths.empty() && !is_pattern(statement.word(1)))
      notes_.trap(place, "include: there is no file " + shown(statement.word(1)));
    for (const auto& path : paths) {
      if (std::ranges::find(open_, path) != open_.end())
        return fail_at(place, "include: " + path + " includes itself");
      auto done = read_file(path, into);
      if (!done) return done;
    }
    return {};
  }

  const Files& files_;
  Notes& notes_;
  std::vector<std::string> open_;
  std::size_t read_ = 0;
};

}  // namespace

Result<std::vector<Statement>> read_nginx_tree(const Files& files, const std::string& path,
                                               Notes& notes) {
  std::vector<Statement> statements;
  auto done = TreeReader(files, notes).read_file(path, statements);
  if (!done) return std::unexpected(done.error());
  return statements;
}

}  // namespace tandem::importer
