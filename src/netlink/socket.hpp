// SPDX-License-Identifier: Apache-2.0
// The two ways to talk to rtnetlink, each on a socket of its own so that a notification never
// gets between a request and its reply.
//
// rtnetlink works a request off inside sendmsg(), so the reply is there when it returns: a request
// waits for the kernel's routing lock at most, never for the network. A time limit on receiving
// is set all the same.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <initializer_list>
#include <string>

#include "base/result.hpp"
#include "netlink/nl.hpp"

namespace tandem::netlink {

struct KernelError {
  int code = 0;        // errno
  std::string reason;  // strerror(code), and the kernel's own words where it gave some
};

[[nodiscard]] inline std::unexpected<KernelError> out_of_memory() {
  return std::unexpected(KernelError{ENOMEM, std::strerror(ENOMEM)});
}

using Outcome = std::expected<void, KernelError>;
using MessageHandler = std::function<void(nl_msg&)>;

class Requests {
 public:
  // protocol: NETLINK_ROUTE, unless another one is given.
  [[nodiscard]] static Result<Requests> open();
  [[nodiscard]] static Result<Requests> open(int protocol);

  // Sends one request and waits until the kernel acknowledged or refused it. `on_reply` sees the
  // data that came before that.
  [[nodiscard]] Outcome send(nl_msg& request, const MessageHandler& on_reply = {});
  // Everything the kernel has of a kind, say RTM_GETLINK. EINTR: it changed meanwhile, so that
  // what `on_reply` saw may be inconsistent; ask again.
  [[nodiscard]] Outcome dump(int type, const MessageHandler& on_reply);

 private:
  Requests(Owned<nl_sock> socket, Owned<nl_cb> callbacks)
      : socket_(std::move(socket)), callbacks_(std::move(callbacks)) {}

  Owned<nl_sock> socket_;
  Owned<nl_cb> callbacks_;
};

class Monitor {
 public:
  // `groups`: RTNLGRP_...
  [[nodiscard]] static Result<Monitor> open(std::initializer_list<int> groups);

  [[nodiscard]] int fd() const noexcept;  // readable: call drain()

  // Hands over the notifications that wait. false: the kernel dropped some because the socket was
  // full, so whatever is kept of the kernel's state has to be asked for anew. In a storm it
  // returns before all is read; the descriptor stays readable then.
  [[nodiscard]] bool drain(const MessageHandler& on_message);

 private:
  explicit Monitor(Owned<nl_sock> socket) : socket_(std::move(socket)) {}

  Owned<nl_sock> socket_;
};

}  // namespace tandem::netlink
