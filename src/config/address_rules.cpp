// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "config/rules.hpp"
#include "config/schema.hpp"

namespace tandem::config {
namespace {

struct Owner {
  const Vrrp& router;
  int line;
};

// The kernel takes any label, but ifconfig and friends find an address only under its device.
void check_label(const Vrrp& router, const VirtualAddress& address, Location where,
                 Problems& problems) {
  const auto& label = address.label;
  if (label.empty()) return;
  if (!address.prefix.address.is_v4()) {
    problems.error(where, "label: on an IPv6 address, expected labels on IPv4 addresses only");
    return;
  }
  const auto& device = address.device.empty() ? router.interface : address.device;
  if (!device.empty() && label != device && !label.starts_with(device + ':'))
    problems.error(where, "label: " + in_quotes(label) +
                              " does not belong to the device, expected " + in_quotes(device) +
                              " or " + in_quotes(device + ":..."));
}

// The data plane answers for a virtual MAC on the virtual router's own interface, and on no other.
void check_device(const Vrrp& router, const VirtualAddress& address, Location where,
                  Problems& problems) {
  if (router.mac == MacMode::interface_mac || address.device.empty() ||
      address.device == router.interface)
    return;
  problems.error(where, "device: " + in_quotes(address.device) +
                            " is not the virtual router's interface, and with mac = \"virtual\" "
                            "nothing would answer for the address, expected " +
                            in_quotes(router.interface) + " or mac = \"interface\"");
}

// RFC 9568, 5.2.5: an advert has an address at least.
void check_advertised(const Vrrp& router, Location where, Problems& problems) {
  if (router.addresses.empty() ||
      std::ranges::any_of(router.addresses, &VirtualAddress::advertised))
    return;
  problems.error(where, "addresses: none of them is advertised, expected one at least");
}

}  // namespace

void check_addresses(const File& file, Problems& problems) {
  std::map<IpAddress, Owner> owners;
  std::size_t count = 0;
  for (std::size_t i = 0; i < file.config.vrrp.size(); ++i) {
    const auto& router = file.config.vrrp[i];
    check_advertised(router, place(file.root, {"vrrp", i, "addresses"}), problems);
    for (std::size_t j = 0; j < router.addresses.size(); ++j) {
      const auto& item = router.addresses[j];
      const auto& address = item.prefix.address;
      if (address.is_unspecified()) continue;
      const auto where = place(file.root, {"vrrp", i, "addresses", j, "address"});
      if (++count == kMostAddresses + 1)
        problems.error(where, "addresses: one virtual address too many, expected at most " +
                                  std::to_string(kMostAddresses) + " in all [[vrrp]]");
      const auto [owner, is_new] = owners.emplace(address, Owner{router, where.line});
      if (!is_new)
        problems.error(where, "addresses: " + address.to_string() + " is an address of " +
                                  in_quotes(owner->second.router.name) + " in line " +
                                  std::to_string(owner->second.line) +
                                  ", expected each virtual address once");
      check_label(router, item, place(file.root, {"vrrp", i, "addresses", j, "label"}), problems);
      check_device(router, item, place(file.root, {"vrrp", i, "addresses", j, "device"}), problems);
    }
  }
}

}  // namespace tandem::config
