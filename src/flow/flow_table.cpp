// SPDX-License-Identifier: Apache-2.0
#include "flow/flow_table.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "base/random.hpp"
#include "flow/flow_word.hpp"
#include "tandem/abi.h"

namespace tandem::flow {
namespace {

// Slots for each hundred flows of the capacity: 24 bytes a flow with IPv4, 48 with IPv6. Of the
// flows of a full table four in five lie in their first bucket then, and chains of three moves
// always make room: see docs/decisions/0007-flow-table.md.
constexpr std::uint64_t kSlotsPerHundred = 150;
constexpr int kMoves = 3;
constexpr int kLooks = 10;  // buckets, for flows that may give way

void let_word_go(td_flow_word& at) {
  td_flow_word old = load(at), word = old;
  do {
    word = old;
    word.part.who &= ~kHeld;
  } while (!swap(at, old, word));
}

}  // namespace

// ---- The memory

template <class Layout>
std::uint32_t FlowTable<Layout>::elements_for(std::uint32_t capacity) {
  const std::uint64_t slots = capacity * kSlotsPerHundred / 100;
  return static_cast<std::uint32_t>(1 + (slots + TD_FLOW_ENTRIES - 1) / TD_FLOW_ENTRIES);
}

template <class Layout>
FlowTable<Layout>::FlowTable(std::span<std::byte> memory, FlowCounts& counts, OnChange on_change)
    : memory_(memory.data()),
      elements_(memory.size() / kElementBytes),
      counts_(counts),
      on_change_(std::move(on_change)) {}

template <class Layout>
auto FlowTable<Layout>::random_seeds() -> Seeds {
  Seeds seeds{};
  for (auto& seed : seeds) seed = random_word();
  return seeds;
}

template <class Layout>
Result<void> FlowTable<Layout>::create(std::uint32_t capacity, std::uint32_t tick_shift,
                                       const Seeds& seeds) {
  if (capacity < kLeastFlows || capacity > kMostFlows)
    return fail("a flow table holds " + std::to_string(kLeastFlows) + " to " +
                std::to_string(kMostFlows) + " flows, not " + std::to_string(capacity));
  if (elements_ != elements_for(capacity))
    return fail("a flow table for " + std::to_string(capacity) + " flows takes " +
                std::to_string(elements_for(capacity)) + " elements; there are " +
                std::to_string(elements_));
  store(head().magic, 0);
  auto* words = static_cast<__u64*>(memory_);
  for (std::size_t i = 1; i < elements_ * kElementBytes / sizeof(__u64); i++) store(words[i], 0);
  std::ranges::copy(seeds, head().seed);
  head().tick_shift = tick_shift;
  head().capacity = capacity;
  store(head().buckets, static_cast<std::uint32_t>(elements_ - 1));
  store(head().magic, TD_FLOW_MAGIC);
  return {};
}

template <class Layout>
auto FlowTable<Layout>::adopt(std::uint32_t tick_shift, Tick now) -> Result<Adopted> {
  const td_flow_head& h = head();
  if (elements_ == 0 || h.magic != TD_FLOW_MAGIC)
    return fail("there is no flow table of this layout in the map");
  if (h.buckets + 1 != elements_ || elements_for(h.capacity) != elements_)
    return fail("the flow table in the map is not of the map's size");
  const bool restart = h.tick_shift != tick_shift;
  store(head().tick_shift, tick_shift);
  Adopted adopted;
  for (std::uint32_t i = 1; i < elements_; i++)
    for (Entry& entry : bucket(i).entry) {
      if (adopt(entry, i)) adopted.repaired++;
      if (restart) stamp(entry.word, now);
    }
  adopted.flows = flows_;
  return adopted;
}

// A writer that dies leaves a word without a key, a key without a word, or a flow in both of its
// buckets. true: that was so here, and is not any more.
template <class Layout>
bool FlowTable<Layout>::adopt(Entry& entry, std::uint32_t element) {
  td_flow_word word = load(entry.word);
  if (Layout::is_empty(entry) && is_free(word)) return false;
  const Key key = Layout::key_of(entry);
  const td_flow_where where = Layout::where(head(), key);
  td_flow_hit hit{};
  const bool away = element == where.second;
  const bool good =
      !Layout::is_empty(entry) && !is_free(word) &&
      (away ? !Layout::find_in(hit, bucket(where.first), key) : element == where.first);
  if (!good) {
    while (!release(entry, word)) continue;
    return true;
  }
  flows_++;
  count(word.part.who, 1);
  return false;
}

// ---- Entries

template <class Layout>
auto FlowTable<Layout>::to_flow(const Key& key, const td_flow_word& word) -> Flow {
  const std::uint32_t who = word.part.who;
  return {key,
          backend_of(who),
          td_flow_state_of(who),
          (who & kCounted) != 0,
          word.part.stamp,
          word.part.extra,
          static_cast<std::uint8_t>((who & kSource) >> TD_FLOW_SOURCE_SHIFT),
          (who & kAnswered) != 0,
          (who & kHeld) != 0};
}

template <class Layout>
auto FlowTable<Layout>::read(const Entry& entry) -> std::optional<Flow> {
  const std::uint64_t tenant = Layout::tenant(entry);
  if (Layout::is_empty(entry)) return std::nullopt;
  const Key key = Layout::key_of(entry);
  const td_flow_word word = load(entry.word);
  if (is_free(word) || Layout::tenant(entry) != tenant) return std::nullopt;
  return to_flow(key, word);
}

template <class Layout>
auto FlowTable<Layout>::locate(const Key& key) const -> Entry* {
  td_flow_hit hit{};
  if (!Layout::find(hit, memory_, Layout::where(head(), key), key)) return nullptr;
  return reinterpret_cast<Entry*>(reinterpret_cast<std::byte*>(hit.at) - offsetof(Entry, word));
}

template <class Layout>
auto FlowTable<Layout>::free_in(Bucket& bucket) -> Entry* {
  for (Entry& entry : bucket.entry)
    if (Layout::is_empty(entry)) return &entry;
  return nullptr;
}

// false: somebody was quicker; `expected` is what is there now.
template <class Layout>
bool FlowTable<Layout>::release(Entry& entry, td_flow_word& expected) {
  if (!swap(entry.word, expected, freed(expected))) return false;
  Layout::withdraw(entry);
  return true;
}

template <class Layout>
void FlowTable<Layout>::count(std::uint32_t who, int by) {
  const std::uint16_t backend = backend_of(who);
  FlowCounts::change(counts_.total_[backend], by);
  if (who & kCounted) FlowCounts::change(counts_.active_[backend], by);
}

template <class Layout>
void FlowTable<Layout>::tell(const Flow& flow, FlowChange change) const {
  if (on_change_) on_change_(flow, change);
}

template <class Layout>
void FlowTable<Layout>::mark(const void* in_bucket) const {
  if (marks_ == nullptr) return;
  const auto bytes = static_cast<const std::byte*>(in_bucket) - static_cast<std::byte*>(memory_);
  marks_->set(static_cast<std::uint32_t>(static_cast<std::size_t>(bytes) / kElementBytes));
}

// ---- Making room

template <class Layout>
void FlowTable<Layout>::move(Entry& from, Entry& to, bool away) {
  const td_flow_word copied = load(from.word);
  td_flow_word word = copied;
  word.part.who = (word.part.who & ~(kGeneration | kAway)) | (away ? kAway : 0) |
                  next_generation(load(to.word));
  store(to.word.whole, word.whole);
  Layout::publish(to, Layout::key_of(from));

  td_flow_word last = load(from.word);
  while (!release(from, last)) continue;
  if (last.part.stamp != copied.part.stamp) stamp(to.word, last.part.stamp);
  // Of two states that were reached at the same time in both places, the one here stays.
  constexpr std::uint32_t kSeen = kState | kAnswered;
  if ((last.part.who ^ copied.part.who) & kSeen)
    swap_who(to.word, word.part.who, (word.part.who & ~kSeen) | (last.part.who & kSeen));
  mark(&to);
  moves_++;
}

// A free entry in a full bucket, if one in it can go to its other bucket, or can after up to
// `moves` - 1 more such moves. NULL: none. A chain of three cannot come back and move the same
// entry again: what could be moved from here at once would have been, in the first round.
template <class Layout>
auto FlowTable<Layout>::make_room(std::uint32_t element, int moves) -> Entry* {
  for (const bool deeper : {false, true}) {
    if (deeper && moves == 1) break;
    for (Entry& entry : bucket(element).entry) {
      const td_flow_where where = Layout::where(head(), Layout::key_of(entry));
      const bool away = where.first == element;
      const std::uint32_t other = away ? where.second : where.first;
      Entry* to = deeper ? make_room(other, moves - 1) : free_in(bucket(other));
      if (to == nullptr) continue;
      move(entry, *to, away);
      return &entry;
    }
  }
  return nullptr;
}

template <class Layout>
auto FlowTable<Layout>::place_for(const td_flow_where& where) -> Entry* {
  if (Entry* entry = free_in(bucket(where.first))) return entry;
  if (Entry* entry = free_in(bucket(where.second))) return entry;
  if (Entry* entry = make_room(where.first, kMoves)) return entry;
  return make_room(where.second, kMoves);
}

template <class Layout>
bool FlowTable<Layout>::in(std::uint32_t element, const Entry* entry) const {
  const Entry* begin = bucket(element).entry;
  return entry >= begin && entry < begin + TD_FLOW_ENTRIES;
}

// Into the first bucket, if that has room by now.
template <class Layout>
void FlowTable<Layout>::move_to_first(Entry& entry) {
  const td_flow_where where = Layout::where(head(), Layout::key_of(entry));
  if (Entry* to = free_in(bucket(where.first))) move(entry, *to, false);
}

template <class Layout>
Worth FlowTable<Layout>::worth_of(const Flow& flow) const {
  if (td_flow_is_ending(flow.state)) return Worth::over;
  if (flow.state == TD_FLOW_SYN_SENT || flow.state == TD_FLOW_JOINED) return Worth::one_sided;
  if (flow.answered) return Worth::two_sided;
  const bool heard = hears_server_ != nullptr &&
                     hears_server_[Layout::service_of(flow.key) % TD_MAX_SERVICES] != 0;
  return heard || flow.state == TD_FLOW_ACTIVE ? Worth::one_sided : Worth::unheard;
}

template <class Layout>
bool FlowTable<Layout>::give_way(const Key& key) {
  const auto flow = find(key);
  if (!flow || !gives_way(*flow)) return false;
  erase(key);
  evictions_++;
  return true;
}

template <class Layout>
struct FlowTable<Layout>::Candidate {
  Entry* entry;
  Key key;
  std::uint16_t service;
  Worth worth;
  Tick idle;
  bool fits;  // the new flow may lie there
};

// A sample of the table: the buckets that the new flow can have, and some of the next, round the
// table. What is worth least in it gives way; of that, a flow of the service that has most of it, the
// one that lay idle longest. So a flood displaces its own, whatever it is made of, since that is what
// the table is full of, and other services' flows are hardly touched. Flows of which backends are not
// heard may be real ones: they give way to other services only.
template <class Layout>
auto FlowTable<Layout>::make_way(const Key& key, const td_flow_where& where, Tick now) -> Entry* {
  std::array<Candidate, kLooks * TD_FLOW_ENTRIES> sample;
  std::size_t count = 0;
  Worth least = Worth::two_sided;
  for (int i = 0; i < kLooks; i++) {
    const std::uint32_t element = i == 0   ? where.first
                                  : i == 1 ? where.second
                                           : 1 + evicting_++ % buckets();
    for (Entry& entry : bucket(element).entry) {
      const auto flow = read(entry);
      if (!flow) continue;
      const Worth worth = worth_of(*flow);
      const std::uint16_t service = Layout::service_of(flow->key);
      if (worth == Worth::two_sided ||
          (worth == Worth::unheard && service == Layout::service_of(key)))
        continue;
      least = std::min(least, worth);
      sample[count++] = {&entry, flow->key, service, worth, age(now, flow->stamp), i < 2};
    }
  }
  const Candidate* chosen = nullptr;
  std::ptrdiff_t most = 0;
  for (const Candidate& c : std::span(sample).first(count)) {
    if (c.worth != least) continue;
    const auto of_service =
        c.worth == Worth::over
            ? 1
            : std::count_if(sample.begin(), sample.begin() + static_cast<std::ptrdiff_t>(count),
                            [&](const Candidate& other) {
                              return other.worth == least && other.service == c.service;
                            });
    if (chosen != nullptr && (of_service < most || (of_service == most && c.idle <= chosen->idle)))
      continue;
    chosen = &c;
    most = of_service;
  }
  if (chosen == nullptr) return nullptr;
  erase(chosen->key);
  evictions_++;
  return chosen->fits ? chosen->entry : place_for(where);
}

// ---- Flows come

template <class Layout>
auto FlowTable<Layout>::insert(const Key& key, const Decision& d, Tick now) -> Insertion {
  const std::uint32_t fresh = d.backend | std::uint32_t{d.state} << TD_FLOW_STATE_SHIFT |
                              std::uint32_t{d.source} << TD_FLOW_SOURCE_SHIFT |
                              (td_flow_counts(d.state) ? kCounted : 0U) | (d.held ? kHeld : 0U);
  td_flow_word word = word_of(fresh, now, d.extra);
  Entry* entry = locate(key);
  if (entry != nullptr) {
    td_flow_word old = load(entry->word);
    do {
      if (d.state != TD_FLOW_SYN_SENT || !td_flow_is_over(old.part.who))
        return {Outcome::exists, to_flow(key, old)};
      word.part.who = fresh | (old.part.who & kAway) | next_generation(old);
    } while (!swap(entry->word, old, word));
    count(old.part.who, -1);
    count(fresh, 1);
    tell(to_flow(key, old), FlowChange::gone);
    mark(entry);
    return {Outcome::replaced, to_flow(key, word)};
  }
  const td_flow_where where = Layout::where(head(), key);
  if (flows_ < head().capacity) entry = place_for(where);
  if (entry == nullptr) entry = make_way(key, where, now);
  if (entry == nullptr) return {Outcome::full, to_flow(key, word)};
  word.part.who |= next_generation(load(entry->word));
  if (in(where.second, entry)) word.part.who |= kAway;
  store(entry->word.whole, word.whole);
  Layout::publish(*entry, key);
  flows_++;
  count(fresh, 1);
  mark(entry);
  return {Outcome::inserted, to_flow(key, word)};
}

template <class Layout>
auto FlowTable<Layout>::find(const Key& key) const -> std::optional<Flow> {
  const Entry* entry = locate(key);
  return entry == nullptr ? std::nullopt : read(*entry);
}

template <class Layout>
bool FlowTable<Layout>::set_extra(const Key& key, std::uint16_t extra) {
  Entry* entry = locate(key);
  if (entry == nullptr) return false;
  td_flow_word old = load(entry->word), word = old;
  do {
    word = old;
    word.part.extra = extra;
  } while (!swap(entry->word, old, word));
  mark(entry);
  return true;
}

template <class Layout>
bool FlowTable<Layout>::let_go(const Key& key) {
  Entry* entry = locate(key);
  if (entry == nullptr) return false;
  let_word_go(entry->word);
  return true;
}

template <class Layout>
bool FlowTable<Layout>::set_state(const Key& key, std::uint8_t state, Tick now,
                                  const IdleTicks& limits) {
  Entry* entry = locate(key);
  if (entry == nullptr) return false;
  td_flow_word old = load(entry->word), word = old;
  do {
    word = old;
    word.part.who = (old.part.who & ~kState) | std::uint32_t{state} << TD_FLOW_STATE_SHIFT;
    word.part.stamp = now;
  } while (!swap(entry->word, old, word));
  review(key, now, limits);
  return true;
}

// ---- Flows go

template <class Layout>
bool FlowTable<Layout>::erase(const Key& key) {
  Entry* entry = locate(key);
  if (entry == nullptr) return false;
  td_flow_word word = load(entry->word);
  while (!release(*entry, word)) continue;
  flows_--;
  count(word.part.who, -1);
  tell(to_flow(key, word), FlowChange::gone);
  return true;
}

template <class Layout>
void FlowTable<Layout>::review(Entry& entry, Tick now, const IdleTicks& limits, Swept& swept) {
  if (Layout::is_empty(entry)) return;
  const Key key = Layout::key_of(entry);
  td_flow_word word = load(entry.word);
  swept.flows++;
  for (;; word = load(entry.word)) {
    const Tick idle = age(now, word.part.stamp);
    const auto& limit = limits[td_flow_state_of(word.part.who)];
    if (idle >= limit.remembered) {
      if (!release(entry, word)) continue;
      flows_--;
      count(word.part.who, -1);
      swept.gone++;
      tell(to_flow(key, word), FlowChange::gone);
      return;
    }
    const bool counts = idle < limit.counted;
    if (counts == ((word.part.who & kCounted) != 0)) return;
    const std::uint32_t who = word.part.who ^ kCounted;
    if (!swap_who(entry.word, word.part.who, who)) continue;
    FlowCounts::change(counts_.active_[backend_of(who)], counts ? 1 : -1);
    (counts ? swept.counted : swept.uncounted)++;
    word.part.who = who;
    mark(&entry);
    tell(to_flow(key, word), counts ? FlowChange::counted : FlowChange::uncounted);
    return;
  }
}

template <class Layout>
void FlowTable<Layout>::review(const Key& key, Tick now, const IdleTicks& limits) {
  Swept swept;
  if (Entry* entry = locate(key)) review(*entry, now, limits, swept);
}

template <class Layout>
auto FlowTable<Layout>::sweep(std::uint32_t buckets, Tick now, const IdleTicks& limits) -> Swept {
  Swept swept;
  for (buckets = std::min(buckets, head().buckets); buckets > 0; buckets--) {
    for (Entry& entry : bucket(1 + cursor_).entry) {
      if (replicas_ != nullptr && !Layout::is_empty(entry) &&
          replicas_[Layout::service_of(Layout::key_of(entry)) % TD_MAX_SERVICES] != 0) {
        stamp(entry.word, now);
        // By a process before this one, when it decided; whoever does now has another say.
        if ((load(entry.word).part.who & kHeld) != 0) let_word_go(entry.word);
      } else {
        review(entry, now, limits, swept);
      }
      if (!Layout::is_empty(entry) && (load(entry.word).part.who & kAway)) move_to_first(entry);
    }
    if (++cursor_ >= head().buckets) cursor_ = 0;
  }
  return swept;
}

template class FlowTable<FlowLayout4>;
template class FlowTable<FlowLayout6>;

}  // namespace tandem::flow
