// SPDX-License-Identifier: Apache-2.0
#include "engine/dpdk/tap_device.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

namespace tandem::engine {
namespace {

// Attaches to the device of this name, which is made if there is none.
Result<Descriptor> attach(const std::string& name) {
  Descriptor fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return fail_errno(name + ": cannot make a TAP device: /dev/net/tun; modprobe tun");
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;  // whole frames: no offload is the kernel's to assume
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0)
    return fail_errno(name + (errno == EINVAL
                                  ? ": a device of that name is there, and no TAP device; "
                                    "give the interface another name"
                              : errno == EBUSY ? ": another process has the TAP device of that name"
                                               : ": cannot make a TAP device"));
  return fd;
}

}  // namespace

Result<TapDevice> TapDevice::open(const std::string& name, const MacAddress& mac,
                                  std::uint32_t most_mtu) {
  auto fd = attach(name);
  if (!fd) return std::unexpected(fd.error());
  const Descriptor any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  const auto tell = [&](unsigned long what) { return ioctl(any.get(), what, &request) == 0; };
  const auto failed = [&](const char* what) { return fail_errno(name + ": cannot " + what); };
  if (!tell(SIOCGIFINDEX)) return failed("find the TAP device");
  TapDevice self(std::move(*fd), static_cast<unsigned>(request.ifr_ifindex));
  self.set_carrier(false);
  if (!tell(SIOCGIFMTU)) return failed("read the MTU");
  if (static_cast<std::uint32_t>(request.ifr_mtu) > most_mtu) {
    request.ifr_mtu = static_cast<int>(most_mtu);
    if (!tell(SIOCSIFMTU)) return failed("set the MTU");
  }
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::ranges::copy(mac.bytes, request.ifr_hwaddr.sa_data);
  if (mac != MacAddress{} && !tell(SIOCSIFHWADDR)) return failed("set the MAC address");
  if (!tell(SIOCGIFFLAGS)) return failed("read the flags");
  request.ifr_flags |= IFF_UP;
  if (!tell(SIOCSIFFLAGS)) return failed("bring the TAP device up");
  return self;
}

void TapDevice::set_carrier(bool on) {
  int carrier = on ? 1 : 0;
  if (on != carrier_ && ioctl(fd_.get(), TUNSETCARRIER, &carrier) == 0) carrier_ = on;
}

}  // namespace tandem::engine
