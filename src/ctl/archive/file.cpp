// SPDX-License-Identifier: Apache-2.0
#include "ctl/archive/file.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/descriptor.hpp"
#include "ctl/archive/digest.hpp"

namespace tandem::archive {
namespace {

constexpr const char* kManifest = "MANIFEST.json";
constexpr const char* kSeal = "MANIFEST.sha256";
// More is no backup of ours: it would only cost memory. A manifest takes some twenty times its length.
constexpr std::size_t kLargestBackup = 256U << 20;  // of all contents

using Reader = std::unique_ptr<::archive, int (*)(::archive*)>;
using Item = std::unique_ptr<archive_entry, void (*)(archive_entry*)>;

std::string name_of(const Entry& entry) {
  return "root" + entry.path;
}

std::unexpected<Error> complaint(const std::string& path, ::archive* a) {
  const char* text = archive_error_string(a);
  return fail(path + ": " + (text != nullptr ? text : "cannot be read"));
}

// ---- writing ----------------------------------------------------------------
bool write_item(::archive* out, const std::string& name, const Entry& entry) {
  const Item item(archive_entry_new(), archive_entry_free);
  archive_entry_set_pathname(item.get(), name.c_str());
  archive_entry_set_mtime(item.get(), std::time(nullptr), 0);
  archive_entry_set_perm(item.get(), static_cast<mode_t>(entry.mode));
  archive_entry_set_uid(item.get(), entry.uid);
  archive_entry_set_gid(item.get(), entry.gid);
  archive_entry_set_uname(item.get(), entry.user.c_str());
  archive_entry_set_gname(item.get(), entry.group.c_str());
  if (entry.kind == Kind::link) {
    archive_entry_set_filetype(item.get(), AE_IFLNK);
    archive_entry_set_symlink(item.get(), entry.content.c_str());
    return archive_write_header(out, item.get()) == ARCHIVE_OK;
  }
  archive_entry_set_filetype(item.get(), AE_IFREG);
  archive_entry_set_size(item.get(), static_cast<la_int64_t>(entry.content.size()));
  return archive_write_header(out, item.get()) == ARCHIVE_OK &&
         archive_write_data(out, entry.content.data(), entry.content.size()) ==
             static_cast<la_ssize_t>(entry.content.size());
}

Result<void> write_to(int fd, const std::string& path, const Manifest& manifest) {
  const Reader out(archive_write_new(), archive_write_free);
  archive_write_add_filter_gzip(out.get());
  archive_write_set_format_pax_restricted(out.get());
  if (archive_write_open_fd(out.get(), fd) != ARCHIVE_OK) return complaint(path, out.get());
  const std::string text = to_text(manifest);
  std::size_t size = 0;
  for (const auto& entry : manifest.entries) size += entry.content.size();
  if (text.size() > kLargestManifest || size > kLargestBackup)
    return fail(path + ": " + std::to_string(manifest.entries.size()) + " files of " +
                std::to_string(size >> 20) + " MiB are more than a backup takes");
  const Entry head{kManifest, Kind::file, 0600, 0, 0, "root", "root", text, {}};
  const Entry seal{kSeal, Kind::file, 0600, 0, 0, "root", "root", sha256(text), {}};
  if (!write_item(out.get(), kManifest, head)) return complaint(path, out.get());
  for (const auto& entry : manifest.entries)
    if (entry.kind != Kind::directory && !write_item(out.get(), name_of(entry), entry))
      return complaint(path, out.get());
  if (!write_item(out.get(), kSeal, seal) || archive_write_close(out.get()) != ARCHIVE_OK)
    return complaint(path, out.get());
  return {};
}

// ---- reading ----------------------------------------------------------------
struct Member {
  std::string name, content;
  Kind kind = Kind::file;
};

Result<std::optional<Member>> next(::archive* in, const std::string& path, std::size_t& left) {
  archive_entry* item = nullptr;
  const int status = archive_read_next_header(in, &item);
  if (status == ARCHIVE_EOF) return std::nullopt;
  if (status != ARCHIVE_OK) return complaint(path, in);
  Member member;
  if (const char* name = archive_entry_pathname(item)) member.name = name;
  if (archive_entry_filetype(item) == AE_IFLNK) {
    member.kind = Kind::link;
    if (const char* target = archive_entry_symlink(item)) member.content = target;
    return member;
  }
  if (archive_entry_filetype(item) != AE_IFREG || archive_entry_hardlink(item) != nullptr)
    return fail(path + ": " + member.name + " is neither a file nor a symbolic link");
  if (const auto size = archive_entry_size(item);
      size < 0 || static_cast<std::uint64_t>(size) > left)
    return fail(path + ": " + member.name + " is too large for a backup");
  member.content.reserve(static_cast<std::size_t>(archive_entry_size(item)));
  std::array<char, 65536> buffer{};
  for (;;) {
    const auto n = archive_read_data(in, buffer.data(), buffer.size());
    if (n < 0) return complaint(path, in);
    if (n == 0) return member;
    if (static_cast<std::size_t>(n) > left) return fail(path + " is too large to be a backup");
    left -= static_cast<std::size_t>(n);
    member.content.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

Result<void> fill(Entry& entry, std::optional<Member> member) {
  if (!member) return fail("ends before " + entry.path);
  if (member->name != name_of(entry) || member->kind != entry.kind)
    return fail("has " + member->name + " where the manifest has " + entry.path);
  if (sha256(member->content) != entry.sha256)
    return fail("the checksum of " + entry.path + " is wrong: the archive is damaged");
  entry.content = std::move(member->content);
  return {};
}

// The manifest's own checksum, and nothing behind it.
Result<void> check_seal(::archive* in, const std::string& path, std::size_t& left,
                        const std::string& manifest) {
  const auto seal = next(in, path, left);
  if (!seal) return std::unexpected(seal.error());
  if (!*seal || (*seal)->name != kSeal) return fail(path + " does not end with " + kSeal);
  if ((*seal)->content != sha256(manifest))
    return fail(path + ": the checksum of the manifest is wrong: the archive is damaged");
  const auto more = next(in, path, left);
  if (!more) return std::unexpected(more.error());
  if (*more) return fail(path + ": has " + (*more)->name + ", which is not in the manifest");
  return {};
}

}  // namespace

namespace {

// write: what goes into the file, by its descriptor.
template <class Write>
Result<void> write_whole(const std::string& path, Write write) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  std::error_code ignored;  // what it is in the way of, mkdir() tells
  std::filesystem::create_directories(std::filesystem::path(directory).parent_path(), ignored);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(directory);
  const Descriptor holder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!holder) return fail_errno(directory);
  std::string beside = directory + "/.tandem-XXXXXX";
  const Descriptor fd(::mkostemp(beside.data(), O_CLOEXEC));  // with mode 0600
  if (!fd) return fail_errno(directory);
  auto written = write(fd.get());
  if (written && ::fsync(fd.get()) != 0) written = fail_errno(path);
  if (written && ::rename(beside.c_str(), path.c_str()) != 0) written = fail_errno(path);
  if (!written)
    ::unlink(beside.c_str());
  else
    ::fsync(holder.get());
  return written;
}

Result<void> write_files_to(int fd, const std::string& path, const std::vector<Entry>& entries) {
  const Reader out(archive_write_new(), archive_write_free);
  archive_write_add_filter_gzip(out.get());
  archive_write_set_format_pax_restricted(out.get());
  if (archive_write_open_fd(out.get(), fd) != ARCHIVE_OK) return complaint(path, out.get());
  for (const auto& entry : entries)
    if (!write_item(out.get(), entry.path, entry)) return complaint(path, out.get());
  if (archive_write_close(out.get()) != ARCHIVE_OK) return complaint(path, out.get());
  return {};
}

}  // namespace

Result<void> write_archive(const std::string& path, const Manifest& manifest) {
  return write_whole(path, [&](int fd) { return write_to(fd, path, manifest); });
}

Result<void> write_files(const std::string& path, const std::vector<Entry>& entries) {
  return write_whole(path, [&](int fd) { return write_files_to(fd, path, entries); });
}

Result<Manifest> read_archive(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return fail_errno(path);
  if (!S_ISREG(info.st_mode)) return fail(path + " is no regular file");
  const Reader in(archive_read_new(), archive_read_free);
  archive_read_support_filter_gzip(in.get());
  archive_read_support_format_tar(in.get());
  if (archive_read_open_fd(in.get(), fd.get(), 65536) != ARCHIVE_OK)
    return complaint(path, in.get());
  std::size_t left = kLargestManifest;
  auto head = next(in.get(), path, left);
  left = kLargestBackup;
  if (!head) return std::unexpected(head.error());
  if (!*head || (*head)->name != kManifest)
    return fail(path + " is no backup of Tandem: it does not begin with " + kManifest);
  auto manifest = parse_manifest((*head)->content);
  if (!manifest) return fail(path + ": " + manifest.error().message);
  for (auto& entry : manifest->entries) {
    if (entry.kind == Kind::directory) continue;
    auto member = next(in.get(), path, left);
    if (!member) return std::unexpected(member.error());
    if (auto filled = fill(entry, std::move(*member)); !filled)
      return fail(path + ": " + filled.error().message);
  }
  if (auto sealed = check_seal(in.get(), path, left, (*head)->content); !sealed)
    return std::unexpected(sealed.error());
  return manifest;
}

}  // namespace tandem::archive
