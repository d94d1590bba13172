// SPDX-License-Identifier: Apache-2.0
#include "netlink/socket.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <utility>

namespace tandem::netlink {
namespace {

constexpr int kMonitorBuffer = 4 << 20;  // bytes: some ten thousand notifications
constexpr int kDrainLimit = 4096;        // datagrams a call

Result<Owned<nl_sock>> connect(int protocol = NETLINK_ROUTE) {
  Owned<nl_sock> socket(nl_socket_alloc());
  if (!socket) return fail("cannot make a netlink socket: out of memory");
  if (const int error = nl_connect(socket.get(), protocol); error < 0)
    return fail(std::string("cannot connect to the kernel's netlink: ") + nl_geterror(error));
  // Sequence numbers are compared here, in Exchange: libnl would give up the whole datagram.
  nl_socket_disable_seq_check(socket.get());
  nl_socket_enable_msg_peek(socket.get());
  return socket;
}

// What one request is waiting for.
struct Exchange {
  std::uint32_t sequence = 0;
  const MessageHandler* on_reply = nullptr;
  bool done = false;
  KernelError error;
};

int on_valid(nl_msg* message, void* argument) {
  const auto& exchange = *static_cast<Exchange*>(argument);
  if (nlmsg_hdr(message)->nlmsg_seq == exchange.sequence && *exchange.on_reply)
    (*exchange.on_reply)(*message);
  return NL_OK;
}

int on_end(nl_msg* message, void* argument) {
  auto& exchange = *static_cast<Exchange*>(argument);
  if (nlmsg_hdr(message)->nlmsg_seq != exchange.sequence) return NL_SKIP;
  exchange.done = true;
  return NL_STOP;
}

// The text of the kernel's extended acknowledgement, if it sent one.
std::string extended_text(nlmsgerr* error) {
  auto* header = reinterpret_cast<nlmsghdr*>(reinterpret_cast<char*>(error) - NLMSG_HDRLEN);
  if (!(header->nlmsg_flags & NLM_F_ACK_TLVS) || !(header->nlmsg_flags & NLM_F_CAPPED)) return {};
  nlattr* text = nlmsg_find_attr(header, sizeof *error, NLMSGERR_ATTR_MSG);
  return text ? std::string(nla_get_string(text)) : std::string();
}

int on_error(sockaddr_nl*, nlmsgerr* error, void* argument) {
  auto& exchange = *static_cast<Exchange*>(argument);
  if (error->msg.nlmsg_seq != exchange.sequence) return NL_SKIP;
  exchange.done = true;
  exchange.error.code = -error->error;
  exchange.error.reason = std::strerror(-error->error);
  if (const auto text = extended_text(error); !text.empty())
    exchange.error.reason += " (" + text + ")";
  return NL_STOP;
}

}  // namespace

Result<Requests> Requests::open() {
  return open(NETLINK_ROUTE);
}

Result<Requests> Requests::open(int protocol) {
  auto socket = connect(protocol);
  if (!socket) return std::unexpected(socket.error());
  const int fd = nl_socket_get_fd(socket->get());
  const timeval limit{.tv_sec = 1, .tv_usec = 0};
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
    return fail_errno("cannot set a time limit on the netlink socket");
  // Errors with a text, and without a copy of the request. Kernels before 4.12 have neither.
  (void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  Owned<nl_cb> callbacks(nl_cb_alloc(NL_CB_DEFAULT));
  if (!callbacks) return fail("cannot make a netlink socket: out of memory");
  return Requests(std::move(*socket), std::move(callbacks));
}

Outcome Requests::send(nl_msg& request, const MessageHandler& on_reply) {
  if (const int sent = nl_send_auto(socket_.get(), &request); sent < 0)
    return std::unexpected(KernelError{EIO, nl_geterror(sent)});
  Exchange exchange{nlmsg_hdr(&request)->nlmsg_seq, &on_reply, false, {}};
  nl_cb* callbacks = callbacks_.get();
  nl_cb_set(callbacks, NL_CB_VALID, NL_CB_CUSTOM, on_valid, &exchange);
  nl_cb_set(callbacks, NL_CB_ACK, NL_CB_CUSTOM, on_end, &exchange);
  nl_cb_set(callbacks, NL_CB_FINISH, NL_CB_CUSTOM, on_end, &exchange);
  nl_cb_err(callbacks, NL_CB_CUSTOM, on_error, &exchange);
  while (!exchange.done) {
    const int got = nl_recvmsgs(socket_.get(), callbacks);
    if (got == -NLE_DUMP_INTR) return std::unexpected(KernelError{EINTR, nl_geterror(got)});
    if (got < 0 && !exchange.done) return std::unexpected(KernelError{EIO, nl_geterror(got)});
  }
  if (exchange.error.code != 0) return std::unexpected(std::move(exchange.error));
  return {};
}

Outcome Requests::dump(int type, const MessageHandler& on_reply) {
  Owned<nl_msg> request(nlmsg_alloc_simple(type, NLM_F_DUMP));
  // The longest of the headers that RTM_GET... wants, all zero: every family.
  ifinfomsg everything{};
  if (!request || nlmsg_append(request.get(), &everything, sizeof everything, NLMSG_ALIGNTO) < 0)
    return std::unexpected(KernelError{ENOMEM, std::strerror(ENOMEM)});
  return send(*request, on_reply);
}

Result<Monitor> Monitor::open(std::initializer_list<int> groups) {
  auto socket = connect();
  if (!socket) return std::unexpected(socket.error());
  const int fd = nl_socket_get_fd(socket->get());
  // Past net.core.rmem_max with CAP_NET_ADMIN, else as far as that allows.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kMonitorBuffer, sizeof kMonitorBuffer) != 0)
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kMonitorBuffer, sizeof kMonitorBuffer);
  for (const int group : groups)
    if (const int error = nl_socket_add_membership(socket->get(), group); error < 0)
      return fail("cannot join rtnetlink group " + std::to_string(group) + ": " +
                  nl_geterror(error));
  if (const int error = nl_socket_set_nonblocking(socket->get()); error < 0)
    return fail(std::string("cannot make the netlink socket non-blocking: ") + nl_geterror(error));
  return Monitor(std::move(*socket));
}

int Monitor::fd() const noexcept {
  return nl_socket_get_fd(socket_.get());
}

bool Monitor::drain(const MessageHandler& on_message) {
  const auto deliver = [](nl_msg* message, void* handler) -> int {
    (*static_cast<const MessageHandler*>(handler))(*message);
    return NL_OK;
  };
  auto* handler = const_cast<MessageHandler*>(&on_message);
  nl_socket_modify_cb(socket_.get(), NL_CB_VALID, NL_CB_CUSTOM, deliver, handler);
  bool complete = true;
  for (int i = 0; i < kDrainLimit; ++i) {
    const int got = nl_recvmsgs_default(socket_.get());
    if (got == -NLE_AGAIN) break;
    if (got < 0) complete = false;  // ENOBUFS: the kernel dropped some
  }
  return complete;
}

}  // namespace tandem::netlink
