// SPDX-License-Identifier: Apache-2.0
// authentication of a vrrp_instance, as keepalived takes it: a password counts only with the type
// PASS, in version 2 and without strict mode; everything else has keepalived send none. Where its
// author likely meant one, it is said how to have it.
#include "ctl/import/instance.hpp"
#include "ctl/import/keywords.hpp"
#include "ctl/import/value.hpp"

namespace tandem::importer {
namespace {

std::string without_semicolon(std::string word) {
  while (word.ends_with(';')) word.pop_back();
  return word;
}

}  // namespace

Result<void> InstanceReader::authentication(const Statement& s) {
  authentication_ = s.place;
  for (const auto& line : s.inside) authentication_line(line);
  return {};
}

void InstanceReader::authentication_line(const Statement& line) {
  if (line.words.size() > 2) note_one_line(line);
  if (line.keyword() == "auth_pass") {
    const auto password = text_at(line);
    password_ = {password.value_or(std::string()), line.place};
    return;
  }
  if (line.keyword() != "auth_type") {
    notes_.lost(line.place, described(line,
                                      "unknown here in authentication, to keepalived 2.2.7, "
                                      "too; it ignores it"));
    return;
  }
  if (line.word(1) == "AH") {
    notes_.lost(line.place,
                "auth_type AH: Tandem has no IPSEC AH, and a node that has drops its adverts; use "
                "PASS or none on both nodes");
    has_authentication_type_ = false;
    authentication_.reset();
  } else if (line.word(1) == "PASS") {
    has_authentication_type_ = true;
  } else if (line.words.size() <= 2) {
    notes_.lost(line.place, unexpected_word(line, 1, "PASS").error().message +
                                "; keepalived does not know this type, and stays with the one "
                                "before it, or none");
  }
}

// "auth_type PASS auth_pass X" in a line, with or without semicolons: keepalived reads two words of
// a line, and a semicolon belongs to its word.
void InstanceReader::note_one_line(const Statement& line) {
  for (std::size_t n = 2; n + 1 < line.words.size(); ++n)
    if (line.words[n] == "auth_pass") meant_ = without_semicolon(line.words[n + 1]);
  if (meant_.empty()) note_rest(line, 2, notes_);
}

void InstanceReader::note_no_password() {
  const std::string both =
      "if one is meant, write password = " + toml(meant_.substr(0, 8)) +
      " here, and authentication with a line for each keyword in the peer's keepalived.conf, at "
      "the same time";
  if (!meant_.empty())
    notes_.trap(*authentication_,
                "authentication: all in one line, and so keepalived reads no auth_pass and sends "
                "no password; it is left out here, too: " +
                    both);
  else if (!has_authentication_type_ && password_)
    notes_.trap(password_->second,
                "auth_pass: without auth_type PASS keepalived sends no password; it is left out "
                "here, too");
  else
    notes_.trap(
        *authentication_,
        "authentication: without an auth_pass keepalived sends no password; none here, too");
}

void InstanceReader::finish_password() {
  if (!authentication_) return;
  const bool has_password = has_authentication_type_ && password_ && !password_->first.empty();
  if (!has_password) {
    note_no_password();
    return;
  }
  const auto& [password, place] = *password_;
  if (is_strict_) {
    notes_.trap(place,
                "authentication: keepalived has none in strict mode; it is left out here, "
                "too");
    return;
  }
  if (router_.version != 2) {
    notes_.trap(place, "authentication: version 3 has none; keepalived ignores it, too");
    return;
  }
  constexpr std::size_t kMost = 8;  // RFC 2338, 5.3.10
  if (password.size() > kMost)
    notes_.trap(place, "auth_pass: only its first 8 characters count, with keepalived, too");
  if (password.ends_with(';') && password.size() <= kMost)
    notes_.trap(place, "auth_pass: the semicolon is a part of the password, with keepalived, too");
  router_.table.set("password", toml(password.substr(0, kMost)), place);
}

}  // namespace tandem::importer
