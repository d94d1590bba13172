/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: a frame's whole way, in steps. Compiled as BPF and as C++.
 *
 *   td_steer_plain()       a plain packet (parse.h) of the common kinds: all of its way  (steer_plain.h)
 *   td_steer_any()         any other frame
 *     td_parse()             where things are in it                          (parse.h)
 *     td_find()              virtual address, service or backend             (find.h)
 *     td_classify()          this node's own, or a backend's? To this node's MAC?     (origin.h)
 *       td_local()             the node's: verdict by the lease, answers     (local.h, lease.h)
 *   td_steer_deep()        behind IPv6 extension headers, and more than two VLAN tags
 *   td_steer_fragments()   later fragments get the ports of the first        (fragment.h)
 *   td_forward()           to a backend, or from one to its client           (forward.h)
 *     td_flow_lookup()       the flow                                        (flow_lookup.h, flow.h)
 *     td_forward_first()     there is none: to the data thread, or by hash   (no_flow.h, origin.h)
 *     td_plan_to_backend()   what has to change                              (rewrite.h)
 *     td_transmit()          and change it
 *   td_forward_error()     an ICMP error, by the flow that it quotes         (icmp_error.h)
 *   td_socket()            to the node's own, while an address moves: by socket (sockets.h)
 *   td_refuse()            too big, or its TTL used up: answered by ICMP     (unsendable.h)
 *
 * Each step ends in a reason, or names the next step. In BPF the steps are programs, which tail-call
 * each other: td_steer runs td_steer_plain(), xdp_steer_any runs td_steer_any(), and so on. So the
 * verifier takes them one by one, and the common way carries nothing of the rare.
 *
 * A frame for a virtual address without a live lease never reaches the kernel, whatever address
 * list the kernel has; that is what makes a crashed node harmless.
 */
#ifndef TANDEM_STEER_H
#define TANDEM_STEER_H

#include "tandem/forward.h"
#include "tandem/fragment.h"
#include "tandem/icmp_error.h"
#include "tandem/local.h"
#include "tandem/origin.h"
#include "tandem/sockets.h"
#include "tandem/unsendable.h"

/* ---- Steps ---------------------------------------------------------------------------------- */

/*
 * X(name, BPF program, what it runs). Those that a frame can go on to; 4 and 6: for that family.
 */
#define TD_STEP_LIST(X)                                                                            \
	X(ANY, xdp_steer_any, td_steer_any(f, env, w))                                             \
	X(DEEP, xdp_steer_deep, td_steer_deep(f, env, w))                                          \
	X(FRAGMENTS, xdp_steer_fragments, td_steer_fragments(f, env, w))                           \
	X(FORWARD4, xdp_forward_ipv4, td_forward(f, env, w, 4))                                    \
	X(FORWARD6, xdp_forward_ipv6, td_forward(f, env, w, 6))                                    \
	X(FORWARD_ERROR4, xdp_forward_error_ipv4, td_forward_error(f, env, w, 4))                  \
	X(FORWARD_ERROR6, xdp_forward_error_ipv6, td_forward_error(f, env, w, 6))                  \
	X(REFUSE, xdp_refuse, td_refuse(f, env, w))                                                \
	X(SOCKET4, xdp_socket_ipv4, td_socket(f, env, w, 4))                                       \
	X(SOCKET6, xdp_socket_ipv6, td_socket(f, env, w, 6))

#define TD_STEP_NUMBER(name, program, run) TD_STEP_##name,
enum td_step { TD_STEP_LIST(TD_STEP_NUMBER) TD_STEPS };

/*
 * What a step returns: how the frame's way goes on. It ends in a reason (reasons.h), or the step goes
 * on that is named behind TD_NEXT_STEP.
 */
enum { TD_NEXT_STEP = 1 << 16 };

TD_INLINE __u32 td_next(enum td_step step)
{
	return TD_NEXT_STEP | step;
}

TD_INLINE int td_is_step(__u32 next)
{
	return next & TD_NEXT_STEP;
}

TD_INLINE enum td_step td_step_of(__u32 next)
{
	return (enum td_step)(next & ~(__u32)TD_NEXT_STEP);
}

