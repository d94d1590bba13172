// SPDX-License-Identifier: Apache-2.0
// The control socket: a UNIX stream socket on the control thread's io_context.
//
// One JSON object a line:
//   {"command": "vrrp", "arguments": {"name": "VI_1"}}
//   {"ok": true, "result": ...}   or   {"ok": false, "error": "a sentence"}
// Requests of one connection are answered in turn: the next one is not read before the answer to
// the last has been written, so that a client that does not read costs one answer of memory and
// nobody's time. What is no request gets an error answer, and the connection stays usable; only
// after a line that is too long it is closed. When all places are taken, the connection that has
// been quiet for longest gives way.
#pragma once

#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace tandem::control {

inline constexpr std::size_t kMaxRequest = 64 * 1024;  // bytes of a line, without its end
inline constexpr std::size_t kMaxConnections = 64;

using Answer = Result<nlohmann::json>;
// Gives the answer, once, from any thread. After the client or the server has gone, it does
// nothing.
using Completion = std::function<void(Answer)>;
// `arguments` is always an object, empty if the request had none. Called on the control thread.
// A JSON exception that a handler throws becomes an error answer.
using Handler = std::function<Answer(const nlohmann::json& arguments)>;
using AsyncHandler = std::function<void(const nlohmann::json& arguments, Completion done)>;

struct Counters {
  std::uint64_t connections = 0;   // accepted
  std::uint64_t evicted = 0;       // closed to make room for another
  std::uint64_t requests = 0;      // lines that came in, good or bad
  std::uint64_t bad_requests = 0;  // no JSON, no request, unknown command
  std::uint64_t too_long = 0;      // lines above kMaxRequest
};

class Connection;

// Belongs to the thread that runs the io_context, which must outlive it.
class Server {
 public:
  // Listens on `path` with mode 0660. Missing directories are made with mode 0755. A socket that
  // nobody answers on is replaced; one that somebody answers on, or any other file, is an error.
  [[nodiscard]] static Result<std::unique_ptr<Server>> listen(boost::asio::io_context& io,
                                                              std::string path,
                                                              const std::string& group = "");
  ~Server();  // closes all connections and removes the socket, if it is still this server's
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void on(std::string command, Handler handler);
  void on_async(std::string command, AsyncHandler handler);
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  friend class Connection;
  Server(boost::asio::io_context& io, std::string path, const struct stat& file);

  void accept();
  void accept_later();
  void make_room();
  void handle(const std::string& line, const Completion& done);
  void forget(const Connection* connection);

  boost::asio::io_context& io_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  std::string path_;
  struct stat file_;  // of the socket, as it was made
  // Handlers that were queued before the server went ask this whether it still is there.
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::map<std::string, AsyncHandler, std::less<>> handlers_;
  std::vector<std::shared_ptr<Connection>> connections_;
  Counters counters_;
};

}  // namespace tandem::control
