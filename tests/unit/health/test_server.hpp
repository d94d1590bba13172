// SPDX-License-Identifier: Apache-2.0
// A server on a loopback port, in the loop of the test: takes a connection, optionally under TLS,
// reads to the end of the request's header, writes a canned answer, closes.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem::health::testing {

using boost::asio::ip::tcp;

// A certificate made on the spot, signed by itself, valid for an hour.
inline void use_self_signed(boost::asio::ssl::context& context) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  const unsigned char text[] = "nobody.example";
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_sign(certificate, key, EVP_sha256());
  SSL_CTX_use_certificate(context.native_handle(), certificate);
  SSL_CTX_use_PrivateKey(context.native_handle(), key);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

class TestServer {
 public:
  enum class After { close, hang };  // what follows the answer

  TestServer(boost::asio::io_context& loop, std::string answer, After after = After::close,
             bool tls = false)
      : loop_(loop),
        acceptor_(loop, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        tls_(boost::asio::ssl::context::tls_server),
        answer_(std::move(answer)),
        after_(after) {
    if (tls) {
      use_self_signed(tls_);
      accept<boost::asio::ssl::stream<tcp::socket>>();
    } else {
      accept<tcp::socket>();
    }
  }

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] const std::vector<std::string>& requests() const { return requests_; }
  void set_answer(std::string answer) { answer_ = std::move(answer); }

 private:
  template <class Stream>
  struct Session {
    explicit Session(Stream made) : stream(std::move(made)) {}
    Stream stream;
    std::string text;
  };

  template <class Stream>
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
      if (error) return;
      if constexpr (std::is_same_v<Stream, tcp::socket>) {
        read(std::make_shared<Session<Stream>>(std::move(socket)));
      } else {
        auto session = std::make_shared<Session<Stream>>(Stream(std::move(socket), tls_));
        session->stream.async_handshake(boost::asio::ssl::stream_base::server,
                                        [this, session](boost::system::error_code failed) {
                                          if (!failed) read(session);
                                        });
      }
      accept<Stream>();
    });
  }

  template <class SessionPointer>
  void read(SessionPointer session) {
    boost::asio::async_read_until(
        session->stream, boost::asio::dynamic_buffer(session->text), "\r\n\r\n",
        [this, session](boost::system::error_code error, std::size_t) {
          if (error) return;
          requests_.push_back(session->text);
          session->text = answer_;
          boost::asio::async_write(session->stream, boost::asio::buffer(session->text),
                                   [this, session](boost::system::error_code, std::size_t) {
                                     if (after_ == After::hang) hanging_.push_back(session);
                                   });
        });
  }

  boost::asio::io_context& loop_;
  tcp::acceptor acceptor_;
  boost::asio::ssl::context tls_;
  std::string answer_;
  After after_;
  std::vector<std::string> requests_;
  std::vector<std::shared_ptr<void>> hanging_;
};

// A port of this host on which nobody listens, held so that nobody will.
class ClosedPort {
 public:
  explicit ClosedPort(boost::asio::io_context& loop) : socket_(loop, tcp::v4()) {
    socket_.bind({boost::asio::ip::address_v4::loopback(), 0});
  }
  [[nodiscard]] std::uint16_t number() const { return socket_.local_endpoint().port(); }

 private:
  tcp::socket socket_;
};

}  // namespace tandem::health::testing
