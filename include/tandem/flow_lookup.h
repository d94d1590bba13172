/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: the flow that a packet belongs to, with its service and backend; and what the packet
 * does to it. Compiled as BPF and as C++.
 */
#ifndef TANDEM_FLOW_LOOKUP_H
#define TANDEM_FLOW_LOOKUP_H

#include "tandem/find.h"
#include "tandem/flow_track.h"
#include "tandem/frame.h"
#include "tandem/tables.h"

/* One end of a flow: a client, as it is in flow keys. */
struct td_client {
	const __u8 *address;
	__u32 port;
	__u32 family;
};

/* What a packet brings to the look-up of its flow. */
struct td_flow_query {
	struct td_client client;
	const struct td_flow_where
		*where; /* the key's buckets, if the caller has hashed it; else NULL */
	__u64 jiffies;
	__u32 is_packet; /* it is the flow's: stamp it, and follow TCP. 0: nothing but a look-up */
	__u32 tcp_flags; /* 0: none to be looked at */
	__u32 from;	 /* TD_FROM_CLIENT, TD_FROM_SERVER */
};

/* A flow that was found, with what it refers to. */
struct td_flow {
	__u64 address[2]; /* the client's, as in flow keys: with IPv4 the first is all */
	__u32 id;	  /* port << 16 | service */
	__u32 family;
	union td_flow_word word; /* as it was found */
	__u32 seen;		 /* enum td_flow_seen */
	__u32 is_due;		 /* it is the flow's first packet for a tick */
	__u32 backend_number;
	const struct td_service *service;
	const struct td_backend *backend;
};

/* 0: the flow has another backend than it has to have. */
TD_INLINE int td_flow_take(struct td_flow *flow, const struct td_env *env,
			   const struct td_flow_query *q, const struct td_flow_head *head,
			   struct td_flow_hit *hit, __u32 backend)
{
	const __u8 mode = td_service_at(env, flow->id)->mode;
	const int hears_server = mode == TD_MODE_NAT || mode == TD_MODE_FULLNAT;
	__u16 tick = td_flow_tick(head, q->jiffies);

	flow->word = hit->word;
	if (backend && td_flow_backend_of(hit->word.part.who) != backend)
		return 0;
	if (!q->is_packet)
		return 1;
	flow->is_due = hit->word.part.stamp != tick;
	if (q->tcp_flags) {
		flow->seen = td_flow_see_tcp(hit, tick, (__u8)q->tcp_flags, (int)q->from,
					     hears_server);
		return 1;
	}
	td_flow_stamp(hit, tick);
	if (q->from == TD_FROM_SERVER)
		td_flow_note_answer(hit);
	return 1;
}

/* 1: it is in the table. By its key: address, id, family. */
TD_INLINE int td_flow_find(struct td_flow *flow, const struct td_env *env,
			   const struct td_flow_query *q, __u32 backend)
{
	const struct td_flow_head *head = td_flow_head_of(env, flow->family);
	struct td_flow6_key key6;
	struct td_flow_hit hit;
	__u64 key4;

	if (!head || !head->buckets)
		return 0;
	if (flow->family == 4) {
		key4 = flow->address[0] << 32 | flow->id;
		return td_flow4_find(&hit, td_flow4_table(env),
				     q->where ? *q->where : td_flow4_where(head, key4), key4) &&
		       td_flow_take(flow, env, q, head, &hit, backend);
	}
	key6.address[0] = flow->address[0];
	key6.address[1] = flow->address[1];
	key6.id = flow->id;
	return td_flow6_find(&hit, td_flow6_table(env),
			     q->where ? *q->where : td_flow6_where(head, &key6), &key6) &&
	       td_flow_take(flow, env, q, head, &hit, backend);
}

/*
 * 1: the client has a flow to the service, and its backend is known. backend: that the flow has to
 * have; 0: any.
 */
TD_INLINE int td_flow_lookup(struct td_flow *flow, const struct td_env *env,
			     const struct td_flow_query *q, __u32 service, __u32 backend)
{
	flow->family = q->client.family;
	flow->id = q->client.port << 16 | service;
	flow->seen = TD_FLOW_SAME;
	flow->is_due = 0;
	flow->word.whole = 0;
	if (flow->family == 4) {
		flow->address[0] = td_load32(q->client.address);
		flow->address[1] = 0;
	} else {
		flow->address[0] = td_load64(q->client.address);
		flow->address[1] = td_load64(q->client.address + 8);
	}
	if (!td_flow_find(flow, env, q, backend))
		return 0;
	flow->service = td_service_at(env, service);
	flow->backend_number = td_flow_backend_of(flow->word.part.who);
	flow->backend = td_backend_at(env, flow->backend_number);
	return flow->backend && flow->backend->family;
}

/* nat: the flow that a backend's reply belongs to. Of the backends that share an address some are tried. */
TD_INLINE int td_lookup_reply(struct td_flow *flow, const struct td_env *env,
			      struct td_flow_query *q, __u32 backend)
{
	const struct td_backend *b;
	int i;

	for (i = 0; i < TD_SHARED_BACKENDS && backend; i++) {
		b = td_backend_at(env, backend);
		if (!b)
			return 0;
		if (td_flow_lookup(flow, env, q, b->service, backend))
			return 1;
		backend = b->next_shared;
		q->where = 0; /* which was the first one's */
	}
	return 0;
}

/*
 * fullnat: the flow that has a source port, which a reply is sent to. slot: of the address. Fills
 * q->client, but its family. NULL: there is none.
 */
TD_INLINE const struct td_source *td_lookup_by_port(struct td_flow *flow, const struct td_env *env,
						    struct td_flow_query *q, __u32 slot, __u32 port)
{
	const struct td_source *source = td_source_at(env, slot * TD_SOURCE_PORTS + port);

	if (!source || !source->service)
		return 0;
	q->client.address = source->client;
	q->client.port = source->client_port;
	if (td_service_at(env, source->service)->family != q->client.family ||
	    !td_flow_lookup(flow, env, q, source->service, 0) || flow->word.part.extra != port ||
	    td_source_slot(flow->service, &flow->word) != slot)
		return 0;
	return source;
}

#endif
