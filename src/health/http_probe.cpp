// SPDX-License-Identifier: Apache-2.0
// Passes when a GET is answered with a status of 200-399 and a well-formed response.
//
// Theory of operation: each run is one Exchange, on a connection of its own: resolve (once, then
// the addresses are kept), connect (each address in turn), TLS handshake, request, response. The
// body is read and thrown away, up to kBodyBytes, so that a response cut short is noticed and the
// server does not see its write fail; what a healthy server sends beyond that is not awaited.
//
// https does not verify the certificate: the probe asks whether this service answers, usually on
// an address that no certificate names, and nothing secret is sent or believed.
//
// Beast is heavy to compile and stays in this file.
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/version.hpp>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "health/endpoint.hpp"
#include "health/probe.hpp"

namespace tandem::health {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

using Plain = tcp::socket;
using Tls = asio::ssl::stream<tcp::socket>;

constexpr std::size_t kBodyBytes = 64 * 1024;
constexpr std::size_t kHeaderBytes = 16 * 1024;

// What to ask, shared by the runs of one probe.
struct Target {
  config::HttpProbe probe;
  bool is_name = false;
  bool keeps_body = false;
  std::vector<tcp::endpoint> endpoints;  // empty: the name is still to be resolved
  http::request<http::empty_body> request;
};

// RFC 9110, 7.2: the port is left out when it is the scheme's own.
std::string host_header(const config::HttpProbe& probe, bool is_v6) {
  const std::string host = is_v6 ? "[" + probe.host + "]" : probe.host;
  const bool is_default_port = probe.port == (probe.tls ? 443 : 80);
  return is_default_port ? host : host + ":" + std::to_string(probe.port);
}

std::shared_ptr<Target> make_target(const config::HttpProbe& probe, bool keeps_body) {
  auto target = std::make_shared<Target>();
  target->probe = probe;
  target->keeps_body = keeps_body;
  const auto address = IpAddress::parse(probe.host);
  target->is_name = !address;
  if (address) target->endpoints.push_back(endpoint(*address, probe.port));

  auto& request = target->request;
  request.method(http::verb::get);
  request.target(probe.target);
  request.version(11);
  request.set(http::field::host, host_header(probe, address && !address->is_v4()));
  request.set(http::field::user_agent, "tandem/" TANDEM_VERSION " (health check)");
  request.set(http::field::accept, "*/*");
  request.set(http::field::connection, "close");
  return target;
}

asio::ssl::context& tls_context() {
  static asio::ssl::context context = [] {
    asio::ssl::context made(asio::ssl::context::tls_client);
    made.set_verify_mode(asio::ssl::verify_none);
    return made;
  }();
  return context;
}

// SSL_set_tlsext_host_name() without its C casts; OpenSSL copies the name.
void set_server_name(SSL* tls, const std::string& name) {
  ::SSL_ctrl(tls, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(name.c_str()));
}

// One run, without what depends on the kind of stream.
class Run {
 public:
  Run() = default;
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  virtual ~Run() = default;
  virtual void begin() = 0;
  virtual std::string stop() = 0;
};

template <class Stream>
class Exchange : public Run, public std::enable_shared_from_this<Exchange<Stream>> {
 public:
  static constexpr bool kIsTls = std::is_same_v<Stream, Tls>;

  Exchange(asio::io_context& loop, std::shared_ptr<Target> target, Probe::Done done)
      : stream_(make_stream(loop)),
        resolver_(loop),
        target_(std::move(target)),
        done_(std::move(done)) {
    parser_.header_limit(kHeaderBytes);
    parser_.body_limit(std::numeric_limits<std::uint64_t>::max());  // bounded by read() below
  }

  void begin() override { target_->endpoints.empty() ? resolve() : connect(); }

  std::string stop() override {
    done_ = nullptr;
    close();
    return stage_;
  }

 private:
  static Stream make_stream(asio::io_context& loop) {
    if constexpr (kIsTls) {
      return Stream(loop, tls_context());
    } else {
      return Stream(loop);
    }
  }

  tcp::socket& socket() {
    if constexpr (kIsTls) {
      return stream_.next_layer();
    } else {
      return stream_;
    }
  }

  // A handler that keeps the run alive and calls `step` unless the run has ended by then.
  template <class... Arguments>
  auto then(void (Exchange::*step)(error_code, Arguments...)) {
    return [self = this->shared_from_this(), step](error_code error, Arguments... arguments) {
      if (self->done_) (self.get()->*step)(error, arguments...);
    };
  }

  void resolve() {
    stage_ = "resolving the name";
    resolver_.async_resolve(target_->probe.host, std::to_string(target_->probe.port),
                            then(&Exchange::resolved));
  }
  void resolved(error_code error, tcp::resolver::results_type found) {
    if (error) return finish(false, target_->probe.host + ": " + describe(error));
    target_->endpoints.assign(found.begin(), found.end());
    connect();
  }

