// SPDX-License-Identifier: Apache-2.0
#include "service_node.hpp"

#include <algorithm>

#include "core.hpp"

namespace tandem {
namespace {

using frames::append;
using frames::append16;
using frames::Bytes;
using frames::ip;

constexpr MacAddress kNear{{0x02, 0, 0, 0, 0, 0xe1}}, kFar{{0x02, 0, 0, 0, 0, 0xe2}};
constexpr std::size_t kHeadroom = core::kHeadroom;
constexpr std::size_t kAnswerRoom = 64;  // behind a frame of AF_XDP, where there is much more

flow::IdleTicks idle_ticks() {
  return flow::IdleTicks::from({}, std::chrono::milliseconds(256)).value();
}

td_hop hop_to(int backend) {
  td_hop hop{};
  hop.ifindex = backend == 0 ? rig::kLink : rig::kOtherLink;
  hop.mtu = backend == 0 ? 1500 : 1400;
  if (backend == 1) {
    hop.vlan[0] = 77;
    hop.tpid[0] = TD_ETHERTYPE_8021Q;
  }
  std::ranges::copy((backend == 0 ? kNear : kFar).bytes, hop.destination);
  std::ranges::copy((backend == 0 ? frames::kNodeMac : rig::kOtherNodeMac).bytes, hop.source);
  return hop;
}

forward::BackendSettings settings_of(const TestService& s, int which, std::uint16_t slot) {
  forward::BackendSettings settings;
  settings.service = s.number;
  settings.address = backend_address(s.backends, which);
  settings.port = s.backend_port;
  if (s.mode == TD_MODE_TUNNEL)
    settings.outer = ip(s.backends == Family::ipv4 ? "203.0.113.249" : "2001:db8:f::f9");
  settings.balance.identity = slot;
  settings.hop = hop_to(which);
  return settings;
}

std::uint32_t sum_of(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += load_be16(&bytes[i]);
  if (bytes.size() % 2 != 0) sum += std::uint32_t{bytes.back()} << 8;
  return sum;
}

std::uint16_t folded(std::uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

std::uint16_t transport_sum(const IpAddress& from, const IpAddress& to, bool udp,
                            const Bytes& segment) {
  return folded(sum_of(from.bytes()) + sum_of(to.bytes()) +
                static_cast<std::uint32_t>(segment.size()) + (udp ? 17U : 6U) + sum_of(segment));
}

Bytes transport(bool udp, std::uint16_t from, std::uint16_t to, std::uint8_t flags,
                std::size_t payload) {
  Bytes out;
  append16(out, from);
  append16(out, to);
  if (udp) {
    append16(out, static_cast<unsigned>(8 + payload));
    append16(out, 0);
  } else {
    append(out, Bytes{0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0});
  }
  for (std::size_t i = 0; i < payload; i++) out.push_back(static_cast<std::uint8_t>(i));
  return out;
}

Bytes packet(const IpAddress& from, const IpAddress& to, bool udp, Bytes segment,
             const frames::Ether& link) {
  const std::size_t at = udp ? 6 : 16;
  std::uint16_t sum = static_cast<std::uint16_t>(~transport_sum(from, to, udp, segment));
  if (udp && sum == 0) sum = 0xffff;
  store_be16(&segment[at], sum);
  const std::uint8_t protocol = udp ? 17 : 6;
  if (from.is_v4())
    return frames::ipv4({.to = to, .protocol = protocol, .from = from, .fragment = 0x4000}, segment,
                        link);
  return frames::ipv6({.to = to, .next = protocol, .from = from}, segment, link);
}

}  // namespace

std::vector<TestService> test_services() {
  const auto v4 = Family::ipv4, v6 = Family::ipv6;
  const IpAddress a = ip("192.0.2.100"), b = ip("2001:db8::100");
  return {
      {1, a, false, 8001, TD_MODE_NAT, v4, 9001},
      {2, a, true, 8001, TD_MODE_NAT, v4, 9001},
      {3, a, false, 8003, TD_MODE_FULLNAT, v4, 9003},
      {4, a, false, 8004, TD_MODE_DSR, v4, 8004},
      {5, a, false, 8005, TD_MODE_TUNNEL, v4, 8005},
      {6, a, true, 8006, TD_MODE_TUNNEL, v6, 8006},
      {7, b, false, 8001, TD_MODE_NAT, v6, 9001},
      {8, b, true, 8001, TD_MODE_NAT, v6, 9001},
      {9, b, true, 8003, TD_MODE_FULLNAT, v6, 9003},
      {10, b, false, 8004, TD_MODE_DSR, v6, 8004},
      {11, b, false, 8005, TD_MODE_TUNNEL, v6, 8005},
      {12, ip("2001:db8::104"), false, 8006, TD_MODE_TUNNEL, v4, 8006, {20, 30}},
      {13, ip("192.0.2.103"), false, 8001, TD_MODE_NAT, v4, 9013, {10, 0}},
      {14, ip("192.0.2.106"), false, 8001, TD_MODE_DSR, v4, 8001},
  };
}

IpAddress backend_address(Family family, int i) {
  if (family == Family::ipv4) return ip(i == 0 ? "203.0.113.1" : "203.0.113.2");
  return ip(i == 0 ? "2001:db8:f::1" : "2001:db8:f::2");
}

IpAddress client_address(Family family, unsigned n) {
  const auto low = static_cast<std::uint8_t>(n), high = static_cast<std::uint8_t>(n >> 8);
  if (family == Family::ipv4) return IpAddress::v4(std::array<std::uint8_t, 4>{198, 51, 100, low});
  std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8, 0, 9};
  bytes[14] = high;
  bytes[15] = low;
  return IpAddress::v6(bytes);
}

IpAddress source_address(Family family) {
  return ip(family == Family::ipv4 ? "203.0.113.250" : "2001:db8:f::fa");
}

// ---- The node

ServiceNode::ServiceNode(const forward::Forwarder::Memory& memory, flow::Steering& steering,
                         const flow::JiffyClock& clock, std::uint32_t flows,
                         std::uint16_t more_sources)
    : memory_(memory),
      steering_(steering),
      clock_(clock),
      flows_(flows),
      more_sources_(more_sources) {
  const MonotonicTime now = MonotonicClock::now();
  steering_.set_clock(clock);
  steering_.set_budget(1'000'000'000, std::chrono::hours(1));
  auto services = rig::services();
  flow::SteeredReplies replies;
  for (const auto& s : test_services()) {
    flow::SteeredService steered{s.address, s.udp, s.port, s.number, s.mode};
    steered.sources = source_slots(s);
    services.push_back(steered);
    for (int i = 0; s.is_nat() && i < 2; i++)
      replies.backends.push_back({backend_address(s.backends, i), s.udp, s.backend_port,
                                  static_cast<std::uint16_t>(2 * s.number + i)});
  }
  replies.sources = {{source_address(Family::ipv4), 0}, {source_address(Family::ipv6), 1}};
  for (std::uint16_t i = 0; i < more_sources_; i++)
    replies.sources.push_back(
        {ip("203.0.113." + std::to_string(224 + i)), static_cast<std::uint16_t>(2 + i)});
  // One of the two kinds of source addresses: an own one, and one that moves with the services.
  auto routers = rig::routers();
  routers[2].addresses.push_back(source_address(Family::ipv6));
  if (!steering_.publish(routers, services, replies, rig::host())) std::abort();
  for (const std::uint16_t slot : std::array<std::uint16_t, 7>{0, 1, 2, 3, 4, 5, 8})
    steering_.grant_lease(slot, now + std::chrono::hours(1));
  make(now);
}

std::vector<std::uint16_t> ServiceNode::source_slots(const TestService& service) const {
  if (service.mode != TD_MODE_FULLNAT) return {};
  if (service.backends == Family::ipv6) return {1};
  std::vector<std::uint16_t> slots{0};
  for (std::uint16_t i = 0; i < more_sources_; i++)
    slots.push_back(static_cast<std::uint16_t>(2 + i));
  return slots;
}

void ServiceNode::make(MonotonicTime now) {
  forwarder_ = std::make_unique<forward::Forwarder>(memory_, idle_ticks());
  if (!forwarder_->open({flows_, flows_, kTickShift}, tick(now))) std::abort();
  if (replication_ != nullptr) forwarder_->replicate(replication_);
  forwarder_->set_mtu(rig::kLink, 1500);
  for (const auto& s : test_services()) {
    forwarder_->set_service(s.number, service_settings(s), now);
    for (int i = 0; i < 2; i++)
      set_backend(static_cast<std::uint16_t>(2 * s.number + i), balance::State::up, 1, now);
    // Both nodes of a pair have the same hash picks.
    const auto first = static_cast<std::uint16_t>(2 * s.number);
    balance::MaglevTable table(
        {{{.identity = 1, .weight = 1, .slot = first},
          {.identity = 2, .weight = 1, .slot = static_cast<std::uint16_t>(first + 1)}}},
        balance::MaglevTable::size_for(2));
    const auto slots = table.slots();
    const std::uint32_t block = s.number * 64U;
    for (std::size_t i = 0; i < slots.size(); i++)
      memory_.env.picks[block + i / TD_PICKS_IN_BLOCK].backend[i % TD_PICKS_IN_BLOCK] = slots[i];
    steering_.set_picks(s.number, block, static_cast<std::uint32_t>(slots.size()));
    forwarder_->install(s.number, std::move(table));
  }
}

void ServiceNode::restart(MonotonicTime now, bool sweeps_early) {
  make(now);
  if (sweeps_early) forwarder_->sweep(flows_, tick(now));
  forwarder_->adopt();
}

void ServiceNode::replicate(forward::Replication& shared, MonotonicTime now) {
  replication_ = &shared;
  restart(now);
}

void ServiceNode::set_backend(std::uint16_t slot, balance::State state, std::uint16_t weight,
                              MonotonicTime now, std::uint32_t max_connections) {
  auto settings = settings_of(test_services()[slot / 2 - 1], slot % 2, slot);
  settings.balance.weight = weight;
  settings.balance.state = state;
  settings.balance.max_connections = max_connections;
  forwarder_->set_backend(slot, settings, now);
}

void ServiceNode::make_twins(std::uint16_t slot, std::uint16_t other, MonotonicTime now,
                             std::uint32_t max_connections) {
  for (const auto& [one, twin] : {std::pair{slot, other}, std::pair{other, slot}}) {
    auto settings = settings_of(test_services()[one / 2U - 1], one % 2, one);
    settings.balance.weight = 1;
    settings.balance.state = balance::State::up;
    settings.balance.max_connections = max_connections;
    settings.twins = {twin};
    forwarder_->set_backend(one, settings, now);
  }
}

void ServiceNode::set_one_packet(const TestService& service, MonotonicTime now) {
  auto settings = service_settings(service);
  settings.one_packet = true;
  forwarder_->set_service(service.number, settings, now);
}

void ServiceNode::set_affinity(const TestService& service, Duration affinity, MonotonicTime now,
                               std::uint8_t prefix) {
  auto settings = service_settings(service);
  settings.affinity = affinity;
  settings.affinity_prefix = prefix;
  forwarder_->set_service(service.number, settings, now);
}

forward::ServiceSettings ServiceNode::service_settings(const TestService& service) const {
  forward::ServiceSettings settings;
  settings.identity = service.number;
  settings.mode = service.mode;
  settings.udp = service.udp;
  settings.before_forward = before_forward_.contains(service.number);
  settings.sources = source_slots(service);
  return settings;
}

void ServiceNode::remove_backend(std::uint16_t slot, MonotonicTime now) {
  auto settings = settings_of(test_services()[slot / 2 - 1], slot % 2, slot);
  settings.balance.state = balance::State::draining;
  settings.removed = true;
  forwarder_->set_backend(slot, settings, now);
}

void ServiceNode::add_backend(std::uint16_t slot, const TestService& service, std::uint16_t weight,
                              MonotonicTime now) {
  auto settings = settings_of(service, 0, slot);
  settings.balance.weight = weight;
  settings.balance.state = balance::State::up;
  forwarder_->set_backend(slot, settings, now);
}

td_frame ServiceNode::lay_out(const Bytes& frame, std::uint32_t ifindex, MonotonicTime now,
                              std::size_t room) {
  Bytes copy = frame;
  td_packet p;
  td_parse(&p, copy.data(), copy.data() + copy.size(), TD_FULL);
  // Ends where the frame ends, so that AddressSanitizer sees what is read or written behind it.
  buffer_ = Bytes(kHeadroom + frame.size() + std::max(room, core::tailroom(p, frame.size())));
  std::ranges::copy(frame, buffer_.begin() + kHeadroom);
  td_frame f{};
  f.first = buffer_.data();
  f.last = buffer_.data() + buffer_.size();
  f.data = f.first + kHeadroom;
  f.end = f.data + frame.size();
  f.ifindex = ifindex;
  f.now_ns = to_ns(now);
  f.jiffies = clock_.at(now);
  return f;
}

ServiceNode::Outcome ServiceNode::steer(const Bytes& frame, std::uint32_t ifindex,
                                        MonotonicTime now, td_flow_end* ended) {
  td_frame f = lay_out(frame, ifindex, now);
  Outcome outcome{};
  outcome.reason = td_steer_frame(&f, &memory_.env, &outcome.out);
  outcome.frame.assign(f.data, f.end);
  if (ended != nullptr)
    *ended = f.ended;
  else if (f.ended.family != 0)
    forwarder_->on_end(f.ended, tick(now));
  return outcome;
}

ServiceNode::Outcome ServiceNode::admit(const Bytes& frame, std::uint32_t ifindex,
                                        MonotonicTime now) {
  td_frame f = lay_out(frame, ifindex, now, kAnswerRoom);
  Outcome outcome{};
  outcome.reason = forwarder_->admit(f, outcome.out, now);
  outcome.frame.assign(f.data, f.end);
  return outcome;
}

ServiceNode::Outcome ServiceNode::admit_or_hold(const Bytes& frame, std::uint32_t ifindex,
                                                MonotonicTime now) {
  td_frame f = lay_out(frame, ifindex, now, kAnswerRoom);
  kept_.push_back(std::move(buffer_));  // its bytes stay where they are
  Outcome outcome{};
  outcome.reason = forwarder_->admit(f, outcome.out, now, &kept_.back());
  outcome.frame.assign(f.data, f.end);
  if (outcome.reason != forward::Forwarder::kHeld) kept_.pop_back();
  return outcome;
}

std::vector<ServiceNode::LetGo> ServiceNode::let_go(MonotonicTime now) {
  std::vector<LetGo> all;
  while (const auto released = forwarder_->let_go(now, jiffies(now))) {
    const td_frame& f = released->frame;
    all.push_back({{released->reason, Bytes(f.data, f.end), released->outcome},
                   released->acknowledged,
                   released->flow});
    std::erase_if(kept_, [&](const Bytes& bytes) { return &bytes == released->owner; });
  }
  return all;
}

void ServiceNode::set_before_forward(const TestService& service, MonotonicTime now) {
  before_forward_.insert(service.number);
  forwarder_->set_service(service.number, service_settings(service), now);
}

MemoryNode::MemoryNode(MonotonicTime start, std::uint32_t flows)
    : memory(flows),
      steering(memory.tables(), [] { return 1; }),
      node(memory.memory(), steering, {std::chrono::milliseconds(4), 1'000'000, start}, flows) {}

// ---- Frames

Bytes to_service(const TestService& s, const Segment& segment) {
  const IpAddress from = client_address(s.address.family(), segment.client);
  return packet(from, s.address, s.udp,
                transport(s.udp, segment.port, s.port, segment.flags, segment.payload),
                {.from = segment.mac, .vlan = s.vlan});
}

Bytes from_backend(const TestService& s, int backend, const Segment& segment,
                   std::uint16_t to_port) {
  const IpAddress to = s.mode == TD_MODE_FULLNAT
                           ? source_address(s.backends)
                           : client_address(s.address.family(), segment.client);
  frames::Ether link{.to = backend == 0 ? frames::kNodeMac : rig::kOtherNodeMac,
                     .from = backend == 0 ? kNear : kFar};
  if (backend == 1) link.vlan = {77, 0};
  return packet(backend_address(s.backends, backend), to, s.udp,
                transport(s.udp, s.backend_port, to_port, segment.flags, segment.payload), link);
}

bool has_good_checksums(const Bytes& frame) {
  Bytes copy = frame;
  td_packet p;
  td_parse(&p, copy.data(), copy.data() + copy.size(), TD_FULL);
  if (p.shape != TD_SHAPE_IP) return false;
  const std::size_t l3 = p.l3_offset;
  const std::size_t header = p.family == 4 ? (copy[l3] & 15U) * 4U : 40U;
  if (p.family == 4 && folded(sum_of(std::span(copy).subspan(l3, header))) != 0xffff) return false;
  if (p.protocol == TD_PROTO_IPIP || p.protocol == TD_PROTO_IPV6) {  // what is inside
    Bytes inner(12);
    append16(inner, p.protocol == TD_PROTO_IPIP ? 0x0800 : 0x86dd);
    inner.insert(inner.end(), copy.begin() + static_cast<std::ptrdiff_t>(l3 + header), copy.end());
    return has_good_checksums(inner);
  }
  const std::size_t bytes =
      p.family == 4 ? load_be16(&copy[l3 + 2]) - header : load_be16(&copy[l3 + 4]);
  const std::size_t address_at = p.family == 4 ? 12 : 8, addresses = p.family == 4 ? 8 : 32;
  const auto segment = std::span(copy).subspan(l3 + header, bytes);
  return folded(sum_of(std::span(copy).subspan(l3 + address_at, addresses)) +
                static_cast<std::uint32_t>(bytes) + p.protocol + sum_of(segment)) == 0xffff;
}

namespace {

// "Time exceeded", quoting what a frame has behind its tags.
Bytes error_about(const Bytes& quoted, const IpAddress& to, std::size_t l3,
                  const frames::Ether& link) {
  Bytes message{static_cast<std::uint8_t>(to.is_v4() ? 11 : 3), 0, 0, 0, 0, 0, 0, 0};
  message.insert(message.end(), quoted.begin() + static_cast<std::ptrdiff_t>(l3), quoted.end());
  std::uint32_t sum = sum_of(message);
  const IpAddress from = ip(to.is_v4() ? "198.51.100.77" : "2001:db8:9::77");
  if (!to.is_v4())
    sum +=
        sum_of(from.bytes()) + sum_of(to.bytes()) + static_cast<std::uint32_t>(message.size()) + 58;
  store_be16(&message[2], static_cast<std::uint16_t>(~folded(sum)));
  if (to.is_v4()) return frames::ipv4({.to = to, .protocol = 1, .from = from}, message, link);
  return frames::ipv6({.to = to, .next = 58, .from = from}, message, link);
}

// A datagram's first fragment and a later one.
void add_fragments(std::vector<Bytes>& all, const TestService& s, unsigned client) {
  const IpAddress from = client_address(s.address.family(), client);
  const Bytes whole = transport(s.udp, 40001, s.port, TD_TCP_ACK, 1000);
  const Bytes first(whole.begin(), whole.begin() + 600), later(whole.begin() + 600, whole.end());
  const std::uint8_t protocol = s.udp ? 17 : 6;
  const frames::Ether link{.vlan = s.vlan};
  if (from.is_v4()) {
    all.push_back(frames::ipv4({s.address, protocol, from, 0x2000}, first, link));
    all.push_back(frames::ipv4({s.address, protocol, from, 600 / 8}, later, link));
  } else {
    all.push_back(
        frames::ipv6({s.address, 44, from}, frames::behind_fragment(protocol, 1, first), link));
    all.push_back(
        frames::ipv6({s.address, 44, from}, frames::behind_fragment(protocol, 600, later), link));
  }
}

// From where no client can be, and to somebody else's MAC or a group's.
void add_martians(std::vector<Bytes>& all, const TestService& s, const Segment& segment) {
  const bool v4 = s.address.is_v4();
  const std::vector<const char*> sources =
      v4 ? std::vector{"127.0.0.1", "224.0.0.5", "192.0.2.255", "192.0.2.2"}
         : std::vector{"::1", "ff02::1", "fe80::9", "2001:db8::2", "::ffff:192.0.2.9"};
  const Bytes segment_bytes = transport(s.udp, segment.port, s.port, segment.flags, 9);
  for (const char* source : sources)
    all.push_back(packet(ip(source), s.address, s.udp, segment_bytes, {.vlan = s.vlan}));
  all.push_back(packet(s.address, s.address, s.udp, segment_bytes, {.vlan = s.vlan}));
  for (const MacAddress& mac : {frames::kBroadcast, MacAddress{{0x01, 0, 0x5e, 0, 0, 1}},
                                MacAddress{{0x02, 0, 0, 0, 0x99, 0x99}}, rig::kVlanMac})
    all.push_back(packet(client_address(s.address.family(), segment.client), s.address, s.udp,
                         segment_bytes, {.to = mac, .vlan = s.vlan}));
}

}  // namespace

// Of every service: a few clients in every state of TCP, small and too big; replies; errors about
// either; fragments; what is from no client, or not to this node.
std::vector<Bytes> service_frames() {
  constexpr std::uint8_t kFlags[] = {TD_TCP_SYN, TD_TCP_SYN, TD_TCP_ACK, TD_TCP_FIN | TD_TCP_ACK,
                                     TD_TCP_RST};
  std::vector<Bytes> all;
  for (const auto& s : test_services())
    for (unsigned client = 1; client <= 4; client++)
      for (const std::uint8_t flags : kFlags) {
        Segment segment{.client = client,
                        .port = static_cast<std::uint16_t>(40000 + client % 2),
                        .flags = flags};
        for (const std::size_t payload : {0U, 33U, 1365U, 1440U}) {
          segment.payload = payload;
          all.push_back(to_service(s, segment));
        }
        segment.payload = 0;
        const Bytes request = all[all.size() - 4];
        const std::size_t l3 = 14 + (s.vlan[0] != 0 ? 4 : 0) + (s.vlan[1] != 0 ? 4 : 0);
        const IpAddress from = client_address(s.address.family(), client);
        // From within, about what went to the client: it quotes an answer of the service.
        Segment back = segment;
        back.flags = segment.flags | TD_TCP_ACK;
        const Bytes answer =
            packet(s.address, from, s.udp, transport(s.udp, s.port, segment.port, back.flags, 0),
                   {.vlan = s.vlan});
        all.push_back(error_about(answer, s.address, l3, {.vlan = s.vlan}));
        if (client == 1 && flags == TD_TCP_ACK) {  // one that is too big itself
          const Bytes big =
              packet(s.address, from, s.udp,
                     transport(s.udp, s.port, segment.port, back.flags, 1440), {.vlan = s.vlan});
          all.push_back(error_about(big, s.address, l3, {.vlan = s.vlan}));
        }
        all.push_back(error_about(request, from, l3, {}));
        for (int i = 0; s.is_nat() && i < 2; i++)
          for (std::uint16_t port :
               {segment.port, static_cast<std::uint16_t>(forward::PortPool::kFirst + client - 1)}) {
            const Bytes reply = from_backend(s, i, back, port);
            all.push_back(reply);
            const IpAddress source = s.mode == TD_MODE_FULLNAT ? source_address(s.backends) : from;
            const Bytes sent = packet(source, backend_address(s.backends, i), s.udp,
                                      transport(s.udp, port, s.backend_port, flags, 0), {});
            all.push_back(error_about(sent, source, 14, {}));
          }
        add_fragments(all, s, client);
        if (client == 1 && flags == TD_TCP_ACK) add_martians(all, s, segment);
      }
  return all;
}

}  // namespace tandem
