// SPDX-License-Identifier: Apache-2.0
#include "control/server.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "control/connection.hpp"
#include "control/socket_file.hpp"

namespace tandem::control {

using nlohmann::json;

namespace {

struct Request {
  std::string command;
  json arguments;
};

Result<Request> parse_request(const std::string& line) {
  json request = json::parse(line, nullptr, false);
  if (request.is_discarded()) return fail("the request is no JSON");
  if (!request.is_object())
    return fail("the request must be an object with a \"command\", and \"arguments\" if any");
  const auto command = request.find("command");
  if (command == request.end() || !command->is_string())
    return fail("the request has no \"command\", expected a string");
  auto arguments = request.find("arguments");
  if (arguments == request.end() || arguments->is_null())
    return Request{command->get<std::string>(), json::object()};
  if (!arguments->is_object()) return fail("\"arguments\" must be an object");
  return Request{command->get<std::string>(), std::move(*arguments)};
}

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(boost::asio::io_context& io, std::string path,
                                               const std::string& group) {
  auto made = listen_on(path, group);
  if (!made) return std::unexpected(made.error());
  std::unique_ptr<Server> server(new Server(io, std::move(path), made->file));
  boost::system::error_code error;
  server->acceptor_.assign(boost::asio::local::stream_protocol(), made->socket.get(), error);
  if (error) return fail("control socket " + server->path_ + ": " + error.message());
  (void)made->socket.release();  // the acceptor's from here on
  server->accept();
  return server;
}

Server::Server(boost::asio::io_context& io, std::string path, const struct stat& file)
    : io_(io), acceptor_(io), retry_(io), path_(std::move(path)), file_(file) {}

Server::~Server() {
  for (const auto& connection : connections_) connection->close();
  remove_socket(path_, file_);
}

void Server::on(std::string command, Handler handler) {
  on_async(std::move(command),
           [handler = std::move(handler)](const json& arguments, const Completion& done) {
             done(handler(arguments));
           });
}

void Server::on_async(std::string command, AsyncHandler handler) {
  handlers_.insert_or_assign(std::move(command), std::move(handler));
}

void Server::accept() {
  acceptor_.async_accept(
      [this, alive = std::weak_ptr(alive_)](boost::system::error_code error,
                                            boost::asio::local::stream_protocol::socket socket) {
        if (alive.expired()) return;
        if (error) return accept_later();
        ++counters_.connections;
        make_room();
        connections_.push_back(std::make_shared<Connection>(*this, std::move(socket)));
        connections_.back()->read();
        accept();
      });
}

// Out of descriptors, most likely: asking again at once would spin.
void Server::accept_later() {
  retry_.expires_after(std::chrono::milliseconds(100));
  retry_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code) {
    if (!alive.expired()) accept();
  });
}

void Server::make_room() {
  if (connections_.size() < kMaxConnections) return;
  const auto quietest = std::ranges::min_element(connections_, {}, [](const auto& connection) {
    return std::pair(connection->busy(), connection->last_active());
  });
  (*quietest)->close();
  connections_.erase(quietest);
  ++counters_.evicted;
}

void Server::handle(const std::string& line, const Completion& done) {
  ++counters_.requests;
  const auto bad = [&](std::string why) {
    ++counters_.bad_requests;
    done(fail(std::move(why)));
  };
  try {
    const auto request = parse_request(line);
    if (!request) return bad(request.error().message);
    const auto handler = handlers_.find(request->command);
    if (handler == handlers_.end()) return bad("unknown command \"" + request->command + "\"");
    handler->second(request->arguments, done);
  } catch (const json::exception& e) {
    bad(std::string("the arguments do not fit the command: ") + e.what());
  } catch (const std::exception& e) {
    done(fail(std::string("internal error: ") + e.what()));
  }
}

void Server::forget(const Connection* connection) {
  std::erase_if(connections_, [&](const auto& other) { return other.get() == connection; });
}

}  // namespace tandem::control
