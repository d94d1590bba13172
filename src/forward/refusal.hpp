// SPDX-License-Identifier: Apache-2.0
// What a service without a backend says, in the name of its address: a RST to TCP (RFC 9293,
// 3.10.7.1), "port unreachable" to UDP (RFC 1122, 4.1.3.1; RFC 4443, 3.1). It is made in place of
// the packet that asked.
#pragma once

#include <cstdint>

#include "tandem/frame.h"
#include "tandem/parse.h"

namespace tandem::forward {

// The frame becomes the answer, to be sent by where it came in, and `p` is void. false: this packet
// must not be answered (a RST, a later fragment, a group's), or there is no room.
bool refuse(td_frame& frame, const td_packet& p);

}  // namespace tandem::forward
