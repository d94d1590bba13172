// SPDX-License-Identifier: Apache-2.0
#include "sync/sender.hpp"

#include <algorithm>
#include <utility>

#include "sync/names.hpp"

namespace tandem::sync {
namespace {

constexpr std::size_t kMostNoted = 64;         // checks in a pass
constexpr std::uint32_t kScanBuckets = 8'192;  // of a job, in a pass
constexpr std::size_t kMostRecords = 2'000;    // gathered before they are put into a message
constexpr unsigned kRanges = forward::FlowSums::kRanges;
// What was decided last before the lease ended is sent, too.
constexpr Duration kAfterwards = std::chrono::seconds(2);
// A session that is dead is noticed after Session::kSilence; what went into it before, on a thin link, too.
constexpr Duration kMayBeLost = std::chrono::seconds(10);
constexpr Duration kAskAgain = std::chrono::milliseconds(100);
constexpr Duration kFirstPause = std::chrono::seconds(1), kLongestPause = std::chrono::seconds(10);

FlowRecord record_of(const forward::FlowId& id) {
  return {.client = id.client, .port = id.port, .service = id.service};
}

}  // namespace

Sender::Sender(const forward::Forwarder& forwarder, forward::Replication& shared)
    : forwarder_(forwarder), shared_(shared), services_(TD_MAX_SERVICES) {}

// What was on its way when the last session ended may not have arrived, nor what was decided since.
void Sender::begin() {
  for (Service& service : services_) {
    const bool was_owner = service.owned != MonotonicTime{} && now_ - service.owned < kMayBeLost;
    const bool has_decided = service.has_decided || was_owner;
    service = {};
    service.has_decided = has_decided;
  }
  named_services_.clear();
  named_backends_.clear();
  named_hops_.clear();
  job_.reset();
  asked_ = 0;
  while (shared_.clients.front() != nullptr) shared_.clients.pop();  // of long ago
  shared_.clients_wanted.fetch_add(1, std::memory_order_release);
}

bool Sender::is_published(std::uint16_t service) const {
  return std::ranges::binary_search(published_, service);
}

void Sender::watch(MonotonicTime now) {
  list_services();
  look_at_leases(now);
}

void Sender::pass(std::vector<std::uint8_t>& out, std::size_t most, MonotonicTime now) {
  shared_.in_session_ns.store(to_ns(now), std::memory_order_relaxed);
  shared_.in_session.store(true, std::memory_order_release);
  const std::uint64_t held = shared_.held.load(std::memory_order_acquire);  // before the marks
  out_ = &out;
  most_ = most;
  now_ = now;
  pass_++;
  watch(now);
  note_sums(now);
  const bool all_gone = send_gone();
  const bool all_marked = send_marked();
  if (all_marked) ask_for_ack(held);
  if (all_gone && all_marked) send_checks();
  if (all_gone && all_marked) send_clients();
  if (!job_) begin_job();
  if (job_) go_on_with_job();
  last_pass_ = now;
  out_ = nullptr;
}

// ---- Who owns what

auto Sender::proof_of(const Service& service) -> Proof {
  if (service.differs.any()) return Proof::repairing;
  return service.confirmed.all() ? Proof::proved : Proof::checking;
}

// The services change with a reload only, which publishes the steering tables anew.
void Sender::list_services() {
  const td_tables& tables = *forwarder_.env().tables;
  const std::uint64_t layout = __atomic_load_n(&tables.layout, __ATOMIC_ACQUIRE);
  if (!published_.empty() && layout == layout_) return;
  layout_ = layout;
  published_.clear();
  for (std::uint16_t number = 1; number < TD_MAX_SERVICES; number++) {
    if (tables.service[number].family != 0)
      published_.push_back(number);
    else
      services_[number] = {};
  }
}

void Sender::look_at_leases(MonotonicTime now) {
  for (const std::uint16_t number : published_) {
    Service& service = services_[number];
    if (!holds_lease(forwarder_.env(), number, to_ns(now))) {
      service.proof = Proof::not_owner;
      continue;
    }
    const bool ask_again = service.proof == Proof::unknown && now >= service.again;
    if (service.proof == Proof::not_owner) service = {};
    if (service.proof == Proof::not_owner || ask_again) service.proof = Proof::checking;
    service.owned = now;
    service.has_decided = service.has_decided || service.proof != Proof::proved;
  }
}

bool Sender::sends(std::uint16_t number) const {
  const Service& service = services_[number % TD_MAX_SERVICES];
  return service.proof != Proof::not_owner || now_ - service.owned < kAfterwards;
}

void Sender::pause(Service& service) const {
  service.again = now_ + service.pause;
  service.pause = std::clamp(2 * service.pause, kFirstPause, kLongestPause);
}

// ---- Checks

// All ranges at once where nothing is proved yet; then in turn, so that a round takes kRound.
void Sender::note_sums(MonotonicTime now) {
  noted_.clear();
  const bool is_first = last_pass_ == MonotonicTime{};
  const double share = is_first ? 0 : std::chrono::duration<double>(now - last_pass_) / kRound;
  for (std::size_t seen = 0; seen < published_.size(); seen++) {
    turn_ = (turn_ + 1) % published_.size();
    Service& service = services_[published_[turn_]];
    if (service.proof == Proof::not_owner || service.proof == Proof::unknown) continue;
    service.due = std::min(service.due + share * kRanges, double{kRanges});
    note_sums_of(published_[turn_], service);
    if (noted_.size() >= kMostNoted) return;
  }
}

void Sender::note_sums_of(std::uint16_t number, Service& service) {
  const bool all = service.confirmed.all();
  for (unsigned i = 0; i < kRanges && noted_.size() < kMostNoted && (!all || service.due >= 1);
       i++) {
    const unsigned range = service.next;
    service.next = (service.next + 1) % kRanges;
    if (service.pending[range] || service.differs[range] || (!all && service.confirmed[range]))
      continue;
    if (all) service.due -= 1;
    noted_.push_back({number, static_cast<std::uint16_t>(range), shared_.sums.sum(number, range)});
  }
}

void Sender::send_checks() {
  Checks checks;
  for (const Noted& noted : noted_) {
    if (shared_.sums.sum(noted.service, noted.range) != noted.sum) continue;  // the next pass
    if (!name_service(noted.service)) continue;
    services_[noted.service].pending.set(noted.range);
    checks.checks.push_back({noted.service, noted.range, noted.sum});
  }
  counters_.checks += checks.checks.size();
  append(*out_, checks);
}

void Sender::on_outcome(const Outcome& outcome) {
  Service& service = services_[outcome.service % TD_MAX_SERVICES];
  service.pending.reset(outcome.range);
  if (service.proof == Proof::not_owner) return;
  if (outcome.verdict == Verdict::unknown_service) {
    service.proof = Proof::unknown;
    service.confirmed.reset();
    service.again = now_ + kFirstPause;
    return;
  }
  const bool equal = outcome.verdict == Verdict::equal;
  if (!equal) counters_.differed++;
  service.confirmed.set(outcome.range, equal);
  service.differs.set(outcome.range, !equal);
  service.proof = proof_of(service);
  if (service.proof != Proof::proved) return;
  service.has_decided = false;
  service.pause = {};
}

// ---- Acknowledgements

// Again after a while: the peer may have had no room for the answer.
void Sender::ask_for_ack(std::uint64_t held) {
  if (held <= shared_.acknowledged.load(std::memory_order_relaxed)) return;
  if (held == asked_ && now_ - asked_at_ < kAskAgain) return;
  append(*out_, AckRequest{held});
  asked_ = held;
  asked_at_ = now_;
}

void Sender::on_ack(const Ack& ack) {
  if (ack.number > asked_) return;  // nobody has asked
  for (const std::uint16_t service : ack.lacking)
    shared_.lacking[service % TD_MAX_SERVICES].store(ack.number, std::memory_order_relaxed);
  if (ack.number > shared_.acknowledged.load(std::memory_order_relaxed))
    shared_.acknowledged.store(ack.number, std::memory_order_release);
}

// ---- Changes

bool Sender::send_gone() {
  Gone<4> gone4;
  Gone<6> gone6;
  while (const forward::FlowId* id = shared_.gone.front()) {
    if (!has_room()) break;
    const Service& service = services_[id->service % TD_MAX_SERVICES];
    const bool is_v4 = id->family == TD_IPV4;
    if (service.proof != Proof::not_owner && named_services_.contains(id->service)) {
      // One that came again since is among the marked.
      const bool is_back =
          is_v4 ? forwarder_.flows4().find(forward::key_of<flow::FlowTable4>(*id)).has_value()
                : forwarder_.flows6().find(forward::key_of<flow::FlowTable6>(*id)).has_value();
      if (!is_back) (is_v4 ? gone4.flows : gone6.flows).push_back(record_of(*id));
    }
    shared_.gone.pop();
    if (gone4.flows.size() + gone6.flows.size() >= kMostRecords) break;
  }
  counters_.gone += gone4.flows.size() + gone6.flows.size();
  append(*out_, gone4);
  append(*out_, gone6);
  return shared_.gone.empty();
}

bool Sender::send_marked() {
  look_at_states(forwarder_.flows4(), states4_, shared_.marks4);
  look_at_states(forwarder_.flows6(), states6_, shared_.marks6);
  const auto more = [this] { return has_room(); };
  const bool all4 = shared_.marks4.take(
      [this](std::uint32_t element) { send_bucket(forwarder_.flows4(), states4_, element); }, more);
  const bool all6 = shared_.marks6.take(
      [this](std::uint32_t element) { send_bucket(forwarder_.flows6(), states6_, element); }, more);
  flush_records();
  return all4 && all6;
}

// The digest first: a state that changes meanwhile is sent now or found later.
template <class Table>
void Sender::send_bucket(const Table& table, States& states, std::uint32_t element) {
  if (element == 0) return;  // the table's head
  states.sent[element - 1] = states_in(table, element - 1);
  table.for_each_in(element - 1, 1, [&](const auto& flow) {
    if (sends(forward::id_of(flow.key).service)) add<Table>(flow);
  });
}

template <class Table>
std::uint16_t Sender::states_in(const Table& table, std::uint32_t bucket) const {
  static_assert(TD_FLOW_STATES <= 15 && TD_FLOW_ENTRIES * 4 <= 16);
  unsigned digest = 0;
  table.for_each_in(bucket, 1, [&](const auto& flow) {
    if (sends(forward::id_of(flow.key).service)) digest = digest << 4 | (flow.state + 1U);
  });
  return static_cast<std::uint16_t>(digest);
}

template <class Table>
void Sender::look_at_states(const Table& table, States& states, flow::FlowMarks& marks) {
  const std::uint32_t buckets = table.buckets();
  states.sent.resize(buckets);
  if (last_pass_ != MonotonicTime{})
    states.due += std::chrono::duration<double>(now_ - last_pass_) / kStateRound * buckets;
  for (states.due = std::min<double>(states.due, buckets); states.due >= 1; states.due -= 1) {
    states.next = states.next + 1 < buckets ? states.next + 1 : 0;
    if (states_in(table, states.next) != states.sent[states.next]) marks.set(states.next + 1);
  }
}

// ---- Clients that affinity holds

void Sender::send_clients() {
  for (std::size_t sent = 0; sent < kMostRecords && has_room(); sent++) {
    const forward::HeldClient* held = shared_.clients.front();
    if (held == nullptr) break;
    const Duration left = held->until - now_;
    const std::uint16_t number = held->client.service;
    if (left > Duration{} && is_published(number) && name_service(number) &&
        name_backend(held->backend)) {
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
      const ClientRecord record{
          held->client.client, number, held->backend, static_cast<std::uint32_t>(ms),
          static_cast<std::uint8_t>(services_[number].proof != Proof::not_owner)};
      (held->client.family == TD_IPV4 ? clients4_.clients : clients6_.clients).push_back(record);
    }
    shared_.clients.pop();
  }
  flush_records();
}

// ---- Repairs and offers

void Sender::begin_job() {
  Job job;
  for (const std::uint16_t number : published_)
    if (services_[number].proof == Proof::repairing && services_[number].pending.none() &&
        now_ >= services_[number].again)
      job.ranges[number] = services_[number].differs;
  if (job.ranges.empty()) {
    for (const std::uint16_t number : published_) {
      Service& service = services_[number];
      if (service.proof != Proof::not_owner || !std::exchange(service.has_decided, false)) continue;
      job.ranges[number].set();
    }
    job.is_offer = true;
  }
  if (job.ranges.empty()) return;
  for (const auto& [number, ranges] : job.ranges)
    if (!job.is_offer && name_service(number)) append(*out_, RepairBegin{number, ranges});
  counters_.repairs += job.is_offer ? 0 : 1;
  job_ = std::move(job);
}

template <class Table>
bool Sender::scan(const Table& table, std::uint32_t& next) {
  const std::uint32_t all = table.buckets();
  for (std::uint32_t seen = 0; seen < kScanBuckets && next < all; seen += 64, next += 64) {
    if (!has_room()) return false;
    table.for_each_in(next, 64, [&](const auto& flow) {
      const forward::FlowId id = forward::id_of(flow.key);
      const auto wanted = job_->ranges.find(id.service);
      if (wanted == job_->ranges.end()) return;
      const auto hash = shared_.sums.hash(id);
      if (wanted->second[forward::FlowSums::range_of(hash)]) add<Table>(flow);
    });
  }
  return next >= all;
}

void Sender::go_on_with_job() {
  const bool done4 = scan(forwarder_.flows4(), job_->next4);
  const bool done6 = done4 && scan(forwarder_.flows6(), job_->next6);
  flush_records();
  if (done6) end_job();
}

void Sender::end_job() {
  for (const auto& [number, ranges] : job_->ranges) {
    if (job_->is_offer) continue;
    append(*out_, RepairEnd{number});
    Service& service = services_[number];
    service.differs &= ~ranges;
    pause(service);
    if (service.proof == Proof::repairing) service.proof = proof_of(service);
  }
  job_.reset();
}

// ---- Records, and the names in them

template <class Table>
void Sender::add(const typename Table::Flow& flow) {
  FlowRecord record = record_of(forward::id_of(flow.key));
  if (!name_service(record.service) || !name_backend(flow.backend)) return;
  record.backend = flow.backend;
  record.state = flow.state;
  const td_service& service = forwarder_.env().tables->service[record.service];
  if (service.mode == TD_MODE_FULLNAT && flow.source < service.sources) {
    record.source_port = flow.extra;
    record.source = flow.source;
    const td_source* source =
        td_source_at(&forwarder_.env(),
                     service.source[flow.source] * std::uint32_t{TD_SOURCE_PORTS} + flow.extra);
    if (source != nullptr) record.hop = source->hop;
  } else if (service.mode == TD_MODE_NAT) {
    record.hop = flow.extra;
  }
  name_hop(record.hop);
  auto& records = std::is_same_v<Table, flow::FlowTable4> ? flows4_.flows : flows6_.flows;
  records.push_back(record);
  if (records.size() >= kMostRecords) flush_records();
}

void Sender::flush_records() {
  counters_.flows += flows4_.flows.size() + flows6_.flows.size();
  append(*out_, flows4_);
  append(*out_, flows6_);
  flows4_.flows.clear();
  flows6_.flows.clear();
  counters_.clients += clients4_.clients.size() + clients6_.clients.size();
  append(*out_, clients4_);
  append(*out_, clients6_);
  clients4_.clients.clear();
  clients6_.clients.clear();
}

bool Sender::is_known(Seen& seen, std::uint16_t number) {
  auto& pass = seen.passes[number % seen.passes.size()];
  return std::exchange(pass, pass_) == pass_;
}

// false: there is no such service any more. The same for backends.
bool Sender::name_service(std::uint16_t number) {
  if (is_known(seen_services_, number)) return named_services_.contains(number);
  const auto name = service_name(forwarder_.env(), number);
  if (!name) return false;
  const auto known = named_services_.find(number);
  if (known != named_services_.end() && known->second == *name) return true;
  flush_records();  // they mean what the number stood for before
  append(*out_, *name);
  named_services_[number] = *name;
  return true;
}

bool Sender::name_backend(std::uint16_t slot) {
  if (is_known(seen_backends_, slot)) return named_backends_.contains(slot);
  const auto name = backend_name(forwarder_.env(), slot);
  if (!name) return false;
  const auto known = named_backends_.find(slot);
  if (known != named_backends_.end() && known->second == *name) return true;
  flush_records();
  append(*out_, *name);
  named_backends_[slot] = *name;
  return true;
}

void Sender::name_hop(std::uint16_t number) {
  if (number == 0 || is_known(seen_hops_, number)) return;
  const auto name = hop_name(forwarder_.env(), number);
  if (!name) return;
  const auto known = named_hops_.find(number);
  if (known != named_hops_.end() && known->second == *name) return;
  flush_records();
  append(*out_, *name);
  named_hops_[number] = *name;
}

}  // namespace tandem::sync
