// SPDX-License-Identifier: Apache-2.0
#include "netlink/address_request.hpp"

#include <net/if.h>

#include <linux/if_addr.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>

#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>

#include <algorithm>
#include <array>
#include <fstream>

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

IpAddress network_of(const IpPrefix& prefix) {
  std::array<std::uint8_t, 4> bytes{};
  std::ranges::copy(prefix.address.bytes().first(4), bytes.begin());
  for (unsigned bit = prefix.length; bit < 32; bit++)
    bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
  return IpAddress::v4(bytes);
}

// Whether another address of the device could be secondary to this one.
bool shares_network(const Device& device, const IpPrefix& prefix) {
  if (!prefix.address.is_v4()) return false;
  return std::ranges::any_of(device.addresses, [&](const InterfaceAddress& other) {
    return other.prefix.address != prefix.address && same_network(other.prefix, prefix);
  });
}

bool promotes_secondaries(const std::string& device) {
  int value = 0;
  std::ifstream("/proc/sys/net/ipv4/conf/" + device + "/promote_secondaries") >> value;
  return value != 0;
}

// By a request, since /proc/sys may be read-only for a service.
Outcome promote_secondaries(Requests& requests, int ifindex, bool promote) {
  const Owned<nl_msg> message(nlmsg_alloc_simple(RTM_SETLINK, 0));
  ifinfomsg header{};
  header.ifi_index = ifindex;
  if (!message || nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO) < 0)
    return out_of_memory();
  nlattr* families = nla_nest_start(message.get(), IFLA_AF_SPEC);
  nlattr* family = families ? nla_nest_start(message.get(), AF_INET) : nullptr;
  nlattr* settings = family ? nla_nest_start(message.get(), IFLA_INET_CONF) : nullptr;
  if (!settings ||
      nla_put_u32(message.get(), IPV4_DEVCONF_PROMOTE_SECONDARIES, promote ? 1 : 0) < 0)
    return out_of_memory();
  nla_nest_end(message.get(), settings);
  nla_nest_end(message.get(), family);
  nla_nest_end(message.get(), families);
  return requests.send(*message);
}

}  // namespace

bool same_network(const IpPrefix& a, const IpPrefix& b) {
  return a.address.is_v4() && b.address.is_v4() && a.length == b.length &&
         network_of(a) == network_of(b);
}

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
                                                         const std::string& label,
                                                         std::uint8_t protocol) {
  const auto address = make(ifindex, prefix);
  if (!address) return out_of_memory();
  InterfaceAddress added{prefix, 0, label, protocol};
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
  if (nla_put_u8(request.get(), kIfaProto, protocol) < 0) return out_of_memory();
  if (auto done = requests.send(*request); !done) return std::unexpected(done.error());
  return added;
}

Outcome delete_address(Requests& requests, const Device& device, const IpPrefix& prefix) {
  const auto address = make(device.ifindex, prefix);
  if (!address) return out_of_memory();
  nl_msg* raw = nullptr;
  if (rtnl_addr_build_delete_request(address.get(), 0, &raw) < 0) return out_of_memory();
  const Owned<nl_msg> request(raw);
  const bool promotes = !shares_network(device, prefix) || promotes_secondaries(device.name);
  if (!promotes)
    if (auto set = promote_secondaries(requests, device.ifindex, true); !set) return set;
  const auto done = requests.send(*request);
  if (!promotes) static_cast<void>(promote_secondaries(requests, device.ifindex, false));
  return done;
}

}  // namespace tandem::netlink
