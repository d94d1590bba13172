// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/settings.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "config/unsafe_commands.hpp"

namespace tandem::doctor {
namespace {

bool has_password(const config::Config& config) {
  return std::ranges::any_of(config.vrrp,
                             [](const auto& router) { return !router.password.empty(); });
}

}  // namespace

void judge_settings(const config::Loaded& loaded, const std::string& file, Findings& findings) {
  auto problems = loaded.problems;
  for (auto& problem : config::unsafe_commands(loaded.config))
    problems.push_back(std::move(problem));
  if (problems.empty()) findings.good(Check::config_problems, file, "has no problem");
  for (const auto& problem : problems) {
    const bool error = problem.severity == config::Severity::error;
    const std::string place = file + ":" + std::to_string(problem.where.line) + ":" +
                              std::to_string(problem.where.column);
    findings.add(Check::config_problems, error ? Severity::error : Severity::warning, place,
                 problem.what);
  }
}

void judge_permissions(const Root& root, const config::Config& config, const std::string& file,
                       Findings& findings) {
  struct stat status {};
  if (stat(root.path(file).c_str(), &status) != 0) return;  // config_problems says so
  const bool foreign = status.st_uid != 0 && status.st_uid != geteuid();
  if (foreign || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    findings.add(Check::config_permissions, Severity::error, file,
                 foreign ? "belongs to another user than root" : "can be written by other users",
                 (foreign ? "chown root " + file + "\n" : "") + "chmod go-w " + file);
  else if (has_password(config) && (status.st_mode & (S_IRGRP | S_IROTH)) != 0)
    findings.add(Check::config_permissions, Severity::warning, file,
                 "has a password in it, and can be read by other users", "chmod 600 " + file);
  else
    findings.good(Check::config_permissions, file, "is root's alone to write");
}

}  // namespace tandem::doctor
