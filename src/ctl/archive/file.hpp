// SPDX-License-Identifier: Apache-2.0
// An archive as a file: a compressed tar, first MANIFEST.json, then the content of each file and
// link in the order of the manifest, under "root/" and its path; last the manifest's own checksum.
#pragma once

#include <string>

#include "ctl/archive/manifest.hpp"

namespace tandem::archive {

// Written beside and renamed: an archive is there whole, or not at all. Its mode is 0600, its
// directory is made with 0700 if it is missing.
Result<void> write_archive(const std::string& path, const Manifest& manifest);

// The files alone, by their paths: no backup. Written in the same way.
Result<void> write_files(const std::string& path, const std::vector<Entry>& entries);

// The manifest, and the contents with its entries. Nothing is given out before all of the file was
// read and each checksum compared.
[[nodiscard]] Result<Manifest> read_archive(const std::string& path);

}  // namespace tandem::archive
