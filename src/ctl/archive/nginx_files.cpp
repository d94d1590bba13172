// SPDX-License-Identifier: Apache-2.0
// Theory of operation: an Nginx configuration is words, ended by ";", "{" or "}". No more than that
// has to be understood to see the directives that name files.
#include "ctl/archive/nginx_files.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

namespace tandem::archive {
namespace {

constexpr std::array<std::string_view, 10> kNamingFiles{"ssl_certificate",
                                                        "ssl_certificate_key",
                                                        "ssl_trusted_certificate",
                                                        "ssl_client_certificate",
                                                        "ssl_dhparam",
                                                        "ssl_password_file",
                                                        "ssl_crl",
                                                        "ssl_session_ticket_key",
                                                        "proxy_ssl_trusted_certificate",
                                                        "auth_basic_user_file"};

using Directive = std::vector<std::string>;

std::vector<Directive> directives(std::string_view text) {
  std::vector<Directive> found;
  Directive words;
  std::string word;
  char quote = 0;
  bool is_comment = false, is_word = false;
  const auto end_word = [&] {
    if (is_word) words.push_back(std::exchange(word, {}));
    is_word = false;
  };
  for (std::size_t i = 0; i < text.size(); i++) {
    const char c = text[i];
    if (is_comment) {
      is_comment = c != '\n';
    } else if (c == '\\' && i + 1 < text.size()) {
      word += text[++i];
      is_word = true;
    } else if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if ((c == '"' || c == '\'') && !is_word) {
      quote = c;
      is_word = true;
    } else if (c == '#' && !is_word) {
      is_comment = true;
    } else if (c == ';' || c == '{' || c == '}') {
      end_word();
      if (!words.empty()) found.push_back(std::exchange(words, {}));
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      end_word();
    } else {
      word += c;
      is_word = true;
    }
  }
  return found;
}

class Walk {
 public:
  Walk(const Tree& tree, const std::string& configuration)
      : tree_(tree), prefix_(std::filesystem::path(configuration).parent_path()) {}

  void read(const std::string& path) {
    if (!seen_.insert(path).second) return;
    found.push_back(path);
    const auto text = tree_.read_file(path);
    if (!text) return;
    for (const auto& directive : directives(*text))
      if (directive.size() == 2) take(directive[0], directive[1]);
  }

  std::vector<std::string> found;

 private:
  void take(const std::string& name, const std::string& value) {
    // Variables, "data:..." and "engine:..." name no file.
    if (value.find('$') != std::string::npos || value.find(':') != std::string::npos) return;
    if (name == "include")
      for (const auto& path : matching(absolute(value))) read(path);
    else if (std::ranges::find(kNamingFiles, name) != kNamingFiles.end())
      found.push_back(absolute(value));
  }

  [[nodiscard]] std::string absolute(const std::string& value) const {
    return (prefix_ / value).lexically_normal().string();
  }

  // A pattern's files: one with a mask in its last part, as is usual.
  [[nodiscard]] std::vector<std::string> matching(const std::string& pattern) const {
    if (pattern.find_first_of("*?[") == std::string::npos) return {pattern};
    const std::filesystem::path path = pattern;
    std::vector<std::string> paths;
    for (const auto& name : tree_.list(path.parent_path()))
      if (::fnmatch(path.filename().c_str(), name.c_str(), FNM_PERIOD) == 0)
        paths.push_back((path.parent_path() / name).string());
    return paths;
  }

  const Tree& tree_;
  std::filesystem::path prefix_;
  std::set<std::string> seen_;
};

}  // namespace

std::vector<std::string> nginx_files(const Tree& tree, const std::string& configuration) {
  Walk walk(tree, configuration);
  walk.read(configuration);
  return std::move(walk.found);
}

}  // namespace tandem::archive
