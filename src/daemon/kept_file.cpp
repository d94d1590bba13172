// SPDX-License-Identifier: Apache-2.0
#include "daemon/kept_file.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "base/descriptor.hpp"

namespace tandem::daemon {

std::optional<std::string> read_kept(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>(stream), {}};
}

Result<void> write_kept(const std::string& file, const std::string& text) {
  const std::string beside = file + ".new";
  ::unlink(beside.c_str());
  const Descriptor opened(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (opened.get() < 0) return fail_errno(beside);
  if (::write(opened.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail_errno(beside);
  if (::rename(beside.c_str(), file.c_str()) != 0) return fail_errno(file);
  return {};
}

void put_aside(const std::string& file, const Error& why, const std::string& lost) {
  const std::string aside = file + ".refused";
  spdlog::error("{}: {}; it is put aside as {}: {}", file, why.message, aside, lost);
  if (::rename(file.c_str(), aside.c_str()) != 0)
    spdlog::error("{}", fail_errno(aside).error().message);
}

}  // namespace tandem::daemon
