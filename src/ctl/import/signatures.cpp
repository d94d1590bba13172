// SPDX-License-Identifier: Apache-2.0
// auth_hmac of a vrrp_instance (keepalived 2.4 and later): signed adverts. Secrets that stand in
// keepalived's file go into files of their own, which whoever runs this has to make.
#include <algorithm>

#include "ctl/import/instance.hpp"
#include "ctl/import/keywords.hpp"
#include "ctl/import/value.hpp"

namespace tandem::importer {
namespace {

constexpr std::string_view kFile = "file:";

// A file for a secret, by the name of the instance.
std::string secret_file(const std::string& instance, std::int64_t key) {
  std::string name = instance;
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0 && c != '_' && c != '-'; }, '_');
  return "/etc/tandem/" + name + "-" + std::to_string(key) + ".key";
}

}  // namespace

Result<void> InstanceReader::signatures(const Statement& s) {
  signatures_place_ = s.place;
  for (const auto& line : s.inside) note_error(line, signature_line(line), notes_);
  return {};
}

Result<void> InstanceReader::signature_line(const Statement& line) {
  const auto& keyword = line.keyword();
  if (keyword == "key") return add_key(line);
  if (keyword == "active_key") {
    const auto id = integer_at(line, 1, 255);
    if (!id) return std::unexpected(id.error());
    active_key_ = *id;
  } else if (keyword == "mode") {
    if (line.word(1) != "enforce" && line.word(1) != "permissive" && line.word(1) != "receive-only")
      return unexpected_word(line, 1, "enforce, permissive or receive-only");
    signing_mode_ = line.word(1);
  } else if (keyword == "anti_replay") {
    if (line.word(1) != "time" && line.word(1) != "monotonic")
      return unexpected_word(line, 1, "time or monotonic");
    anti_replay_ = line.word(1);
  } else if (keyword == "time_window") {
    const auto window = integer_at(line, 1, 300);
    if (!window) return std::unexpected(window.error());
    time_window_ = *window;
  } else {
    return fail(described(line, "unknown here in auth_hmac, to keepalived 2.4, too"));
  }
  return {};
}

Result<void> InstanceReader::add_key(const Statement& line) {
  const auto id = integer_at(line, 1, 255);
  if (!id) return std::unexpected(id.error());
  const auto secret = text_at(line, 2);
  if (!secret) return std::unexpected(secret.error());
  if (std::ranges::find(keys_, *id, &Key::id) != keys_.end())
    return fail("key " + std::to_string(*id) + ": is there twice; keepalived takes the first");
  const bool is_file = secret->starts_with(kFile);
  keys_.push_back({*id, is_file ? secret->substr(kFile.size()) : std::string(), line.place});
  return {};
}

// Without a key that signs keepalived has none of it.
void InstanceReader::finish_signatures() {
  if (!signatures_place_) return;
  if (std::ranges::find(keys_, active_key_.value_or(0), &Key::id) == keys_.end()) {
    notes_.trap(
        *signatures_place_,
        "auth_hmac: active_key names no key that is there, and so keepalived signs nothing; "
        "it is left out here, too");
    signatures_place_.reset();
    return;
  }
  if (authentication_) {
    notes_.trap(*authentication_,
                "authentication: with auth_hmac keepalived has none; it is left out here, too");
    authentication_.reset();
  }
  std::string listed;
  for (const auto& key : keys_) {
    const bool is_inside = key.file.empty();
    const std::string file = is_inside ? secret_file(router_.name, key.id) : key.file;
    if (is_inside)
      notes_.trap(key.place, "auth_hmac: the secret of key " + std::to_string(key.id) +
                                 " stands in keepalived's file; Tandem reads it from one of its "
                                 "own: put what stands behind the number into " +
                                 file + ", with hex: if it is there, and chmod 600 it");
    listed += std::string(listed.empty() ? "" : ", ") + "{ id = " + std::to_string(key.id) +
              ", file = " + toml(file) + " }";
  }
  std::string value = "{ keys = [" + listed + "], active_key = " + std::to_string(*active_key_);
  if (signing_mode_ != "enforce") value += ", mode = " + toml(signing_mode_);
  if (!anti_replay_.empty() && anti_replay_ != "time")
    value += ", anti_replay = " + toml(anti_replay_);
  else if (time_window_)
    value += ", time_window = " + toml(Duration(std::chrono::seconds(*time_window_)));
  router_.table.set("auth", value + " }", *signatures_place_);
}

}  // namespace tandem::importer
