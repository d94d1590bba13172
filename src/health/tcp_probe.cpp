// SPDX-License-Identifier: Apache-2.0
// Passes when a TCP connection can be made; nothing is sent on it.
#include <boost/asio/ip/tcp.hpp>
#include <utility>

#include "health/endpoint.hpp"
#include "health/probe.hpp"

namespace tandem::health {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

struct Attempt {
  Attempt(boost::asio::io_context& loop, Probe::Done on_done)
      : socket(loop), done(std::move(on_done)) {}
  tcp::socket socket;
  Probe::Done done;  // empty once it was called or the run was stopped
};

// With nobody listening on a port of the ephemeral range of this very host, the kernel may choose
// that port as the source and connect the socket to itself (simultaneous open, RFC 9293, 3.5).
bool is_connected_to_itself(const tcp::socket& socket) {
  error_code ignored;
  return socket.local_endpoint(ignored) == socket.remote_endpoint(ignored);
}

ProbeResult judge(const tcp::socket& socket, error_code error) {
  if (error) return {false, describe(error)};
  if (is_connected_to_itself(socket)) return {false, "connection refused"};
  return {true, "connected"};
}

class TcpProbe : public Probe {
 public:
  TcpProbe(boost::asio::io_context& loop, tcp::endpoint target, SharedLocalPorts ports)
      : loop_(loop), target_(target), ports_(std::move(ports)) {}
  ~TcpProbe() override { end(); }

  void start(Done done) override {
    attempt_ = std::make_shared<Attempt>(loop_, std::move(done));
    connect_by(attempt_->socket, target_, ports_, [attempt = attempt_](error_code error) {
      if (!attempt->done) return;
      auto result = judge(attempt->socket, error);
      error_code ignored;
      attempt->socket.close(ignored);
      std::exchange(attempt->done, nullptr)(std::move(result));
    });
  }

  std::string stop() override {
    end();
    return "connecting";
  }

 private:
  void end() noexcept {
    if (!attempt_) return;
    attempt_->done = nullptr;
    error_code ignored;
    attempt_->socket.close(ignored);
    attempt_.reset();
  }

  boost::asio::io_context& loop_;
  tcp::endpoint target_;
  SharedLocalPorts ports_;
  std::shared_ptr<Attempt> attempt_;
};

}  // namespace

std::unique_ptr<Probe> make_tcp_probe(boost::asio::io_context& loop, const config::TcpProbe& probe,
                                      SharedLocalPorts ports) {
  return std::make_unique<TcpProbe>(loop, endpoint(probe.address, probe.port), std::move(ports));
}

}  // namespace tandem::health
