/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: what goes to no backend, and comes from none, given the lease of the virtual router
 * that it concerns: the verdict, and the rewrites that it asks for (answer.h). Compiled as BPF and
 * as C++.
 */
#ifndef TANDEM_JUDGE_H
#define TANDEM_JUDGE_H

#include "tandem/answer.h"
#include "tandem/find.h"
#include "tandem/frame.h"
#include "tandem/icmp.h"

/* A packet to a virtual address that is ours: a service's, or the node's own? */
TD_INLINE enum td_reason td_judge_ip(const struct td_packet *p, const struct td_match *m,
				     const struct td_vrouter *vr)
{
	if (m->service)
		return TD_PASS_LOCAL;
	if (vr->flags & TD_VR_ACCEPT)
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

/* now_ns: CLOCK_MONOTONIC, exact. A virtual router is concerned. */
TD_INLINE enum td_reason td_judge(const struct td_tables *t, const struct td_packet *p,
				  const struct td_match *m, __u32 ifindex, __u64 now_ns)
{
	const struct td_vrouter *vr = td_vrouter_at(t, m->vrouter);
	int neighbour = p->shape == TD_SHAPE_ARP || p->shape == TD_SHAPE_ND;
	int live = td_has_lease(vr, now_ns);

	if (!m->vip)
		return live ? TD_PASS_ROUTED : TD_DROP_NO_LEASE_VMAC;
	if (!live)
		return neighbour ? TD_DROP_NO_LEASE_NEIGHBOUR : TD_DROP_NO_LEASE;
	/* The Active one takes it. */
	if (m->by_mac && !td_has_lease(td_vrouter_at(t, m->by_mac), now_ns))
		return TD_DROP_NO_LEASE_VMAC;
	if (!neighbour)
		return td_judge_ip(p, m, vr);
	if ((vr->flags & TD_VR_VIRTUAL_MAC) && td_is_question(p)) {
		if (!td_on_link(vr, p, ifindex)) /* the kernel would answer with its own MAC */
			return TD_DROP_OTHER_LINK;
		return p->shape == TD_SHAPE_ARP ? TD_TX_ARP_REPLY : TD_TX_NA;
	}
	return TD_PASS_NEIGHBOUR;
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

/* What goes to no backend, and comes from none: to the kernel, if it may. */
TD_INLINE enum td_reason td_answer_or_pass(struct td_frame *f, const struct td_env *env,
					   const struct td_packet *p, const struct td_match *m)
{
	const struct td_tables *t = env->tables;
	enum td_reason reason;

	if (!m->vrouter)
		return p->shape == TD_SHAPE_MALFORMED ? TD_PASS_MALFORMED
		       : m->backend || m->source      ? TD_PASS_UNFLOWED
						      : TD_PASS_OTHER;
	reason = td_judge(t, p, m, f->ifindex, td_now_ns(f));
	if (reason == TD_TX_ARP_REPLY)
		td_answer_arp(p, td_vrouter_at(t, m->vrouter));
	else if (reason == TD_TX_NA)
		reason = td_reply_ns(f, p, td_vrouter_at(t, m->vrouter));
	else if (m->by_mac && td_is_pass(reason) && p->eth + TD_ETH_HEADER <= f->end)
		/* the kernel takes only its own */
		td_copy_mac(p->eth, td_vrouter_at(t, m->by_mac)->interface_mac);
	return reason;
}

#endif
