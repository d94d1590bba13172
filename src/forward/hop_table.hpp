// SPDX-License-Identifier: Apache-2.0
// The next hops of tandem/abi.h, each under a number of its own for as long as somebody uses it.
//
// Readers (XDP) see a hop only while its device is there: that word is stored last, and cleared
// first. A number that is given up is the last to be given out again, so that a reader which still
// has it finds nothing rather than somebody else.
#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/unordered_set.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tandem/abi.h"

namespace tandem::forward {

class HopTable {
 public:
  // memory: the records, number 0 is none. Nothing allocates after this.
  explicit HopTable(std::span<td_hop> memory);
  HopTable(const HopTable&) = delete;
  HopTable& operator=(const HopTable&) = delete;
  ~HopTable();

  // The number of this hop, with one user more; none if all numbers are taken.
  std::optional<std::uint16_t> acquire(const td_hop& hop);
  // One user less. Number 0 is nobody's.
  void release(std::uint16_t number);
  // After a restart: takes the records that are there, each with one user, who is let_go().
  void adopt();
  void let_go();
  // One user more of a number that is in use; false: it is not.
  bool hold(std::uint16_t number);

  [[nodiscard]] const td_hop& at(std::uint16_t number) const { return memory_[number]; }
  [[nodiscard]] bool is_full() const noexcept { return free_.empty(); }
  [[nodiscard]] std::uint32_t users(std::uint16_t number) const { return entries_[number].users; }
  [[nodiscard]] std::uint32_t used() const noexcept { return used_; }

 private:
  struct Entry : boost::intrusive::list_base_hook<>, boost::intrusive::unordered_set_base_hook<> {
    td_hop hop{};
    std::uint32_t users = 0;
  };
  struct HopOf {
    using type = td_hop;
    const type& operator()(const Entry& entry) const noexcept { return entry.hop; }
  };
  struct Hash {
    std::size_t operator()(const td_hop& hop) const noexcept;
  };
  struct Same {
    bool operator()(const td_hop& a, const td_hop& b) const noexcept;
  };
  using Known =
      boost::intrusive::unordered_set<Entry, boost::intrusive::key_of_value<HopOf>,
                                      boost::intrusive::hash<Hash>, boost::intrusive::equal<Same>,
                                      boost::intrusive::power_2_buckets<true>,
                                      boost::intrusive::constant_time_size<false>>;
  using Free = boost::intrusive::list<Entry, boost::intrusive::constant_time_size<false>>;

  [[nodiscard]] std::uint16_t number_of(const Entry& entry) const {
    return static_cast<std::uint16_t>(&entry - entries_.data());
  }
  void take(Entry& entry, const td_hop& hop);

  std::span<td_hop> memory_;
  std::vector<Known::bucket_type> buckets_;
  std::vector<Entry> entries_;  // by number
  Known known_;                 // those with users
  Free free_;                   // the others, the longest free first
  std::vector<std::uint16_t> adopted_;
  std::uint32_t used_ = 0;
};

}  // namespace tandem::forward