  void connect() {
    stage_ = "connecting";
    asio::async_connect(socket(), target_->endpoints, then(&Exchange::connected));
  }
  void connected(error_code error, tcp::endpoint) {
    if (error) return finish(false, describe(error));
    if constexpr (kIsTls) {
      stage_ = "waiting for the TLS handshake";
      if (target_->is_name) {  // RFC 6066, 3: a literal address is no server name
        set_server_name(stream_.native_handle(), target_->probe.host);
      }
      stream_.async_handshake(asio::ssl::stream_base::client, then(&Exchange::secured));
    } else {
      send();
    }
  }
  void secured(error_code error) {
    if (error) return finish(false, "TLS: " + describe(error));
    send();
  }

  void send() {
    stage_ = "sending the request";
    http::async_write(stream_, target_->request, then(&Exchange::sent));
  }
  void sent(error_code error, std::size_t) {
    if (error) return finish(false, describe(error));
    stage_ = "waiting for the response";
    read();
  }

  void read() {
    auto& body = parser_.get().body();
    body.data = scratch_.data();
    body.size = scratch_.size();
    body.more = true;
    http::async_read_some(stream_, buffer_, parser_, then(&Exchange::received));
  }
  void received(error_code error, std::size_t) {
    if (error == http::error::need_buffer) error = {};  // scratch_ is full, and read() empties it
    // A server that hangs up without TLS's closing alert: common, and the status is known.
    const bool has_hung_up = error == asio::ssl::error::stream_truncated;
    if (has_hung_up && parser_.is_header_done() && parser_.need_eof()) return judge();
    if (error) return finish(false, explain(error));
    const std::size_t bytes = scratch_.size() - parser_.get().body().size;
    body_bytes_ += bytes;
    if (target_->keeps_body) body_.append(scratch_.data(), bytes);
    const bool is_enough = parser_.is_done() || body_bytes_ >= kBodyBytes;
    if (is_enough || (parser_.is_header_done() && !is_good_status())) return judge();
    if (parser_.is_header_done()) stage_ = "reading the body of the response";
    read();
  }

  [[nodiscard]] static std::string explain(const error_code& error) {
    if (error == http::error::end_of_stream) return "connection closed without a response";
    if (error.category() == make_error_code(http::error::bad_version).category()) {
      return "not a valid HTTP response: " + describe(error);
    }
    return describe(error);
  }

  [[nodiscard]] bool is_good_status() const {
    const auto status = parser_.get().result_int();
    return status >= 200 && status < 400;
  }
  void judge() { finish(is_good_status(), "HTTP " + std::to_string(parser_.get().result_int())); }

  void close() {
    error_code ignored;
    resolver_.cancel();
    socket().close(ignored);
  }
  void finish(bool pass, std::string detail) {
    close();
    std::exchange(done_, nullptr)({pass, std::move(detail), std::move(body_)});
  }

  Stream stream_;
  tcp::resolver resolver_;
  std::shared_ptr<Target> target_;
  Probe::Done done_;  // empty once it was called or the run was stopped
  const char* stage_ = "starting";
  boost::beast::flat_buffer buffer_{kHeaderBytes};
  http::response_parser<http::buffer_body> parser_;
  std::array<char, 4096> scratch_{};
  std::size_t body_bytes_ = 0;
  std::string body_;  // if it is kept
};

class HttpProbe : public Probe {
 public:
  HttpProbe(asio::io_context& loop, const config::HttpProbe& probe, bool keeps_body)
      : loop_(loop), target_(make_target(probe, keeps_body)) {}
  ~HttpProbe() override {
    if (run_) (void)run_->stop();
  }

  void start(Done done) override {
    try {
      if (target_->probe.tls) {
        run_ = std::make_shared<Exchange<Tls>>(loop_, target_, done);
      } else {
        run_ = std::make_shared<Exchange<Plain>>(loop_, target_, done);
      }
    } catch (const std::exception& error) {  // OpenSSL refused its own start
      run_.reset();
      asio::post(loop_, [done, why = std::string(error.what())] { done({false, why}); });
      return;
    }
    run_->begin();
  }

  std::string stop() override {
    if (!run_) return "starting";
    auto stage = run_->stop();
    run_.reset();
    return stage;
  }

 private:
  asio::io_context& loop_;
  std::shared_ptr<Target> target_;
  std::shared_ptr<Run> run_;
};

}  // namespace

std::unique_ptr<Probe> make_http_probe(asio::io_context& loop, const config::HttpProbe& probe) {
  return std::make_unique<HttpProbe>(loop, probe, false);
}

std::unique_ptr<Probe> make_http_fetch(asio::io_context& loop, const config::HttpProbe& probe) {
  return std::make_unique<HttpProbe>(loop, probe, true);
}

}  // namespace tandem::health
