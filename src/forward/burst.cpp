// SPDX-License-Identifier: Apache-2.0
#include "forward/burst.hpp"

#include <array>
#include <cstdint>

namespace tandem::forward {
namespace {

// A frame between the two halves of its way.
struct Halfway {
  std::uint32_t next;  // reason or step
  td_packet packet;
  td_match match;
};

// GCC takes a function that does nothing but prefetch for one that does nothing: hence inline.
[[gnu::always_inline]] inline void ask_for(const void* memory) {
  __builtin_prefetch(memory, 1);  // it may be stamped
}

// Most flows are in the first of their two buckets.
[[gnu::always_inline]] inline void ask_for_flow(const td_env& env, const td_client& client,
                                                std::uint32_t service) {
  const td_flow_head* head = td_flow_head_of(&env, client.family);
  const auto number = static_cast<std::uint16_t>(service);
  if (head == nullptr || head->buckets == 0) return;
  if (client.family == 4) {
    const auto key = td_flow4_key(td_load32(client.address), client.port, number);
    ask_for(td_flow4_at(env.flow4, td_flow4_where(head, key).first));
    return;
  }
  td_flow6_key key{};
  key.address[0] = td_load64(client.address);
  key.address[1] = td_load64(client.address + 8);
  key.id = std::uint32_t{client.port} << 16 | number;
  const auto* bucket = td_flow6_at(env.flow6, td_flow6_where(head, &key).first);
  ask_for(&bucket->entry[0]);
  ask_for(&bucket->entry[TD_FLOW_ENTRIES / 2]);
}

bool is_of_flow(std::uint32_t next) {
  return next == TD_STEP_FORWARD4 || next == TD_STEP_FORWARD6;
}

// fullnat's replies: whose flow it is stands in another table.
bool is_by_port(const Halfway& way) {
  return is_of_flow(way.next) && way.match.vip == 0 && way.match.source != 0;
}

td_source* source_of(const td_env& env, const Halfway& way) {
  const std::uint32_t slot = way.match.source - 1;
  return td_source_at(&env, slot * std::uint32_t{TD_SOURCE_PORTS} + way.packet.destination_port);
}

[[gnu::always_inline]] inline void foresee(const td_env& env, const Halfway& way) {
  const td_packet& p = way.packet;
  const auto family = static_cast<std::uint8_t>(p.family);
  if (way.match.vip != 0)
    ask_for_flow(env, {td_ip_source(&p), p.source_port, family}, way.match.service - 1);
  else if (is_by_port(way))
    ask_for(source_of(env, way));
  else if (const td_backend* backend = td_backend_at(&env, way.match.backend - 1))
    ask_for_flow(env, {td_ip_destination(&p), p.destination_port, family}, backend->service);
}

[[gnu::always_inline]] inline void foresee_by_port(const td_env& env, const Halfway& way) {
  const td_source* record = source_of(env, way);
  if (record == nullptr || record->service == 0) return;
  const std::uint8_t family = td_service_at(&env, record->service)->family;
  ask_for_flow(env, {record->client, record->client_port, family}, record->service);
}

// What is rare, from here to its end.
[[gnu::noinline]] void go_on(Ride& ride, const td_env& env, Halfway& way) {
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
    Halfway& way = ways[i];
    ride.outcome = {};
    ride.outcome.length = static_cast<std::uint32_t>(ride.frame.end - ride.frame.data);
    way.next = td_meet(&ride.frame, &env, &way.packet, &way.match);
    if (foresight == Foresight::no || !is_of_flow(way.next)) continue;
    foresee(env, way);
    by_port = by_port || is_by_port(way);
  }
  for (std::size_t i = 0; by_port && i < rides.size(); i++)
    if (is_by_port(ways[i])) foresee_by_port(env, ways[i]);
  for (std::size_t i = 0; i < rides.size(); i++) {
    Ride& ride = rides[i];
    Halfway& way = ways[i];
    if (is_of_flow(way.next))
      way.next = td_forward_packet(&ride.frame, &env, &way.packet, &way.match, &ride.outcome);
    if (way.next >= TD_REASON_COUNT) go_on(ride, env, way);
    ride.reason = static_cast<td_reason>(way.next);
  }
}

}  // namespace tandem::forward
