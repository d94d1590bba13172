// SPDX-License-Identifier: Apache-2.0
// Exact weighted least connections: the member of the smallest active / weight is next.
//
// Members of one weight form a class. Within a class the order is that of the counts alone, so
// its members stand on rungs, one for each count that occurs, and wait on their rung in line: who
// arrives last leaves last. A flow more or less is a step to the next rung. The classes are in a
// heap by the load of their lowest rung, compared by cross-multiplication. A pick costs O(1) for
// the rungs and O(log w) for the heap, w being the number of different weights in force, however
// many members there are.
//
// Ties. In a class: in line. Between classes: by turns, as start-time fair queueing gives them
// (Goyal, Vin and Cheng, 1996): each class has the virtual instant of its next turn, the earliest
// is next, and the turn after it is 1 / (weight * members on the rung) later. So idle backends
// take turns in proportion to their weights, and one that was busy has no turns to catch up on.
//
// IPVS's sed and nq are the same but for the order of classes: sed compares (active + 1) / weight,
// so that of idle backends the heaviest is next; nq does so, too, after all idle ones.
#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <cstdint>
#include <deque>
#include <vector>

#include "balance/heap.hpp"
#include "balance/node_store.hpp"
#include "balance/strategy.hpp"

namespace tandem::balance {

class LeastConn final : public Strategy {
 public:
  // What the order of classes goes by.
  enum class Measure : std::uint8_t { flows, expected_delay, idle_first };

  explicit LeastConn(Measure measure = Measure::flows) : measure_(measure) {}

  void reserve(std::size_t members) override;
  void join(const Member& member) override;
  void leave(const Member& member) override;
  [[nodiscard]] const Member* choose(const FlowHash& hash) override;
  void picked(const Member& member) override;
  void recounted(const Member& member) override;

 private:
  struct Rung;
  struct Class;

  struct Node : boost::intrusive::list_base_hook<> {
    const Member* member = nullptr;
    Rung* rung = nullptr;
  };
  using Line = boost::intrusive::list<Node>;

  struct Rung : boost::intrusive::set_base_hook<> {
    std::uint32_t active = 0;
    Class* of = nullptr;
    Line line;
  };
  struct CountOf {
    using type = std::uint32_t;
    type operator()(const Rung& rung) const noexcept { return rung.active; }
  };
  using Rungs = boost::intrusive::set<Rung, boost::intrusive::key_of_value<CountOf>,
                                      boost::intrusive::constant_time_size<false>>;

  struct Class : boost::intrusive::set_base_hook<> {
    std::uint32_t weight = 0;
    std::uint32_t least = 0;  // the count of the lowest rung
    std::uint64_t turn = 0;
    Measure measure = Measure::flows;  // that of all
    HeapPlace place = kNotInHeap;
    Rungs rungs;  // none is empty
  };
  struct WeightOf {
    using type = std::uint32_t;
    type operator()(const Class& c) const noexcept { return c.weight; }
  };
  using Classes = boost::intrusive::set<Class, boost::intrusive::key_of_value<WeightOf>,
                                        boost::intrusive::constant_time_size<false>>;

  struct Before {
    bool operator()(const Class& a, const Class& b) const noexcept;
  };

  Class& class_of(std::uint32_t weight);
  Rung& rung_before(Rungs::iterator next, Class& c, std::uint32_t active);
  void step_off(Node& node) noexcept;
  void settle(Class& c) noexcept;
  void take_turn(Class& c) noexcept;

  Measure measure_;
  std::deque<Node> nodes_;  // by Member::index
  NodeStore<Rung> spare_rungs_;
  NodeStore<Class> spare_classes_;
  Classes classes_;  // none is empty
  Heap<Class, &Class::place, Before> heap_;
  std::uint64_t now_ = 0;  // virtual: the latest turn taken
};

}  // namespace tandem::balance
