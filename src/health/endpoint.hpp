// SPDX-License-Identifier: Apache-2.0
// Tandem's addresses as Asio's.
#pragma once

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>

#include "base/address.hpp"

namespace tandem::health {

[[nodiscard]] inline boost::asio::ip::tcp::endpoint endpoint(const IpAddress& address,
                                                             std::uint16_t port) {
  const auto bytes = address.bytes();
  if (address.is_v4()) {
    boost::asio::ip::address_v4::bytes_type v4{};
    std::ranges::copy(bytes, v4.begin());
    return {boost::asio::ip::address_v4(v4), port};
  }
  boost::asio::ip::address_v6::bytes_type v6{};
  std::ranges::copy(bytes, v6.begin());
  return {boost::asio::ip::address_v6(v6), port};
}

}  // namespace tandem::health