/* Does the step concern a backend's traffic, which workers take over where there are some? */
TD_INLINE int td_is_for_workers(enum td_step step)
{
	return step >= TD_STEP_FORWARD4 && step <= TD_STEP_REFUSE;
}

/* What one step tells the next: no pointers, since each looks at the frame anew. */
struct td_work {
	struct td_match match;
	struct td_outcome out;
	__u32 shape; /* enum td_shape */
	__u32 family;
	__u32 protocol;
	__u32 fragment; /* enum td_fragment_part */
	__u32 fragment_id;
	__u32 has_ports;
	__u32 l3_offset; /* from the frame's first byte */
	__u32 l4_offset; /* from there; 0: no transport header */
	__u16 source_port, destination_port;
	__u16 vlan[2];
};

/* Before the first step. */
TD_INLINE struct td_outcome td_begin(const struct td_frame *f)
{
	struct td_outcome out = {};

	out.length = (__u32)(f->end - f->data);
	return out;
}

TD_INLINE void td_suspend(struct td_work *w, const struct td_packet *p)
{
	w->shape = p->shape;
	w->family = p->family;
	w->protocol = p->protocol;
	w->fragment = p->fragment;
	w->fragment_id = p->fragment_id;
	w->has_ports = p->has_ports;
	w->l3_offset = p->l3_offset;
	w->l4_offset = p->l4 ? p->l4_offset : 0;
	w->source_port = p->source_port;
	w->destination_port = p->destination_port;
	w->vlan[0] = p->vlan[0];
	w->vlan[1] = p->vlan[1];
}

/* 0: the frame is not what it was. An IP packet without extension headers, or with. */
TD_INLINE int td_resume(struct td_packet *p, const struct td_work *w, const struct td_frame *f,
			__u32 family)
{
	__builtin_memset(p, 0, sizeof(*p));
	p->shape = TD_SHAPE_IP;
	p->family = family;
	p->protocol = w->protocol;
	p->fragment = w->fragment;
	p->l3_offset = w->l3_offset & TD_L3_MASK;
	p->source_port = w->source_port;
	p->destination_port = w->destination_port;
	p->has_ports = w->has_ports;
	p->vlan[0] = w->vlan[0];
	p->vlan[1] = w->vlan[1];
	p->eth = f->data;
	p->l3 = f->data + p->l3_offset;
	if (p->eth + TD_ETH_HEADER > f->end ||
	    p->l3 + (family == 4 ? TD_IPV4_HEADER : TD_IPV6_HEADER) > f->end)
		return 0;
	p->address = td_ip_destination(p);
	if (!w->l4_offset)
		return 1;
	p->l4_offset = w->l4_offset & TD_WALK_MASK;
	/* hidden: else the compiler takes `!p->l4` for `!p->eth`, and goes on with an eth of 0 */
	p->l4 = td_hide_from_compiler(p->l3 + p->l4_offset);
	return p->l4 + TD_UDP_HEADER <= f->end;
}

/* The same of ARP and ND, too. family: a constant. */
TD_INLINE int td_resume_any(struct td_packet *p, const struct td_work *w, const struct td_frame *f,
			    __u32 family)
{
	td_read_barrier();
	if (!td_resume(p, w, f, family))
		return 0;
	p->fragment_id = w->fragment_id;
	if (family == 6 && w->shape == TD_SHAPE_ND && p->l4 && p->l4 + TD_ND_BYTES <= f->end) {
		p->shape = TD_SHAPE_ND;
		if (p->l4[0] == TD_ICMPV6_NS)
			p->address = p->l4 + 8;
	}
	if (family == 4 && w->shape == TD_SHAPE_ARP) {
		p->shape = TD_SHAPE_ARP;
		p->address = p->l3 + 24;
		return p->l3 + TD_ARP_BYTES <= f->end;
	}
	return 1;
}

/* ---- Classify ------------------------------------------------------------------------------- */

/* Fragments and ICMP errors: what they are about may be known from other packets alone. */
TD_INLINE int td_is_rare(const struct td_packet *p)
{
	return p->fragment || td_is_icmp_error(p);
}

