/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: where a flow's packets go, and what has to be written into them for that (rewrite.h
 * writes). Compiled as BPF and as C++.
 */
#ifndef TANDEM_MOVE_H
#define TANDEM_MOVE_H

#include "tandem/rewrite.h"
#include "tandem/tables.h"

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

#endif
