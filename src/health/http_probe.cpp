// SPDX-License-Identifier: Apache-2.0
// Passes when a GET is answered with a well-formed response of a status, and perhaps with a text, that
// is expected. Interim responses before it (1xx) are no answers (RFC 9110, 15.2).
//
// Theory of operation: each run is one Exchange, on a connection of its own: resolve (once, then
// the addresses are kept), connect (each address in turn), TLS handshake, request, response. The
// body is read and thrown away, up to kBodyBytes, so that a response cut short is noticed and the
// server does not see its write fail; what a healthy server sends beyond that is not awaited.
//
// https does not verify the certificate unless it is told to: the probe asks whether this service
// answers, usually on an address that no certificate names, and nothing secret is sent or believed.
//
// Beast is heavy to compile and stays in this file.
#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/version.hpp>
#include <limits>
#include <optional>
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
constexpr int kInterim = 16;  // responses

// What to ask, shared by the runs of one probe.
struct Target {
  config::HttpProbe probe;
  bool is_name = false;
  bool keeps_body = false;
  std::vector<tcp::endpoint> endpoints;  // empty: the name is still to be resolved
  SharedLocalPorts ports;                // for an address
  http::request<http::empty_body> request;
  std::string name;  // of the server, without a port: for TLS. Empty: it has none
  std::shared_ptr<asio::ssl::context> verifying;  // if the certificate is; made by the first run
};

// "www.example.org:8443", "[2001:db8::1]:8443"
std::string without_port(const std::string& host) {
  const auto colon = host.rfind(':');
  const auto bracket = host.rfind(']');
  if (bracket != std::string::npos && host.starts_with('[')) return host.substr(1, bracket - 1);
  return colon == host.find(':') ? host.substr(0, colon) : host;
}

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
  if (!probe.terms.host.empty())
    target->name = without_port(probe.terms.host);
  else if (target->is_name)
    target->name = probe.host;

  auto& request = target->request;
  request.method(http::verb::get);
  request.target(probe.target);
  request.version(11);
  request.set(http::field::host, probe.terms.host.empty()
                                     ? host_header(probe, address && !address->is_v4())
                                     : probe.terms.host);
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

