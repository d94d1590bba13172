// SPDX-License-Identifier: Apache-2.0
// The flow table (tandem/flow.h) as its one writer sees it: inserts flows, lets idle ones go, keeps
// the counts of backends.
//
// The memory is the state: it is shared with XDP, and outlives the daemon. What is kept here is
// made anew from it by adopt(). No call allocates or makes a system call; time is an argument.
//
// The counts always equal the table. The data path never changes what they are made of (which
// entries there are, their backend, `counted`): it says how a flow does by its state and stamp, and
// review(), called on a close event, or the sweep draws the conclusion.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "base/result.hpp"
#include "flow/flow_counts.hpp"
#include "flow/flow_layout.hpp"
#include "flow/flow_marks.hpp"
#include "flow/flow_time.hpp"
#include "tandem/flow_track.h"

namespace tandem::flow {

enum class FlowChange : std::uint8_t {
  counted,    // one that lay idle is in use again
  uncounted,  // closing, or idle: counts no more, is remembered
  gone,       // forgotten. If Flow::counted, it stopped counting just now
};

// What is lost with a flow: a full table gives up those of the first kind first.
enum class Worth : std::uint8_t {
  over,       // the connection has ended
  one_sided,  // its backend has not answered, though its answers pass this node
  unheard,    // its backend's answers do not pass this node, so nobody can tell
  two_sided,  // its backend answered: never given up
};

template <class Layout>
class FlowTable {
 public:
  using Key = typename Layout::Key;

  struct Flow {
    Key key;
    std::uint16_t backend;
    std::uint8_t state;  // enum td_flow_state
    bool counted;
    Tick stamp;
    std::uint16_t extra;  // as the forward mode has it
    std::uint8_t source;  // fullnat: which of the service's source addresses
    bool answered;        // by the backend, where its packets come by
    bool held = false;    // as in Decision, and not let go yet
  };

  struct Decision {
    std::uint16_t backend;
    std::uint8_t state;  // TD_FLOW_SYN_SENT, or JOINED, or ACTIVE; or what another node saw
    std::uint16_t extra = 0;
    std::uint8_t source = 0;  // below TD_SERVICE_SOURCES
    bool held = false;        // no packet of it goes on before let_go()
  };

  enum class Outcome : std::uint8_t {
    inserted,
    replaced,  // a flow of the same key that was over
    exists,    // a live flow of this key is there: its decision stands
    full,
  };
  struct Insertion {
    Outcome outcome;
    Flow flow;  // that is in the table now; as asked for, if full
  };

  struct Swept {
    std::uint32_t flows = 0;  // looked at
    std::uint32_t gone = 0;
    std::uint32_t uncounted = 0;
    std::uint32_t counted = 0;
  };

  struct Adopted {
    std::uint32_t flows = 0;
    std::uint32_t repaired = 0;  // half-done work of a writer that died
  };

  using Seeds = std::array<std::uint64_t, TD_FLOW_SEEDS>;
  using OnChange = std::function<void(const Flow&, FlowChange)>;

  static constexpr std::uint32_t kLeastFlows = 1'000, kMostFlows = 16'777'216;
  static constexpr std::size_t kElementBytes = sizeof(typename Layout::Bucket);

  // Elements that a table for this many flows takes: head and buckets.
  static std::uint32_t elements_for(std::uint32_t capacity);

  // memory: of whole elements, mapped, aligned to them. on_change hears of all that changes counts,
  // but for the flow that insert() adds.
  FlowTable(std::span<std::byte> memory, FlowCounts& counts, OnChange on_change = {});

  // From here on each bucket that insert(), a move, a change of state or of `extra` has changed is
  // marked. Before anything else; elements as many as the table has.
  void set_marks(FlowMarks* marks) { marks_ = marks; }
  // By service number: 1 where the flows are replicas of another node's. The sweep lets them be,
  // and stamps them, so that they are fresh when this node takes over. nullptr: none are.
  void set_replicas(const std::uint8_t* by_service) { replicas_ = by_service; }

  // By service number: 1 where the backends' packets come by, so that a flow can be answered.
  void set_hears_server(const std::uint8_t* by_service) { hears_server_ = by_service; }

  // For create(): what clients must not know.
  static Seeds random_seeds();

  // Makes the memory an empty table. Error: the memory is not elements_for(capacity) long.
  Result<void> create(std::uint32_t capacity, std::uint32_t tick_shift, const Seeds& seeds);

  // Takes over the table that is there, finishes what its last writer had begun, and counts. If
  // ticks had another length, flows begin anew to be idle. Call it once, before anything else.
  // Error: there is none that fits this memory; create() makes one.
  Result<Adopted> adopt(std::uint32_t tick_shift, Tick now);