/* Can other packets tell whom a rare one is for? */
TD_INLINE int td_may_have_flow(const struct td_tables *t, const struct td_match *m)
{
	return m->vip != TD_NONE ? td_vip_of(t, m->vip)->flags != 0 : t->flags != 0;
}

/*
 * What becomes of a packet that was parsed and found, if it is not rare. out: where it is counted is
 * written to it.
 */
TD_INLINE __u32 td_classify(struct td_frame *f, const struct td_env *env, const struct td_packet *p,
			    const struct td_match *m, struct td_outcome *out)
{
	const struct td_tables *t = env->tables;

	if (m->about == TD_ABOUT_LOCAL && p->protocol == TD_PROTO_TCP && p->l4 && !p->fragment &&
	    td_asks_for_socket(td_vrouter_at(t, m->vrouter), td_now_ns(f)))
		return td_next(p->family == 4 ? TD_STEP_SOCKET4 : TD_STEP_SOCKET6);
	if (m->about != TD_ABOUT_BACKENDS && m->about != TD_ABOUT_REPLY)
		return td_local(f, env, p, m, out);
	/* A reply's lease is that of its flow's service. */
	if (m->about == TD_ABOUT_BACKENDS && !td_may_forward(f, td_vrouter_at(t, m->vrouter)))
		return TD_DROP_NO_LEASE;
	/* Sent to a virtual MAC that another node holds: that node gets its own copy. */
	if (m->by_mac != TD_NONE && !td_may_forward(f, td_vrouter_at(t, m->by_mac)))
		return TD_DROP_NO_LEASE_VMAC;
	switch (td_link_of(t, f->ifindex, p->eth, m)) {
	case TD_LINK_OURS:
		return td_next(p->family == 4 ? TD_STEP_FORWARD4 : TD_STEP_FORWARD6);
	case TD_LINK_GROUP: /* RFC 1812, 5.3.4 */
		return m->about == TD_ABOUT_BACKENDS ? TD_DROP_LINK_BROADCAST : TD_PASS_OTHER;
	default:
		return m->about == TD_ABOUT_BACKENDS ? TD_DROP_OTHER_HOST : TD_PASS_OTHER;
	}
}

/* ---- The steps ------------------------------------------------------------------------------ */

/* where: the buckets of the packet's flow, if the caller has hashed it; else NULL. */
TD_INLINE __u32 td_forward_packet(struct td_frame *f, const struct td_env *env,
				  const struct td_packet *p, const struct td_match *m,
				  struct td_outcome *out, const struct td_flow_where *where)
{
	enum td_reason reason = m->about == TD_ABOUT_BACKENDS
					? td_forward_to_backend(f, env, p, m, out, where)
					: td_forward_to_client(f, env, p, m, out, where);

	if (reason == TD_DROP_TOO_BIG || reason == TD_DROP_TTL_EXCEEDED)
		return td_next(TD_STEP_REFUSE);
	if (reason != TD_PASS_NO_FLOW)
		return reason;
	return td_is_stray_reply(env, p, m) ? (__u32)TD_DROP_NO_FLOW
					    : td_local(f, env, p, m, out);
}

/*
 * What concerns a virtual MAC, or nobody: neither ARP nor IP. If the table switches meanwhile, the frame
 * begins anew, here and below: to find it twice in a program would cost the verifier twice.
 */
TD_INLINE __u32 td_steer_by_mac(struct td_frame *f, const struct td_env *env, struct td_work *w)
{
	struct td_packet p = {};
	struct td_match m;

	p.eth = f->data;
	p.shape = w->shape == TD_SHAPE_MALFORMED ? TD_SHAPE_MALFORMED : TD_SHAPE_OTHER;
	p.vlan[0] = w->vlan[0];
	p.vlan[1] = w->vlan[1];
	if (!td_find_once(&m, env->tables, &p, f->end, f->ifindex))
		return td_next(TD_STEP_ANY);
	return td_local(f, env, &p, &m, &w->out);
}

enum td_placed { TD_UNPLACED, TD_PLACED, TD_PORTS_RECALLED };

