// SPDX-License-Identifier: Apache-2.0
#include "daemon/reload_parts.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <set>

#include "speaker/router_changes.hpp"

namespace tandem::daemon {
namespace {

bool forwards(const config::Config& config) {
  return std::ranges::any_of(config.services,
                             [](const auto& s) { return s.forward != config::Forward::local; });
}

void log_failure(const Result<void>& done) {
  if (!done) spdlog::error("{}", done.error().message);
}

}  // namespace

ReloadPart addresses_part(VirtualAddresses& addresses, const speaker::Interfaces& interfaces) {
  const auto real = std::make_shared<std::set<IpAddress>>();
  return {.stage = [&addresses, real](const Change& change) -> Result<void> {
            *real = addresses.real();
            addresses.note_real(change.to.config, change.from);
            return {};
          },
          .commit =
              [&addresses, &interfaces](const Change& change) {
                for (const auto& old : change.from.config.interfaces)
                  if (old.has_own_port() && interfaces.find(old.name) == nullptr)
                    addresses.remove(old);
                for (const auto& interface : change.to.config.interfaces)
                  if (interface.has_own_port()) addresses.install(interface);
              },
          .roll_back = [&addresses, real](const Change&) { addresses.set_real(*real); }};
}

ReloadPart departures_part(VirtualAddresses& addresses, speaker::Speaker& speaker) {
  return {.commit = [&addresses, &speaker](const Change& change) {
    for (const auto& old : change.from.routers)
      if (change.to.find(old.id) == nullptr) addresses.remove(old);
    remove_routers(speaker.thread(), change.from, change.to);
  }};
}

ReloadPart interfaces_part(speaker::Interfaces& interfaces, const speaker::Numbers& numbers) {
  return {.stage = [&interfaces, &numbers](const Change& change) -> Result<void> {
            const config::Config& config = change.to.config;
            if (auto had = interfaces.apply(config.interfaces, change.to.routers, numbers); !had)
              return had;
            if (config.node.engine == "xdp" && forwards(config)) interfaces.level_modes();
            return {};
          },
          .commit = [&interfaces](const Change&) { interfaces.let_go(); },
          .roll_back =
              [&interfaces, &numbers](const Change& change) {
                log_failure(
                    interfaces.apply(change.from.config.interfaces, change.from.routers, numbers));
                interfaces.let_go();
              }};
}

ReloadPart services_part(services::Services& services, const speaker::Interfaces& interfaces) {
  return {.stage = [&services](const Change& change) { return services.stage(change.to.config); },
          .commit = [&services, &interfaces](const Change&) { services.commit(interfaces); },
          .roll_back =
              [&services, &interfaces](const Change& change) {
                log_failure(services.stage(change.from.config));
                services.commit(interfaces);
              }};
}

ReloadPart routers_part(speaker::Speaker& speaker) {
  return {.commit = [&speaker](const Change& change) {
    add_routers(speaker.thread(), change.from, change.to);
    speaker.peers().apply(change.to.routers, speaker.interfaces());
  }};
}

}  // namespace tandem::daemon
