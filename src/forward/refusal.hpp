// SPDX-License-Identifier: Apache-2.0
// What a sender is told in the name of the address that it sent to, in place of its packet: a RST of
// TCP (RFC 9293, 3.10.7.1) or "port unreachable" (RFC 1122, 4.1.3.1; RFC 4443, 3.1) by a service
// without a backend; "too big" (RFC 1191, 4; RFC 4443, 3.2) or "time exceeded" (RFC 1812, 5.3.1; RFC
// 4443, 3.3) where it cannot be sent on.
#pragma once

#include <cstdint>

#include "tandem/frame.h"
#include "tandem/parse.h"

namespace tandem::forward {

// The frame becomes the answer, to be sent by where it came in, and `p` is void. false: this packet
// must not be answered (a RST, a later fragment, a group's), or there is no room.
bool refuse(td_frame& frame, const td_packet& p);
// The same for a packet that td_may_be_answered().
bool answer_too_big(td_frame& frame, const td_packet& p, std::uint32_t mtu);
bool answer_time_exceeded(td_frame& frame, const td_packet& p);

}  // namespace tandem::forward
