// SPDX-License-Identifier: Apache-2.0
#include "ctl/wrap.hpp"

#include <sstream>

namespace tandem::ctl {
namespace {

// Where the text of a line of a list begins: behind two blanks after the term, else at the term.
std::size_t text_column(std::string_view line) {
  const auto term = line.find_first_not_of(' ');
  const auto gap = line.find("  ", term);
  return gap == std::string_view::npos ? term : line.find_first_not_of(' ', gap);
}

// Words from where `line` ends on, which next lines indent.
void append_words(std::string& line, std::string_view words, std::size_t indent) {
  std::istringstream in{std::string(words)};
  std::size_t column = line.size() - (line.rfind('\n') + 1);  // npos + 1 is 0
  bool is_first = true;
  for (std::string word; in >> word; is_first = false) {
    const bool fits = column + (is_first ? 0 : 1) + word.size() <= kHelpColumns;
    if (!fits && column > indent) {
      line += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (!is_first) {
      line += ' ';
      column++;
    }
    line += word;
    column += word.size();
  }
  line += '\n';
}

}  // namespace

std::string entry(const std::string& term, std::size_t column, std::string_view text) {
  std::string line = term;
  if (line.size() + 1 > column) line += '\n';
  const auto here = line.size() - (line.rfind('\n') + 1);
  line += std::string(column - here, ' ');
  append_words(line, text, column);
  return line;
}

std::string wrapped(std::string_view text) {
  std::string out, paragraph;
  const auto end_paragraph = [&] {
    std::string line;
    if (!paragraph.empty()) append_words(line, paragraph, 0);
    out += line;
    paragraph.clear();
  };
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.front() != ' ') {
      paragraph += std::string(paragraph.empty() ? "" : " ") + std::string(line);
      continue;
    }
    end_paragraph();
    if (line.size() <= kHelpColumns) {
      out += std::string(line) + '\n';
      continue;
    }
    const std::size_t column = text_column(line);
    std::string folded(line.substr(0, column));
    append_words(folded, line.substr(column), column);
    out += folded;
  }
  end_paragraph();
  return out;
}

}  // namespace tandem::ctl
