// SPDX-License-Identifier: Apache-2.0
#include "config/backend_changes.hpp"

#include <algorithm>
#include <utility>

#include "base/endpoint_text.hpp"
#include "config/kinds.hpp"
#include "config/schema.hpp"

namespace tandem::config {
namespace {

struct ChangesFile {
  BackendChanges changes;
};

const Section<BackendChange>& change_section() {
  static const Section<BackendChange> section{
      "[[backend]]",
      "",
      {
          key("service", &BackendChange::service, name_text(), "").required(),
          key("address", &BackendChange::address, Address{}, "").required(),
          key("port", &BackendChange::port, Integer{1, 65535}, "").required(),
          key("weight", &BackendChange::weight, Maybe<Integer>{{0, 65535}}, ""),
          key("max_connections", &BackendChange::max_connections,
              Maybe<Integer>{{0, 1'000'000'000}}, ""),
          key("backup", &BackendChange::backup, Maybe<Boolean>{}, ""),
          key("removed", &BackendChange::removed, Boolean{}, ""),
      },
  };
  return section;
}

const Section<ChangesFile>& changes_section() {
  static const Section<ChangesFile> section{
      "the file",
      "",
      {key("backend", &ChangesFile::changes,
           ListOf<TableOf<BackendChange>>{{change_section()}, kMostBackends, "tables"}, "")},
  };
  return section;
}

bool is_same(const BackendChange& a, const BackendChange& b) {
  return a.service == b.service && a.address == b.address && a.port == b.port;
}

std::string described(const BackendChange& change) {
  return "service '" + change.service + "': " + endpoint_text(change.address, change.port);
}

// nullptr: the service has no such backend.
template <class AService>
auto* backend_of(AService& service, const BackendChange& change) {
  const auto found = std::ranges::find_if(service.backends, [&](const Backend& b) {
    return b.address == change.address && b.port == change.port;
  });
  return found == service.backends.end() ? nullptr : &*found;
}

Result<const Service*> service_of(const Config& config, const std::string& name) {
  const auto found = std::ranges::find(config.services, name, &Service::name);
  if (found == config.services.end()) return fail("there is no service '" + name + "'");
  if (found->forward == Forward::local)
    return fail("service '" + name + "' has forward = \"local\", and so no backends");
  return &*found;
}

// As the rules of the file have it.
Result<void> check_new(const Config& config, const Service& service, const BackendChange& change) {
  for (const auto& router : config.vrrp)
    if (router.has(change.address))
      return fail(described(change) +
                  " is a virtual address, expected an address of the backend's own");
  if (service.forward != Forward::tunnel && change.address.family() != service.address.family())
    return fail(described(change) + " is an address of the other family, expected " +
                to_string(service.address.family()) + ", as the service's");
  const bool keeps_port = service.forward == Forward::dsr || service.forward == Forward::tunnel;
  if (keeps_port && change.port != service.port)
    return fail(described(change) + ": with dsr and tunnel a backend has the service's port, " +
                "expected " + std::to_string(service.port));
  std::size_t count = 0;
  for (const auto& other : config.services) count += other.backends.size();
  if (count >= kMostBackends)
    return fail(described(change) + ": there are " + std::to_string(kMostBackends) +
                " backends already");
  return {};
}

void overlay(Backend& backend, const BackendChange& change) {
  if (change.weight) backend.weight = *change.weight;
  if (change.max_connections) backend.max_connections = *change.max_connections;
  if (change.backup) backend.backup = *change.backup;
}

Result<void> apply(Config& config, const BackendChange& change) {
  const auto known = service_of(config, change.service);
  if (!known) return std::unexpected(known.error());
  const auto at = static_cast<std::size_t>(*known - config.services.data());
  Service& service = config.services[at];
  Backend* backend = backend_of(service, change);
  if (change.removed) {
    if (backend != nullptr)
      service.backends.erase(service.backends.begin() + (backend - service.backends.data()));
    return {};
  }
  if (backend == nullptr) {
    if (auto good = check_new(config, service, change); !good) return good;
    backend = &service.backends.emplace_back();
    backend->address = change.address;
    backend->port = change.port;
    backend->where = service.where;
  }
  overlay(*backend, change);
  return {};
}

}  // namespace

Result<BackendChanges> with_change(const Config& config, BackendChanges changes,
                                   BackendAction action, BackendChange change) {
  const auto service = service_of(config, change.service);
  if (!service) return std::unexpected(service.error());
  const bool in_file = backend_of(**service, change) != nullptr;
  const auto known =
      std::ranges::find_if(changes, [&](const auto& other) { return is_same(other, change); });
  const bool is_changed = known != changes.end();
  const bool is_there = is_changed ? !known->removed : in_file;
  if (action == BackendAction::add && is_there)
    return fail(described(change) + " is there already; `tandemctl backend set` changes it");
  if ((action == BackendAction::remove || action == BackendAction::set) && !is_there)
    return fail(described(change) + " is no backend, expected one of `tandemctl backends " +
                change.service + "`");
  if (action == BackendAction::reset && !is_changed)
    return fail(described(change) + " is as the file has it");
  BackendChange next = change;
  if (action == BackendAction::set && is_changed) {
    next = *known;
    if (change.weight) next.weight = change.weight;
    if (change.max_connections) next.max_connections = change.max_connections;
    if (change.backup) next.backup = change.backup;
  }
  if (action == BackendAction::remove) {
    next = BackendChange{change.service, change.address, change.port};
    next.removed = true;
  }
  if (is_changed) changes.erase(known);
  const bool is_undone =
      action == BackendAction::reset || (action == BackendAction::remove && !in_file);
  if (is_undone) return changes;
  std::vector<std::string> left_out;  // they are told of at a reload
  Config all = with_changes(config, changes, left_out);
  if (auto applied = apply(all, next); !applied) return std::unexpected(applied.error());
  changes.push_back(std::move(next));
  return changes;
}

Config with_changes(const Config& config, const BackendChanges& changes,
                    std::vector<std::string>& left_out) {
  Config changed = config;
  for (const auto& change : changes)
    if (auto applied = apply(changed, change); !applied)
      left_out.push_back("a backend that was changed at run time is left out: " +
                         applied.error().message);
  return changed;
}

std::string to_text(const BackendChanges& changes) {
  std::string text =
      "# Written by tandemd: what `tandemctl backend` has changed. The configuration has the "
      "rest.\n";
  for (const auto& change : changes) {
    std::string name;
    for (const char c : change.service)
      name += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
    text += "\n[[backend]]\nservice = \"" + name + "\"\naddress = \"" + change.address.to_string() +
            "\"\nport = " + std::to_string(change.port) + "\n";
    if (change.weight) text += "weight = " + std::to_string(*change.weight) + "\n";
    if (change.max_connections)
      text += "max_connections = " + std::to_string(*change.max_connections) + "\n";
    if (change.backup)
      text += std::string("backup = ") + (*change.backup ? "true" : "false") + "\n";
    if (change.removed) text += "removed = true\n";
  }
  return text;
}

Result<BackendChanges> parse_changes(std::string_view text) {
  const auto root = parse_toml(text);
  if (!root)
    return fail(std::to_string(root.error().where.line) + ":" +
                std::to_string(root.error().where.column) + ": " + root.error().message);
  ChangesFile file;
  Problems problems;
  read_section(changes_section(), *root, file, problems);
  for (const auto& problem : std::move(problems).take())
    return fail(std::to_string(problem.where.line) + ":" + std::to_string(problem.where.column) +
                ": " + problem.what);
  return file.changes;
}

}  // namespace tandem::config
