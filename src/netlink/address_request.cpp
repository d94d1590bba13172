// SPDX-License-Identifier: Apache-2.0
#include "netlink/address_request.hpp"

#include <linux/if_addr.h>
#include <net/if.h>

#include <netlink/errno.h>
#include <netlink/route/addr.h>

namespace tandem::netlink {
namespace {

constexpr std::uint32_t kForever = 0xffffffff;  // seconds, as ifa_cacheinfo has it

Owned<rtnl_addr> make(int ifindex, const IpPrefix& prefix) {
  Owned<rtnl_addr> address(rtnl_addr_alloc());
  const auto local = to_nl(prefix);
  if (!address || !local) return nullptr;
  rtnl_addr_set_ifindex(address.get(), ifindex);
  if (rtnl_addr_set_local(address.get(), local.get()) < 0) return nullptr;
  rtnl_addr_set_prefixlen(address.get(), prefix.length);
  return address;
}

}  // namespace

Result<void> check_label(const std::string& device, const IpPrefix& prefix,
                         const std::string& label) {
  if (label.empty()) return {};
  const auto problem = [&](const std::string& expected) {
    return fail(prefix.to_string() + " on " + device + ": label \"" + label + "\" " + expected);
  };
  if (!prefix.address.is_v4()) return problem("is for IPv4 addresses only; leave it out");
  if (label.size() >= IFNAMSIZ)
    return problem("is too long, expected at most " + std::to_string(IFNAMSIZ - 1) + " characters");
  if (!label.starts_with(device)) return problem("must begin with the device's name");
  return {};
}

std::expected<InterfaceAddress, KernelError> add_address(Requests& requests, int ifindex,
                                                         const IpPrefix& prefix,
                                                         const std::string& label) {
  const auto address = make(ifindex, prefix);
  if (!address) return out_of_memory();
  InterfaceAddress added{prefix, 0, label};
  if (!label.empty() && rtnl_addr_set_label(address.get(), label.c_str()) < 0)
    return std::unexpected(KernelError{EINVAL, "label too long"});
  if (!prefix.address.is_v4()) {
    added.flags = IFA_F_NODAD;
    rtnl_addr_set_flags(address.get(), IFA_F_NODAD);
    if (prefix.length == 128) {
      rtnl_addr_set_valid_lifetime(address.get(), kForever);
      rtnl_addr_set_preferred_lifetime(address.get(), 0);
    }
  }
  nl_msg* raw = nullptr;
  if (rtnl_addr_build_add_request(address.get(), NLM_F_CREATE | NLM_F_EXCL, &raw) < 0)
    return out_of_memory();
  const Owned<nl_msg> request(raw);
  if (auto done = requests.send(*request); !done) return std::unexpected(done.error());
  return added;
}

Outcome delete_address(Requests& requests, int ifindex, const IpPrefix& prefix) {
  const auto address = make(ifindex, prefix);
  if (!address) return out_of_memory();
  nl_msg* raw = nullptr;
  if (rtnl_addr_build_delete_request(address.get(), 0, &raw) < 0) return out_of_memory();
  const Owned<nl_msg> request(raw);
  return requests.send(*request);
}

}  // namespace tandem::netlink
