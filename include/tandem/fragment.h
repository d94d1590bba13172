/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: fragments follow the first one of their datagram.
 *
 * Only the first has ports. They are remembered under the datagram's addresses, protocol and
 * identification (RFC 791, 3.2; RFC 8200, 4.5), so that a later fragment is judged as if it had
 * them. A table of fixed size with two places for each datagram, of which the older one is given
 * up. Later fragments that overtake the first one cannot be placed.
 *
 * Any CPU reads and writes. A writer makes `version` odd, and gives up if another is at it; a
 * reader that saw a version change has seen nothing.
 */
#ifndef TANDEM_FRAGMENT_H
#define TANDEM_FRAGMENT_H

#include "tandem/find.h"
#include "tandem/tables.h"

enum { TD_FRAGMENT_MS = 10000 }; /* a datagram is remembered for */

TD_INLINE __u32 td_fragment_index(const struct td_packet *p)
{
	__u64 id = (__u64)p->fragment_id << 8 | p->protocol;
	const __u8 *from = td_ip_source(p), *to = td_ip_destination(p);

	if (p->family == 4)
		return td_mix(id, (__u64)td_load32(from) << 32 | td_load32(to)) &
		       (TD_FRAGMENTS - 1);
	return td_mix(id ^ td_load64(from) ^ td_load64(to) << 1,
		      td_load64(from + 8) ^ td_load64(to + 8) << 1) &
	       (TD_FRAGMENTS - 1);
}

TD_INLINE int td_is_fragment_of(const struct td_fragment *e, const struct td_packet *p,
				__u32 now_ms)
{
	return e->family == p->family && e->id == p->fragment_id && e->protocol == p->protocol &&
	       now_ms - e->stamp < TD_FRAGMENT_MS &&
	       td_is_same_address(e->source, td_ip_source(p), p->family) &&
	       td_is_same_address(e->destination, td_ip_destination(p), p->family);
}

TD_INLINE void td_fragment_write(struct td_fragment *e, const struct td_packet *p, __u32 now_ms)
{
	__u64 version = td_load_ordered(&e->version);

	if (version & 1 ||
	    __sync_val_compare_and_swap(&e->version, version, version + 1) != version)
		return;
	e->family = p->family;
	e->protocol = p->protocol;
	e->id = p->fragment_id;
	e->stamp = now_ms;
	e->source_port = p->source_port;
	e->destination_port = p->destination_port;
	td_copy_address(e->source, td_ip_source(p), p->family);
	td_copy_address(e->destination, td_ip_destination(p), p->family);
	td_store_ordered(&e->version, version + 2);
}

/* Of a first fragment with ports. */
TD_INLINE void td_remember(const struct td_env *env, const struct td_packet *p, __u64 now_ns)
{
	__u32 place = td_fragment_index(p), now_ms = (__u32)(now_ns / 1000000);
	struct td_fragment *a = td_fragment_at(env, place), *b = td_fragment_at(env, place ^ 1);

	if (!a || !b)
		return;
	if (!a->family || td_is_fragment_of(a, p, now_ms))
		td_fragment_write(a, p, now_ms);
	else if (!b->family || td_is_fragment_of(b, p, now_ms) ||
		 now_ms - b->stamp > now_ms - a->stamp)
		td_fragment_write(b, p, now_ms);
	else
		td_fragment_write(a, p, now_ms);
}

TD_INLINE int td_recall_at(struct td_fragment *e, struct td_packet *p, __u32 now_ms)
{
	__u64 version = td_load_ordered(&e->version);
	__u16 source_port, destination_port;

	if (version & 1 || !td_is_fragment_of(e, p, now_ms))
		return 0;
	source_port = e->source_port;
	destination_port = e->destination_port;
	td_read_barrier();
	if (td_load_ordered(&e->version) != version)
		return 0;
	p->source_port = source_port;
	p->destination_port = destination_port;
	p->has_ports = 1;
	return 1;
}

/* Gives a later fragment the ports of the first. 0: that one is not known. */
TD_INLINE int td_recall(const struct td_env *env, struct td_packet *p, __u64 now_ns)
{
	__u32 place = td_fragment_index(p), now_ms = (__u32)(now_ns / 1000000);
	struct td_fragment *a = td_fragment_at(env, place), *b = td_fragment_at(env, place ^ 1);

	return (a && td_recall_at(a, p, now_ms)) || (b && td_recall_at(b, p, now_ms));
}

#endif
