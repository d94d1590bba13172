// SPDX-License-Identifier: Apache-2.0
// What a device has for receiving: its driver, its queues, and how long its packets may be.
#pragma once

#include <string>

namespace tandem::engine {

// Of a device in this thread's network namespace; at least 1.
unsigned rx_queues(const std::string& device);
// The name of its driver; empty: the kernel does not tell.
std::string driver_of(const std::string& device);
// Its MTU; 0: there is none such.
unsigned mtu_of(const std::string& device);

}  // namespace tandem::engine
