/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: packets of services that have backends.
 *
 *   client's:   flow? move to its backend
 *               no flow, or the first of a new one: to the data thread, which schedules; beyond the
 *               address's budget of first packets, or when told so: by hash
 *   backend's:  flow? move to the client
 *               no flow: none of ours, to the kernel
 *
 * A backend's reply finds the flow by the client's address and port, which with nat it is sent to,
 * and with fullnat are kept by source port (td_source). Services that share a backend are tried in
 * turn; the flow that has this backend is the one.
 */
#ifndef TANDEM_FORWARD_H
#define TANDEM_FORWARD_H

#include "tandem/find.h"
#include "tandem/flow_track.h"
#include "tandem/rewrite.h"
#include "tandem/tables.h"

/* One end of a flow: a client, as it is in flow keys. */
struct td_client {
	const __u8 *address;
	__u32 port;
	__u32 family;
};

/* A look-up of a flow, and what a packet of it does to it. */
struct td_touch {
	/* asked for */
	__u64 address[2]; /* the client's, as in flow keys: with IPv4 the first is all */
	__u64 jiffies;
	__u32 id; /* port << 16 | service */
	__u32 family;
	__u32 backend;	 /* that the flow has to have; 0: any */
	__u32 is_packet; /* 0: nothing but a look-up */
	__u32 tcp_flags; /* 0: none to be looked at */
	__u32 from;	 /* TD_FROM_CLIENT, TD_FROM_SERVER */
	/* answered */
	union td_flow_word word; /* as it was found */
	__u32 seen;		 /* enum td_flow_seen */
	__u32 is_due;		 /* the flow's first packet for a tick */
};

TD_INLINE int td_touch_hit(struct td_touch *t, const struct td_flow_head *head,
			   struct td_flow_hit *hit)
{
	__u16 tick = td_flow_tick(head, t->jiffies);

	t->word = hit->word;
	if (t->backend && td_flow_backend_of(hit->word.part.who) != t->backend)
		return 0;
	if (!t->is_packet)
		return 1;
	t->is_due = hit->word.part.stamp != tick;
	if (t->tcp_flags)
		t->seen = td_flow_see_tcp(hit, tick, (__u8)t->tcp_flags, (int)t->from);
	else
		td_flow_stamp(hit, tick);
	return 1;
}

/* 1: there is a flow. where: its key's place, if somebody found that out; NULL: nobody did. */
TD_INLINE int td_touch_flow(const struct td_env *env, struct td_touch *t,
			    const struct td_flow_where *where)
{
	const struct td_flow_head *head = td_flow_head_of(env, t->family);
	struct td_flow6_key key6;
	struct td_flow_hit hit;
	__u64 key4;

	if (!head || !head->buckets)
		return 0;
	if (t->family == 4) {
		key4 = t->address[0] << 32 | t->id;
		return td_flow4_find(&hit, td_flow4_table(env),
				     where ? *where : td_flow4_where(head, key4), key4) &&
		       td_touch_hit(t, head, &hit);
	}
	key6.address[0] = t->address[0];
	key6.address[1] = t->address[1];
	key6.id = t->id;
	return td_flow6_find(&hit, td_flow6_table(env),
			     where ? *where : td_flow6_where(head, &key6), &key6) &&
	       td_touch_hit(t, head, &hit);
}

/* A flow that was found, with what it refers to. */
struct td_placed {
	struct td_touch touch;
	const struct td_service *service;
	const struct td_backend *backend;
	__u32 service_number;
	__u32 backend_number;
};

/*
 * 1: there is a flow, and its service and backend are known. backend: that it has to have, 0: any.
 * where: as with td_touch_flow().
 */
TD_INLINE int td_place(struct td_placed *placed, const struct td_env *env,
		       const struct td_client *client, __u32 service, __u32 backend,
		       const struct td_flow_where *where)
{
	struct td_touch *t = &placed->touch;

	t->family = client->family;
	t->id = client->port << 16 | service;
	t->backend = backend;
	t->seen = TD_FLOW_SAME;
	t->is_due = 0;
	if (client->family == 4) {
		t->address[0] = td_load32(client->address);
		t->address[1] = 0;
	} else {
		t->address[0] = td_load64(client->address);
		t->address[1] = td_load64(client->address + 8);
	}
	if (!td_touch_flow(env, t, where))
		return 0;
	placed->service_number = service;
	placed->service = td_service_at(env, service);
	placed->backend_number = td_flow_backend_of(t->word.part.who);
	placed->backend = td_backend_at(env, placed->backend_number);
	return placed->backend && placed->backend->family;
}

