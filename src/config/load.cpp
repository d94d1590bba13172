// SPDX-License-Identifier: Apache-2.0
#include "config/load.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "config/problems.hpp"
#include "config/rules.hpp"
#include "config/schema.hpp"

namespace tandem::config {
namespace {

constexpr std::size_t kLongestFile = std::size_t{4} << 20;

Loaded failed(Location where, std::string what) {
  Problems problems;
  problems.error(where, std::move(what));
  return {{}, std::move(problems).take()};
}

// A virtual router is of the family of the first of its addresses that could be read.
void derive_families(Config& config) {
  for (auto& router : config.vrrp) {
    const auto readable = [](const VirtualAddress& a) {
      return !a.prefix.address.is_unspecified();
    };
    const auto first = std::ranges::find_if(router.addresses, readable);
    if (first != router.addresses.end()) router.family = first->prefix.address.family();
  }
}

// A check's keys by HTTP stand beside its URL.
void derive_terms(Config& config) {
  for (Check& check : config.checks)
    if (check.http) check.http->terms = check.terms;
}

// A backend without a port has the service's.
void derive_ports(Config& config) {
  for (auto& service : config.services)
    for (auto& backend : service.backends)
      if (backend.port == 0) backend.port = service.port;
}

}  // namespace

bool Loaded::good() const {
  return std::ranges::none_of(problems,
                              [](const Problem& p) { return p.severity == Severity::error; });
}

Loaded parse(std::string_view toml_text) {
  if (toml_text.size() > kLongestFile)
    return failed({}, "the file is too long, expected at most 4 MiB");
  const auto root = parse_toml(toml_text);
  if (!root) return failed(root.error().where, root.error().message);

  Loaded loaded;
  Problems problems;
  read_section(file_section(), *root, loaded.config, problems);
  derive_families(loaded.config);
  derive_ports(loaded.config);
  derive_terms(loaded.config);
  const File file{loaded.config, *root};
  check_engine(file, problems);
  check_http(file, problems);
  check_ports(file, problems);
  check_names(file, problems);
  check_flows(file, problems);
  check_checks(file, problems);
  check_routers(file, problems);
  check_addresses(file, problems);
  check_sync(file, problems);
  check_services(file, problems);
  check_backends(file, problems);
  loaded.problems = std::move(problems).take();
  return loaded;
}

Loaded load_file(const std::string& path) {
  const auto unreadable = [] {
    return failed(
        {}, std::string("cannot be read: ") + std::strerror(errno) + ", expected a readable file");
  };
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return unreadable();
  std::string text(kLongestFile + 1, '\0');  // one more byte than parse() takes
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return unreadable();
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse(text);
}

}  // namespace tandem::config
