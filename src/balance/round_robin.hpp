// SPDX-License-Identifier: Apache-2.0
// Smooth weighted round robin: members in turn, as often as their weights say, spread evenly.
//
// Members of one weight form a class and take turns in it by standing in line. Between classes it
// is worst-case fair weighted fair queueing (Bennett and Zhang, 1996) with picks for packets: the
// virtual clock moves by 1 / (all weight) with each pick, a class's turn starts 1 / (its weight)
// after the one before, and of the turns that have started the one that ends first is taken. Hence,
// as long as members and weights stay, after every pick each member has had its share of all picks
// so far, one more or less at most. Nginx's method spreads alike, but looks at every member.
//
// A pick costs O(log w), w being the number of different weights in force.
//
// Instants are 64-bit fractions of 2^-48 that may wrap: those that are compared lie close together.
#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <cstdint>
#include <deque>

#include "balance/heap.hpp"
#include "balance/node_store.hpp"
#include "balance/strategy.hpp"

namespace tandem::balance {

class RoundRobin final : public Strategy {
 public:
  void reserve(std::size_t members) override;
  void join(const Member& member) override;
  void leave(const Member& member) override;
  [[nodiscard]] const Member* choose(const FlowHash& hash) override;
  void picked(const Member& member) override;
  void recounted(const Member&) override {}

 private:
  // A clock that moves by exactly 1 / weight: what the division leaves over is carried along.
  struct Clock {
    std::uint64_t at = 0;
    std::uint64_t weight = 0;
    std::uint64_t step = 0, rest = 0, carried = 0;

    void set_weight(std::uint64_t value) noexcept;
    void move() noexcept;
    [[nodiscard]] std::uint64_t next() const noexcept { return at + step; }
  };

  struct Class;
  struct Node : boost::intrusive::list_base_hook<> {
    const Member* member = nullptr;
    Class* of = nullptr;
    // When its class went with it: how far off its turn was, in 1/2^48 of one; below 0 if the turn
    // had begun. Kept, since a full one comes back, and in turns, since its weight may change.
    std::int64_t until_turn = 0;
  };

  struct Class : boost::intrusive::set_base_hook<> {
    std::uint32_t weight = 0;  // of each member
    Clock clock;               // its weight is that of all; shows when the next turn begins
    bool started = false;      // that turn: it is in started_, else in waiting_
    HeapPlace place = kNotInHeap;
    boost::intrusive::list<Node> line;
  };
  struct WeightOf {
    using type = std::uint32_t;
    type operator()(const Class& c) const noexcept { return c.weight; }
  };
  using Classes = boost::intrusive::set<Class, boost::intrusive::key_of_value<WeightOf>,
                                        boost::intrusive::constant_time_size<false>>;

  struct BeginsBefore {
    bool operator()(const Class& a, const Class& b) const noexcept;
  };
  struct EndsBefore {
    bool operator()(const Class& a, const Class& b) const noexcept;
  };

  Class& class_of(std::uint32_t weight, std::int64_t until_turn);
  void resize(Class& c) noexcept;
  void put_in_heap(Class& c);
  void take_from_heap(Class& c) noexcept;
  void start_turns();

  std::deque<Node> nodes_;  // by Member::index
  NodeStore<Class> spare_classes_;
  Classes classes_;  // none is empty
  Clock now_;        // its weight is that of all members that joined
  Heap<Class, &Class::place, BeginsBefore> waiting_;
  Heap<Class, &Class::place, EndsBefore> started_;
};

}  // namespace tandem::balance
