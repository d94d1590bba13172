// SPDX-License-Identifier: Apache-2.0
#include "forward/burst.hpp"

#include <array>
#include <cstdint>

namespace tandem::forward {
namespace {

// What a frame looked like. The common ones have a way of their own, on which the compiler knows
// where everything is.
enum class Look : std::uint8_t { plain4, plain6, other };

// A frame between the two halves of its way.
struct Halfway {
  std::uint32_t next;  // reason or step
  Look look;
  bool knows_where;
  td_flow_where where;
  td_match match;
  td_packet packet;  // of other looks alone: the plain ones are as soon seen again
};

// GCC takes a function that does nothing but prefetch for one that does nothing: hence inline.
[[gnu::always_inline]] inline void ask_for(const void* memory) {
  __builtin_prefetch(memory, 1);  // it may be stamped
}

// Most flows are in the first of their two buckets.
[[gnu::always_inline]] inline void ask_for_flow(const td_env& env, const td_client& client,
                                                std::uint32_t service, Halfway& way) {
  const td_flow_head* head = td_flow_head_of(&env, client.family);
  if (head == nullptr || head->buckets == 0) return;
  way.knows_where = true;
  if (client.family == 4) {
    const auto key = td_flow4_key(td_load32(client.address), client.port, service);
    way.where = td_flow4_where(head, key);
    ask_for(td_flow4_at(env.flow4, way.where.first));
    return;
  }
  td_flow6_key key{};
  key.address[0] = td_load64(client.address);
  key.address[1] = td_load64(client.address + 8);
  key.id = client.port << 16 | service;
  way.where = td_flow6_where(head, &key);
  const auto* bucket = td_flow6_at(env.flow6, way.where.first);
  ask_for(&bucket->entry[0]);
  ask_for(&bucket->entry[TD_FLOW_ENTRIES / 2]);
}

bool is_of_flow(std::uint32_t next) {
  return next == TD_STEP_FORWARD4 || next == TD_STEP_FORWARD6;
}

// fullnat's replies: whose flow it is stands in another table.
bool is_by_port(const td_match& match) {
  return match.vip == 0 && match.source != 0;
}

[[gnu::always_inline]] inline td_source* source_of(const td_env& env, const td_match& match,
                                                   std::uint32_t port) {
  return td_source_at(&env, (match.source - 1) * std::uint32_t{TD_SOURCE_PORTS} + port);
}

[[gnu::always_inline]] inline void foresee(const td_env& env, const td_packet& p, Halfway& way) {
  if (way.match.vip != 0)
    ask_for_flow(env, {td_ip_source(&p), p.source_port, p.family}, way.match.service - 1, way);
  else if (is_by_port(way.match))
    ask_for(source_of(env, way.match, p.destination_port));
  else if (const td_backend* backend = td_backend_at(&env, way.match.backend - 1))
    ask_for_flow(env, {td_ip_destination(&p), p.destination_port, p.family}, backend->service, way);
}

// ---- The first half: what is it, and whom does it concern?

[[gnu::always_inline]] inline void begin_plain(Ride& ride, const td_env& env, Halfway& way,
                                               std::uint32_t family, Foresight foresight) {
  td_packet packet;
  td_see_plain(&packet, ride.frame.data, family);
  way.next = td_concern(&ride.frame, &env, &packet, &way.match);
  if (foresight == Foresight::yes && is_of_flow(way.next)) foresee(env, packet, way);
}

[[gnu::noinline]] void begin_other(Ride& ride, const td_env& env, Halfway& way,
                                   Foresight foresight) {
  way.next = td_meet(&ride.frame, &env, &way.packet, &way.match);
  if (foresight == Foresight::yes && is_of_flow(way.next)) foresee(env, way.packet, way);
}

[[gnu::always_inline]] inline void begin(Ride& ride, const td_env& env, Halfway& way,
                                         Foresight foresight) {
  const td_frame& frame = ride.frame;
  way.knows_where = false;
  if (td_is_plain(frame.data, frame.end, 4)) {
    way.look = Look::plain4;
    begin_plain(ride, env, way, 4, foresight);
  } else if (td_is_plain(frame.data, frame.end, 6)) {
    way.look = Look::plain6;
    begin_plain(ride, env, way, 6, foresight);
  } else {
    way.look = Look::other;
    begin_other(ride, env, way, foresight);
  }
}

// ---- In between

// Where it is to be read by functions that are for all looks.
void see_again(const Ride& ride, Halfway& way) {
  if (way.look != Look::other)
    td_see_plain(&way.packet, ride.frame.data, way.look == Look::plain4 ? 4 : 6);
}

// Of a frame that is one of fullnat's replies.
[[gnu::noinline]] void foresee_by_port(const Ride& ride, const td_env& env, Halfway& way) {
  see_again(ride, way);
  const td_source* record = source_of(env, way.match, way.packet.destination_port);
  if (record == nullptr || record->service == 0) return;
  const std::uint8_t family = td_service_at(&env, record->service)->family;
  ask_for_flow(env, {record->client, record->client_port, family}, record->service, way);
}

// ---- The second half: flow, backend, rewrite

[[gnu::always_inline]] inline void forward_plain(Ride& ride, const td_env& env, Halfway& way,
                                                 std::uint32_t family) {
  td_packet packet;
  td_see_plain(&packet, ride.frame.data, family);
  way.next = td_forward_packet(&ride.frame, &env, &packet, &way.match, &ride.outcome,
                               way.knows_where ? &way.where : nullptr);
}

[[gnu::noinline]] void forward_other(Ride& ride, const td_env& env, Halfway& way) {
  way.next = td_forward_packet(&ride.frame, &env, &way.packet, &way.match, &ride.outcome,
                               way.knows_where ? &way.where : nullptr);
}

[[gnu::always_inline]] inline void forward(Ride& ride, const td_env& env, Halfway& way) {
  switch (way.look) {
    case Look::plain4:
      return forward_plain(ride, env, way, 4);
    case Look::plain6:
      return forward_plain(ride, env, way, 6);
    case Look::other:
      return forward_other(ride, env, way);
  }
}

// What is rare, from here to its end.
[[gnu::noinline]] void go_on(Ride& ride, const td_env& env, Halfway& way) {
  see_again(ride, way);
  td_work work;
  work.out = ride.outcome;
  td_suspend(&work, &way.packet, &way.match);
  while (way.next >= TD_REASON_COUNT) way.next = td_go_on(&ride.frame, &env, &work, way.next);
  ride.outcome = work.out;
}

}  // namespace

void steer(std::span<Ride> rides, const td_env& env, Foresight foresight) {
  std::array<Halfway, kBurst> ways;
  bool by_port = false;
  for (std::size_t i = 0; i < rides.size(); i++) {
    Ride& ride = rides[i];
    ride.outcome = {};
    ride.outcome.length = static_cast<std::uint32_t>(ride.frame.end - ride.frame.data);
    begin(ride, env, ways[i], foresight);
    by_port = by_port || (is_of_flow(ways[i].next) && is_by_port(ways[i].match));
  }
  for (std::size_t i = 0; by_port && foresight == Foresight::yes && i < rides.size(); i++)
    if (is_of_flow(ways[i].next) && is_by_port(ways[i].match))
      foresee_by_port(rides[i], env, ways[i]);
  for (std::size_t i = 0; i < rides.size(); i++) {
    Ride& ride = rides[i];
    Halfway& way = ways[i];
    if (is_of_flow(way.next)) forward(ride, env, way);
    if (way.next >= TD_REASON_COUNT) go_on(ride, env, way);
    ride.reason = static_cast<td_reason>(way.next);
  }
}

}  // namespace tandem::forward
