// SPDX-License-Identifier: Apache-2.0
#include "forward/rehearsal.hpp"

#include <algorithm>
#include <memory>

namespace tandem::forward {
namespace {

constexpr std::size_t kHeadroom = 64;  // tags and a tunnel's header
constexpr std::uint8_t kRehearsedTtl = 64;
constexpr std::uint16_t kTcpHeader = 20, kUdpHeader = TD_UDP_HEADER;
constexpr std::uint8_t kOtherMac[6] = {0x02, 0, 0, 0, 0, 0x01};

void put16(std::vector<std::uint8_t>& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put(std::vector<std::uint8_t>& out, const IpAddress& address) {
  out.insert(out.end(), address.bytes().begin(), address.bytes().end());
}

// As it would come from the wire, but that checksums are left 0.
std::vector<std::uint8_t> frame_of(const Question& q, const td_vrouter* vr, std::uint8_t flags) {
  const bool v4 = q.source.is_v4();
  const std::uint16_t transport = q.udp ? kUdpHeader : kTcpHeader;
  const std::uint8_t protocol = q.udp ? TD_PROTO_UDP : TD_PROTO_TCP;
  std::vector<std::uint8_t> out;
  out.reserve(64);  // GCC 12 at -O3 takes appending to an empty one for an overrun
  const std::uint8_t* mac = vr != nullptr ? vr->interface_mac : kOtherMac;
  if (vr != nullptr && (vr->flags & TD_VR_VIRTUAL_MAC) != 0) mac = vr->virtual_mac;
  out.insert(out.end(), mac, mac + 6);
  out.insert(out.end(), kOtherMac, kOtherMac + 6);
  for (int i = 0; vr != nullptr && i < 2; i++) {
    if (vr->vlan[i] == 0) continue;
    put16(out, TD_ETHERTYPE_8021Q);
    put16(out, vr->vlan[i]);
  }
  put16(out, v4 ? TD_ETHERTYPE_IPV4 : TD_ETHERTYPE_IPV6);
  if (v4) {
    out.insert(out.end(), {0x45, 0});
    put16(out, static_cast<std::uint16_t>(TD_IPV4_HEADER + transport));
    out.insert(out.end(), {0, 0, 0x40, 0, kRehearsedTtl, protocol, 0, 0});
  } else {
    out.insert(out.end(), {0x60, 0, 0, 0});
    put16(out, transport);
    out.insert(out.end(), {protocol, kRehearsedTtl});
  }
  put(out, q.source);
  put(out, q.destination);
  put16(out, q.source_port);
  put16(out, q.port);
  if (q.udp) {
    put16(out, transport);
    put16(out, 0);
  } else {
    out.resize(out.size() + 8);  // sequence numbers
    out.insert(out.end(), {kTcpHeader / 4 << 4, flags, 0xff, 0xff, 0, 0, 0, 0});
  }
  return out;
}

std::optional<KnownFlow> find(const Forwarder& forwarder, const FlowName& name) {
  if (name.client.is_v4()) {
    if (const auto flow = forwarder.flows4().find(key4(name))) return known(*flow);
  } else if (const auto flow = forwarder.flows6().find(key6(name))) {
    return known(*flow);
  }
  return std::nullopt;
}

// The flow that the packet belongs to, whichever end it comes from.
std::optional<KnownFlow> flow_of(const Forwarder& forwarder, const Question& q,
                                 const td_match& match) {
  const td_env& env = forwarder.env();
  if (match.about == TD_ABOUT_BACKENDS)
    return find(forwarder, {q.source, q.source_port, static_cast<std::uint16_t>(match.service)});
  if (match.source != TD_NONE) {
    const td_source* record =
        td_source_at(&env, match.source * TD_SOURCE_PORTS + std::uint32_t{q.port});
    if (record == nullptr || record->service == 0) return std::nullopt;
    const IpAddress client =
        q.source.is_v4() ? IpAddress::v4(std::span<const std::uint8_t, 4>(record->client, 4))
                         : IpAddress::v6(std::span<const std::uint8_t, 16>(record->client, 16));
    return find(forwarder, {client, record->client_port, record->service});
  }
  const td_backend* backend = nullptr;
  for (std::uint32_t slot = match.backend; slot != 0; slot = backend->next_shared) {
    backend = td_backend_at(&env, slot);
    if (backend == nullptr) break;
    auto flow = find(forwarder, {q.destination, q.port, backend->service});
    if (flow && flow->backend == slot) return flow;
  }
  return std::nullopt;
}

// The packet core's memory, with nothing in it that others see written to.
class Stage {
 public:
  Stage(const td_env& env, std::uint32_t tick_shift, flow::Tick now)
      : tables_(std::make_unique<td_tables>(*env.tables)),
        flow4_(flow::FlowTable4::elements_for(flow::FlowTable4::kLeastFlows)),
        flow6_(flow::FlowTable6::elements_for(flow::FlowTable6::kLeastFlows)),
        table4_(std::as_writable_bytes(std::span(flow4_)), counts_),
        table6_(std::as_writable_bytes(std::span(flow6_)), counts_),
        env_(env),
        now_(now) {
    env_.tables = tables_.get();
    env_.flow4 = flow4_.data();
    env_.flow6 = flow6_.data();
    (void)table4_.create(flow::FlowTable4::kLeastFlows, tick_shift, {});
    (void)table6_.create(flow::FlowTable6::kLeastFlows, tick_shift, {});
  }

  void place(const KnownFlow& flow) {
    if (flow.name.client.is_v4())
      table4_.insert(key4(flow.name), {flow.backend, flow.state, flow.extra, flow.source}, now_);
    else
      table6_.insert(key6(flow.name), {flow.backend, flow.state, flow.extra, flow.source}, now_);
  }
  [[nodiscard]] const td_env& env() const { return env_; }

 private:
  std::unique_ptr<td_tables> tables_;
  std::vector<td_flow4_bucket> flow4_;
  std::vector<td_flow6_bucket> flow6_;
  flow::FlowCounts counts_;
  flow::FlowTable4 table4_;
  flow::FlowTable6 table6_;
  td_env env_;
  flow::Tick now_;
};

td_match match_of(const td_env& env, std::vector<std::uint8_t> frame, std::uint32_t ifindex) {
  td_packet p;
  td_match match;
  td_parse(&p, frame.data(), frame.data() + frame.size(), TD_FULL);
  td_find(&match, env.tables, &p, frame.data() + frame.size(), ifindex);
  return match;
}

}  // namespace

Rehearsed rehearse(Forwarder& forwarder, const Question& q, MonotonicTime now,
                   std::uint64_t jiffies) {
  const td_env& env = forwarder.env();
  Rehearsed r{};
  td_frame frame{};
  const td_vrouter* vr = nullptr;
  r.match = match_of(env, frame_of(q, nullptr, TD_TCP_SYN), 0);
  if (r.match.vrouter != TD_NONE) vr = td_vrouter_at(env.tables, r.match.vrouter);
  if (vr != nullptr) frame.ifindex = vr->ifindex;
  r.flow = flow_of(forwarder, q, r.match);

  Stage stage(env, forwarder.tick_shift(),
              static_cast<flow::Tick>(jiffies >> forwarder.tick_shift()));
  std::uint8_t flags = TD_TCP_SYN;
  if (r.flow) {
    stage.place(*r.flow);
    if (r.flow->state != TD_FLOW_SYN_SENT) flags = TD_TCP_ACK;
    if (r.match.about == TD_ABOUT_REPLY)  // a reply, by its backend's device
      frame.ifindex = env.hops[env.backends[r.flow->backend].hop].ifindex;
  } else if (r.match.about == TD_ABOUT_BACKENDS) {
    const auto service = static_cast<std::uint16_t>(r.match.service);
    const auto preview = forwarder.preview(service, q.source, q.source_port, now);
    r.pick = preview.backend;
    r.held = preview.held;
    if (r.pick)
      stage.place({.name = {q.source, q.source_port, service},
                   .backend = *r.pick,
                   .state = static_cast<std::uint8_t>(q.udp ? TD_FLOW_ACTIVE : TD_FLOW_SYN_SENT)});
  }
  r.before = frame_of(q, vr, flags);

  std::vector<std::uint8_t> buffer(kHeadroom + r.before.size() + kHeadroom);
  std::ranges::copy(r.before, buffer.begin() + kHeadroom);
  frame.first = buffer.data();
  frame.last = buffer.data() + buffer.size();
  frame.data = frame.first + kHeadroom;
  frame.end = frame.data + r.before.size();
  frame.now_ns = static_cast<std::uint64_t>(now.time_since_epoch().count());
  frame.jiffies = jiffies;
  r.reason = td_steer_frame(&frame, &stage.env(), &r.outcome);
  r.after.assign(frame.data, frame.end);
  return r;
}

}  // namespace tandem::forward
