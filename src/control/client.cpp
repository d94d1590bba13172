// SPDX-License-Identifier: Apache-2.0
#include "control/client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tandem::control {

using nlohmann::json;

namespace {

constexpr std::size_t kMaxAnswer = 64U << 20;  // bytes; 255 virtual routers need about one MiB

std::unexpected<CallError> unreachable(const std::string& path, const std::string& why) {
  return std::unexpected(CallError{
      CallError::Kind::unreachable,
      "no answer from tandemd on " + path + " (" + why +
          "). Is it running? See `systemctl status tandemd` or `pgrep -a tandemd`; another "
          "socket is chosen with -s SOCKET"});
}

std::unexpected<CallError> unreachable_errno(const std::string& path, int code) {
  if (code == EACCES)
    return unreachable(path, "permission denied: ask as root, or as a member of its group");
  return unreachable(path, code == EAGAIN ? "timed out" : std::strerror(code));
}

// Also bounds connect(), where the daemon's queue is full (unix(7), SO_SNDTIMEO).
bool set_send_timeout(int socket, Duration timeout) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(timeout).count();
  timeval value{};
  value.tv_sec = us / 1'000'000;
  value.tv_usec = us % 1'000'000;
  return ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value) == 0;
}

// What remains until the deadline, for poll(): rounded up, so that it never polls with 0 early.
int poll_ms(MonotonicTime deadline) {
  const Duration left = deadline - MonotonicClock::now();
  if (left <= Duration::zero()) return 0;
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

}  // namespace

std::expected<Client, CallError> Client::connect(const std::string& path, Duration timeout) {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return unreachable(path, "not a path a socket can have");
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());

  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || !set_send_timeout(socket.get(), timeout)) return unreachable_errno(path, errno);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return unreachable_errno(path, errno);
  return Client(std::move(socket), path, timeout);
}

std::expected<json, CallError> Client::call(const std::string& command, const json& arguments) {
  const MonotonicTime deadline = MonotonicClock::now() + timeout_;
  const json request = {{"command", command}, {"arguments", arguments}};
  if (auto sent = send(request.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"); !sent)
    return std::unexpected(sent.error());
  auto line = receive_line(deadline);
  if (!line) return std::unexpected(line.error());

  json answer = json::parse(*line, nullptr, false);
  if (!answer.is_object() || !answer.contains("ok"))
    return unreachable(path_, "what answers there does not speak tandemd's protocol");
  if (answer["ok"] == true) return std::move(answer["result"]);
  const json& why = answer["error"];
  return std::unexpected(CallError{
      CallError::Kind::refused,
      why.is_string() ? why.get<std::string>() : "the daemon refused, and gave no reason"});
}

// A server that refuses a request may close before it has read all of it: what it said is still
// there to be read, and tells more than "broken pipe".
std::expected<void, CallError> Client::send(const std::string& line) {
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t n = ::send(socket_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) return {};
    if (n < 0) return unreachable_errno(path_, errno);
    sent += static_cast<std::size_t>(n);
  }
  return {};
}

std::expected<std::string, CallError> Client::receive_line(MonotonicTime deadline) {
  std::array<char, 16384> chunk;
  std::size_t searched = 0;
  for (;;) {
    if (const auto end = received_.find('\n', searched); end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    searched = received_.size();
    if (searched > kMaxAnswer) return unreachable(path_, "its answer does not end");

    pollfd ready{socket_.get(), POLLIN, 0};
    const int polled = ::poll(&ready, 1, poll_ms(deadline));
    if (polled < 0 && errno == EINTR) continue;
    if (polled < 0) return unreachable_errno(path_, errno);
    if (polled == 0) return unreachable(path_, "timed out");
    const ssize_t n = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreachable_errno(path_, errno);
    if (n == 0) return unreachable(path_, "it closed the connection");
    received_.append(chunk.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace tandem::control
