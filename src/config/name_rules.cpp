// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "config/rules.hpp"
#include "config/suggest.hpp"

namespace tandem::config {
namespace {

// The names of one kind of table; reports those that are taken twice.
template <class T>
std::vector<std::string> distinct_names(const File& file, std::string_view section,
                                        const std::vector<T>& tables, Problems& problems) {
  std::vector<std::string> names;
  std::map<std::string, int, std::less<>> line_of;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const auto& name = tables[i].name;
    if (name.empty()) continue;
    const auto where = place(file.root, {section, i, "name"});
    const auto [first, is_new] = line_of.emplace(name, where.line);
    if (is_new)
      names.push_back(name);
    else
      problems.error(where, "name: " + in_quotes(name) + " is the name of the [[" +
                                std::string(section) + "]] in line " +
                                std::to_string(first->second) + ", expected another name");
  }
  return names;
}

void require_known(std::string_view key, const std::string& name, std::string_view section,
                   const std::vector<std::string>& known, Location where, Problems& problems) {
  if (name.empty() || std::ranges::find(known, name) != known.end()) return;
  const auto table = "[[" + std::string(section) + "]]";
  problems.error(where, std::string(key) + ": " + in_quotes(name) + " is the name of no " + table +
                            ", " + suggest(name, known, "a table " + table + " of that name"));
}

void check_groups(const File& file, Problems& problems) {
  std::map<std::string_view, int> members;
  for (const auto& router : file.config.vrrp) ++members[router.sync_group];
  for (std::size_t i = 0; i < file.config.vrrp.size(); ++i) {
    const auto& group = file.config.vrrp[i].sync_group;
    if (!group.empty() && members[group] == 1)
      problems.warn(place(file.root, {"vrrp", i, "sync_group"}),
                    "sync_group: " + in_quotes(group) +
                        " has one member and so no effect, expected another [[vrrp]] in it");
  }
}

}  // namespace

void check_names(const File& file, Problems& problems) {
  const auto& config = file.config;
  const auto interfaces = distinct_names(file, "interface", config.interfaces, problems);
  const auto checks = distinct_names(file, "check", config.checks, problems);
  (void)distinct_names(file, "vrrp", config.vrrp, problems);
  const auto services = distinct_names(file, "service", config.services, problems);

  for (std::size_t i = 0; i < config.vrrp.size(); ++i) {
    const auto& router = config.vrrp[i];
    require_known("interface", router.interface, "interface", interfaces,
                  place(file.root, {"vrrp", i, "interface"}), problems);
    // Where there is no [[interface]] there is no gate: a crashed node would go on answering.
    for (std::size_t j = 0; j < router.addresses.size(); ++j)
      require_known("device", router.addresses[j].device, "interface", interfaces,
                    place(file.root, {"vrrp", i, "addresses", j, "device"}), problems);
    for (std::size_t j = 0; j < router.track.size(); ++j) {
      const auto& track = router.track[j];
      require_known("check", track.check, "check", checks,
                    place(file.root, {"vrrp", i, "track", j, "check"}), problems);
      require_known("interface", track.interface, "interface", interfaces,
                    place(file.root, {"vrrp", i, "track", j, "interface"}), problems);
      const auto at = place(file.root, {"vrrp", i, "track", j, "service"});
      require_known("service", track.service, "service", services, at, problems);
      for (const auto& service : config.services)
        if (!track.service.empty() && service.name == track.service &&
            service.forward == Forward::local)
          problems.error(at, "service: " + in_quotes(service.name) +
                                 " has no backends, expected a service that forwards, or a "
                                 "[[check]] of this node's own");
    }
  }
  check_groups(file, problems);
}

}  // namespace tandem::config