/*
 * Remembers the ports of a first fragment, and recalls them for a later one. Unplaced: it has none, and
 * is for an address where that matters.
 */
TD_INLINE enum td_placed td_place_fragment(struct td_frame *f, const struct td_env *env,
					   struct td_packet *p, const struct td_match *m)
{
	if (p->fragment == TD_FRAGMENT_FIRST) {
		if (p->has_ports && (m->vip != TD_NONE || m->about == TD_ABOUT_REPLY))
			td_remember(env, p, td_now_ns(f));
		return TD_PLACED;
	}
	if (p->has_ports || (p->protocol != TD_PROTO_TCP && p->protocol != TD_PROTO_UDP))
		return TD_PLACED;
	if (td_recall(env, p, td_now_ns(f)))
		return TD_PORTS_RECALLED;
	return m->vip == TD_NONE ? TD_PLACED : TD_UNPLACED;
}

/* Of a fragment or an ICMP error. TD_STEP_ANY: it goes on as any packet. */
TD_INLINE __u32 td_steer_rare(struct td_frame *f, const struct td_env *env, struct td_work *w,
			      struct td_packet *p, __u32 family)
{
	enum td_placed placed = p->fragment ? td_place_fragment(f, env, p, &w->match) : TD_PLACED;

	if (placed == TD_UNPLACED)
		return TD_DROP_FRAGMENT_UNPLACED;
	if (placed == TD_PORTS_RECALLED) { /* with them it is found again */
		td_suspend(w, p);
		return td_next(TD_STEP_FRAGMENTS);
	}
	if (td_is_icmp_error(p) && p->vlan[0] != TD_VLAN_UNKNOWN &&
	    td_link_of(env->tables, f->ifindex, p->eth, &w->match) == TD_LINK_OURS)
		return td_next(family == 4 ? TD_STEP_FORWARD_ERROR4 : TD_STEP_FORWARD_ERROR6);
	return td_next(TD_STEP_ANY);
}

/*
 * What was parsed and is ARP, IP or ND. family: a constant, here and below. may_be_rare: likewise; what is
 * rare belongs to this step. What was parsed and found is read from `w`, whose content the BPF verifier
 * does not remember: so it goes on with one packet, of the many kinds that there are.
 */
TD_INLINE __u32 td_steer_parsed_of(struct td_frame *f, const struct td_env *env, struct td_work *w,
				   __u32 family, int may_be_rare)
{
	struct td_packet p;
	__u32 next;

	if (!td_resume_any(&p, w, f, family))
		return TD_PASS_MALFORMED;
	if (!td_find_once(&w->match, env->tables, &p, f->end, f->ifindex))
		return td_next(TD_STEP_ANY);
	if (td_is_rare(&p) && td_may_have_flow(env->tables, &w->match)) {
		if (!may_be_rare)
			return td_next(TD_STEP_FRAGMENTS);
		next = td_steer_rare(f, env, w, &p, family);
		if (next != td_next(TD_STEP_ANY))
			return next;
	}
	if (may_be_rare && !td_resume_any(&p, w, f, family)) /* again one way for the verifier */
		return TD_PASS_MALFORMED;
	next = td_classify(f, env, &p, &w->match, &w->out);
	if (td_is_step(next) && p.vlan[0] == TD_VLAN_UNKNOWN) /* nothing is sent by such a link */
		return TD_DROP_TOO_MANY_TAGS;
	return next;
}

TD_INLINE __u32 td_steer_parsed(struct td_frame *f, const struct td_env *env, struct td_work *w,
				int may_be_rare)
{
	return w->family == 4 ? td_steer_parsed_of(f, env, w, 4, may_be_rare)
			      : td_steer_parsed_of(f, env, w, 6, may_be_rare);
}

TD_INLINE __u32 td_steer_any(struct td_frame *f, const struct td_env *env, struct td_work *w)
{
	struct td_packet p;

	td_parse(&p, f->data, f->end, TD_FAST);
	td_suspend(w, &p);
	td_read_barrier();
	if (w->shape == TD_SHAPE_ADVERT)
		return TD_TAKE_ADVERT;
	if (w->shape == TD_SHAPE_DEEP)
		return td_next(TD_STEP_DEEP);
	if (w->shape == TD_SHAPE_IP || w->shape == TD_SHAPE_ND || w->shape == TD_SHAPE_ARP)
		return td_steer_parsed(f, env, w, 0);
	return td_steer_by_mac(f, env, w);
}

