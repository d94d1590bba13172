// SPDX-License-Identifier: Apache-2.0
#include "ctl/archive/restore.hpp"

#include "ctl/archive/file.hpp"

namespace tandem::archive {
namespace {

using What = Change::What;

bool is_same_owner(const Entry& a, const Entry& b) {
  const bool same_user = a.user.empty() || b.user.empty() ? a.uid == b.uid : a.user == b.user;
  const bool same_group = a.group.empty() || b.group.empty() ? a.gid == b.gid : a.group == b.group;
  return same_user && same_group;
}

bool has_same_permissions(const Entry& a, const Entry& b) {
  return is_same_owner(a, b) && (a.kind == Kind::link || a.mode == b.mode);
}

// Files and links beside their places, dropped unless they were put there.
class Stage {
 public:
  explicit Stage(const Tree& tree) : tree_(tree) {}
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage() {
    for (std::size_t i = done_; i < staged_.size(); i++) tree_.drop(staged_[i].first);
  }

  Result<void> add(const Entry& entry) {
    if (auto made = tree_.make_parents(entry.path); !made) return made;
    auto name = tree_.stage(entry);
    if (!name) return std::unexpected(name.error());
    staged_.emplace_back(std::move(*name), entry.path);
    return {};
  }
  Result<void> put() {
    for (; done_ < staged_.size(); done_++) {
      const auto& [name, path] = staged_[done_];
      if (auto moved = tree_.put(name, path); !moved)
        return fail(moved.error().message + "; " + std::to_string(done_) + " of " +
                    std::to_string(staged_.size()) + " files are restored");
    }
    return {};
  }

 private:
  const Tree& tree_;
  std::vector<std::pair<std::string, std::string>> staged_;
  std::size_t done_ = 0;
};

Result<void> keep_aside(const Manifest& manifest, const std::vector<Change>& changes,
                        const std::string& aside) {
  Manifest before = manifest;
  before.entries.clear();
  for (const auto& change : changes)
    if (change.what != What::create) before.entries.push_back(change.from);
  return before.entries.empty() ? Result<void>{} : write_archive(aside, before);
}

}  // namespace

const char* to_string(What what) {
  switch (what) {
    case What::create:
      return "create";
    case What::replace:
      return "replace";
    case What::permissions:
      return "permissions";
  }
  return "?";
}

Result<std::vector<Change>> changes(const Tree& tree, const Manifest& manifest) {
  std::vector<Change> found;
  for (const auto& entry : manifest.entries) {
    auto present = tree.read(entry.path);
    if (!present) return std::unexpected(present.error());
    if (!*present) {
      found.push_back({What::create, entry, {}});
      continue;
    }
    Entry& now = **present;
    if ((now.kind == Kind::directory) != (entry.kind == Kind::directory))
      return fail(entry.path +
                  (now.kind == Kind::directory ? " is a directory here, and none in the archive"
                                               : " is no directory here, and one in the archive") +
                  "; move it away first");
    if (now.kind != entry.kind || now.content != entry.content)
      found.push_back({What::replace, entry, std::move(now)});
    else if (!has_same_permissions(now, entry))
      found.push_back({What::permissions, entry, std::move(now)});
  }
  return found;
}

Result<void> apply(const Tree& tree, const Manifest& manifest, const std::vector<Change>& changes,
                   const std::string& aside) {
  if (auto kept = keep_aside(manifest, changes, aside); !kept) return kept;
  Stage stage(tree);
  for (const auto& change : changes) {
    if (change.to.kind == Kind::directory) {
      if (auto made = tree.make_parents(change.to.path); !made) return made;
      if (auto made = tree.make_directory(change.to); !made) return made;
    } else if (auto staged = stage.add(change.to); !staged) {
      return staged;
    }
  }
  return stage.put();
}

}  // namespace tandem::archive
