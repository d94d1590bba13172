// SPDX-License-Identifier: Apache-2.0
#include "sync/message.hpp"

#include <algorithm>

#include "sync/fields.hpp"
#include "tandem/flow.h"

namespace tandem::sync {
namespace {

constexpr std::size_t kHead = 5;  // bytes: length and type

enum class Type : std::uint8_t {
  hello = 1,
  service_name,
  backend_name,
  hop_name,
  flows4,
  flows6,
  gone4,
  gone6,
  checks,
  outcomes,
  repair_begin,
  repair_end,
  status,
  backend_wish = 20,
  wish_sum = 21,
  clients4 = 22,
  clients6 = 23,
  local_sockets = 32,
  roles = 40,
  ack_request = 48,
  ack = 49,
};

// put() writes the fields of a message, get() reads them.

void put(FieldWriter& w, const Hello& m) {
  w.number(kMagic);
  w.number(m.oldest);
  w.number(m.newest);
  w.number(m.boot);
  w.number(m.capacity4);
  w.number(m.capacity6);
  w.text(m.node);
}
bool get(FieldReader& r, Hello& m) {
  const bool ours = r.number<std::uint32_t>() == kMagic;
  m.oldest = r.number<std::uint16_t>();
  m.newest = r.number<std::uint16_t>();
  m.boot = r.number<std::uint64_t>();
  m.capacity4 = r.number<std::uint32_t>();
  m.capacity6 = r.number<std::uint32_t>();
  m.node = r.text();
  return ours && m.oldest <= m.newest;
}

void put(FieldWriter& w, const ServiceName& m) {
  w.number(m.number);
  w.number(m.mode);
  w.number(m.protocol);
  w.number(m.port);
  w.address(m.address);
  w.number(static_cast<std::uint8_t>(m.sources.size()));
  for (const IpAddress& source : m.sources) w.address(source);
}
bool get(FieldReader& r, ServiceName& m) {
  m.number = r.number<std::uint16_t>();
  m.mode = r.number<std::uint8_t>();
  m.protocol = r.number<std::uint8_t>();
  m.port = r.number<std::uint16_t>();
  m.address = r.address();
  const auto sources = r.number<std::uint8_t>();
  if (sources > TD_SERVICE_SOURCES) return false;
  for (int i = 0; i < sources; i++) m.sources.push_back(r.address());
  return m.number > 0 && m.number < TD_MAX_SERVICES;
}

void put(FieldWriter& w, const BackendName& m) {
  w.number(m.slot);
  w.number(m.service);
  w.number(m.port);
  w.address(m.address);
}
bool get(FieldReader& r, BackendName& m) {
  m.slot = r.number<std::uint16_t>();
  m.service = r.number<std::uint16_t>();
  m.port = r.number<std::uint16_t>();
  m.address = r.address();
  return m.slot > 0 && m.slot < TD_MAX_BACKENDS;
}

void put(FieldWriter& w, const HopName& m) {
  w.number(m.number);
  w.bytes(m.destination.bytes);
  for (const auto tag : m.vlan) w.number(tag);
  for (const auto tpid : m.tpid) w.number(tpid);
}
bool get(FieldReader& r, HopName& m) {
  m.number = r.number<std::uint16_t>();
  std::ranges::copy(r.take(m.destination.bytes.size()), m.destination.bytes.begin());
  for (auto& tag : m.vlan) tag = r.number<std::uint16_t>();
  for (auto& tpid : m.tpid) tpid = r.number<std::uint16_t>();
  return m.number > 0;
}

template <int Family>
constexpr std::size_t kKeyBytes = Family == 4 ? 8 : 20;

// Of a record in a list; 0: that differs.
template <int Family>
constexpr std::size_t bytes_of(const Flows<Family>&) {
  return kKeyBytes<Family> + 8;
}
template <int Family>
constexpr std::size_t bytes_of(const Gone<Family>&) {
  return kKeyBytes<Family>;
}
template <int Family>
constexpr std::size_t bytes_of(const Clients<Family>&) {
  return kKeyBytes<Family> + 5;
}
constexpr std::size_t bytes_of(const Checks&) {
  return 12;
}
constexpr std::size_t bytes_of(const Outcomes&) {
  return 5;
}
constexpr std::size_t bytes_of(const LocalSockets&) {
  return 0;
}

template <int Family>
void put_key(RecordWriter& w, const FlowRecord& f) {
  if constexpr (Family == 4) {
    w.number(static_cast<std::uint32_t>(f.client[0]));
  } else {
    w.number(f.client[0]);
    w.number(f.client[1]);
  }
  w.number(f.port);
  w.number(f.service);
}
template <int Family>
void get_key(FieldReader& r, FlowRecord& f) {
  f.client[0] = Family == 4 ? r.number<std::uint32_t>() : r.number<std::uint64_t>();
  if constexpr (Family == 6) f.client[1] = r.number<std::uint64_t>();
  f.port = r.number<std::uint16_t>();
  f.service = r.number<std::uint16_t>();
}

template <int Family>
void put_one(RecordWriter& w, const FlowRecord& f, const Flows<Family>&) {
  put_key<Family>(w, f);
  w.number(f.backend);
  w.number(f.source_port);
  w.number(f.state);
  w.number(f.source);
  w.number(f.hop);
}
template <int Family>
void get_one(FieldReader& r, FlowRecord& f, const Flows<Family>&) {
  get_key<Family>(r, f);
  f.backend = r.number<std::uint16_t>();
  f.source_port = r.number<std::uint16_t>();
  f.state = r.number<std::uint8_t>();
  f.source = r.number<std::uint8_t>();
  f.hop = r.number<std::uint16_t>();
}
template <int Family>
bool good_one(const FlowRecord& f, const Flows<Family>&) {
  return f.state > TD_FLOW_FREE && f.state < TD_FLOW_STATES && f.source < TD_SERVICE_SOURCES;
}
template <int Family>
void put_one(RecordWriter& w, const FlowRecord& f, const Gone<Family>&) {
  put_key<Family>(w, f);
}
template <int Family>
void get_one(FieldReader& r, FlowRecord& f, const Gone<Family>&) {
  get_key<Family>(r, f);
}
template <int Family>
bool good_one(const FlowRecord&, const Gone<Family>&) {
  return true;
}

void put_one(RecordWriter& w, const Check& c, const Checks&) {
  w.number(c.service);
  w.number(c.range);
  w.number(c.sum);
}
void get_one(FieldReader& r, Check& c, const Checks&) {
  c.service = r.number<std::uint16_t>();
  c.range = r.number<std::uint16_t>();
  c.sum = r.number<std::uint64_t>();
}
bool good_one(const Check& c, const Checks&) {
  return c.range < forward::FlowSums::kRanges;
}

void put_one(RecordWriter& w, const Outcome& o, const Outcomes&) {
  w.number(o.service);
  w.number(o.range);
  w.number(static_cast<std::uint8_t>(o.verdict));
}
void get_one(FieldReader& r, Outcome& o, const Outcomes&) {
  o.service = r.number<std::uint16_t>();
  o.range = r.number<std::uint16_t>();
  o.verdict = static_cast<Verdict>(r.number<std::uint8_t>());
}
bool good_one(const Outcome& o, const Outcomes&) {
  return o.service < TD_MAX_SERVICES && o.range < forward::FlowSums::kRanges &&
         o.verdict <= Verdict::unknown_service;
}

void put_one(FieldWriter& w, const RouterSockets& s, const LocalSockets&) {
  w.address(s.address);
  w.bytes(s.mac.bytes);
  w.number(s.keeps_ms);
  w.number(s.left);
}
void get_one(FieldReader& r, RouterSockets& s, const LocalSockets&) {
  s.address = r.address();
  std::ranges::copy(r.take(s.mac.bytes.size()), s.mac.bytes.begin());
  s.keeps_ms = r.number<std::uint32_t>();
  s.left = r.number<std::uint32_t>();
}
bool good_one(const RouterSockets& s, const LocalSockets&) {
  return (s.mac.bytes[0] & 1) == 0;  // no group's
}

template <int Family>
void put_one(RecordWriter& w, const ClientRecord& c, const Clients<Family>&) {
  if constexpr (Family == 4) {
    w.number(static_cast<std::uint32_t>(c.client[0]));
  } else {
    w.number(c.client[0]);
    w.number(c.client[1]);
  }
  w.number(c.service);
  w.number(c.backend);
  w.number(c.held_for_ms);
  w.number(c.decides);
}
template <int Family>
void get_one(FieldReader& r, ClientRecord& c, const Clients<Family>&) {
  c.client[0] = Family == 4 ? r.number<std::uint32_t>() : r.number<std::uint64_t>();
  if constexpr (Family == 6) c.client[1] = r.number<std::uint64_t>();
  c.service = r.number<std::uint16_t>();
  c.backend = r.number<std::uint16_t>();
  c.held_for_ms = r.number<std::uint32_t>();
  c.decides = r.number<std::uint8_t>();
}
template <int Family>
bool good_one(const ClientRecord& c, const Clients<Family>&) {
  return c.decides <= 1;
}

// Lists: as many records as the payload has.
template <class List, class Record>
bool get_list(FieldReader& r, const List& list, std::vector<Record>& records) {
  if (const std::size_t bytes = bytes_of(list); bytes > 0) records.reserve(r.left() / bytes);
  while (r.left() > 0) {
    Record& record = records.emplace_back();
    get_one(r, record, list);
    if (!r.good() || !good_one(record, list)) return false;
  }
  return true;
}

void put(FieldWriter& w, const RepairBegin& m) {
  w.number(m.service);
  for (std::size_t i = 0; i < m.ranges.size(); i += 8) {
    std::uint8_t byte = 0;
    for (std::size_t bit = 0; bit < 8; bit++)
      if (m.ranges[i + bit]) byte = static_cast<std::uint8_t>(byte | 1U << bit);
    w.number(byte);
  }
}
bool get(FieldReader& r, RepairBegin& m) {
  m.service = r.number<std::uint16_t>();
  for (std::size_t i = 0; i < m.ranges.size(); i += 8) {
    const auto byte = r.number<std::uint8_t>();
    for (std::size_t bit = 0; bit < 8; bit++) m.ranges[i + bit] = (byte >> bit & 1) != 0;
  }
  return true;
}

void put(FieldWriter& w, const RepairEnd& m) {
  w.number(m.service);
}
bool get(FieldReader& r, RepairEnd& m) {
  m.service = r.number<std::uint16_t>();
  return true;
}

void put(FieldWriter& w, const Status& m) {
  w.number(m.sent_ns);
  w.number(m.echoed_ns);
}
bool get(FieldReader& r, Status& m) {
  m.sent_ns = r.number<std::uint64_t>();
  m.echoed_ns = r.number<std::uint64_t>();
  return true;
}

void put(FieldWriter& w, const Roles& m) {
  w.number(m.sent_ns);
  w.number(m.echoed_ns);
  w.number(static_cast<std::uint16_t>(m.routers.size()));
  for (const RouterRole& router : m.routers) {
    w.number(router.vrid);
    w.address(router.address);
    w.number(router.state);
    w.number(router.priority);
    w.number(router.serves);
  }
}
bool get(FieldReader& r, Roles& m) {
  m.sent_ns = r.number<std::uint64_t>();
  m.echoed_ns = r.number<std::uint64_t>();
  for (auto count = r.number<std::uint16_t>(); count > 0 && r.good(); count--) {
    RouterRole& router = m.routers.emplace_back();
    router.vrid = r.number<std::uint8_t>();
    router.address = r.address();
    router.state = r.number<std::uint8_t>();
    router.priority = r.number<std::uint8_t>();
    router.serves = r.number<std::uint8_t>();
  }
  return true;
}

void put(FieldWriter& w, const BackendWish& m) {
  w.number(m.backend.protocol);
  w.address(m.backend.service);
  w.number(m.backend.service_port);
  w.address(m.backend.address);
  w.number(m.backend.port);
  w.number(m.drain.version);
  w.number(static_cast<std::uint8_t>(m.drain.drained));
  w.text(m.drain.node);
  w.number(m.weight.version);
  w.number(m.weight.weight);
  w.number(m.weight.configured);
  w.text(m.weight.node);
}
bool get(FieldReader& r, BackendWish& m) {
  m.backend.protocol = r.number<std::uint8_t>();
  m.backend.service = r.address();
  m.backend.service_port = r.number<std::uint16_t>();
  m.backend.address = r.address();
  m.backend.port = r.number<std::uint16_t>();
  m.drain.version = r.number<std::uint64_t>();
  m.drain.drained = r.number<std::uint8_t>() != 0;
  m.drain.node = r.text();
  m.weight.version = r.number<std::uint64_t>();
  m.weight.weight = r.number<std::uint16_t>();
  m.weight.configured = r.number<std::uint16_t>();
  m.weight.node = r.text();
  return m.drain.version <= BackendWish::kLastVersion &&
         m.weight.version <= BackendWish::kLastVersion;
}

void put(FieldWriter& w, const WishSum& m) {
  w.number(m.sum);
}
bool get(FieldReader& r, WishSum& m) {
  m.sum = r.number<std::uint64_t>();
  return true;
}

void put(FieldWriter& w, const AckRequest& m) {
  w.number(m.number);
}
bool get(FieldReader& r, AckRequest& m) {
  m.number = r.number<std::uint64_t>();
  return true;
}

void put(FieldWriter& w, const Ack& m) {
  w.number(m.number);
  w.number(static_cast<std::uint16_t>(m.lacking.size()));
  for (const std::uint16_t service : m.lacking) w.number(service);
}
bool get(FieldReader& r, Ack& m) {
  m.number = r.number<std::uint64_t>();
  for (auto count = r.number<std::uint16_t>(); count > 0 && r.good(); count--)
    m.lacking.push_back(r.number<std::uint16_t>());
  return true;
}

// ---- Frames

template <class Value>
void frame(std::vector<std::uint8_t>& out, Type type, Value write) {
  const std::size_t at = out.size();
  FieldWriter w(out);
  w.number(std::uint32_t{0});
  w.number(static_cast<std::uint8_t>(type));
  write(w);
  const std::size_t length = out.size() - at - kHead;
  for (std::size_t i = 0; i < 4; i++)
    out[at + i] = static_cast<std::uint8_t>(length >> 8 * (3 - i));
}

template <class M>
void append_one(std::vector<std::uint8_t>& out, Type type, const M& message) {
  frame(out, type, [&](FieldWriter& w) { put(w, message); });
}

constexpr std::size_t kRecordsInAFrame = 2'000;  // in a frame; of 28 bytes at most

template <class List, class Record>
void append_list(std::vector<std::uint8_t>& out, Type type, const List& list,
                 const std::vector<Record>& records) {
  for (std::size_t i = 0; i < records.size(); i += kRecordsInAFrame) {
    const std::span some(&records[i], std::min(records.size() - i, kRecordsInAFrame));
    frame(out, type, [&](FieldWriter& w) {
      if constexpr (std::is_same_v<List, LocalSockets>) {
        for (const Record& record : some) put_one(w, record, list);
      } else {
        RecordWriter records_writer(w.grow(some.size() * bytes_of(list)));
        for (const Record& record : some) put_one(records_writer, record, list);
      }
    });
  }
}

struct Append {
  std::vector<std::uint8_t>& out;
  void operator()(const Hello& m) const { append_one(out, Type::hello, m); }
  void operator()(const ServiceName& m) const { append_one(out, Type::service_name, m); }
  void operator()(const BackendName& m) const { append_one(out, Type::backend_name, m); }
  void operator()(const HopName& m) const { append_one(out, Type::hop_name, m); }
  void operator()(const Flows<4>& m) const { append_list(out, Type::flows4, m, m.flows); }
  void operator()(const Flows<6>& m) const { append_list(out, Type::flows6, m, m.flows); }
  void operator()(const Gone<4>& m) const { append_list(out, Type::gone4, m, m.flows); }
  void operator()(const Gone<6>& m) const { append_list(out, Type::gone6, m, m.flows); }
  void operator()(const Checks& m) const { append_list(out, Type::checks, m, m.checks); }
  void operator()(const Outcomes& m) const { append_list(out, Type::outcomes, m, m.outcomes); }
  void operator()(const RepairBegin& m) const { append_one(out, Type::repair_begin, m); }
  void operator()(const RepairEnd& m) const { append_one(out, Type::repair_end, m); }
  void operator()(const Status& m) const { append_one(out, Type::status, m); }
  void operator()(const Roles& m) const { append_one(out, Type::roles, m); }
  void operator()(const AckRequest& m) const { append_one(out, Type::ack_request, m); }
  void operator()(const Ack& m) const { append_one(out, Type::ack, m); }
  void operator()(const BackendWish& m) const { append_one(out, Type::backend_wish, m); }
  void operator()(const WishSum& m) const { append_one(out, Type::wish_sum, m); }
  void operator()(const LocalSockets& m) const {
    append_list(out, Type::local_sockets, m, m.routers);
  }
  void operator()(const Clients<4>& m) const { append_list(out, Type::clients4, m, m.clients); }
  void operator()(const Clients<6>& m) const { append_list(out, Type::clients6, m, m.clients); }
};

template <class M>
std::optional<Message> read_one(FieldReader& r) {
  M message{};
  if (!get(r, message) || !r.good()) return std::nullopt;
  return message;
}

template <class List>
std::optional<Message> read_list(FieldReader& r, auto List::*records) {
  List list{};
  if (!get_list(r, list, list.*records)) return std::nullopt;
  return list;
}

struct Parsed {
  bool known = true;
  std::optional<Message> message{};  // none: its fields are not right
};

Parsed read(Type type, FieldReader& r) {
  switch (type) {
    case Type::hello:
      return {.message = read_one<Hello>(r)};
    case Type::service_name:
      return {.message = read_one<ServiceName>(r)};
    case Type::backend_name:
      return {.message = read_one<BackendName>(r)};
    case Type::hop_name:
      return {.message = read_one<HopName>(r)};
    case Type::flows4:
      return {.message = read_list<Flows<4>>(r, &Flows<4>::flows)};
    case Type::flows6:
      return {.message = read_list<Flows<6>>(r, &Flows<6>::flows)};
    case Type::gone4:
      return {.message = read_list<Gone<4>>(r, &Gone<4>::flows)};
    case Type::gone6:
      return {.message = read_list<Gone<6>>(r, &Gone<6>::flows)};
    case Type::checks:
      return {.message = read_list<Checks>(r, &Checks::checks)};
    case Type::outcomes:
      return {.message = read_list<Outcomes>(r, &Outcomes::outcomes)};
    case Type::repair_begin:
      return {.message = read_one<RepairBegin>(r)};
    case Type::repair_end:
      return {.message = read_one<RepairEnd>(r)};
    case Type::status:
      return {.message = read_one<Status>(r)};
    case Type::roles:
      return {.message = read_one<Roles>(r)};
    case Type::ack_request:
      return {.message = read_one<AckRequest>(r)};
    case Type::ack:
      return {.message = read_one<Ack>(r)};
    case Type::backend_wish:
      return {.message = read_one<BackendWish>(r)};
    case Type::wish_sum:
      return {.message = read_one<WishSum>(r)};
    case Type::local_sockets:
      return {.message = read_list<LocalSockets>(r, &LocalSockets::routers)};
    case Type::clients4:
      return {.message = read_list<Clients<4>>(r, &Clients<4>::clients)};
    case Type::clients6:
      return {.message = read_list<Clients<6>>(r, &Clients<6>::clients)};
  }
  return {.known = false};
}

}  // namespace

void append(std::vector<std::uint8_t>& out, const Message& message) {
  std::visit(Append{out}, message);
}

Result<std::optional<Frame>> parse(std::span<const std::uint8_t> stream) {
  if (stream.size() < kHead) return std::nullopt;
  FieldReader head(stream.first(kHead));
  const auto length = head.number<std::uint32_t>();
  const auto type = head.number<std::uint8_t>();
  if (length > kMostPayload)
    return fail("sync: a message of " + std::to_string(length) + " bytes, expected " +
                std::to_string(kMostPayload) + " at most");
  if (stream.size() < kHead + length) return std::nullopt;
  FieldReader payload(stream.subspan(kHead, length));
  auto parsed = read(static_cast<Type>(type), payload);
  if (parsed.known && !parsed.message)
    return fail("sync: a message of type " + std::to_string(type) + " and " +
                std::to_string(length) + " bytes does not have the fields of its type");
  return Frame{std::move(parsed.message), kHead + length};
}

}  // namespace tandem::sync
