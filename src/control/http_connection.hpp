// SPDX-License-Identifier: Apache-2.0
// One client of the HTTP server: reads a request, writes the answer, reads on. Kept alive by its
// own pending operations; the server's pointer to it is cleared when it ends.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "control/http_server.hpp"

namespace tandem::control {

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(HttpServer& server, boost::asio::ip::tcp::socket socket)
      : server_(&server), stream_(std::move(socket)), active_(MonotonicClock::now()) {}

  void read();
  void close();  // may be called more than once, and by the server's destructor

  // Which connection gives way when places are short: not one that gets its answer, then the one
  // that was quiet for longest.
  [[nodiscard]] bool busy() const { return busy_; }
  [[nodiscard]] MonotonicTime last_active() const { return active_; }

 private:
  using Request = boost::beast::http::request_parser<boost::beast::http::empty_body>;
  // Its bytes are those of body_.
  using Response = boost::beast::http::response<boost::beast::http::span_body<const char>>;

  void on_request();
  void refuse_unreadable(boost::system::error_code error);
  void refuse(boost::beast::http::status status, const std::string& why);
  void answer(boost::beast::http::status status, const std::string& type, HttpServer::Body body,
              const std::string& policy = "");
  void on_written(boost::system::error_code error);
  void end();

  HttpServer* server_;  // null: closed
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer received_{kMaxHttpHeader};
  std::optional<Request> request_;
  HttpServer::Body body_;
  Response response_;
  MonotonicTime active_;
  bool head_ = false;        // the request's method is HEAD
  bool keep_alive_ = false;  // there may be another request
  bool busy_ = false;        // between a request and the end of its answer
};

}  // namespace tandem::control
