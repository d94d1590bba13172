// SPDX-License-Identifier: Apache-2.0
// The receive checks that need configuration (RFC 9568, 7.1; RFC 3768, 7.1): everything that the
// codec could not judge from the packet alone.
#pragma once

#include <optional>

#include "vrrp/authenticator.hpp"
#include "vrrp/settings.hpp"
#include "wire/vrrp.hpp"

namespace tandem::vrrp {

// Why this virtual router drops the advert, if it does. `own` is the source of its own adverts.
[[nodiscard]] std::optional<wire::AdvertDrop> judge(const Settings& settings, const IpAddress& own,
                                                    const wire::ReceivedAdvert& received,
                                                    Authenticator& authenticator,
                                                    MonotonicTime now);

// Whether both lists hold the same addresses, in whichever order.
[[nodiscard]] bool same_addresses(const wire::AddressList& a, const wire::AddressList& b);

}  // namespace tandem::vrrp
