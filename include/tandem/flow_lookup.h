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

TD_INLINE int td_flow_take(struct td_touch *t, const struct td_flow_head *head,
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
TD_INLINE int td_flow_find(const struct td_env *env, struct td_touch *t,
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
		       td_flow_take(t, head, &hit);
	}
	key6.address[0] = t->address[0];
	key6.address[1] = t->address[1];
	key6.id = t->id;
	return td_flow6_find(&hit, td_flow6_table(env),
			     where ? *where : td_flow6_where(head, &key6), &key6) &&
	       td_flow_take(t, head, &hit);
}

/* A flow that was found, with what it refers to. */
struct td_flow_found {
	struct td_touch touch;
	const struct td_service *service;
	const struct td_backend *backend;
	__u32 service_number;
	__u32 backend_number;
};

/*
 * 1: there is a flow, and its service and backend are known. backend: that it has to have, 0: any.
 * where: as with td_flow_find().
 */
TD_INLINE int td_flow_lookup(struct td_flow_found *placed, const struct td_env *env,
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
	if (!td_flow_find(env, t, where))
		return 0;
	placed->service_number = service;
	placed->service = td_service_at(env, service);
	placed->backend_number = td_flow_backend_of(t->word.part.who);
	placed->backend = td_backend_at(env, placed->backend_number);
	return placed->backend && placed->backend->family;
}

/* What the packet itself says to a look-up. */
TD_INLINE void td_query_by(struct td_touch *t, const struct td_frame *f, int is_packet,
			   int tcp_flags, int from)
{
	t->jiffies = td_jiffies(f);
	t->is_packet = (__u32)is_packet;
	t->tcp_flags = (__u32)tcp_flags;
	t->from = (__u32)from;
	t->word.whole = 0;
}

#endif