  // For a packet that found no flow, or a flow that is over. At least `capacity` flows fit; beyond
  // them, another one gives way, see make_way().
  Insertion insert(const Key& key, const Decision& decision, Tick now);

  [[nodiscard]] std::optional<Flow> find(const Key& key) const;

  // Of a flow that is there: its mode's, when a client's next hop is another one from now on.
  // false: there is no such flow.
  bool set_extra(const Key& key, std::uint16_t extra);
  // The packets of a flow that was held go on from now on. false: there is no such flow.
  bool let_go(const Key& key);
  // The state that another node has seen (enum td_flow_state), with the counts that follow from
  // it. false: there is no such flow.
  bool set_state(const Key& key, std::uint8_t state, Tick now, const IdleTicks& limits);

  // false: there is no such flow.
  bool erase(const Key& key);

  // Erases a flow that is over, or that nobody but a client says to be one. false: it is another
  // one, or not there.
  bool give_way(const Key& key);
  [[nodiscard]] bool gives_way(const Flow& flow) const {
    return worth_of(flow) <= Worth::one_sided;
  }

  // Draws the conclusions for one flow: on a close event.
  void review(const Key& key, Tick now, const IdleTicks& limits);

  // The same for the flows of the next `buckets` buckets; goes round and round. To be right about
  // idle times, it has to come round within (65,536 - kAhead - kLongestIdle) ticks.
  Swept sweep(std::uint32_t buckets, Tick now, const IdleTicks& limits);

  // Calls each(Flow) for all flows; erase() is allowed within. From another thread than the
  // writer's: those that are there throughout are seen, some of them twice.
  template <class Each>
  void for_each(Each each) const {
    for_each_in(0, buckets(), each);
  }
  // Of so many buckets from the first one on.
  template <class Each>
  void for_each_in(std::uint32_t first, std::uint32_t count, Each each) const {
    for (std::uint32_t i = first; i < first + count && i < buckets(); i++)
      for (const auto& entry : bucket(i + 1).entry)
        if (const auto flow = read(entry)) each(*flow);
  }

  [[nodiscard]] std::uint32_t flows() const { return flows_; }
  [[nodiscard]] std::uint32_t capacity() const { return head().capacity; }
  [[nodiscard]] std::uint32_t buckets() const { return head().buckets; }
  [[nodiscard]] std::uint64_t moves() const { return moves_; }  // to make room, so far
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  using Entry = typename Layout::Entry;
  using Bucket = typename Layout::Bucket;

  [[nodiscard]] td_flow_head& head() const { return *static_cast<td_flow_head*>(memory_); }
  [[nodiscard]] Bucket& bucket(std::uint32_t element) const {
    return static_cast<Bucket*>(memory_)[element];
  }
  [[nodiscard]] Worth worth_of(const Flow& flow) const;
  static Flow to_flow(const Key& key, const td_flow_word& word);
  static std::optional<Flow> read(const Entry& entry);
  [[nodiscard]] Entry* locate(const Key& key) const;
  static Entry* free_in(Bucket& bucket);
  Entry* make_room(std::uint32_t element, int moves);
  Entry* place_for(const td_flow_where& where);
  struct Candidate;
  Entry* make_way(const Key& key, const td_flow_where& where, Tick now);
  [[nodiscard]] bool in(std::uint32_t element, const Entry* entry) const;
  void move(Entry& from, Entry& to, bool away);
  void move_to_first(Entry& entry);
  static bool release(Entry& entry, td_flow_word& expected);
  void count(std::uint32_t who, int by);
  void review(Entry& entry, Tick now, const IdleTicks& limits, Swept& swept);
  void tell(const Flow& flow, FlowChange change) const;
  void mark(const void* in_bucket) const;
  bool adopt(Entry& entry, std::uint32_t element);

  void* memory_;
  std::size_t elements_;
  FlowCounts& counts_;
  OnChange on_change_;
  FlowMarks* marks_ = nullptr;
  const std::uint8_t* replicas_ = nullptr;
  const std::uint8_t* hears_server_ = nullptr;
  std::uint32_t flows_ = 0;
  std::uint32_t cursor_ = 0;  // of the sweep, in buckets
  std::uint64_t moves_ = 0;
  std::uint64_t evictions_ = 0;
  std::uint32_t evicting_ = 0;  // goes round, in buckets
};

using FlowTable4 = FlowTable<FlowLayout4>;
using FlowTable6 = FlowTable<FlowLayout6>;

extern template class FlowTable<FlowLayout4>;
extern template class FlowTable<FlowLayout6>;

}  // namespace tandem::flow
