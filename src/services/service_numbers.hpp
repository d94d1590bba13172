// SPDX-License-Identifier: Apache-2.0
// The numbers of services, backends and source addresses in tandem/abi.h. They stay with what they
// name, over reloads and over restarts: flows refer to them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "tandem/parse.h"
#include "tandem/tables.h"

namespace tandem::services {

[[nodiscard]] td_mode mode_of(config::Forward forward);  // not local

// An address that fullnat connects from.
struct SourceAddress {
  IpAddress address;
  std::uint16_t slot = 0;
  bool configured = true;  // else it is there for its flows only
};

class ServiceNumbers {
 public:
  ServiceNumbers();

  // What an earlier process left in the maps. Before they are cleared.
  void adopt(const td_env& env);

  // Errors: there are no more numbers of the kind.
  Result<std::uint16_t> of_service(const config::Service& service);
  Result<std::uint16_t> of_backend(std::uint16_t service, const config::Backend& backend);
  // Of one that has none: where this node's own service is counted. 0: there are no more numbers.
  std::uint16_t of_local(const config::Service& service);
  Result<std::uint16_t> of_source(const IpAddress& address, std::uint32_t room);

  // Whether the sources that an earlier process left have their places where there is room for so
  // many, with those wanted now beside them.
  [[nodiscard]] bool have_room(const std::set<IpAddress>& wanted, std::uint32_t room) const;
  // Of an earlier process, before any is asked for; their flows end.
  void forget_sources();

  // What an earlier process has left to a service, in its places; not configured yet.
  [[nodiscard]] std::vector<SourceAddress> sources_of(std::uint16_t service) const;

  void release_service(std::uint16_t number);
  void release_backend(std::uint16_t slot);

 private:
  // Forwarded in another way it is another service: its flows would not fit.
  using ServiceKey = std::tuple<IpAddress, config::Protocol, std::uint16_t, td_mode>;
  using LocalKey = std::tuple<IpAddress, config::Protocol, std::uint16_t>;
  using BackendKey = std::tuple<std::uint16_t, IpAddress, std::uint16_t>;

  template <class Key>
  static Result<std::uint16_t> number_of(std::map<Key, std::uint16_t>& known,
                                         std::vector<bool>& taken, const Key& key,
                                         const char* what);

  std::map<ServiceKey, std::uint16_t> services_;
  std::map<BackendKey, std::uint16_t> backends_;
  std::map<LocalKey, std::uint16_t> locals_;  // among the backends'
  std::map<IpAddress, std::uint16_t> sources_;
  std::map<std::uint16_t, std::vector<SourceAddress>> adopted_sources_;  // by service
  std::vector<bool> services_taken_, backends_taken_, sources_taken_;
};

}  // namespace tandem::services
