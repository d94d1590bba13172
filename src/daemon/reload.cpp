// SPDX-License-Identifier: Apache-2.0
#include "daemon/reload.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace tandem::daemon {
namespace {

std::string lines(const std::vector<config::Problem>& problems, const std::string& file,
                  config::Severity severity) {
  std::string text;
  for (const auto& problem : problems)
    if (problem.severity == severity)
      text += (text.empty() ? "" : "\n") + config::format(problem, file);
  return text;
}

nlohmann::json difference(const Change& change) {
  nlohmann::json result = {{"added", nlohmann::json::array()},
                           {"removed", nlohmann::json::array()},
                           {"changed", nlohmann::json::array()},
                           {"unchanged", 0},
                           {"warnings", nlohmann::json::array()}};
  int unchanged = 0;
  for (const auto& r : change.to.routers) {
    const auto* old = change.from.find(r.id);
    if (old == nullptr)
      result["added"].push_back(r.config.name);
    else if (old->config != r.config || old->settings.auth != r.settings.auth)  // a key file is new
      result["changed"].push_back(r.config.name);
    else
      unchanged++;
  }
  for (const auto& r : change.from.routers)
    if (change.to.find(r.id) == nullptr) result["removed"].push_back(r.config.name);
  result["unchanged"] = unchanged;
  return result;
}

// Those of what is only in the plan that went.
void release(speaker::Numbers& numbers, const Change& change) {
  for (const auto& old : change.from.routers)
    if (change.to.find(old.id) == nullptr) numbers.routers.release(speaker::router_key(old.config));
  const auto& interfaces = change.to.config.interfaces;
  for (const auto& old : change.from.config.interfaces)
    if (std::ranges::find(interfaces, old.name, &config::Interface::name) == interfaces.end())
      numbers.links.release(old.name);
}

}  // namespace

Result<void> Reload::start(const config::Config& config, const std::set<std::string>& handed_over) {
  auto plan = speaker::make_plan(config, running_.numbers);
  if (!plan) return std::unexpected(plan.error());
  for (auto& router : plan->routers)
    router.settings.starts_handed_over = handed_over.contains(router.config.name);
  return apply(*plan);
}

control::Answer Reload::reload(const std::string& file) {
  auto outcome = replace(file);
  counted_.last_good = outcome.has_value();
  counted_.refusal.clear();
  if (!outcome) {
    const std::string& text = outcome.error().message;
    counted_.refusal = text.substr(0, text.find('\n'));
    spdlog::error("reload refused, the running configuration stays: {}", counted_.refusal);
  }
  ++(outcome ? counted_.applied : counted_.refused);
  return outcome;
}

control::Answer Reload::replace(const std::string& file) {
  auto loaded = config::load_file(file);
  if (loaded.good()) loaded.add(check_(loaded.config));
  if (!loaded.good()) return fail(lines(loaded.problems, file, config::Severity::error));
  if (const auto key = speaker::needs_restart(running_.plan.config, loaded.config); !key.empty())
    return fail(file + ": " + key + " cannot change while running; restart tandemd");

  std::vector<std::string> left_out;
  nlohmann::json result;
  const auto installed =
      install(config::with_changes(loaded.config, running_.backend_changes, left_out), &result);
  if (!installed) return std::unexpected(installed.error());
  for (const auto& problem : loaded.problems)
    result["warnings"].push_back(config::format(problem, file));
  for (const auto& sentence : left_out) result["warnings"].push_back(sentence);
  running_.file = file;
  running_.from_file = loaded.config;
  return result;
}

Result<void> Reload::install(const config::Config& config, nlohmann::json* difference_made) {
  const speaker::Numbers numbers = running_.numbers;
  const auto plan = speaker::make_plan(config, running_.numbers);
  if (!plan) {
    running_.numbers = numbers;
    return std::unexpected(plan.error());
  }
  if (difference_made != nullptr) *difference_made = difference({running_.plan, *plan});
  auto applied = apply(*plan);
  if (!applied) roll_back(*plan, numbers);
  return applied;
}

Result<void> Reload::apply(const speaker::Plan& to) {
  for (const auto& part : parts_)
    if (part.stage)
      if (auto staged = part.stage({running_.plan, to}); !staged) return staged;
  const speaker::Plan before = std::exchange(running_.plan, to);
  const Change change{before, running_.plan};
  for (const auto& part : parts_)
    if (part.commit) part.commit(change);
  release(running_.numbers, change);
  return {};
}

void Reload::roll_back(const speaker::Plan& to, const speaker::Numbers& numbers) {
  for (const auto& part : parts_)
    if (part.roll_back) part.roll_back({running_.plan, to});
  running_.numbers = numbers;
}

}  // namespace tandem::daemon
