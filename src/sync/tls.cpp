// SPDX-License-Identifier: Apache-2.0
#include "sync/tls.hpp"

#include <cstring>
#include <string_view>

namespace tandem::sync {
namespace {

constexpr std::string_view kIdentity = "tandem";
constexpr unsigned char kCipher[2] = {0x13, 0x01};  // TLS_AES_128_GCM_SHA256

// Where the key is kept at OpenSSL's context; its "app data" is Asio's.
int key_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// The key in the form in which OpenSSL takes it.
SSL_SESSION* session_of(SSL* connection) {
  const auto* key =
      static_cast<const Key*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), key_index()));
  SSL_SESSION* session = SSL_SESSION_new();
  if (session == nullptr) return nullptr;
  if (SSL_SESSION_set1_master_key(session, key->data(), key->size()) == 1 &&
      SSL_SESSION_set_cipher(session, SSL_CIPHER_find(connection, kCipher)) == 1 &&
      SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1)
    return session;
  SSL_SESSION_free(session);
  return nullptr;
}

int use_key(SSL* connection, const EVP_MD* digest, const unsigned char** identity,
            std::size_t* length, SSL_SESSION** session) {
  *identity = nullptr;
  *length = 0;
  *session = nullptr;
  if (digest != nullptr && EVP_MD_get_type(digest) != NID_sha256) return 1;  // not by this one
  *session = session_of(connection);
  *identity = reinterpret_cast<const unsigned char*>(kIdentity.data());
  *length = kIdentity.size();
  return *session != nullptr;
}

int find_key(SSL* connection, const unsigned char* identity, std::size_t length,
             SSL_SESSION** session) {
  *session = nullptr;
  if (std::string_view(reinterpret_cast<const char*>(identity), length) == kIdentity)
    *session = session_of(connection);
  return 1;
}

}  // namespace

Tls::Tls(const Key& key) : context_(boost::asio::ssl::context::tls), key_(key) {
  SSL_CTX* context = context_.native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_ex_data(context, key_index(), &key_);
  SSL_CTX_set_psk_use_session_callback(context, use_key);
  SSL_CTX_set_psk_find_session_callback(context, find_key);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
}

// A connection by a pre-shared key counts as a resumed one; one by a certificate does not.
bool Tls::is_proved(SSL* connection) {
  return SSL_session_reused(connection) == 1;
}

}  // namespace tandem::sync
