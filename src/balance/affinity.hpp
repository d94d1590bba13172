// SPDX-License-Identifier: Apache-2.0
// Client affinity: new flows of a client go to the backend of its flows before, for a time.
//
// A table of fixed size. A client is held for `hold` after its latest new flow; since that is the
// same for all, the order of use is the order of expiry, and the place of the client that was not
// seen for longest is the one to give away. All is O(1) but forget(), and nothing allocates.
#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/unordered_set.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "balance/backend.hpp"
#include "balance/scheduler.hpp"
#include "base/address.hpp"
#include "base/time.hpp"

namespace tandem::balance {

// The client with the bits behind its first `bits` cleared; 0: as it is.
[[nodiscard]] IpAddress network_of(const IpAddress& client, std::uint8_t bits) noexcept;

class Affinity {
 public:
  // capacity: clients held at most, above 0. seed: of the hash, secret, so that clients cannot aim
  // at one bucket.
  Affinity(std::size_t capacity, Duration hold, std::uint64_t seed);

  // The slot of the client's backend, held anew from now on; none if there is none or no longer.
  [[nodiscard]] std::optional<std::uint16_t> find(const IpAddress& client, MonotonicTime now);
  // The same, and all stays as it is.
  [[nodiscard]] std::optional<std::uint16_t> peek(const IpAddress& client, MonotonicTime now) const;
  void remember(const IpAddress& client, std::uint16_t slot, MonotonicTime now);
  // Before the slot becomes another backend's. O(capacity).
  void forget(std::uint16_t slot);

  // ---- For another node that is to hold the same clients
  struct Client {
    IpAddress address;
    std::uint16_t slot = 0;
    MonotonicTime until{};  // it is held
  };
  // The client of the last find() or remember(), if it is news: it has another slot than when it
  // was told last, or is held for an eighth of the time longer.
  [[nodiscard]] std::optional<Client> take_news(MonotonicTime now) noexcept;
  // What the other node has. replaces: also where this node holds the client already.
  void adopt(const Client& client, bool replaces, MonotonicTime now);
  // Those held now, of the places from `first` on: visit(client). In no order.
  template <class Visit>
  void visit_some(std::size_t first, std::size_t places, MonotonicTime now, Visit visit) const {
    for (std::size_t i = first; i < entries_.size() && i - first < places; i++)
      if (const Entry& e = entries_[i]; e.hashed && e.until > now)
        visit(Client{e.client, e.slot, e.until});
  }
  [[nodiscard]] std::size_t capacity() const noexcept { return entries_.size(); }

  // Clients that lost their place before their time, because the table was too small.
  [[nodiscard]] std::uint64_t evicted() const noexcept { return evicted_; }

 private:
  struct Entry : boost::intrusive::list_base_hook<>, boost::intrusive::unordered_set_base_hook<> {
    IpAddress client;
    std::uint16_t slot = 0;
    bool hashed = false;  // it is in clients_
    MonotonicTime until = MonotonicTime::min();
    std::uint16_t told_slot = 0;
    MonotonicTime told = MonotonicTime::min();  // as `until`
  };
  struct ClientOf {
    using type = IpAddress;
    const type& operator()(const Entry& entry) const noexcept { return entry.client; }
  };
  struct Hash {
    std::uint64_t seed;
    std::size_t operator()(const IpAddress& client) const noexcept;
  };
  using Clients = boost::intrusive::unordered_set<
      Entry, boost::intrusive::key_of_value<ClientOf>, boost::intrusive::hash<Hash>,
      boost::intrusive::power_2_buckets<true>, boost::intrusive::constant_time_size<false>>;
  using Order = boost::intrusive::list<Entry>;

  Entry& place_for(const IpAddress& client, MonotonicTime now) noexcept;
  void use(Entry& entry, std::uint16_t slot, MonotonicTime now) noexcept;
  void unhash(Entry& entry) noexcept;

  Duration hold_;
  std::vector<Clients::bucket_type> buckets_;
  std::deque<Entry> entries_;
  Clients clients_;
  Order by_use_;           // all entries, the latest used at the end
  Entry* last_ = nullptr;  // used
  std::uint64_t evicted_ = 0;
};

// A pick with affinity: the client's backend while it is eligible, else the scheduler's choice,
// which is remembered. Charged either way.
[[nodiscard]] std::optional<std::uint16_t> pick(Scheduler& scheduler, Affinity& affinity,
                                                const IpAddress& client, const FlowHash& hash,
                                                MonotonicTime now);

}  // namespace tandem::balance
