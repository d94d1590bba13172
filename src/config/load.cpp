// SPDX-License-Identifier: Apache-2.0
#include "config/load.hpp"

#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "config/compose.hpp"
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

std::expected<std::string, std::string> file_text(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::unexpected(std::strerror(errno));
  std::string text(kLongestFile + 1, '\0');  // one more byte than parse() takes
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return std::unexpected(std::strerror(errno));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::vector<std::string> matches_of(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc; i++) paths.emplace_back(found.gl_pathv[i]);
  globfree(&found);
  std::ranges::sort(paths);
  return paths;
}

// A shell knows HOSTNAME, and seldom passes it on.
std::optional<std::string> variable_of(const std::string& name) {
  if (const char* value = std::getenv(name.c_str())) return value;
  std::array<char, 256> host{};
  if (name != "HOSTNAME" || gethostname(host.data(), host.size() - 1) != 0) return std::nullopt;
  return host.data();
}

Sources real_sources() {
  return {file_text, matches_of, variable_of};
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

void Loaded::add(std::vector<Problem> more) {
  for (auto& problem : more) {
    if (problem.where.file > 0 && problem.file.empty())
      problem.file = files.at(static_cast<std::size_t>(problem.where.file));
    problems.push_back(std::move(problem));
  }
}

Loaded parse(std::string_view toml_text, const std::string& path, const std::string& node) {
  if (toml_text.size() > kLongestFile)
    return failed({}, "the file is too long, expected at most 4 MiB");
  Loaded loaded;
  Problems problems;
  auto composed = compose(toml_text, path, node, real_sources(), problems);
  loaded.files = std::move(composed.files);
  if (problems.any()) {  // of a part nothing can be said
    loaded.add(std::move(problems).take());
    return loaded;
  }
  const Value* const root = &composed.root;
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
  loaded.add(std::move(problems).take());
  return loaded;
}

Loaded load_file(const std::string& path, const std::string& node) {
  const auto text = file_text(path);
  if (!text) return failed({}, "cannot be read: " + text.error() + ", expected a readable file");
  return parse(*text, path, node);
}

std::string other_node(const std::string& path, const std::string& node) {
  const auto text = file_text(path);
  Problems ignored;
  if (!text) return {};
  auto names = compose(*text, path, node, real_sources(), ignored).nodes;
  std::erase(names, node);
  return names.size() == 1 ? names.front() : std::string();
}

}  // namespace tandem::config
