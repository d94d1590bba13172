// SPDX-License-Identifier: Apache-2.0
#include "ctl/archive/manifest.hpp"

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

namespace tandem::archive {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;
constexpr std::array kKinds{"file", "directory", "link"};  // by Kind

json to_json(const Entry& entry) {
  return {{"path", entry.path},   {"kind", kKinds[static_cast<std::size_t>(entry.kind)]},
          {"mode", entry.mode},   {"uid", entry.uid},
          {"gid", entry.gid},     {"user", entry.user},
          {"group", entry.group}, {"sha256", entry.sha256}};
}

Result<Entry> entry_of(const json& document) {
  Entry entry;
  entry.path = document.at("path").get<std::string>();
  const auto kind = document.at("kind").get<std::string>();
  const auto known = std::ranges::find(kKinds, kind);
  if (known == kKinds.end()) return fail(entry.path + ": '" + kind + "' is no kind of entry");
  entry.kind = static_cast<Kind>(known - kKinds.begin());
  entry.mode = document.at("mode").get<std::uint32_t>() & 07777;
  entry.uid = document.at("uid").get<std::uint32_t>();
  entry.gid = document.at("gid").get<std::uint32_t>();
  entry.user = document.at("user").get<std::string>();
  entry.group = document.at("group").get<std::string>();
  entry.sha256 = document.at("sha256").get<std::string>();
  const std::filesystem::path path = entry.path;
  if (!path.is_absolute() || path.lexically_normal().string() != entry.path ||
      !path.has_filename() || *std::next(path.begin()) == ".." ||
      entry.path.find('\0') != std::string::npos)
    return fail("'" + entry.path + "' is no absolute path without detours");
  return entry;
}

// A path twice, or through what is a link or a file here: it would lead elsewhere.
Result<void> check_paths(const std::vector<Entry>& entries) {
  std::set<std::string> all, leaves;
  for (const auto& entry : entries) {
    if (!all.insert(entry.path).second) return fail("'" + entry.path + "' is there twice");
    if (entry.kind != Kind::directory) leaves.insert(entry.path);
  }
  for (const auto& entry : entries)
    for (std::filesystem::path up = entry.path; up != up.root_path();) {
      up = up.parent_path();
      if (leaves.contains(up.string()))
        return fail("'" + entry.path + "' leads through '" + up.string() +
                    "', which is no directory");
    }
  return {};
}

Result<Manifest> manifest_of(const json& document) {
  if (const int format = document.at("format").get<int>(); format != kFormat)
    return fail("format " + std::to_string(format) + ", expected " + std::to_string(kFormat));
  Manifest manifest;
  manifest.version = document.at("version").get<std::string>();
  manifest.node = document.at("node").get<std::string>();
  manifest.host = document.at("host").get<std::string>();
  manifest.time = document.at("time").get<std::string>();
  manifest.config = document.at("config").get<std::string>();
  manifest.sysctls = document.at("sysctls").get<std::map<std::string, std::string>>();
  for (const auto& item : document.at("entries")) {
    auto entry = entry_of(item);
    if (!entry) return std::unexpected(entry.error());
    manifest.entries.push_back(std::move(*entry));
  }
  if (auto good = check_paths(manifest.entries); !good) return std::unexpected(good.error());
  return manifest;
}

}  // namespace

std::string to_text(const Manifest& manifest) {
  json document = {{"format", kFormat},           {"version", manifest.version},
                   {"node", manifest.node},       {"host", manifest.host},
                   {"time", manifest.time},       {"config", manifest.config},
                   {"sysctls", manifest.sysctls}, {"entries", json::array()}};
  for (const auto& entry : manifest.entries) document["entries"].push_back(to_json(entry));
  return document.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
  try {
    auto manifest = manifest_of(json::parse(text));
    if (!manifest) return fail("manifest: " + manifest.error().message);
    return manifest;
  } catch (const json::exception& error) {
    return fail(std::string("manifest: ") + error.what());
  }
}

}  // namespace tandem::archive
