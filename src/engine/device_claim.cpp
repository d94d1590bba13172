// SPDX-License-Identifier: Apache-2.0
#include "engine/device_claim.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

namespace tandem::engine {
namespace {

struct ClaimAddress {
  sockaddr_un address{};
  socklen_t length;
};

ClaimAddress place_of(unsigned ifindex) {
  const std::string name = "tandemd/device/" + std::to_string(ifindex);
  ClaimAddress place;
  place.address.sun_family = AF_UNIX;
  std::ranges::copy(name, place.address.sun_path + 1);  // behind a zero: abstract
  place.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return place;
}

Descriptor new_socket() {
  return Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// Of whoever listens there; pid 0: nobody does.
ucred holder_of(const ClaimAddress& place) {
  const Descriptor socket = new_socket();
  ucred holder{};
  socklen_t length = sizeof holder;
  if (!socket ||
      connect(socket.get(), reinterpret_cast<const sockaddr*>(&place.address), place.length) != 0 ||
      getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &holder, &length) != 0)
    return {};
  return holder;
}

}  // namespace

Result<DeviceClaim> DeviceClaim::take(unsigned ifindex, const std::string& name) {
  const ClaimAddress place = place_of(ifindex);
  Descriptor socket = new_socket();
  if (!socket) return fail_errno(name + ": cannot claim the device");
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&place.address), place.length) == 0) {
    if (listen(socket.get(), 8) != 0) return fail_errno(name + ": cannot claim the device");
    return DeviceClaim(std::move(socket));
  }
  const ucred holder = holder_of(place);
  if (holder.pid != 0 && holder.uid == geteuid() && holder.pid != getpid())
    return fail(name + ": another tandemd has it (process " + std::to_string(holder.pid) +
                "); two cannot steer one device");
  return DeviceClaim();
}

}  // namespace tandem::engine
