// SPDX-License-Identifier: Apache-2.0
// What this node's numbers of services, backends and next hops stand for, read from the tables that
// the packet core reads (tandem/abi.h). From any thread: a record that is being written is found as
// it was, or as it is.
#pragma once

#include <cstdint>
#include <optional>

#include "sync/message.hpp"
#include "tandem/tables.h"

namespace tandem::sync {

// nullopt: there is nothing of that number.
[[nodiscard]] std::optional<ServiceName> service_name(const td_env& env, std::uint16_t number);
[[nodiscard]] std::optional<BackendName> backend_name(const td_env& env, std::uint16_t slot);
[[nodiscard]] std::optional<HopName> hop_name(const td_env& env, std::uint16_t number);

// Whether the number stands for the same service here (fullnat's sources may differ), or the slot for
// the same backend of a service.
[[nodiscard]] bool is_service(const td_env& env, std::uint16_t number, const ServiceName& name);
[[nodiscard]] bool is_backend(const td_env& env, std::uint16_t slot, std::uint16_t service,
                              const BackendName& name);

// The service of another node among this one's; 0: it is not there. Reads all of them.
[[nodiscard]] std::uint16_t find_service(const td_env& env, const ServiceName& name);

// Whether this node may answer for the service's address at this moment.
[[nodiscard]] bool holds_lease(const td_env& env, std::uint16_t service, std::uint64_t now_ns);

}  // namespace tandem::sync
