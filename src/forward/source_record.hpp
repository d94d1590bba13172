// SPDX-License-Identifier: Apache-2.0
// fullnat: the record of whose flow has a source port (td_source), as its writer fills it.
#pragma once

#include <atomic>
#include <cstring>

#include "tandem/steer.h"

namespace tandem::forward {

// All but `service` first, which makes the record somebody's.
inline void fill_source(td_source& record, const td_client& client, std::uint16_t service,
                        std::uint16_t hop) {
  std::atomic_ref(record.service).store(0, std::memory_order_release);
  td_source fresh{};
  td_copy_address(fresh.client, client.address, client.family);
  std::memcpy(record.client, fresh.client, sizeof record.client);
  record.client_port = static_cast<std::uint16_t>(client.port);
  record.hop = hop;
  std::atomic_ref(record.service).store(service, std::memory_order_release);
}

}  // namespace tandem::forward
