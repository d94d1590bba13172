// SPDX-License-Identifier: Apache-2.0
#include "balance/least_conn.hpp"

#include <algorithm>
#include <iterator>

namespace tandem::balance {
namespace {

// A turn of weight 1 (which is 1/kRampSteps of a configured 1) in virtual time. Rounding shifts
// the turns of a weight w by w / kTurn of themselves, which only ties can notice.
constexpr std::uint64_t kTurn = std::uint64_t{1} << 48;

// Virtual time starts again here: after a million turns at the least, so its cost is nothing.
constexpr std::uint64_t kEndOfTime = std::uint64_t{1} << 60;

}  // namespace

bool LeastConn::Before::operator()(const Class& a, const Class& b) const noexcept {
  if (a.measure == Measure::idle_first && (a.least == 0) != (b.least == 0)) return a.least == 0;
  const std::uint64_t next = a.measure == Measure::flows ? 0 : 1;  // the flow that is to come
  // 33 bits of count times 24 bits of weight: no overflow.
  const std::uint64_t left = (a.least + next) * b.weight;
  const std::uint64_t right = (b.least + next) * a.weight;
  if (left != right) return left < right;
  if (a.turn != b.turn) return a.turn < b.turn;
  return a.weight > b.weight;
}

void LeastConn::reserve(std::size_t members) {
  while (nodes_.size() < members) nodes_.emplace_back();
  spare_rungs_.reserve(members);
  spare_classes_.reserve(members);
  heap_.reserve(members);
}

void LeastConn::join(const Member& member) {
  Class& c = class_of(member.weight);
  Node& node = nodes_[member.index];
  node.member = &member;
  node.rung = &rung_before(c.rungs.lower_bound(member.load()), c, member.load());
  node.rung->line.push_back(node);
  settle(c);
}

void LeastConn::leave(const Member& member) {
  Node& node = nodes_[member.index];
  Class& c = *node.rung->of;
  step_off(node);
  if (!c.rungs.empty()) return settle(c);
  heap_.erase(c);
  classes_.erase(classes_.iterator_to(c));
  spare_classes_.give_back(c);
}

const Member* LeastConn::choose(const FlowHash&) {
  if (heap_.empty()) return nullptr;
  return heap_.top().rungs.begin()->line.front().member;
}

void LeastConn::picked(const Member& member) {
  take_turn(*nodes_[member.index].rung->of);
  recounted(member);
}

// To the rung above or below. Who stands alone takes the rung along, if that does not exist yet.
void LeastConn::recounted(const Member& member) {
  Node& node = nodes_[member.index];
  Rung& from = *node.rung;
  Class& c = *from.of;
  const auto here = c.rungs.iterator_to(from);
  const bool up = member.load() > from.active;
  // The first rung that is not below the count.
  auto next = up ? std::next(here) : here;
  if (!up && here != c.rungs.begin() && std::prev(here)->active == member.load()) --next;

  const bool alone = &from.line.front() == &from.line.back();
  if (alone && (next == c.rungs.end() || next->active != member.load())) {
    from.active = member.load();
  } else {
    Rung& to = rung_before(next, c, member.load());
    step_off(node);
    node.rung = &to;
    to.line.push_back(node);
  }
  settle(c);
}

// The class of this weight; a new one is half a turn away from its first.
LeastConn::Class& LeastConn::class_of(std::uint32_t weight) {
  const auto found = classes_.find(weight);
  if (found != classes_.end()) return *found;
  Class& c = spare_classes_.take();
  c.weight = weight;
  c.measure = measure_;
  c.least = 0;
  c.turn = now_ + kTurn / weight / 2;
  classes_.insert(c);
  heap_.push(c);
  return c;
}

// The rung of this count, made if it is not there. next: the first rung that is not below.
LeastConn::Rung& LeastConn::rung_before(Rungs::iterator next, Class& c, std::uint32_t active) {
  if (next != c.rungs.end() && next->active == active) return *next;
  Rung& rung = spare_rungs_.take();
  rung.active = active;
  rung.of = &c;
  c.rungs.insert_before(next, rung);
  return rung;
}

void LeastConn::step_off(Node& node) noexcept {
  Rung& rung = *node.rung;
  rung.line.erase(rung.line.iterator_to(node));
  if (!rung.line.empty()) return;
  rung.of->rungs.erase(rung.of->rungs.iterator_to(rung));
  spare_rungs_.give_back(rung);
}

void LeastConn::settle(Class& c) noexcept {
  c.least = c.rungs.begin()->active;
  heap_.update(c);
}

// The heap is out of order until the step to another rung, which follows.
void LeastConn::take_turn(Class& c) noexcept {
  if (heap_.size() == 1) return;  // nobody to take turns with
  now_ = std::max(now_, c.turn);
  c.turn = now_ + kTurn / (c.weight * c.rungs.begin()->line.size());
  if (now_ < kEndOfTime) return;
  for (Class* each : heap_) each->turn -= std::min(each->turn, now_);
  now_ = 0;
  heap_.rebuild();  // turns that were missed are alike now
}

}  // namespace tandem::balance
