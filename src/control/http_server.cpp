// SPDX-License-Identifier: Apache-2.0
#include "control/http_server.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "control/endpoint.hpp"
#include "control/http_connection.hpp"

namespace tandem::control {

using boost::asio::ip::tcp;

namespace {

constexpr int kServes = 9;  // a document, times what it took to make

tcp::endpoint endpoint(const IpAddress& address, std::uint16_t port) {
  return {boost::asio::ip::make_address(address.to_string()), port};
}

// Commands that the daemon starts get none of its sockets.
template <class Socket>
void keep_to_itself(Socket& socket) {
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(boost::asio::io_context& io,
                                                       const IpAddress& address, std::uint16_t port,
                                                       HttpLimits limits) {
  std::unique_ptr<HttpServer> server(new HttpServer(io, limits));
  auto& acceptor = server->acceptor_;
  try {
    const auto where = endpoint(address, port);
    acceptor.open(where.protocol());
    keep_to_itself(acceptor);
    acceptor.set_option(tcp::acceptor::reuse_address(true));  // closed connections linger
    if (!address.is_v4()) acceptor.set_option(boost::asio::ip::v6_only(true));
    acceptor.bind(where);
    acceptor.listen();
  } catch (const boost::system::system_error& error) {
    return fail("HTTP on " + Endpoint{address, port}.to_string() + ": " + error.code().message());
  }
  server->accept();
  return server;
}

HttpServer::HttpServer(boost::asio::io_context& io, HttpLimits limits)
    : io_(io), acceptor_(io), retry_(io), limits_(limits) {}

HttpServer::~HttpServer() {
  for (const auto& connection : connections_) connection->close();
}

void HttpServer::on(std::string path, std::string type, Make make, std::string policy) {
  auto& document = documents_[std::move(path)];
  document.type = std::move(type);
  document.policy = std::move(policy);
  document.make = std::move(make);
}

std::uint16_t HttpServer::port() const {
  return acceptor_.local_endpoint().port();
}

// ---- Connections

void HttpServer::accept() {
  acceptor_.async_accept(
      [this, alive = std::weak_ptr(alive_)](boost::system::error_code error, tcp::socket socket) {
        if (alive.expired()) return;
        if (error) return accept_later();
        ++counters_.connections;
        keep_to_itself(socket);
        make_room();
        connections_.push_back(std::make_shared<HttpConnection>(*this, std::move(socket)));
        connections_.back()->read();
        accept();
      });
}

// Out of descriptors, most likely: asking again at once would spin.
void HttpServer::accept_later() {
  retry_.expires_after(std::chrono::milliseconds(100));
  retry_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code) {
    if (!alive.expired()) accept();
  });
}

void HttpServer::make_room() {
  if (connections_.size() < kMaxHttpConnections) return;
  const auto quietest = std::ranges::min_element(connections_, {}, [](const auto& connection) {
    return std::pair(connection->busy(), connection->last_active());
  });
  (*quietest)->close();
  connections_.erase(quietest);
  ++counters_.evicted;
}

void HttpServer::forget(const HttpConnection* connection) {
  std::erase_if(connections_, [&](const auto& other) { return other.get() == connection; });
}

// ---- Documents

HttpServer::Document* HttpServer::find(std::string_view path) {
  const auto found = documents_.find(path);
  return found == documents_.end() ? nullptr : &found->second;
}

void HttpServer::ask(Document& document, std::function<void(Result<Body>)> take) {
  const auto now = MonotonicClock::now();
  if (document.body && now < document.fresh_until) return take(document.body);
  document.waiting.push_back(std::move(take));
  if (std::exchange(document.making, true)) return;
  document.body.reset();  // not two of them at once, unless somebody reads the old one
  document.begun = now;
  const auto done = [&document, &io = io_, alive = std::weak_ptr(alive_)](auto outcome) {
    boost::asio::post(io, [&document, alive, outcome = std::move(outcome)]() mutable {
      if (!alive.expired()) made(document, std::move(outcome));
    });
  };
  try {
    document.make(done);
  } catch (const std::exception& e) {
    made(document, fail(std::string("internal error: ") + e.what()));
  }
}

void HttpServer::made(Document& document, Result<std::string> outcome) {
  document.making = false;
  Result<Body> body;
  if (outcome) {
    const auto now = MonotonicClock::now();
    document.body = std::make_shared<const std::string>(std::move(*outcome));
    document.fresh_until = now + kServes * (now - document.begun);
    body = document.body;
  } else {
    body = std::unexpected(outcome.error());
  }
  for (const auto& take : std::exchange(document.waiting, {})) take(body);
}

}  // namespace tandem::control
