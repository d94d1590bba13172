// SPDX-License-Identifier: Apache-2.0
// There may be thousands of backends: each is looked up once in an ordered set, never compared with
// all the others.
#include <algorithm>
#include <map>
#include <tuple>

#include "config/schema.hpp"
#include "config/service_item.hpp"

namespace tandem::config {
namespace {

// A reply shows where it comes from, not of which service it is: the data plane tries one service
// after the other, and this many at most.
constexpr int kMostSharing = 4;

using Endpoint = std::tuple<IpAddress, std::uint16_t, Protocol>;

std::string name_of(const Backend& backend) {
  return backend.address.to_string() + " port " + std::to_string(backend.port);
}

// Without backends that take flows the service is as good as not there. It may be meant: backends
// come and go at run time.
void check_some_take_flows(const ServiceItem& item, Problems& problems) {
  const auto& service = item.service;
  const std::string fate = service.unavailable == Unavailable::reject ? "refused" : "dropped";
  const auto takes_flows = [](const Backend& backend) { return backend.weight > 0; };
  const auto* entry = item.table.find("backends");
  const auto* array = entry == nullptr ? nullptr : entry->value.get<Value::Array>();
  if (entry == nullptr || (array != nullptr && array->empty()))
    problems.warn(item.at("backends"), "backends: " + in_quotes(service.name) +
                                           " has no backends: every connection is " + fate +
                                           ", expected at least one");
  else if (!service.backends.empty() && std::ranges::none_of(service.backends, takes_flows))
    problems.warn(item.at("backends"), "backends: all weights are 0: every new connection is " +
                                           fate + ", expected at least one of 1 or more");
}

void check_backend(const ServiceItem& item, std::size_t index,
                   const std::set<IpAddress>& virtual_addresses, Problems& problems) {
  const auto& service = item.service;
  const auto& backend = service.backends[index];
  const auto where = item.at("backends", index, "address");
  const auto address = backend.address.to_string();
  if (virtual_addresses.contains(backend.address))
    problems.error(where, "address: " + address +
                              " is a virtual address, expected an address of the backend's own");
  if (service.forward != Forward::tunnel && !service.address.is_unspecified() &&
      backend.address.family() != service.address.family())
    problems.error(where, "address: " + address + " is an address of the other family, expected " +
                              to_string(service.address.family()) + ", as the service's");
  const bool keeps_port = service.forward == Forward::dsr || service.forward == Forward::tunnel;
  if (keeps_port && service.port != 0 && backend.port != service.port)
    problems.error(item.at("backends", index, "port"),
                   "port: " + std::to_string(backend.port) + " is not the service's, and " +
                       item.forward() + " leaves packets as they are, expected " +
                       std::to_string(service.port) + ", or forward = \"nat\" or \"fullnat\"");
}

// The endpoints of the service's backends, each once.
std::map<Endpoint, Location> check_each_once(const ServiceItem& item, Problems& problems) {
  std::map<Endpoint, Location> endpoints;
  for (const auto& backend : item.service.backends) {
    if (backend.address.is_unspecified() || backend.port == 0) continue;
    const auto [first, is_new] = endpoints.emplace(
        Endpoint(backend.address, backend.port, item.service.protocol), backend.where);
    if (!is_new)
      problems.error(backend.where, "backends: " + name_of(backend) + " is in line " +
                                        std::to_string(first->second.line) +
                                        " too, expected each backend once");
  }
  return endpoints;
}

void check_number(const std::vector<ServiceItem>& items, Problems& problems) {
  std::size_t count = 0;
  for (const auto& item : items) {
    const auto& backends = item.service.backends;
    if (count <= kMostBackends && count + backends.size() > kMostBackends)
      problems.error(backends[kMostBackends - count].where,
                     "backends: one backend too many, expected at most " +
                         std::to_string(kMostBackends) + " in all [[service]]");
    count += backends.size();
  }
}

}  // namespace

void check_backends(const File& file, Problems& problems) {
  const auto items = services_of(file);
  const auto virtual_addresses = virtual_addresses_of(file.config);
  std::map<Endpoint, int> sharing;
  check_number(items, problems);
  for (const auto& item : items) {
    const auto forward = item.service.forward;
    if (forward == Forward::local) continue;  // has none, or an error already
    check_some_take_flows(item, problems);
    for (std::size_t i = 0; i < item.service.backends.size(); ++i)
      if (!item.service.backends[i].address.is_unspecified())
        check_backend(item, i, virtual_addresses, problems);
    const bool has_replies = forward == Forward::nat || forward == Forward::fullnat;
    for (const auto& [endpoint, where] : check_each_once(item, problems))
      if (has_replies && ++sharing[endpoint] == kMostSharing + 1)
        problems.error(where, "backends: " + std::get<0>(endpoint).to_string() + " port " +
                                  std::to_string(std::get<1>(endpoint)) + " is a backend of " +
                                  std::to_string(kMostSharing) +
                                  " services before, expected at most " +
                                  std::to_string(kMostSharing) +
                                  " services with \"nat\" or \"fullnat\" on one backend");
  }
}

}  // namespace tandem::config