/* What the packet itself says to a look-up. */
TD_INLINE void td_touch_by(struct td_touch *t, const struct td_frame *f, int is_packet,
			   int tcp_flags, int from)
{
	t->jiffies = td_jiffies(f);
	t->is_packet = (__u32)is_packet;
	t->tcp_flags = (__u32)tcp_flags;
	t->from = (__u32)from;
	t->word.whole = 0;
}

/* Is the lease live, by the clock that costs nothing? Gates all that is forwarded. */
TD_INLINE int td_may_forward(const struct td_frame *f, const struct td_vrouter *vr)
{
	return td_jiffies(f) < td_load_ordered(&vr->lease_jiffies);
}

/* ---- Moves -------------------------------------------------------------------------------- */

TD_INLINE const struct td_hop *td_known_hop(const struct td_env *env, __u16 number)
{
	const struct td_hop *hop = td_hop_at(env, number);

	return hop && hop->ifindex ? hop : 0;
}

/* Which slot of td_tables.source a flow connects from, or would by this word. */
TD_INLINE __u16 td_source_slot(const struct td_service *s, const union td_flow_word *word)
{
	__u32 i = (word->part.who & TD_FLOW_SOURCE) >> TD_FLOW_SOURCE_SHIFT;

	return s->source[i & (TD_SERVICE_SOURCES - 1)] & (TD_MAX_SOURCES - 1);
}

/* To the backend. 0: its next hop is not known. */
TD_INLINE int td_move_in(struct td_move *m, const struct td_env *env, const struct td_service *s,
			 const struct td_backend *b, const union td_flow_word *word)
{
	struct td_move none = {};

	*m = none;
	m->hop = td_known_hop(env, b->hop);
	if (!m->hop)
		return 0;
	if (s->mode == TD_MODE_TUNNEL)
		m->tunnel = b;
	if (s->mode == TD_MODE_NAT || s->mode == TD_MODE_FULLNAT) {
		m->destination = b->address;
		m->destination_port = b->port;
	}
	if (s->mode == TD_MODE_FULLNAT) {
		m->source = env->tables->source[td_source_slot(s, word)];
		m->source_port = word->part.extra;
	}
	return 1;
}

/* To the client; of a td_source with fullnat, else NULL. 0: its next hop is not known. */
TD_INLINE int td_move_out(struct td_move *m, const struct td_env *env, const struct td_service *s,
			  const union td_flow_word *word, const struct td_source *source)
{
	struct td_move none = {};

	*m = none;
	m->hop = td_known_hop(env, source ? source->hop : word->part.extra);
	if (!m->hop)
		return 0;
	m->source = s->address;
	m->source_port = s->port;
	if (source) {
		m->destination = source->client;
		m->destination_port = source->client_port;
	}
	return 1;
}

/* Carries a move out, if TTL and MTU let it be. */
TD_INLINE enum td_reason td_carry(struct td_frame *f, const struct td_packet *p,
				  const struct td_move *m, enum td_reason reason,
				  struct td_outcome *out)
{
	if (td_ttl(p) <= 1)
		return TD_DROP_TTL;
	out->mtu = td_move_mtu(m);
	if (td_ip_bytes(p) > out->mtu)
		return TD_DROP_TOO_BIG;
	td_rewrite(p, m, f->end);
	return td_send(f, p, m, reason, out);
}

/* ---- Flows as packets come ---------------------------------------------------------------- */

/* The flags of TCP, 0 where there are none to be looked at; -1: the header is cut short. */
TD_INLINE int td_transport_flags(const struct td_packet *p, const __u8 *end)
{
	if (p->fragment == TD_FRAGMENT_LATER)
		return 0;
	if (!p->l4)
		return -1;
	if (p->protocol != TD_PROTO_TCP)
		return 0;
	return p->l4 + TD_TCP_HEADER <= end ? p->l4[13] : -1;
}

TD_INLINE void td_tell_if_ended(struct td_frame *f, const struct td_placed *placed)
{
	struct td_flow_end end = {};

	if (placed->touch.seen != TD_FLOW_ENDING)
		return;
	end.address[0] = placed->touch.address[0];
	end.address[1] = placed->touch.address[1];
	end.id = placed->touch.id;
	end.family = (__u8)placed->touch.family;
	td_tell_end(f, &end);
}

/*
 * nat: does the flow's packet come from where its replies would go? Looked at once a tick at most;
 * the data thread follows a client whose router has changed.
 */
