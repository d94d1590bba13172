/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: a frame's whole way. Compiled as BPF and as C++.
 *
 *   td_parse()        where things are                                        (packet.h)
 *   td_find()         which virtual router, service or backend it concerns    (find.h)
 *   td_forward_in()   to a service with backends: by its flow                 (forward.h)
 *   td_forward_out()  from a backend: to the client of its flow
 *   td_judge()        all else: the verdict, given the lease
 *   td_answer_*()     the rewrites that a verdict asks for                    (answer.h)
 *
 * A frame for a virtual address without a live lease never reaches the kernel, whatever address
 * list the kernel has; that is what makes a crashed node harmless.
 *
 * For BPF the way is cut into programs (enum td_way); on each, what is not its own ends in
 * TD_ELSEWHERE, and the caller begins anew on the next one.
 */
#ifndef TANDEM_STEER_H
#define TANDEM_STEER_H

#include "tandem/answer.h"
#include "tandem/forward.h"
#include "tandem/fragment.h"
#include "tandem/icmp.h"

/* ---- Judge ------------------------------------------------------------------------------ */

/* A packet to a virtual address that is ours: a service's, or the node's own? */
TD_INLINE enum td_reason td_judge_ip(const struct td_packet *p, const struct td_match *m)
{
	if (m->service == 0)
		return TD_PASS_LOCAL;
	if (m->vrouter->flags & TD_VR_ACCEPT)
		return TD_PASS_ACCEPTED;
	/* Later fragments have no port; without an accepted first one they come to nothing. */
	if (td_is_icmp_error(p) || (p->fragment && !p->l4 && !p->has_ports))
		return TD_PASS_LOCAL;
	return TD_DROP_NOT_ACCEPTED; /* RFC 9568, 6.1 (Accept_Mode) */
}

/* Does this frame ask who has the address? */
TD_INLINE int td_is_question(const struct td_packet *p)
{
	if (p->shape == TD_SHAPE_ARP)
		return td_load16(p->l3 + 6) == 1;
	return p->l4 && p->l4[0] == TD_ICMPV6_NS;
}

TD_INLINE int td_has_lease(const struct td_vrouter *vr, __u64 now_ns)
{
	return now_ns < td_load_ordered(&vr->lease_ns);
}

/* now_ns: CLOCK_MONOTONIC, exact. m->vrouter is not NULL. */
TD_INLINE enum td_reason td_judge(const struct td_packet *p, const struct td_match *m,
				  __u32 ifindex, __u64 now_ns)
{
	const struct td_vrouter *vr = m->vrouter;
	int neighbour = p->shape == TD_SHAPE_ARP || p->shape == TD_SHAPE_ND;
	int live = td_has_lease(vr, now_ns);

	if (!m->by_address)
		return live ? TD_PASS_ROUTED : TD_DROP_NO_LEASE_VMAC;
	if (!live)
		return neighbour ? TD_DROP_NO_LEASE_NEIGHBOUR : TD_DROP_NO_LEASE;
	if (m->by_mac && !td_has_lease(m->by_mac, now_ns)) /* the Active one takes it */
		return TD_DROP_NO_LEASE_VMAC;
	if (!neighbour)
		return td_judge_ip(p, m);
	if ((vr->flags & TD_VR_VIRTUAL_MAC) && td_is_question(p)) {
		if (!td_on_link(vr, p, ifindex)) /* the kernel would answer with its own MAC */
			return TD_DROP_OTHER_LINK;
		return p->shape == TD_SHAPE_ARP ? TD_TX_ARP_REPLY : TD_TX_NA;
	}
	return TD_PASS_NEIGHBOUR;
}

/* ---- The whole way ------------------------------------------------------------------------ */

enum { TD_ELSEWHERE = TD_REASON_COUNT }; /* not a reason: begin again, on another way */

/* Does the frame's fate lie with what is known of other packets? */
TD_INLINE int td_is_forwarding(const struct td_tables *t, const struct td_match *m)
{
	return m->by_address ? t->vip[m->vip & (TD_MAX_VIPS - 1)].flags & TD_VIP_FORWARDS
			     : t->flags != 0;
}

/*
 * Makes a later fragment found by the ports of the first. 0: it cannot be placed, and is for an
 * address where that matters.
 */
TD_INLINE int td_follow_fragments(struct td_frame *f, const struct td_env *env,
				  struct td_packet *p, struct td_match *m)
{
	if (p->fragment == TD_FRAGMENT_FIRST) {
		if (p->has_ports && (m->by_address || m->backend || m->source >= 0))
			td_remember(env, p, td_now_ns(f));
		return 1;
	}
	if (p->protocol != TD_PROTO_TCP && p->protocol != TD_PROTO_UDP)
		return 1;
	if (!td_recall(env, p, td_now_ns(f)))
		return !m->by_address;
	td_find(m, env->tables, p, f->end, f->ifindex);
	return 1;
}

