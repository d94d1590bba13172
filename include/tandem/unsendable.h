/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: a packet that cannot be sent on, since it is too big for its way or its TTL is used up, is
 * answered by an ICMP error (RFC 792, RFC 4443). The data thread writes it; here it is decided whether
 * there is one. Compiled as BPF and as C++.
 */
#ifndef TANDEM_UNSENDABLE_H
#define TANDEM_UNSENDABLE_H

#include "tandem/no_flow.h"

/* As much of a packet as its error may be long, and so much goes to the data thread (RFC 4443, 2.4 (c)). */
enum { TD_ERROR_BYTES = 1280 };

/*
 * RFC 1122, 3.2.2 and RFC 4443, 2.4 (e): what may be answered by an error; from where, td_is_martian()
 * has seen to. Without "do not fragment" too: nothing here fragments, and a sender that hears of it
 * sends less.
 */
TD_INLINE int td_may_be_answered(const struct td_packet *p)
{
	return p->fragment != TD_FRAGMENT_LATER && !(p->eth[0] & 1) && !td_is_icmp_error(p);
}

/*
 * mtu: of the way, if the packet was too big for it; else 0, and its TTL is used up. The data thread gets
 * the reason to drop it by, if it may not answer.
 */
TD_INLINE enum td_reason td_punt_unsendable(struct td_frame *f, const struct td_env *env,
					     const struct td_packet *p, __u32 mtu)
{
	const enum td_reason drop = mtu ? TD_DROP_TOO_BIG : TD_DROP_TTL_EXCEEDED;
	const __u32 most = p->l3_offset + TD_ERROR_BYTES;
	const __u64 cost = env->tables->error_cost_ns;

	if (td_hashes_misses(f) || !td_may_be_answered(p) ||
	    !td_take_token(&env->tables->error_budget_ns, td_now_ns(f), cost,
			   cost * TD_ERROR_BURST))
		return drop;
	if (f->end - f->data > most && td_frame_resize(f, most))
		return drop;
	return TD_PUNT_ERROR;
}

#endif
