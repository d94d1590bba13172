// SPDX-License-Identifier: Apache-2.0
#include "balance/round_robin.hpp"

#include <utility>

namespace tandem::balance {
namespace {

constexpr std::uint64_t kStepOfOne = std::uint64_t{1} << 48;  // of weight 1

// Of instants less than half the range apart.
bool earlier(std::uint64_t a, std::uint64_t b) noexcept {
  return static_cast<std::int64_t>(a - b) < 0;
}

}  // namespace

void RoundRobin::Clock::set_weight(std::uint64_t value) noexcept {
  weight = value;
  carried = 0;
  if (value == 0) return;
  step = kStepOfOne / value;
  rest = kStepOfOne % value;
}

void RoundRobin::Clock::move() noexcept {
  at += step;
  carried += rest;
  if (carried < weight) return;
  carried -= weight;
  at++;
}

bool RoundRobin::BeginsBefore::operator()(const Class& a, const Class& b) const noexcept {
  if (a.clock.at != b.clock.at) return earlier(a.clock.at, b.clock.at);
  return a.weight > b.weight;
}

bool RoundRobin::EndsBefore::operator()(const Class& a, const Class& b) const noexcept {
  if (a.clock.next() != b.clock.next()) return earlier(a.clock.next(), b.clock.next());
  return a.weight > b.weight;
}

void RoundRobin::reserve(std::size_t members) {
  while (nodes_.size() < members) nodes_.emplace_back();
  spare_classes_.reserve(members);
  waiting_.reserve(members);
  started_.reserve(members);
}

void RoundRobin::join(const Member& member) {
  Node& node = nodes_[member.index];
  Class& c = class_of(member.weight, std::exchange(node.until_turn, 0));
  node.member = &member;
  node.of = &c;
  c.line.push_back(node);
  resize(c);
}

void RoundRobin::leave(const Member& member) {
  Node& node = nodes_[member.index];
  Class& c = *node.of;
  c.line.erase(c.line.iterator_to(node));
  resize(c);
  if (!c.line.empty()) return;
  node.until_turn = static_cast<std::int64_t>(c.clock.at - now_.at) * c.weight;
  take_from_heap(c);
  classes_.erase(classes_.iterator_to(c));
  spare_classes_.give_back(c);
}

const Member* RoundRobin::choose(const FlowHash&) {
  if (classes_.empty()) return nullptr;
  start_turns();
  return started_.top().line.front().member;
}

void RoundRobin::picked(const Member& member) {
  Node& node = nodes_[member.index];
  Class& c = *node.of;
  c.line.splice(c.line.end(), c.line, c.line.iterator_to(node));
  take_from_heap(c);
  c.clock.move();
  now_.move();
  put_in_heap(c);
}

// The class of this weight, made if it is not there.
RoundRobin::Class& RoundRobin::class_of(std::uint32_t weight, std::int64_t until_turn) {
  const auto found = classes_.find(weight);
  if (found != classes_.end()) return *found;
  Class& c = spare_classes_.take();
  c.weight = weight;
  c.clock = Clock{};
  c.clock.at = now_.at + static_cast<std::uint64_t>(until_turn / std::int64_t{weight});
  classes_.insert(c);
  put_in_heap(c);
  return c;
}

// After a member came or went.
void RoundRobin::resize(Class& c) noexcept {
  const std::uint64_t weight = std::uint64_t{c.weight} * c.line.size();
  now_.set_weight(now_.weight - c.clock.weight + weight);
  c.clock.set_weight(weight);
  if (c.started) started_.update(c);
}

void RoundRobin::put_in_heap(Class& c) {
  c.started = !earlier(now_.at, c.clock.at);
  if (c.started)
    started_.push(c);
  else
    waiting_.push(c);
}

void RoundRobin::take_from_heap(Class& c) noexcept {
  if (c.started)
    started_.erase(c);
  else
    waiting_.erase(c);
}

// The clock never waits for a turn: if none has started, it skips to the first that will.
void RoundRobin::start_turns() {
  if (started_.empty() && earlier(now_.at, waiting_.top().clock.at))
    now_.at = waiting_.top().clock.at;
  while (!waiting_.empty() && !earlier(now_.at, waiting_.top().clock.at)) {
    Class& c = waiting_.top();
    take_from_heap(c);
    put_in_heap(c);
  }
}

}  // namespace tandem::balance
