// SPDX-License-Identifier: Apache-2.0
// The way of a first packet.
//
//   flow is there?      its decision stands (and its client's router may have changed)
//   SYN, or UDP         affinity, else the scheduler
//   ACK without a flow  by a hash that both nodes compute alike: joined in the middle. It counts for
//                       nothing until it is confirmed (flow_track.h)
//   RST, FIN, table full  by that hash too, but not remembered
//   no backend          refused, or dropped
//
// With one-packet scheduling a flow is there for its packet alone: the next one is first again.
//
// With `before_forward`, a flow that the scheduler placed is held in the table, and its packets with
// it, until the peer has it: held_packets.cpp.
#include <atomic>
#include <cstring>

#include "forward/forwarder.hpp"
#include "forward/refusal.hpp"
#include "forward/source_record.hpp"
#include "forward/unfinished.hpp"

namespace tandem::forward {

struct Forwarder::Packet {
  td_frame* frame;
  MonotonicTime now;
  flow::Tick tick;
  td_packet p;
  td_match m;
  td_client client;
  std::uint16_t number;  // of the service
  Service* service;
  balance::FlowHash hash;
  int flags;    // TCP's; 0 with UDP
  void* owner;  // of the frame, if that may be held; else nullptr

  [[nodiscard]] bool begins() const {
    return p.protocol == TD_PROTO_UDP || td_opens_flow(static_cast<std::uint32_t>(flags));
  }
  [[nodiscard]] bool can_be_joined() const {
    return td_may_join_flow(static_cast<std::uint32_t>(flags));
  }
  [[nodiscard]] FlowId id() const;
  [[nodiscard]] IpAddress client_address() const {
    if (client.family == 4)
      return IpAddress::v4(std::span<const std::uint8_t, 4>(client.address, 4));
    return IpAddress::v6(std::span<const std::uint8_t, 16>(client.address, 16));
  }
};

namespace {

// ns: ICMP errors as XDP hands them over; "port unreachable" 200 a second, RSTs 10,000.
constexpr std::uint64_t kRefusalCost = 5'000'000;
constexpr std::uint64_t kResetCost = 100'000, kResetBurst = 100'000'000;
constexpr std::size_t kChoices = 8;  // backends that are tried for a flow
constexpr int kPortLooks = 8;        // ports whose flows are asked to give way

td_flow6_key key6(const td_client& client, std::uint16_t service) {
  td_flow6_key key{};
  key.address[0] = td_load64(client.address);
  key.address[1] = td_load64(client.address + 8);
  key.id = client.port << 16 | service;
  return key;
}

std::uint64_t key4(const td_client& client, std::uint16_t service) {
  return td_flow4_key(td_load32(client.address), client.port, service);
}

template <class Table>
typename Table::Key key_of(const td_client& client, std::uint16_t service) {
  if constexpr (std::is_same_v<Table, flow::FlowTable4>)
    return key4(client, service);
  else
    return key6(client, service);
}

}  // namespace

FlowId Forwarder::Packet::id() const {
  return client.family == TD_IPV4 ? id_of(key4(client, number)) : id_of(key6(client, number));
}

// ---- What a flow holds

std::optional<std::uint16_t> Forwarder::client_hop(const Packet& packet) {
  const td_packet& p = packet.p;
  td_hop hop{};
  hop.ifindex = packet.frame->ifindex;
  hop.mtu = 1500;
  for (const Device& device : devices_)
    if (device.ifindex == hop.ifindex) hop.mtu = device.mtu;
  std::memcpy(hop.vlan, p.vlan, sizeof hop.vlan);
  std::memcpy(hop.tpid, p.tpid, sizeof hop.tpid);
  td_copy_mac(hop.destination, p.eth + 6);
  td_copy_mac(hop.source, p.eth);
  return acquire_hop(hop);
}

// One of a flow that gives way, where the flow table would do the same for want of room.
bool Forwarder::free_port(const Service& service, std::uint8_t source) {
  PortPool& pool = ports_[service.settings.sources[source]];
  for (int i = 0; i < kPortLooks; i++) {
    const std::uint16_t port = pool.next();
    const td_source& record = *source_at(service, source, port);
    if (record.service == 0) continue;
    const td_service& other = memory_.env.tables->service[record.service];
    const td_client client{record.client, record.client_port, other.family};
    const bool gone = other.family == TD_IPV4 ? flows4_.give_way(key4(client, record.service))
                                              : flows6_.give_way(key6(client, record.service));
    if (gone) return true;
  }
  return false;
}

std::optional<std::uint16_t> Forwarder::take_port(const Service& service, std::uint8_t source) {
  PortPool& pool = ports_[service.settings.sources[source]];
  auto port = pool.take();
  if (!port && free_port(service, source)) port = pool.take();
  return port;
}

// TD_TX_FORWARD: all is there. Else nothing is held.
template <class Decision>
td_reason Forwarder::reserve(const Packet& packet, Decision& decision) {
  Service& service = *packet.service;
  if (!service.settings.is_nat()) return TD_TX_FORWARD;
  const auto hop = client_hop(packet);
  if (!hop) {
    service_counts_[packet.number].crowded++;
    return TD_DROP_NO_NEXT_HOP;
  }
  if (service.settings.mode == TD_MODE_NAT) {
    decision.extra = *hop;
    return TD_TX_FORWARD;
  }
  const auto& places = service.settings.new_sources;
  const std::size_t sources = places.size();
  for (std::size_t tried = 0; tried < sources; tried++) {
    const std::uint8_t source = places[service.turn++ % sources];
    const auto port = take_port(service, source);
    if (!port) continue;
    fill_source(*source_at(service, source, *port), packet.client, packet.number, *hop);
    decision.extra = *port;
    decision.source = source;
    return TD_TX_FORWARD;
  }
  hops_.release(*hop);
  service_counts_[packet.number].exhausted++;
  return TD_DROP_NO_SOURCE_PORT;
}

template <class Table>
void Forwarder::follow_router(Table& table, const typename Table::Flow& flow,
                              const Packet& packet) {
  const Service& service = *packet.service;
  if (!service.settings.is_nat()) return;
  td_source* record = nullptr;
  std::uint16_t old = flow.extra;
  if (service.settings.mode == TD_MODE_FULLNAT) {
    record = source_at(service, flow.source, flow.extra);
    if (record == nullptr) return;
    old = record->hop;
  }
  const auto hop = client_hop(packet);
  if (!hop) return;
  if (*hop == old || !table.find(flow.key)) return hops_.release(*hop);  // as before, or gave way
  if (record != nullptr)
    std::atomic_ref(record->hop).store(*hop, std::memory_order_release);
  else
    table.set_extra(flow.key, *hop);
  hops_.release(old);
}

// ---- Decide

// nat: would the backend see two flows of one client port? A flow through another service to the
// same backend is told from this one by its backend alone. One that is over makes way.
template <class Table>
bool Forwarder::is_taken_elsewhere(Table& table, const Packet& packet, std::uint16_t backend) {
  if (packet.service->settings.mode != TD_MODE_NAT) return false;
  for (const std::uint16_t other : backends_[backend]->settings.shared_with) {
    if (!backends_[other]) continue;
    const auto key = key_of<Table>(packet.client, backends_[other]->settings.service);
    const auto flow = table.find(key);
    if (!flow || flow->backend != other) continue;
    if (flow->state != TD_FLOW_CLOSED && flow->state != TD_FLOW_RESET) return true;
    table.erase(key);
  }
  return false;
}

// By affinity or scheduler, and charged; or by hash, and not.
std::optional<std::uint16_t> Forwarder::choose(Packet& packet) {
  Service& service = *packet.service;
  balance::Scheduler& scheduler = *service.scheduler;
  if (!packet.begins()) return scheduler.hash_pick(packet.hash);
  if (service.affinity) {
    const auto client =
        balance::network_of(packet.client_address(), service.settings.affinity_prefix);
    const auto picked =
        balance::pick(scheduler, *service.affinity, client, packet.hash, packet.now);
    if (replication_ != nullptr) tell_news(service, packet.number, packet.now);
    return picked;
  }
  return scheduler.pick(packet.hash, packet.now);
}

// The same, of those that can tell the flow from all others. While it looks on, the ones that
// cannot stay charged, so that the scheduler comes to the next.
template <class Table>
std::optional<std::uint16_t> Forwarder::choose_in(Table& table, Packet& packet) {
  if (!packet.begins()) {
    const auto backend = choose(packet);
    return backend && is_taken_elsewhere(table, packet, *backend) ? std::nullopt : backend;
  }
  std::array<std::uint16_t, kChoices> passed;
  std::size_t count = 0;
  std::optional<std::uint16_t> backend;
  while (count < kChoices && (backend = choose(packet)) &&
         is_taken_elsewhere(table, packet, *backend)) {
    passed[count++] = *backend;
    backend.reset();
  }
  for (std::size_t i = 0; i < count; i++) packet.service->scheduler->close(passed[i]);
  return backend;
}

// A flow that is not there, or is over. TD_TX_FORWARD: it is there now.
template <class Table>
td_reason Forwarder::place(Table& table, const typename Table::Key& key, Packet& packet) {
  Service& service = *packet.service;
  balance::Scheduler& scheduler = *service.scheduler;
  ServiceCounts& counts = service_counts_[packet.number];
  const bool begins = packet.begins();
  if (!begins && !packet.can_be_joined()) return TD_TX_HASHED;

  const auto backend = choose_in(table, packet);
  if (!backend) return TD_DROP_NO_BACKEND;
  typename Table::Decision decision{*backend, TD_FLOW_ACTIVE};
  if (packet.p.protocol == TD_PROTO_TCP)
    decision.state = begins ? TD_FLOW_SYN_SENT : TD_FLOW_JOINED;
  decision.held = begins && packet.owner != nullptr && service.settings.before_forward &&
                  may_hold(packet.number);
  if (const td_reason reserved = reserve(packet, decision); reserved != TD_TX_FORWARD) {
    if (begins) scheduler.close(*backend);
    return reserved;
  }
  const auto outcome = table.insert(key, decision, packet.tick).outcome;
  if (outcome == Table::Outcome::inserted || outcome == Table::Outcome::replaced) {
    if (replication_ != nullptr) count_in<Table>(key, *backend, decision.extra);
    (begins ? counts.picks : counts.joined)++;
    backend_counts_[*backend].flows++;
    return decision.held ? kHeld : TD_TX_FORWARD;
  }
  if (begins) scheduler.close(*backend);
  release(service, decision.extra, decision.source);
  if (outcome == Table::Outcome::exists) return TD_TX_FORWARD;
  counts.full++;
  return TD_TX_HASHED;
}

template <class Table>
td_reason Forwarder::decide_in(Table& table, const typename Table::Key& key, Packet& packet) {
  if (const auto flow = table.find(key)) {
    const bool over = td_flow_is_ending(flow->state) || !flow->counted;
    if (packet.p.protocol != TD_PROTO_TCP || !packet.begins() || !over) {
      if (flow->held && packet.owner != nullptr && replication_ != nullptr)
        return has_room_to_hold() ? kHeld : TD_DROP_NO_FLOW;
      if (flow->held) table.let_go(key);
      follow_router(table, *flow, packet);
      return TD_TX_FORWARD;
    }
  }
  return place(table, key, packet);
}

td_reason Forwarder::decide(Packet& packet) {
  if (packet.client.family == 4)
    return decide_in(flows4_, key4(packet.client, packet.number), packet);
  return decide_in(flows6_, key6(packet.client, packet.number), packet);
}

// ---- Admit

td_reason Forwarder::admit(td_frame& frame, td_outcome& outcome, MonotonicTime now, void* owner) {
  Packet packet{};
  td_packet& p = packet.p;
  const td_tables& tables = *memory_.env.tables;
  td_reason decided = TD_TX_FORWARD;
  packet.frame = &frame;
  td_parse(&p, frame.data, frame.end, TD_FULL);
  // XDP hands over only the head of a packet that is to be answered by an error.
  const bool is_cut = p.shape == TD_SHAPE_IP && p.l3 + td_ip_bytes(&p) > frame.end;
  td_find(&packet.m, &tables, &p, frame.end, frame.ifindex);
  if (packet.m.about == TD_ABOUT_BACKENDS && p.l4 != nullptr && p.has_ports) {
    packet.now = now;
    packet.owner = owner;
    packet.tick = tick_ = static_cast<flow::Tick>(frame.jiffies >> tick_shift_);
    packet.number = static_cast<std::uint16_t>(packet.m.service);
    packet.service = service_at(packet.number);
    packet.client = {td_ip_source(&p), p.source_port, static_cast<std::uint8_t>(p.family)};
    packet.flags = td_transport_flags(&p, frame.end);
    packet.hash = {td_hash_flow(&packet.client, &tables.service[packet.number]),
                   td_hash_source(&packet.client)};
    const bool live = td_may_forward(&frame, td_vrouter_at(&tables, packet.m.vrouter));
    if (packet.service != nullptr && packet.flags >= 0 && live && td_ttl(&p) > 1 && !is_cut)
      decided = is_unfinished(p) ? TD_DROP_UNFINISHED : decide(packet);
  }
  if (decided == kHeld) return keep(frame, packet.id(), owner, now);
  const td_reason reason = decided == TD_TX_FORWARD || decided == TD_TX_HASHED
                               ? deliver(frame, outcome, is_cut)
                               : decided;
  if (decided == TD_TX_FORWARD && packet.service != nullptr && packet.service->settings.one_packet)
    forget(packet);
  if (reason == TD_DROP_NO_BACKEND && packet.service != nullptr) {
    service_counts_[packet.number].refused++;
    outcome = {};
    if (packet.service->settings.reject && may_refuse(p, frame.now_ns) && refuse(frame, p)) {
      reasons_[TD_TX_REFUSED]++;
      return TD_TX_REFUSED;
    }
  }
  reasons_[reason]++;
  return reason;
}

// Nobody else is told of a flow that was there for one packet.
void Forwarder::forget(const Packet& packet) {
  forgets_one_ = true;
  if (packet.client.family == 4)
    flows4_.erase(key4(packet.client, packet.number));
  else
    flows6_.erase(key6(packet.client, packet.number));
  forgets_one_ = false;
}

// The packet core's whole way, as in XDP; but what has no flow now goes by hash.
td_reason Forwarder::deliver(td_frame& frame, td_outcome& outcome, bool is_cut) {
  frame.hash_misses = 1;
  frame.ended = {};
  const td_reason reason = td_steer_frame(&frame, &memory_.env, &outcome);
  if (frame.ended.family != 0)
    on_end(frame.ended, static_cast<flow::Tick>(frame.jiffies >> tick_shift_));
  if (reason == TD_DROP_TOO_BIG || reason == TD_DROP_TTL_EXCEEDED)
    return answer(frame, outcome, reason);
  if (is_cut && td_is_tx(reason))
    return TD_DROP_TOO_BIG;  // its way is another one since: it will come again
  if (td_is_tx(reason) && outcome.backend != 0) {
    backend_counts_[outcome.backend].packets++;
    backend_counts_[outcome.backend].bytes.add(outcome.length);
  }
  return reason;
}

// What cannot be sent on, though it may be the first of its flow.
td_reason Forwarder::answer(td_frame& frame, td_outcome& outcome, td_reason reason) {
  const std::uint32_t mtu = outcome.mtu;
  const std::uint64_t cost = memory_.env.tables->error_cost_ns;
  td_packet p;
  td_parse(&p, frame.data, frame.end, TD_FULL);
  outcome = {};
  if (p.shape != TD_SHAPE_IP || !td_may_be_answered(&p) ||
      !td_take_token(&errors_, frame.now_ns, cost, cost * TD_ERROR_BURST))
    return reason;
  if (reason == TD_DROP_TOO_BIG) return answer_too_big(frame, p, mtu) ? TD_TX_TOO_BIG : reason;
  return answer_time_exceeded(frame, p) ? TD_TX_TIME_EXCEEDED : reason;
}

bool Forwarder::may_refuse(const td_packet& p, std::uint64_t now_ns) {
  return p.protocol == TD_PROTO_TCP
             ? td_take_token(&resets_, now_ns, kResetCost, kResetBurst) != 0
             : td_take_token(&refusals_, now_ns, kRefusalCost, kRefusalCost * TD_ERROR_BURST) != 0;
}

Forwarder::Preview Forwarder::preview(std::uint16_t number, const IpAddress& client,
                                      std::uint16_t port, MonotonicTime now) {
  Preview preview;
  Service* service = service_at(number);
  if (service == nullptr) return preview;
  const td_client key{client.bytes().data(), port, static_cast<std::uint8_t>(client.family())};
  const balance::FlowHash hash{td_hash_flow(&key, &memory_.env.tables->service[number]),
                               td_hash_source(&key)};
  if (service->affinity)
    preview.backend = service->affinity->peek(
        balance::network_of(client, service->settings.affinity_prefix), now);
  preview.held = preview.backend && service->scheduler->eligible(*preview.backend);
  if (!preview.held) preview.backend = service->scheduler->peek(hash, now);
  return preview;
}

}  // namespace tandem::forward
