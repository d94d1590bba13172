// SPDX-License-Identifier: Apache-2.0
#include "vrrp/priority.hpp"

#include <algorithm>
#include <cstddef>

namespace tandem::vrrp {
namespace {

constexpr int kLowest = 1;
constexpr int kHighest = 254;

// What one tracked thing adds to the priority at the moment.
int contribution(const Tracked& tracked, bool failing) {
  const int weight = tracked.weight.value_or(0);
  return failing == (weight < 0) ? weight : 0;
}

int unclamped(const Settings& settings, const Failing& failing) {
  int sum = settings.priority;
  for (std::size_t i = 0; i < settings.tracked.size(); ++i) {
    sum += contribution(settings.tracked[i], failing[i]);
  }
  return sum;
}

std::uint8_t clamped(int sum) {
  return static_cast<std::uint8_t>(std::clamp(sum, kLowest, kHighest));
}

}  // namespace

std::uint8_t effective_priority(const Settings& settings, const Failing& failing) {
  if (settings.priority == kOwnerPriority) return kOwnerPriority;
  return clamped(unclamped(settings, failing));
}

bool tracked_fault(const Settings& settings, const Failing& failing) {
  for (std::size_t i = 0; i < settings.tracked.size(); ++i) {
    if (failing[i] && !settings.tracked[i].weight) return true;
  }
  return false;
}

std::string explain_priority(const Settings& settings, const Failing& failing) {
  std::string text = std::to_string(settings.priority) + " configured";
  const bool owner = settings.priority == kOwnerPriority;
  if (owner) text += " (address owner, never moved)";
  std::string faults;
  for (std::size_t i = 0; i < settings.tracked.size(); ++i) {
    const Tracked& tracked = settings.tracked[i];
    if (!tracked.weight && failing[i]) faults += "; " + tracked.name + " failing: Fault";
    const int delta = owner ? 0 : contribution(tracked, failing[i]);
    if (delta == 0) continue;
    text += (delta > 0 ? ", +" : ", ") + std::to_string(delta) + " " + tracked.name +
            (failing[i] ? " failing" : " up");
  }
  const int sum = owner ? kOwnerPriority : unclamped(settings, failing);
  const int effective = effective_priority(settings, failing);
  text += " = " + std::to_string(effective);
  if (sum != effective) text += " (" + std::to_string(sum) + " kept within 1-254)";
  return text + faults;
}

std::optional<std::uint8_t> lowest_priority(const Settings& settings) {
  Failing worst;
  for (const Tracked& tracked : settings.tracked) {
    if (!tracked.weight && !tracked.built_in) return std::nullopt;
    worst.push_back(!tracked.built_in);
  }
  return effective_priority(settings, worst);
}

}  // namespace tandem::vrrp
