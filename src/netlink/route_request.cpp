// SPDX-License-Identifier: Apache-2.0
#include "netlink/route_request.hpp"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rtnl.h>

#include <array>

namespace tandem::netlink {
namespace {

unsigned char kernel_family(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

bool put_address(nl_msg& message, int attribute, const IpAddress& address) {
  const auto bytes = address.bytes();
  return nla_put(&message, attribute, static_cast<int>(bytes.size()), bytes.data()) >= 0;
}

Owned<nl_msg> route_question(const Destination& destination) {
  Owned<nl_msg> message(nlmsg_alloc_simple(RTM_GETROUTE, 0));
  rtmsg header{};
  header.rtm_family = kernel_family(destination.address);
  header.rtm_dst_len = destination.address.is_v4() ? 32 : 128;
  const bool built =
      message && nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO) >= 0 &&
      put_address(*message, RTA_DST, destination.address) &&
      (destination.ifindex == 0 || nla_put_s32(message.get(), RTA_OIF, destination.ifindex) >= 0);
  return built ? std::move(message) : nullptr;
}

std::expected<Route, KernelError> route_of(rtnl_route* route, const Destination& destination) {
  if (const int type = rtnl_route_get_type(route); type != RTN_UNICAST) {
    std::array<char, 32> text{};
    nl_rtntype2str(type, text.data(), text.size());
    if (type == RTN_LOCAL) return std::unexpected(KernelError{EINVAL, "it is this node's own"});
    return std::unexpected(
        KernelError{EHOSTUNREACH, "its route is of type " + std::string(text.data())});
  }
  auto* hop = rtnl_route_nexthop_n(route, 0);
  if (!hop) return std::unexpected(KernelError{EHOSTUNREACH, "its route leads nowhere"});
  Route result{rtnl_route_nh_get_ifindex(hop), destination.address,
               to_ip(rtnl_route_get_pref_src(route))};
  if (unsigned mtu = 0; rtnl_route_get_metric(route, RTAX_MTU, &mtu) == 0) result.mtu = mtu;
  if (const auto gateway = to_ip(rtnl_route_nh_get_gateway(hop))) result.hop = *gateway;
  if (const auto gateway = to_ip(rtnl_route_nh_get_via(hop))) result.hop = *gateway;
  return result;
}

Reach reach_of(int nud) {
  if (nud & (NUD_REACHABLE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)) return Reach::good;
  if (nud & NUD_STALE) return Reach::stale;
  if (nud & NUD_FAILED) return Reach::failed;
  return nud & NUD_INCOMPLETE ? Reach::asking : Reach::unknown;
}

}  // namespace

std::expected<Route, KernelError> ask_route(Requests& requests, const Destination& destination) {
  const auto question = route_question(destination);
  if (!question) return out_of_memory();
  std::expected<Route, KernelError> answer =
      std::unexpected(KernelError{EPROTO, "the kernel's route cannot be read"});
  const auto sent = requests.send(*question, [&](nl_msg& reply) {
    if (nlmsg_hdr(&reply)->nlmsg_type != RTM_NEWROUTE) return;
    if (const auto object = parse(reply))
      answer = route_of(reinterpret_cast<rtnl_route*>(object.get()), destination);
  });
  if (sent) return answer;
  if (sent.error().code == ENETUNREACH)
    return std::unexpected(KernelError{ENETUNREACH, "no route"});
  return std::unexpected(sent.error());
}

std::expected<NeighbourState, KernelError> ask_neighbour(Requests& requests,
                                                         const NeighbourKey& key) {
  Owned<nl_msg> question(nlmsg_alloc_simple(RTM_GETNEIGH, 0));
  ndmsg header{};
  header.ndm_family = kernel_family(key.address);
  header.ndm_ifindex = key.ifindex;
  if (!question || nlmsg_append(question.get(), &header, sizeof header, NLMSG_ALIGNTO) < 0 ||
      !put_address(*question, NDA_DST, key.address))
    return out_of_memory();
  NeighbourState state;
  const auto sent = requests.send(*question, [&](nl_msg& reply) {
    if (const auto neighbour = read_neighbour(reply)) state = neighbour->second;
  });
  if (!sent && sent.error().code != ENOENT) return std::unexpected(sent.error());
  return state;
}

Outcome use_neighbour(Requests& requests, const NeighbourKey& key) {
  const Owned<rtnl_neigh> neighbour(rtnl_neigh_alloc());
  const auto address = to_nl(key.address);
  if (!neighbour || !address) return out_of_memory();
  rtnl_neigh_set_ifindex(neighbour.get(), key.ifindex);
  rtnl_neigh_set_flags(neighbour.get(), NTF_USE);
  nl_msg* raw = nullptr;
  if (rtnl_neigh_set_dst(neighbour.get(), address.get()) < 0 ||
      rtnl_neigh_build_add_request(neighbour.get(), NLM_F_CREATE, &raw) < 0)
    return out_of_memory();
  const Owned<nl_msg> request(raw);
  auto sent = requests.send(*request);
  if (!sent && sent.error().code == ENOBUFS)
    sent.error().reason += " (the neighbour table is full: raise net.ipv" +
                           std::string(key.address.is_v4() ? "4" : "6") +
                           ".neigh.default.gc_thresh3)";
  return sent;
}

std::optional<std::pair<NeighbourKey, NeighbourState>> read_neighbour(nl_msg& message) {
  const int type = nlmsg_hdr(&message)->nlmsg_type;
  if (type != RTM_NEWNEIGH && type != RTM_DELNEIGH) return std::nullopt;
  const auto object = parse(message);
  if (!object) return std::nullopt;
  auto* neighbour = reinterpret_cast<rtnl_neigh*>(object.get());
  const auto address = to_ip(rtnl_neigh_get_dst(neighbour));
  if (!address) return std::nullopt;  // a bridge's forwarding entry
  NeighbourState state;
  if (type == RTM_NEWNEIGH) state.reach = reach_of(rtnl_neigh_get_state(neighbour));
  if (state.reach == Reach::stale || state.reach == Reach::good)
    state.mac = to_mac(rtnl_neigh_get_lladdr(neighbour));
  return std::pair{NeighbourKey{*address, rtnl_neigh_get_ifindex(neighbour)}, state};
}

std::optional<IpPrefix> read_route_prefix(nl_msg& message) {
  const int type = nlmsg_hdr(&message)->nlmsg_type;
  if (type != RTM_NEWROUTE && type != RTM_DELROUTE) return std::nullopt;
  const auto object = parse(message);
  if (!object) return std::nullopt;
  auto* route = reinterpret_cast<rtnl_route*>(object.get());
  nl_addr* destination = rtnl_route_get_dst(route);
  if (const auto address = to_ip(destination))
    return IpPrefix{*address, static_cast<std::uint8_t>(nl_addr_get_prefixlen(destination))};
  if (rtnl_route_get_family(route) == AF_INET) return IpPrefix{IpAddress(), 0};
  return IpPrefix{IpAddress::v6(std::array<std::uint8_t, 16>{}), 0};
}

std::optional<int> read_link(nl_msg& message) {
  nlmsghdr* header = nlmsg_hdr(&message);
  if (header->nlmsg_type != RTM_NEWLINK && header->nlmsg_type != RTM_DELLINK) return std::nullopt;
  if (nlmsg_datalen(header) < static_cast<int>(sizeof(ifinfomsg))) return std::nullopt;
  return static_cast<ifinfomsg*>(nlmsg_data(header))->ifi_index;
}

}  // namespace tandem::netlink
