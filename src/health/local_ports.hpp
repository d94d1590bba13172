// SPDX-License-Identifier: Apache-2.0
// Ports that checks leave by, in place of one that the kernel chooses.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace tandem::health {

// In turn, so that a connection that was closed is forgotten before its port comes round again.
class LocalPorts {
 public:
  void set(std::vector<std::uint16_t> ports) { ports_ = std::move(ports); }
  [[nodiscard]] bool empty() const { return ports_.empty(); }
  std::uint16_t next() { return ports_[next_++ % ports_.size()]; }

 private:
  std::vector<std::uint16_t> ports_;
  std::size_t next_ = 0;
};
// nullptr, or no ports: the kernel chooses.
using SharedLocalPorts = std::shared_ptr<LocalPorts>;

// Opens the socket and binds it. false: none of some ports is free.
inline bool bind_to_next(boost::asio::ip::tcp::socket& socket,
                         const boost::asio::ip::tcp::endpoint& target, LocalPorts& ports) {
  constexpr int kTries = 16;
  using tcp = boost::asio::ip::tcp;
  boost::system::error_code error;
  for (int i = 0; i < kTries; i++) {
    socket.close(error);
    socket.open(target.protocol(), error);
    if (error) return false;
    socket.set_option(tcp::socket::reuse_address(true), error);
    if (target.address().is_v6()) socket.set_option(boost::asio::ip::v6_only(true), error);
    const auto port = ports.next();
    socket.bind(tcp::endpoint(target.protocol(), port), error);
    if (!error && port != target.port()) return true;
  }
  return false;
}

// Connects by the next port that is free for this target; where none is, by one of the kernel's choice.
// done(error) keeps the socket alive.
template <class Done>
void connect_by(boost::asio::ip::tcp::socket& socket, const boost::asio::ip::tcp::endpoint& target,
                const SharedLocalPorts& ports, Done done, int tries = 16) {
  boost::system::error_code ignored;
  if (!ports || ports->empty()) return socket.async_connect(target, std::move(done));
  if (tries == 0 || !bind_to_next(socket, target, *ports)) {
    socket.close(ignored);
    return socket.async_connect(target, std::move(done));
  }
  socket.async_connect(target,
                       [&socket, target, ports, done = std::move(done), tries](auto error) mutable {
                         const bool is_taken = error == boost::system::errc::address_not_available;
                         if (!is_taken || !socket.is_open()) return done(error);
                         connect_by(socket, target, ports, std::move(done), tries - 1);
                       });
}

}  // namespace tandem::health
