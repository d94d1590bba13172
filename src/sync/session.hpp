// SPDX-License-Identifier: Apache-2.0
// A session with the peer: both directions over one stream of bytes, which the caller carries
// (link.hpp; in tests, a simulated network).
//
//   Hello first, from both sides. A peer that speaks no common version ends the session.
//   pass()      about once a millisecond: sends what there is to send
//   receive()   bytes that came
//
// Pure: no I/O, time is an argument. For one thread, beside the data thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "sync/receiver.hpp"
#include "sync/roles.hpp"
#include "sync/sender.hpp"
#include "sync/wish_exchange.hpp"

namespace tandem::sync {

class Session {
 public:
  // Output beyond this waits in the marks.
  static constexpr std::size_t kMostOutput = 1 << 20;
  // Without a message for so long the peer counts as gone.
  static constexpr Duration kSilence = std::chrono::seconds(3);

  // me: this node's greeting. The rest outlives the session.
  Session(Hello me, Sender& sender, Receiver& receiver, MonotonicTime now,
          RoleExchange* roles = nullptr);

  ~Session() { sender_.end(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Brings the operator's wishes over, too. It outlives the session.
  void exchange(WishExchange& wishes) {
    wishes_ = &wishes;
    wishes_->begin();
  }

  // Takes what it can; where the receiver is stalled it takes no more, and the caller gives the rest
  // again later. Returns how many bytes it took. Error: the session has to end.
  Result<std::size_t> receive(std::span<const std::uint8_t> bytes, MonotonicTime now);
  // Error: the peer has been silent for kSilence.
  Result<void> pass(MonotonicTime now);

  // To be sent; the caller erases what it has sent.
  [[nodiscard]] std::vector<std::uint8_t>& output() { return output_; }

  // What the peer is told of this node's sockets, from now on with each Status.
  void set_sockets(const LocalSockets& sockets) { sockets_ = sockets; }
  // What the peer said of its own, and when; at 0: nothing yet.
  [[nodiscard]] const LocalSockets& peer_sockets() const { return peer_sockets_; }
  [[nodiscard]] MonotonicTime peer_sockets_at() const { return peer_sockets_at_; }

  // The peer's greeting; none yet at first.
  [[nodiscard]] const std::optional<Hello>& peer() const { return peer_; }
  // From a change here to its application there, and back, as of the last Status; 0: not known.
  [[nodiscard]] Duration lag() const { return lag_; }

 private:
  Result<void> handle(const Message& message, MonotonicTime now);

  Hello me_;
  Sender& sender_;
  Receiver& receiver_;
  RoleExchange* roles_;  // nullptr: the peer is told nothing of virtual routers
  WishExchange* wishes_ = nullptr;
  std::optional<Hello> peer_;
  std::vector<std::uint8_t> output_;
  LocalSockets sockets_, peer_sockets_;
  MonotonicTime peer_sockets_at_{};
  MonotonicTime heard_, status_due_;
  std::uint64_t peers_clock_ns_ = 0;  // of its last Status
  Duration lag_{};
};

}  // namespace tandem::sync
