// SPDX-License-Identifier: Apache-2.0
#include "ctl/options.hpp"

#include <filesystem>

namespace tandem::ctl {

std::function<void(const std::uint64_t&)> within(const char* option, std::uint64_t lowest,
                                                 std::uint64_t highest) {
  return [option, kind = control::Kind<std::uint64_t>{lowest, highest}](const std::uint64_t& n) {
    if (!kind.parse(n))
      throw boost::program_options::error(std::string(option) + ": expected " + kind.expected());
  };
}

std::string absolute_path(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::absolute(path, ignored).lexically_normal().string();
}

}  // namespace tandem::ctl