// Throws if the CAs cannot be read.
std::shared_ptr<asio::ssl::context> verifying_context(const std::string& ca_file) {
  auto made = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  made->set_verify_mode(asio::ssl::verify_peer);
  if (ca_file.empty())
    made->set_default_verify_paths();
  else
    made->load_verify_file(ca_file);
  return made;
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
      : stream_(make_stream(loop, *target)),
        resolver_(loop),
        target_(std::move(target)),
        done_(std::move(done)) {
    begin_response();
  }

  void begin() override { target_->endpoints.empty() ? resolve() : connect(); }

  std::string stop() override {
    done_ = nullptr;
    close();
    return stage_;
  }

 private:
  static Stream make_stream(asio::io_context& loop, const Target& target) {
    if constexpr (kIsTls) {
      return Stream(loop, target.verifying ? *target.verifying : tls_context());
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
    if (target_->is_name)
      asio::async_connect(socket(), target_->endpoints, then(&Exchange::reached));
    else
      connect_by(socket(), target_->endpoints.front(), target_->ports, then(&Exchange::connected));
  }
  void reached(error_code error, tcp::endpoint) { connected(error); }
  void connected(error_code error) {
    if (error) return finish(false, describe(error));
    if constexpr (kIsTls) {
      stage_ = "waiting for the TLS handshake";
      if (!target_->name.empty() && !IpAddress::parse(target_->name))  // RFC 6066, 3
        set_server_name(stream_.native_handle(), target_->name);
      if (target_->probe.terms.verify)
        stream_.set_verify_callback(asio::ssl::host_name_verification(
            target_->name.empty() ? target_->probe.host : target_->name));
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

  void begin_response() {
    parser_.emplace();
    parser_->header_limit(kHeaderBytes);
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());  // bounded by read() below
  }

  void read() {
    auto& body = parser_->get().body();
    body.data = scratch_.data();
    body.size = scratch_.size();
    body.more = true;
    http::async_read_some(stream_, buffer_, *parser_, then(&Exchange::received));
  }
  void received(error_code error, std::size_t) {
    if (error == http::error::need_buffer) error = {};  // scratch_ is full, and read() empties it
    // A server that hangs up without TLS's closing alert: common, and the status is known.
    const bool has_hung_up = error == asio::ssl::error::stream_truncated;
    if (has_hung_up && parser_->is_header_done() && parser_->need_eof()) return judge();
    if (error) return finish(false, explain(error));
    if (parser_->is_header_done() && is_interim()) {
      if (++interim_ > kInterim) return finish(false, "nothing but interim responses");
      begin_response();
      return read();
    }
    const std::size_t bytes = scratch_.size() - parser_->get().body().size;
    body_bytes_ += bytes;
    if (target_->keeps_body || !target_->probe.terms.body.empty())
      body_.append(scratch_.data(), bytes);
    const bool is_enough = parser_->is_done() || body_bytes_ >= kBodyBytes;
    if (is_enough || (parser_->is_header_done() && !is_good_status())) return judge();
    if (parser_->is_header_done()) stage_ = "reading the body of the response";
    read();
  }

  [[nodiscard]] static std::string explain(const error_code& error) {
    if (error == http::error::end_of_stream) return "connection closed without a response";
    if (error.category() == make_error_code(http::error::bad_version).category()) {
      return "not a valid HTTP response: " + describe(error);
    }
    return describe(error);
  }

  // 101 is an answer: nobody asked for another protocol.
  [[nodiscard]] bool is_interim() const {
    const auto status = parser_->get().result_int();
    return status >= 100 && status < 200 && status != 101;
  }
  [[nodiscard]] bool is_good_status() const {
    const auto status = static_cast<int>(parser_->get().result_int());
    const auto& wanted = target_->probe.terms.status;
    if (wanted.empty()) return status >= 200 && status < 400;
    return std::ranges::any_of(
        wanted, [&](const auto& range) { return range.first <= status && status <= range.last; });
  }
  void judge() {
    const std::string status = "HTTP " + std::to_string(parser_->get().result_int());
    const std::string& text = target_->probe.terms.body;
    if (is_good_status() && !text.empty() && body_.find(text) == std::string::npos)
      return finish(false, status + " without the text that is expected");
    finish(is_good_status(), status);
  }

  void close() {
    error_code ignored;
    resolver_.cancel();
    socket().close(ignored);
  }
  void finish(bool pass, std::string detail) {
    close();
    if (!target_->keeps_body) body_.clear();
    std::exchange(done_, nullptr)({pass, std::move(detail), std::move(body_)});
  }

  Stream stream_;
  tcp::resolver resolver_;
  std::shared_ptr<Target> target_;
  Probe::Done done_;  // empty once it was called or the run was stopped
  const char* stage_ = "starting";
  boost::beast::flat_buffer buffer_{kHeaderBytes};
  std::optional<http::response_parser<http::buffer_body>> parser_;
  int interim_ = 0;
  std::array<char, 4096> scratch_{};
  std::size_t body_bytes_ = 0;
  std::string body_;  // if it is kept
};

class HttpProbe : public Probe {
 public:
  HttpProbe(asio::io_context& loop, const config::HttpProbe& probe, bool keeps_body,
            SharedLocalPorts ports)
      : loop_(loop), target_(make_target(probe, keeps_body)) {
    target_->ports = std::move(ports);
  }
  ~HttpProbe() override {
    if (run_) (void)run_->stop();
  }

  void start(Done done) override {
    try {
      if (target_->probe.terms.verify && !target_->verifying)
        target_->verifying = verifying_context(target_->probe.terms.ca_file);
      if (target_->probe.tls) {
        run_ = std::make_shared<Exchange<Tls>>(loop_, target_, done);
      } else {
        run_ = std::make_shared<Exchange<Plain>>(loop_, target_, done);
      }
    } catch (const std::exception& error) {  // OpenSSL refused its own start, or the CAs
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

std::unique_ptr<Probe> make_http_probe(asio::io_context& loop, const config::HttpProbe& probe,
                                       SharedLocalPorts ports) {
  return std::make_unique<HttpProbe>(loop, probe, false, std::move(ports));
}

std::unique_ptr<Probe> make_http_fetch(asio::io_context& loop, const config::HttpProbe& probe) {
  return std::make_unique<HttpProbe>(loop, probe, true, nullptr);
}

}  // namespace tandem::health
