// SPDX-License-Identifier: Apache-2.0
// Archives that are damaged, or made to do harm.
#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>

#include "ctl/archive/digest.hpp"
#include "node.hpp"

namespace tandem::archive {
namespace {

using testing::HasSubstr;

TEST(ArchiveFile, KeepsEverything) {
  const Node node;
  const auto backup = node.backed_up();
  const auto again = read_archive(backup.path);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->entries, backup.manifest.entries);
  EXPECT_EQ(again->config, kConfig);
}

TEST(ArchiveFile, ADigestIsThatOfTheStandard) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(ArchiveFile, TruncatedAnywhereItIsRefused) {
  const Node node;
  const auto whole = Node::read_host(node.backed_up().path);
  const std::string cut = node.archives() + "/cut";
  // The last 8 bytes are gzip's own checksum and length: ours have all been read by then.
  for (std::size_t size = 0; size + 8 < whole.size(); size += 1 + whole.size() / 97) {
    std::ofstream(cut, std::ios::trunc) << whole.substr(0, size);
    EXPECT_FALSE(read_archive(cut)) << size << " of " << whole.size();
  }
}

TEST(ArchiveFile, AChangedByteIsNoticed) {
  const Node node;
  const auto backup = node.backed_up();
  const auto whole = Node::read_host(backup.path);
  const std::string changed = node.archives() + "/changed";
  for (std::size_t at = 10; at < whole.size(); at += 1 + whole.size() / 97) {
    auto bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    std::ofstream(changed, std::ios::trunc) << bytes;
    const auto read = read_archive(changed);
    EXPECT_TRUE(!read || read->entries == backup.manifest.entries) << at;
  }
}

// Small as a file, and not to be held in memory.
TEST(ArchiveFile, WhatGrowsBeyondAllBoundsIsRefused) {
  const Node node;
  const std::string path = node.at("/bomb");
  auto* out = archive_write_new();
  archive_write_add_filter_gzip(out);
  archive_write_set_format_pax_restricted(out);
  ASSERT_EQ(archive_write_open_filename(out, path.c_str()), ARCHIVE_OK);
  auto* item = archive_entry_new();
  archive_entry_set_pathname(item, "MANIFEST.json");
  archive_entry_set_filetype(item, AE_IFREG);
  const std::string some(kLargestManifest + 1, '[');
  archive_entry_set_size(item, static_cast<la_int64_t>(some.size()));
  EXPECT_EQ(archive_write_header(out, item), ARCHIVE_OK);
  archive_write_data(out, some.data(), some.size());
  archive_entry_free(item);
  archive_write_free(out);
  const auto read = read_archive(path);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("too large"));
  EXPECT_FALSE(read_archive("/dev/zero"));
}

TEST(ArchiveFile, WhatIsNoBackupIsRefused) {
  const Node node;
  node.write("/noise", "no archive at all\n");
  EXPECT_THAT(read_archive(node.at("/noise")).error().message, HasSubstr("/noise"));
  EXPECT_THAT(read_archive(node.at("/none")).error().message, HasSubstr("No such file"));
}

Manifest of(std::vector<Entry> entries) {
  return {"0", "node-a", "host", "now", kConfig, {}, std::move(entries)};
}
Entry file(const std::string& path) {
  return {path, Kind::file, 0644, 0, 0, "", "", "x", sha256("x")};
}

TEST(Manifest, RefusesPathsThatLeadElsewhere) {
  for (const auto* path : {"etc/passwd", "/etc/../etc/passwd", "/..", "/../x", "/etc//x", "/etc/x/",
                           "/", "", "/etc/./x"})
    EXPECT_FALSE(parse_manifest(to_text(of({file(path)})))) << path;
  EXPECT_TRUE(parse_manifest(to_text(of({file("/etc/x")}))));
}

TEST(Manifest, RefusesAPathThroughALinkOfItsOwn) {
  Entry link = file("/etc/x");
  link.kind = Kind::link;
  link.content = "/tmp";
  const auto read = parse_manifest(to_text(of({link, file("/etc/x/y")})));
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("leads through '/etc/x'"));
}

TEST(Manifest, RefusesAPathTwice) {
  EXPECT_FALSE(parse_manifest(to_text(of({file("/etc/x"), file("/etc/x")}))));
}

TEST(Manifest, RefusesWhatIsNone) {
  for (const auto* text : {"", "[]", "{}", "{\"format\": 2}", "{\"format\": \"1\"}", "\xff"})
    EXPECT_FALSE(parse_manifest(text)) << text;
}

}  // namespace
}  // namespace tandem::archive
