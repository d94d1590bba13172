// SPDX-License-Identifier: Apache-2.0
// How many queues a device receives on.
#pragma once

#include <string>

namespace tandem::engine {

// Of a device in this thread's network namespace; at least 1.
unsigned rx_queues(const std::string& device);

}  // namespace tandem::engine
