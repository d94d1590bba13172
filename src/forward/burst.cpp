// SPDX-License-Identifier: Apache-2.0
#include "forward/burst.hpp"

#include <array>
#include <cstdint>

namespace tandem::forward {
namespace {

// What a frame looked like. The common ones have a way of their own, on which the compiler knows
// where everything is.
enum class Kind : std::uint8_t { plain4, plain6, other };

// A frame between the two halves of its way.
struct Pending {
  std::uint32_t next;  // reason or step
  Kind kind;
  bool knows_where;
  td_flow_where where;
  td_match match;
  td_packet packet;  // of other kinds alone: the plain ones are as soon seen again
};

// GCC takes a function that does nothing but prefetch for one that does nothing: hence inline.
[[gnu::always_inline]] inline void prefetch_line(const void* memory) {
  __builtin_prefetch(memory, 1);  // it may be stamped
}

// Most flows are in the first of their two buckets.
[[gnu::always_inline]] inline void prefetch_bucket(const td_env& env, const td_client& client,
                                                   std::uint32_t service, Pending& pending) {
  const td_flow_head* head = td_flow_head_of(&env, client.family);
  if (head == nullptr || head->buckets == 0) return;
  pending.knows_where = true;
  if (client.family == 4) {
    const auto key = td_flow4_key(td_load32(client.address), client.port, service);
    pending.where = td_flow4_where(head, key);
    prefetch_line(td_flow4_at(env.flow4, pending.where.first));
    return;
  }
  td_flow6_key key{};
  key.address[0] = td_load64(client.address);
  key.address[1] = td_load64(client.address + 8);
  key.id = client.port << 16 | service;
  pending.where = td_flow6_where(head, &key);
  const auto* bucket = td_flow6_at(env.flow6, pending.where.first);
  prefetch_line(&bucket->entry[0]);
  prefetch_line(&bucket->entry[TD_FLOW_ENTRIES / 2]);
}

bool is_of_flow(std::uint32_t next) {
  return next == td_next(TD_STEP_FORWARD4) || next == td_next(TD_STEP_FORWARD6);
}

// fullnat's replies: whose flow it is stands in another table.
bool is_by_port(const td_match& match) {
  return match.about == TD_ABOUT_REPLY && match.source != TD_NONE;
}

[[gnu::always_inline]] inline td_source* source_of(const td_env& env, const td_match& match,
                                                   std::uint32_t port) {
  return td_source_at(&env, match.source * std::uint32_t{TD_SOURCE_PORTS} + port);
}

[[gnu::always_inline]] inline void prefetch_flow(const td_env& env, const td_packet& p,
                                                 Pending& pending) {
  if (pending.match.about == TD_ABOUT_BACKENDS)
    prefetch_bucket(env, {td_ip_source(&p), p.source_port, p.family}, pending.match.service,
                    pending);
  else if (is_by_port(pending.match))
    prefetch_line(source_of(env, pending.match, p.destination_port));
  else if (const td_backend* backend = td_backend_at(&env, pending.match.backend))
    prefetch_bucket(env, {td_ip_destination(&p), p.destination_port, p.family}, backend->service,
                    pending);
}

// ---- The first half: what is it, and whom does it concern?

[[gnu::always_inline]] inline void classify_plain(Job& job, const td_env& env, Pending& pending,
                                                  std::uint32_t family, Prefetch prefetch) {
  td_packet packet;
  td_parse_plain(&packet, job.frame.data, family);
  td_find(&pending.match, env.tables, &packet, job.frame.end, job.frame.ifindex);
  pending.next = td_classify(&job.frame, &env, &packet, &pending.match, &job.outcome);
  if (prefetch == Prefetch::yes && is_of_flow(pending.next)) prefetch_flow(env, packet, pending);
}

// As td_steer_any(), but that what it finds out stays in `pending`.
std::uint32_t classify_any(Job& job, const td_env& env, td_packet& packet, td_match& match) {
  td_parse(&packet, job.frame.data, job.frame.end, TD_FAST);
  match = {};
  if (packet.shape == TD_SHAPE_ADVERT) return TD_TAKE_ADVERT;
  if (packet.shape == TD_SHAPE_DEEP) return td_next(TD_STEP_DEEP);
  td_find(&match, env.tables, &packet, job.frame.end, job.frame.ifindex);
  if (td_is_rare(&packet) && td_may_have_flow(env.tables, &match))
    return td_next(TD_STEP_FRAGMENTS);
  return td_classify(&job.frame, &env, &packet, &match, &job.outcome);
}

[[gnu::noinline]] void classify_other(Job& job, const td_env& env, Pending& pending,
                                      Prefetch prefetch) {
  pending.next = classify_any(job, env, pending.packet, pending.match);
  if (prefetch == Prefetch::yes && is_of_flow(pending.next))
    prefetch_flow(env, pending.packet, pending);
}

[[gnu::always_inline]] inline void classify(Job& job, const td_env& env, Pending& pending,
                                            Prefetch prefetch) {
  const td_frame& frame = job.frame;
  pending.knows_where = false;
  if (td_is_plain(frame.data, frame.end, 4)) {
    pending.kind = Kind::plain4;
    classify_plain(job, env, pending, 4, prefetch);
  } else if (td_is_plain(frame.data, frame.end, 6)) {
    pending.kind = Kind::plain6;
    classify_plain(job, env, pending, 6, prefetch);
  } else {
    pending.kind = Kind::other;
    classify_other(job, env, pending, prefetch);
  }
}

// ---- In between

// Where it is to be read by functions that are for all kinds.
void parse_again(const Job& job, Pending& pending) {
  if (pending.kind != Kind::other)
    td_parse_plain(&pending.packet, job.frame.data, pending.kind == Kind::plain4 ? 4 : 6);
}

// Of a frame that is one of fullnat's replies.
[[gnu::noinline]] void prefetch_by_port(const Job& job, const td_env& env, Pending& pending) {
  parse_again(job, pending);
  const td_source* record = source_of(env, pending.match, pending.packet.destination_port);
  if (record == nullptr || record->service == 0) return;
  const std::uint8_t family = td_service_at(&env, record->service)->family;
  prefetch_bucket(env, {record->client, record->client_port, family}, record->service, pending);
}

// ---- The second half: flow, backend, rewrite

[[gnu::always_inline]] inline void forward_plain(Job& job, const td_env& env, Pending& pending,
                                                 std::uint32_t family) {
  td_packet packet;
  td_parse_plain(&packet, job.frame.data, family);
  pending.next = td_forward_packet(&job.frame, &env, &packet, &pending.match, &job.outcome,
                                   pending.knows_where ? &pending.where : nullptr);
}

[[gnu::noinline]] void forward_other(Job& job, const td_env& env, Pending& pending) {
  pending.next = td_forward_packet(&job.frame, &env, &pending.packet, &pending.match, &job.outcome,
                                   pending.knows_where ? &pending.where : nullptr);
}

[[gnu::always_inline]] inline void forward(Job& job, const td_env& env, Pending& pending) {
  switch (pending.kind) {
    case Kind::plain4:
      return forward_plain(job, env, pending, 4);
    case Kind::plain6:
      return forward_plain(job, env, pending, 6);
    case Kind::other:
      return forward_other(job, env, pending);
  }
}

// What is rare, from here to its end.
[[gnu::noinline]] void run_steps(Job& job, const td_env& env, Pending& pending) {
  parse_again(job, pending);
  td_work work;
  work.out = job.outcome;
  td_suspend(&work, &pending.packet);
  work.match = pending.match;
  while (td_is_step(pending.next))
    pending.next = td_run_step(&job.frame, &env, &work, td_step_of(pending.next));
  job.outcome = work.out;
}

}  // namespace

void steer(std::span<Job> jobs, const td_env& env, Prefetch prefetch) {
  std::array<Pending, kBurst> all;
  bool by_port = false;
  for (std::size_t i = 0; i < jobs.size(); i++) {
    Job& job = jobs[i];
    job.outcome = {};
    job.outcome.length = static_cast<std::uint32_t>(job.frame.end - job.frame.data);
    classify(job, env, all[i], prefetch);
    by_port = by_port || (is_of_flow(all[i].next) && is_by_port(all[i].match));
  }
  for (std::size_t i = 0; by_port && prefetch == Prefetch::yes && i < jobs.size(); i++)
    if (is_of_flow(all[i].next) && is_by_port(all[i].match)) prefetch_by_port(jobs[i], env, all[i]);
  for (std::size_t i = 0; i < jobs.size(); i++) {
    Job& job = jobs[i];
    Pending& pending = all[i];
    if (is_of_flow(pending.next)) forward(job, env, pending);
    if (td_is_step(pending.next)) run_steps(job, env, pending);
    job.reason = static_cast<td_reason>(pending.next);
  }
}

}  // namespace tandem::forward