/* Behind IPv6 extension headers, and more tags. */
TD_INLINE __u32 td_steer_deep(struct td_frame *f, const struct td_env *env, struct td_work *w)
{
	struct td_packet p;

	td_parse(&p, f->data, f->end, TD_FULL);
	td_suspend(w, &p);
	td_read_barrier();
	if (w->shape == TD_SHAPE_ADVERT)
		return TD_TAKE_ADVERT;
	if (w->shape == TD_SHAPE_TOO_DEEP)
		return TD_DROP_TOO_MANY_TAGS;
	if (w->shape == TD_SHAPE_IP || w->shape == TD_SHAPE_ND || w->shape == TD_SHAPE_ARP)
		return td_next(TD_STEP_FRAGMENTS);
	return td_steer_by_mac(f, env, w);
}

/* Extension headers, many tags, fragments and ICMP errors. */
TD_INLINE __u32 td_steer_fragments(struct td_frame *f, const struct td_env *env, struct td_work *w)
{
	return td_steer_parsed(f, env, w, 1);
}

TD_INLINE __u32 td_forward(struct td_frame *f, const struct td_env *env, struct td_work *w,
			   __u32 family)
{
	struct td_packet p;

	if (!td_resume(&p, w, f, family))
		return TD_DROP_MALFORMED;
	return td_forward_packet(f, env, &p, &w->match, &w->out, 0);
}

TD_INLINE __u32 td_forward_error(struct td_frame *f, const struct td_env *env, struct td_work *w,
				 __u32 family)
{
	enum td_reason reason;
	struct td_packet p;

	if (!td_resume(&p, w, f, family))
		return TD_DROP_MALFORMED;
	reason = td_relay_error(f, env, &p, &w->match, &w->out);
	return reason == TD_PASS_OTHER ? td_local(f, env, &p, &w->match, &w->out) : reason;
}

TD_INLINE __u32 td_socket(struct td_frame *f, const struct td_env *env, struct td_work *w,
			  __u32 family)
{
	struct td_packet p;

	if (!td_resume(&p, w, f, family) || !p.l4)
		return TD_DROP_MALFORMED;
	return td_local_by_socket(f, env, &p, &w->match, &w->out, family);
}

TD_INLINE __u32 td_refuse(struct td_frame *f, const struct td_env *env, struct td_work *w)
{
	struct td_packet p;

	if (!(w->family == 4 ? td_resume(&p, w, f, 4) : td_resume(&p, w, f, 6)))
		return TD_DROP_MALFORMED;
	return td_punt_unsendable(f, env, &p, w->out.mtu);
}

#define TD_STEP_RUN(name, program, run)                                                            \
	case TD_STEP_##name:                                                                       \
		return run;

TD_INLINE __u32 td_run_step(struct td_frame *f, const struct td_env *env, struct td_work *w,
			    enum td_step step)
{
	switch (step) {
		TD_STEP_LIST(TD_STEP_RUN)
	default:
		return TD_DROP_MALFORMED; /* not reached: there are no other steps */
	}
}

#ifndef __bpf__
/*
 * All steps in one, without td_steer_plain(): the reference that the fast ways are held against (BPF's
 * plain packets, and the bursts of workers). The data thread and `tandemctl explain` run it too.
 * Adverts are left to the caller: TD_TAKE_ADVERT.
 */
TD_INLINE enum td_reason td_steer_frame(struct td_frame *f, const struct td_env *env,
					struct td_outcome *out)
{
	struct td_work w = {}; /* GCC 14 does not see that the first step fills it */
	__u32 next = td_next(TD_STEP_ANY);

	w.out = td_begin(f);
	while (td_is_step(next))
		next = td_run_step(f, env, &w, td_step_of(next));
	*out = w.out;
	return (enum td_reason)next;
}
#endif

#endif
