// SPDX-License-Identifier: Apache-2.0
// The HTTP server: a fixed table of documents, on the control thread's io_context. It can be asked,
// not told: GET and HEAD alone.
//
// Nobody who asks can hold the thread up:
//   - A document is made for all who ask for it meanwhile, and then serves for nine times as long
//     as it took to make, so that no more than a tenth of the thread's time goes into making it.
//   - A request has to come within a time and a size, an answer has to be read within a time. All
//     who read the same document share its bytes.
//   - When all places are taken, the connection that has been quiet for longest gives way.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace tandem::control {

inline constexpr std::size_t kMaxHttpConnections = 32;
inline constexpr std::size_t kMaxHttpHeader = 8 * 1024;  // bytes, with the request line

struct HttpLimits {
  Duration request = std::chrono::seconds(20);  // from the last answer to the end of a request
  Duration answer = std::chrono::seconds(10);   // to read one
};

struct HttpCounters {
  std::uint64_t connections = 0;  // accepted
  std::uint64_t evicted = 0;      // closed to make room for another
  std::uint64_t requests = 0;     // good or bad
  std::uint64_t refused = 0;      // of them: no request, no such path or method
};

class HttpConnection;

// Belongs to the thread that runs the io_context, which must outlive it.
class HttpServer {
 public:
  using Body = std::shared_ptr<const std::string>;
  // Takes the document, once, from any thread; an error becomes a 503 with its sentence. After the
  // server has gone, it does nothing.
  using Done = std::function<void(Result<std::string>)>;
  using Make = std::function<void(Done)>;

  // Error: the address is not this host's, or somebody listens there already.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> listen(boost::asio::io_context& io,
                                                                  const IpAddress& address,
                                                                  std::uint16_t port,
                                                                  HttpLimits limits = {});
  ~HttpServer();  // closes all connections
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // `type`: the Content-Type. `make` is called on the io_context's thread, and again only after it
  // has given a document. `policy`: the Content-Security-Policy of a document for browsers.
  void on(std::string path, std::string type, Make make, std::string policy = "");
  // Pages of this origin ("http://192.0.2.3:9105") may read the documents; empty: of none but ours.
  void set_reader(std::string origin) { reader_ = std::move(origin); }
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] const HttpCounters& counters() const { return counters_; }

 private:
  friend class HttpConnection;
  std::string reader_;
  struct Document {
    std::string type;
    std::string policy;
    Make make;
    bool making = false;
    MonotonicTime begun{};
    MonotonicTime fresh_until{};
    Body body;  // nullptr: none yet, or it has gone stale
    std::vector<std::function<void(Result<Body>)>> waiting;
  };

  HttpServer(boost::asio::io_context& io, HttpLimits limits);
  void accept();
  void accept_later();
  void make_room();
  void forget(const HttpConnection* connection);
  [[nodiscard]] Document* find(std::string_view path);
  void ask(Document& document, std::function<void(Result<Body>)> take);
  static void made(Document& document, Result<std::string> outcome);

  boost::asio::io_context& io_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  HttpLimits limits_;
  // Handlers that were queued before the server went ask this whether it still is there.
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::map<std::string, Document, std::less<>> documents_;  // by path
  std::vector<std::shared_ptr<HttpConnection>> connections_;
  HttpCounters counters_;
};

}  // namespace tandem::control
