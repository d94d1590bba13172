// SPDX-License-Identifier: Apache-2.0
#include "engine/dpdk/own_port.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "engine/pci_device.hpp"

namespace tandem::engine {
namespace {

bool runs(const std::string& device) {
  const Descriptor any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  device.copy(request.ifr_name, sizeof request.ifr_name - 1);
  return ioctl(any.get(), SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING) != 0;
}

}  // namespace

Result<std::unique_ptr<OwnPort>> OwnPort::open(const OwnPortOptions& options, const FramePool& pool,
                                               std::function<void()> wake) {
  const auto failed = [&](const Error& error) { return fail(options.name + ": " + error.message); };
  // DPDK would say less.
  if (options.port.bus == "pci")
    if (auto good = PciDevice(options.port.device).check(); !good) return failed(good.error());
  if (!options.device.empty() && if_nametoindex(options.device.c_str()) == 0)
    return failed({"device " + options.device + " is gone"});
  auto port = Port::open(options.port, pool);
  if (!port) return failed(port.error());
  auto device = TapDevice::open(options.name, (*port)->mac(), (*port)->mtu());
  if (!device) return std::unexpected(device.error());
  auto path = TapPath::open(std::move(*device), pool, std::move(wake));
  if (!path) return failed(path.error());
  std::unique_ptr<OwnPort> self(new OwnPort(options, std::move(*port), std::move(*path)));
  self->device_ = if_nametoindex(options.device.c_str());
  if (auto good = self->follow(); !good) return std::unexpected(good.error());
  return self;
}

// DPDK's drivers over a device of the kernel's do not know whether it has a link, or is there.
Result<void> OwnPort::follow() {
  if (path_->is_broken()) return fail(name() + ": the TAP device was deleted");
  if (port_->is_gone()) return fail(name() + ": " + options_.port.device + " was unplugged");
  const std::string& device = options_.device;
  if (if_nametoindex(device.c_str()) != device_)
    return fail(name() + ": device " + device + " is gone");
  path_->device().set_carrier(port_->has_link() && (device.empty() || runs(device)));
  return {};
}

}  // namespace tandem::engine