TD_INLINE int td_came_from_elsewhere(const struct td_frame *f, const struct td_env *env,
				     const struct td_packet *p, const struct td_placed *placed)
{
	const struct td_source *source;
	const struct td_hop *hop;
	__u16 number = placed->touch.word.part.extra;

	if (placed->service->mode == TD_MODE_FULLNAT) {
		source = td_source_at(env, td_source_slot(placed->service, &placed->touch.word) *
						   (__u32)TD_SOURCE_PORTS + number);
		number = source ? source->hop : 0;
	}
	hop = td_hop_at(env, number);
	return hop && (hop->ifindex != f->ifindex || hop->vlan[0] != p->vlan[0] ||
		       hop->vlan[1] != p->vlan[1] ||
		       td_load32(hop->destination) != td_load32(p->eth + 6) ||
		       td_load16(hop->destination + 4) != td_load16(p->eth + 10));
}

/* ---- First packets ------------------------------------------------------------------------ */

/*
 * The address's token bucket, as one deadline: when it will be full again (ITU-T I.371, generic
 * cell rate algorithm). CPUs that get into each other's way too often count as over it.
 */
TD_INLINE int td_within_budget(const struct td_env *env, struct td_vip *vip, __u64 now_ns)
{
	__u64 old = td_load_ordered(&vip->budget_ns), full, seen;
	int i;

	for (i = 0; i < 4; i++) {
		full = old > now_ns ? old : now_ns;
		if (full - now_ns > env->tables->budget_burst_ns)
			return 0;
		full += env->tables->budget_cost_ns;
		seen = __sync_val_compare_and_swap(&vip->budget_ns, old, full);
		if (seen == old)
			return 1;
		old = seen;
	}
	return 0;
}

