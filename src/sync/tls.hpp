// SPDX-License-Identifier: Apache-2.0
// TLS 1.3 by a pre-shared key (RFC 8446, 2.2) and nothing else: no certificate, no older version. Who
// has not the key gets no further than the handshake, on either side.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "sync/key.hpp"

namespace tandem::sync {

// For either side of connections. It holds the key.
class Tls {
 public:
  explicit Tls(const Key& key);
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  [[nodiscard]] boost::asio::ssl::context& context() { return context_; }
  // After a handshake: whether the key was what proved the peer.
  [[nodiscard]] static bool is_proved(SSL* connection);

 private:
  boost::asio::ssl::context context_;
  Key key_;
};

}  // namespace tandem::sync
