// SPDX-License-Identifier: Apache-2.0
// Arbitrary text as keepalived.conf, a file that it includes and nginx.conf: it is refused with a
// place, or it is imported, and then the result is TOML and each of its lines has an origin.
// The files are parted by lines of "%".
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/value.hpp"
#include "ctl/import/import.hpp"

namespace {

using namespace tandem;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::array<const char*, 3> kNames{"k.conf", "included", "n.conf"};

std::array<std::string, 3> parted(const std::string& text) {
  std::array<std::string, 3> parts;
  std::size_t at = 0;
  for (auto& part : parts) {
    const auto end = std::min(text.find("\n%\n", at), text.size());
    part = text.substr(at, end - at);
    at = std::min(end + 3, text.size());
  }
  return parts;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parts = parted({data, data + size});
  const importer::Files files{[&](const std::string& path) -> Result<std::string> {
                                const auto* name = std::ranges::find(kNames, path);
                                if (name == kNames.end()) return fail("cannot be read");
                                return parts[static_cast<std::size_t>(name - kNames.begin())];
                              },
                              [](const std::string& pattern) { return std::vector{pattern}; }};
  const auto imported =
      importer::import_configuration({"k.conf", "n.conf", "", "node", "node"}, files);
  if (!imported) {
    require(imported.error().message.find(':') != std::string::npos);
    require(imported.error().message.find('\n') == std::string::npos);
    return 0;
  }
  const auto& [text, origins, spots] = imported->written;
  require(static_cast<std::size_t>(std::ranges::count(text, '\n')) == origins.size());
  require(origins.size() == spots.size());
  if (text.size() < (std::size_t{4} << 20)) require(config::parse_toml(text).has_value());
  return 0;
}
