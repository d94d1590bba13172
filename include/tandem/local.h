/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: what goes to no backend, and comes from none, given the lease of the virtual router
 * that it concerns: the verdict, and the rewrites that it asks for. Compiled as BPF and as C++.
 */
#ifndef TANDEM_LOCAL_H
#define TANDEM_LOCAL_H

#include "tandem/checksum.h"
#include "tandem/find.h"
#include "tandem/frame.h"
#include "tandem/lease.h"

/* ---- Answers -------------------------------------------------------------------------------- */

/* Turns an ARP request into the reply (RFC 826); the frame keeps its length. */
TD_INLINE void td_answer_arp(const struct td_packet *p, const struct td_vrouter *vr)
{
	__u8 asked[4];

	__builtin_memcpy(asked, p->l3 + 24, 4);
	p->l3[7] = 2;
	__builtin_memcpy(p->l3 + 18, p->l3 + 8, 10); /* target := sender */
	td_copy_mac(p->l3 + 8, vr->virtual_mac);
	__builtin_memcpy(p->l3 + 14, asked, 4);
	td_copy_mac(p->eth, p->eth + 6);
	td_copy_mac(p->eth + 6, vr->virtual_mac);
}

enum { TD_NA_BYTES = TD_ND_BYTES + 8 }; /* with the target link-layer address option */

/*
 * Turns a neighbour solicitation into the advertisement (RFC 4861, 7.2.4): R=1, S=1 unless the
 * question came from the unspecified address (duplicate detection), O=1. The frame must be
 * exactly l3 + TD_IPV6_HEADER + TD_NA_BYTES long and without extension headers.
 */
TD_INLINE void td_answer_ns(const struct td_packet *p, const struct td_vrouter *vr)
{
	__u8 *ip = p->l3, *nd = p->l3 + TD_IPV6_HEADER;
	int unspecified = !(td_load64(ip + 8) | td_load64(ip + 16));
	__u16 sum;

	td_copy_mac(p->eth, p->eth + 6);
	td_copy_mac(p->eth + 6, vr->virtual_mac);
	ip[4] = 0;
	ip[5] = TD_NA_BYTES;
	ip[7] = 255;
	__builtin_memcpy(ip + 24, ip + 8, 16);
	if (unspecified) { /* to all nodes: ff02::1 */
		__builtin_memset(ip + 24, 0, 16);
		ip[24] = 0xff;
		ip[25] = 0x02;
		ip[39] = 1;
		p->eth[0] = p->eth[1] = 0x33;
		p->eth[2] = p->eth[3] = p->eth[4] = 0;
		p->eth[5] = 1;
	}
	__builtin_memcpy(ip + 8, nd + 8, 16);
	nd[0] = TD_ICMPV6_NA;
	nd[1] = 0;
	nd[2] = nd[3] = 0;
	nd[4] = unspecified ? 0xa0 : 0xe0;
	nd[5] = nd[6] = nd[7] = 0;
	nd[24] = 2; /* target link-layer address, in units of 8 bytes: 1 */
	nd[25] = 1;
	td_copy_mac(nd + 26, vr->virtual_mac);
	sum = td_csum_fold(td_csum_bytes(TD_NA_BYTES + TD_PROTO_ICMPV6, ip + 8, 32 + TD_NA_BYTES));
	nd[2] = (__u8)(sum >> 8);
	nd[3] = (__u8)sum;
}

/* ---- Verdict -------------------------------------------------------------------------------- */

/* A packet to a virtual address that is ours: a service's, or the node's own? */
TD_INLINE enum td_reason td_local_ip_verdict(const struct td_packet *p, const struct td_match *m,
					     const struct td_vrouter *vr)
{
	if (m->about == TD_ABOUT_LOCAL)
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

/* now_ns: CLOCK_MONOTONIC, exact. A virtual router is concerned. */
TD_INLINE enum td_reason td_local_verdict(const struct td_tables *t, const struct td_packet *p,
					  const struct td_match *m, __u32 ifindex, __u64 now_ns)
{
	const struct td_vrouter *vr = td_vrouter_at(t, m->vrouter);
	int neighbour = p->shape == TD_SHAPE_ARP || p->shape == TD_SHAPE_ND;
	int live = td_has_lease(vr, now_ns);

	if (m->vip == TD_NONE)
		return live ? TD_PASS_ROUTED : TD_DROP_NO_LEASE_VMAC;
	if (!live)
		return neighbour ? TD_DROP_NO_LEASE_NEIGHBOUR : TD_DROP_NO_LEASE;
	/* Sent to a virtual MAC that another node holds: that node gets its own copy. */
	if (m->by_mac != TD_NONE && !td_has_lease(td_vrouter_at(t, m->by_mac), now_ns))
		return TD_DROP_NO_LEASE_VMAC;
	if (!neighbour)
		return td_local_ip_verdict(p, m, vr);
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
		return TD_DROP_REWRITE_FAILED;
	__builtin_memset(&answer, 0, sizeof(answer));
	answer.eth = f->data;
	answer.l3 = f->data + l3_offset;
	if (answer.eth + TD_ETH_HEADER > f->end ||
	    answer.l3 + TD_IPV6_HEADER + TD_NA_BYTES > f->end)
		return TD_DROP_REWRITE_FAILED;
	td_answer_ns(&answer, vr);
	return TD_TX_NA;
}

/* The kernel takes only its own. */
TD_INLINE void td_address_to_kernel(struct td_frame *f, const struct td_tables *t,
				    const struct td_packet *p, const struct td_match *m)
{
	if (m->by_mac != TD_NONE && p->eth + TD_ETH_HEADER <= f->end)
		td_copy_mac(p->eth, td_vrouter_at(t, m->by_mac)->interface_mac);
}

/* To a service that this node serves itself. */
TD_INLINE void td_count_as_local(const struct td_match *m, struct td_outcome *out)
{
	out->backend = (__u16)m->backend;
	out->from = TD_FROM_CLIENT;
}

/* What goes to no backend, and comes from none: to the kernel, if it may. */
TD_INLINE enum td_reason td_local(struct td_frame *f, const struct td_env *env,
				  const struct td_packet *p, const struct td_match *m,
				  struct td_outcome *out)
{
	const struct td_tables *t = env->tables;
	enum td_reason reason;

	if (m->vrouter == TD_NONE)
		return p->shape == TD_SHAPE_MALFORMED ? TD_PASS_MALFORMED
		       : m->about == TD_ABOUT_REPLY   ? TD_PASS_NO_FLOW
						      : TD_PASS_OTHER;
	reason = td_local_verdict(t, p, m, f->ifindex, td_now_ns(f));
	if (reason == TD_TX_ARP_REPLY && p->l3 + TD_ARP_BYTES <= f->end)
		td_answer_arp(p, td_vrouter_at(t, m->vrouter));
	else if (reason == TD_TX_NA)
		reason = td_reply_ns(f, p, td_vrouter_at(t, m->vrouter));
	else if (td_is_pass(reason))
		td_address_to_kernel(f, t, p, m);
	if (m->about == TD_ABOUT_LOCAL)
		td_count_as_local(m, out);
	return reason;
}

#endif
