// SPDX-License-Identifier: Apache-2.0
#include "tandem_side.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace tandem::ipvs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kCapacity = 10'000;
constexpr auto kJiffy = milliseconds(4);  // CONFIG_HZ=250, as Debian's kernels have it
constexpr std::uint32_t kShift = flow::tick_shift_for(kJiffy);
constexpr auto kTick = kJiffy * (1U << kShift);
constexpr std::uint32_t kClient = 0xcb007101;  // 203.0.113.1
constexpr std::uint16_t kService = 1, kFirstPort = 10'000;

std::uint64_t key_of(std::uint32_t flow) {
  return td_flow4_key(kClient, static_cast<std::uint16_t>(kFirstPort + flow), kService);
}

std::size_t bytes_of_table() {
  return flow::FlowTable4::elements_for(kCapacity) * flow::FlowTable4::kElementBytes;
}

const char* name_of(std::uint8_t state) {
  constexpr const char* kNames[] = {"FREE",       "SYN_SENT", "ESTABLISHED", "FIN_CLIENT",
                                    "FIN_SERVER", "CLOSED",   "RESET",       "ACTIVE"};
  return kNames[state & 7U];
}

}  // namespace

TandemSide::TandemSide()
    : limits_(flow::IdleTicks::from({}, kTick).value()),
      memory_(static_cast<std::byte*>(std::aligned_alloc(Table::kElementBytes, bytes_of_table())),
              std::free),
      table_({memory_.get(), bytes_of_table()}, counts_,
             [this](const Table::Flow& flow, flow::FlowChange what) { changed(flow, what); }) {
  const auto created = table_.create(kCapacity, kShift, Table::random_seeds());
  if (!created) throw std::runtime_error(created.error().message);
}

void TandemSide::add(std::uint16_t backend, std::uint16_t weight, std::uint32_t max) {
  backends_.push_back({.slot = backend,
                       .identity = backend,
                       .weight = weight,
                       .max_connections = max,
                       .state = balance::State::up});
  scheduler_.set(backends_.back(), now_);
}

void TandemSide::weigh(std::uint16_t backend, std::uint16_t weight) {
  const auto found = std::ranges::find(backends_, backend, &balance::Backend::slot);
  if (found == backends_.end())
    throw std::runtime_error("no backend " + std::to_string(backend) + " to be weighed");
  found->weight = weight;
  scheduler_.set(*found, now_);
}

std::optional<std::uint16_t> TandemSide::segment(std::uint32_t flow, std::uint8_t flags) {
  const std::uint64_t key = key_of(flow);
  const auto* head = reinterpret_cast<const td_flow_head*>(memory_.get());
  td_flow_hit hit{};
  if (td_flow4_find(&hit, memory_.get(), td_flow4_where(head, key), key) != 0) {
    const td_flow_seen seen = td_flow_see_tcp(&hit, tick(), flags, TD_FROM_CLIENT);
    if (seen == TD_FLOW_ENDING) table_.review(key, tick(), limits_);
    if (seen != TD_FLOW_NEW) return td_flow_backend_of(hit.word.part.who);
  }
  if ((flags & TD_TCP_SYN) == 0)
    throw std::runtime_error("flow " + std::to_string(flow) +
                             " is not known; a trace has a SYN for it first");
  return schedule(key);
}

std::optional<std::uint16_t> TandemSide::schedule(std::uint64_t key) {
  const auto picked = scheduler_.pick({}, now_);
  if (!picked) return std::nullopt;
  const auto inserted = table_.insert(key, {*picked, TD_FLOW_SYN_SENT}, tick());
  if (inserted.outcome != Table::Outcome::inserted && inserted.outcome != Table::Outcome::replaced)
    throw std::runtime_error("a flow that was scheduled found no place in the table");
  return picked;
}

void TandemSide::changed(const Table::Flow& flow, flow::FlowChange what) {
  if (what == flow::FlowChange::counted)
    scheduler_.charge(flow.backend);
  else if (what == flow::FlowChange::uncounted || flow.counted)
    scheduler_.close(flow.backend);
}

void TandemSide::wait(std::uint32_t for_seconds) {
  for (; for_seconds > 0; for_seconds--) {
    now_ += seconds(1);
    table_.sweep(table_.buckets(), tick(), limits_);
  }
}

std::vector<Count> TandemSide::counts() {
  std::vector<Count> counts;
  for (const auto& each : backends_) {
    const std::int64_t active = counts_.active(each.slot);
    if (active != scheduler_.active(each.slot))
      throw std::runtime_error("scheduler and table count differently for backend " +
                               std::to_string(each.slot));
    counts.push_back({each.slot, active, counts_.total(each.slot) - active});
  }
  return counts;
}

std::vector<Seen> TandemSide::flows() {
  std::vector<Seen> seen;
  table_.for_each([&](const Table::Flow& flow) {
    const auto port = static_cast<std::uint16_t>(flow.key >> 16);
    seen.push_back({static_cast<std::uint32_t>(port - kFirstPort), flow.backend,
                    name_of(flow.state), flow.counted});
  });
  return seen;
}

flow::Tick TandemSide::tick() const {
  return static_cast<flow::Tick>(now_.time_since_epoch() / kTick);
}

}  // namespace tandem::ipvs