/* 64 bits, all of them well mixed (splitmix64, Steele et al.). */
TD_INLINE __u64 td_scramble(__u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

TD_INLINE __u64 td_hash_address(__u64 hash, const __u8 *address, __u32 family)
{
	if (family == 4)
		return td_scramble(hash ^ td_load32(address));
	return td_scramble(td_scramble(hash ^ td_load64(address)) ^ td_load64(address + 8));
}

/* The same on every node: without seeds, slots or numbers. */
TD_INLINE __u64 td_hash_source(const struct td_client *client)
{
	return td_hash_address(0x9e3779b97f4a7c15ull, client->address, client->family);
}

TD_INLINE __u64 td_hash_flow(const struct td_client *client, const struct td_service *s)
{
	__u64 ports = (__u64)client->port << 32 | (__u32)s->protocol << 16 | s->port;

	return td_scramble(td_hash_address(td_hash_source(client), s->address, client->family) ^
			   ports);
}

/* The backend that the hash leads to; 0: there is no table. */
TD_INLINE __u16 td_pick(const struct td_env *env, const struct td_service *s, __u64 hash)
{
	__u64 picks = td_load_ordered(&s->picks);
	__u32 entry = (__u32)((hash >> 32) * (picks & 0xffffffff) >> 32);
	const struct td_pick_block *block;

	if (!picks)
		return 0;
	block = td_picks_at(env, (__u32)(picks >> 32) + entry / TD_PICKS_IN_BLOCK);
	return block ? block->backend[entry % TD_PICKS_IN_BLOCK] : 0;
}

/* Without a flow: fullnat can do nothing, since it has no port. */
TD_INLINE enum td_reason td_to_hashed(struct td_frame *f, const struct td_env *env,
				      const struct td_packet *p, const struct td_client *client,
				      const struct td_service *s, struct td_outcome *out)
{
	union td_flow_word none = {0};
	const struct td_backend *b;
	struct td_move move;

	if (s->mode == TD_MODE_FULLNAT)
		return TD_DROP_BUDGET;
	out->backend = td_pick(env, s, s->flags & TD_SERVICE_BY_SOURCE ? td_hash_source(client)
								       : td_hash_flow(client, s));
	b = td_backend_at(env, out->backend);
	if (!out->backend || !b || !b->family)
		return TD_DROP_NO_BACKEND;
	if (!td_move_in(&move, env, s, b, &none))
		return TD_DROP_NO_HOP;
	return td_carry(f, p, &move, TD_TX_HASHED, out);
}

/* ---- Ways --------------------------------------------------------------------------------- */

/*
 * From a client: m->service is a service with backends, whose lease is live; p->has_ports. where, here
 * and below: the place of the first flow that is looked for; NULL: not known.
 */
TD_INLINE enum td_reason td_forward_in(struct td_frame *f, const struct td_env *env,
				       const struct td_packet *p, const struct td_match *m,
				       struct td_outcome *out, struct td_placed *placed,
				       const struct td_flow_where *where)
{
	struct td_client client = {td_ip_source(p), p->source_port, p->family};
	struct td_move move;
	int flags = td_transport_flags(p, f->end), flow;

	if (flags < 0)
		return TD_DROP_MALFORMED;
	out->from = TD_FROM_CLIENT;
	td_touch_by(&placed->touch, f, 1, flags, TD_FROM_CLIENT);
	flow = td_place(placed, env, &client, m->service - 1, 0, where);
	if (flow) {
		td_tell_if_ended(f, placed);
		if (placed->touch.seen == TD_FLOW_NEW)
			flow = 0;
		else if (placed->touch.is_due && !td_hashes_misses(f) &&
			 (placed->service->mode == TD_MODE_NAT ||
			  placed->service->mode == TD_MODE_FULLNAT))
			flow = !td_came_from_elsewhere(f, env, p, placed);
	}
	if (!flow) {
		if (!td_hashes_misses(f) &&
		    td_within_budget(env, &env->tables->vip[(m->vip - 1) & (TD_MAX_VIPS - 1)],
				     td_now_ns(f)))
			return TD_PUNT_MISS;
		return td_to_hashed(f, env, p, &client, td_service_at(env, m->service - 1), out);
	}
	out->backend = placed->backend_number;
	if (!td_move_in(&move, env, placed->service, placed->backend, &placed->touch.word))
		return TD_DROP_NO_HOP;
	return td_carry(f, p, &move, TD_TX_FORWARD, out);
}

TD_INLINE int td_is_from(const struct td_backend *b, const struct td_packet *p)
{
	return b->port == p->source_port && b->family == p->family &&
	       td_is_same_address(b->address, td_ip_source(p), p->family);
}

/* nat: the flow of the client that is sent to. */
TD_INLINE int td_place_reply(struct td_placed *placed, const struct td_env *env,
			     const struct td_client *client, __u32 backend,
			     const struct td_flow_where *where)
{
	const struct td_backend *b;
	int i;

	for (i = 0; i < TD_ALIKE && backend; i++) {
		b = td_backend_at(env, backend);
		if (!b)
			return 0;
		if (td_place(placed, env, client, b->service, backend, i ? 0 : where))
			return 1;
		backend = b->alike;
	}
	return 0;
}

/* fullnat: the flow that has the source port that is sent to; fills `client`. NULL: none. */
TD_INLINE const struct td_source *td_place_by_port(struct td_placed *placed,
						   const struct td_env *env, __u32 slot, __u32 port,
						   struct td_client *client,
						   const struct td_flow_where *where)
{
	const struct td_source *source = td_source_at(env, slot * TD_SOURCE_PORTS + port);

	if (!source || !source->service)
		return 0;
	client->address = source->client;
	client->port = source->client_port;
	client->family = td_service_at(env, source->service)->family;
	if (!td_place(placed, env, client, source->service, 0, where) ||
	    placed->touch.word.part.extra != port ||
	    td_source_slot(placed->service, &placed->touch.word) != slot)
		return 0;
	return source;
}

/* From a backend, to the client of its flow. */
TD_INLINE enum td_reason td_forward_out(struct td_frame *f, const struct td_env *env,
					const struct td_packet *p, const struct td_match *m,
					struct td_outcome *out, struct td_placed *placed,
					const struct td_flow_where *where)
{
	struct td_client client = {td_ip_destination(p), p->destination_port, p->family};
	const struct td_source *source = 0;
	const struct td_vrouter *vr;
	struct td_move move;
	int flags = td_transport_flags(p, f->end), flow;

	if (flags < 0)
		return TD_PASS_UNFLOWED;
	td_touch_by(&placed->touch, f, 1, flags, TD_FROM_SERVER);
	if (m->source) {
		source = td_place_by_port(placed, env, m->source - 1, p->destination_port,
					  &client, where);
		flow = source && placed->service->mode == TD_MODE_FULLNAT;
	} else {
		flow = td_place_reply(placed, env, &client, m->backend - 1, where) &&
		       placed->service->mode == TD_MODE_NAT;
	}
	if (!flow || placed->service->protocol != p->protocol || !td_is_from(placed->backend, p))
		return TD_PASS_UNFLOWED;
	vr = &env->tables->vrouter[placed->service->vrouter & (TD_MAX_VROUTERS - 1)];
	if (!td_may_forward(f, vr))
		return TD_DROP_NO_LEASE;
	td_tell_if_ended(f, placed);
	out->from = TD_FROM_SERVER;
	out->backend = placed->backend_number;
	if (!td_move_out(&move, env, placed->service, &placed->touch.word, source))
		return TD_DROP_NO_HOP;
	return td_carry(f, p, &move, TD_TX_REPLY, out);
}

#endif