TD_INLINE int td_may_forward(const struct td_frame *f, const struct td_vrouter *vr)
{
	return td_jiffies(f) < td_load_ordered(&vr->lease_jiffies);
}

/* The answer may be longer than the question: a solicitation need not carry an option. */
TD_INLINE enum td_reason td_reply_ns(struct td_frame *f, const struct td_packet *p,
				     const struct td_vrouter *vr)
{
	__u32 l3_offset = p->l3_offset;
	struct td_packet answer;

	if (p->l4 != p->l3 + TD_IPV6_HEADER ||
	    td_frame_resize(f, l3_offset + TD_IPV6_HEADER + TD_NA_BYTES))
		return TD_DROP_REWRITE;
	__builtin_memset(&answer, 0, sizeof(answer));
	answer.eth = f->data;
	answer.l3 = f->data + l3_offset;
	if (answer.eth + TD_ETH_HEADER > f->end ||
	    answer.l3 + TD_IPV6_HEADER + TD_NA_BYTES > f->end)
		return TD_DROP_REWRITE;
	td_answer_ns(&answer, vr);
	return TD_TX_NA;
}

/* What concerns a virtual router, but no backend. */
TD_INLINE enum td_reason td_answer_or_pass(struct td_frame *f, const struct td_packet *p,
					   const struct td_match *m)
{
	enum td_reason reason = td_judge(p, m, f->ifindex, td_now_ns(f));

	if (reason == TD_TX_ARP_REPLY)
		td_answer_arp(p, m->vrouter);
	else if (reason == TD_TX_NA)
		reason = td_reply_ns(f, p, m->vrouter);
	else if (m->by_mac && td_is_pass(reason)) /* the kernel takes only its own */
		td_copy_mac(p->eth, m->by_mac->interface_mac);
	return reason;
}

/* To a service with backends, or from a backend. TD_PASS_UNFLOWED: it is neither. */
TD_INLINE enum td_reason td_forward(struct td_frame *f, const struct td_env *env,
				    const struct td_packet *p, const struct td_match *m,
				    struct td_outcome *out)
{
	int in = m->by_address && m->service > 0;
	struct td_placed placed;

	if (!in && (m->by_address || (!m->backend && m->source < 0)))
		return TD_PASS_UNFLOWED;
	if (in && !td_may_forward(f, m->vrouter))
		return TD_DROP_NO_LEASE;
	if (m->by_mac && !td_may_forward(f, m->by_mac)) /* the Active one takes it */
		return TD_DROP_NO_LEASE_VMAC;
	return in ? td_forward_in(f, env, p, m, out, &placed)
		  : td_forward_out(f, env, p, m, out, &placed);
}

/* way: a constant. Adverts are left to the caller. */
TD_INLINE enum td_reason td_steer_frame(struct td_frame *f, const struct td_env *env,
					struct td_outcome *out, enum td_way way)
{
	enum td_reason reason;
	struct td_packet p;
	struct td_match m;

	__builtin_memset(out, 0, sizeof(*out));
	out->length = (__u32)(f->end - f->data);
	td_parse(&p, f->data, f->end, way);
	if (p.shape == TD_SHAPE_ADVERT)
		return TD_TAKE_ADVERT;
	out->is_ipv6 = p.shape == TD_SHAPE_ELSEWHERE;
	if (p.shape == TD_SHAPE_ELSEWHERE)
		return (enum td_reason)TD_ELSEWHERE;
	td_find(&m, env->tables, &p, f->end, f->ifindex);
	if ((p.fragment || td_is_icmp_error(&p)) &&
	    td_is_forwarding(env->tables, &m)) {
		if (td_is_fast(way))
			return (enum td_reason)TD_ELSEWHERE;
		if (p.fragment && !td_follow_fragments(f, env, &p, &m))
			return TD_DROP_FRAGMENT;
		if (td_is_icmp_error(&p)) {
			reason = td_forward_error(f, env, &p, &m, out);
			if (reason != TD_PASS_OTHER)
				return reason;
		}
	}
	reason = td_forward(f, env, &p, &m, out);
	if (reason == TD_DROP_TOO_BIG)
		return td_is_fast(way) ? (enum td_reason)TD_ELSEWHERE
					  : td_answer_too_big(f, &p, out->mtu);
	if (reason != TD_PASS_UNFLOWED)
		return reason;
	if (!m.vrouter)
		return p.shape == TD_SHAPE_MALFORMED	  ? TD_PASS_MALFORMED
		       : m.backend || m.source >= 0 ? TD_PASS_UNFLOWED
							  : TD_PASS_OTHER;
	return td_answer_or_pass(f, &p, &m);
}

#endif
