/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: a frame's whole way, in steps. Compiled as BPF and as C++.
 *
 *   td_begin()     what is it, and whom does it concern?
 *                    td_parse()        where things are                    (parse.h)
 *                    td_find()         virtual router, service or backend  (find.h)
 *                    td_local_verdict()        no backend: the verdict, by the lease (local.h)
 *                    td_answer_*()     and the rewrites that it asks for   (local.h)
 *   td_steer_extensions()   the same for what is rare: extension headers, and then
 *   td_steer_fragments()    fragments                                               (fragment.h)
 *   td_forward()   by its flow to a backend, or from one to its client     (forward.h)
 *   td_forward_error()     an ICMP error goes where the flow that it quotes goes   (icmp_error.h)
 *   td_refuse()    a packet that is too big for its way is answered so
 *
 * Each step ends in a reason, or names the next one. In BPF the steps are programs, which tail-call
 * each other: so the verifier takes them one by one, and the common way carries nothing of the rare.
 * Plain packets (parse.h), which are the most, go all of it in one step: td_steer_plain().
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
#include "tandem/too_big.h"

/* What a step returns beside reasons: the one that goes on. */
enum td_step {
	TD_STEP_EXTENSIONS = TD_REASON_COUNT,
	TD_STEP_FRAGMENTS,
	TD_STEP_ANY,
	TD_STEP_FORWARD4,
	TD_STEP_FORWARD6,
	TD_STEP_FORWARD_ERROR4,
	TD_STEP_FORWARD_ERROR6,
	TD_STEP_REFUSE,
	TD_STEP_END,
};
enum { TD_STEPS = TD_STEP_END - TD_STEP_EXTENSIONS };

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

TD_INLINE void td_suspend(struct td_work *w, const struct td_packet *p, const struct td_match *m)
{
	w->match = *m;
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
	p->l3_offset = w->l3_offset & 31;
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
	p->l4 = p->l3 + p->l4_offset;
	return p->l4 + TD_UDP_HEADER <= f->end;
}

/* Does the frame's fate lie with what is known of other packets? */
TD_INLINE int td_is_forwarding(const struct td_tables *t, const struct td_match *m)
{
	return m->vip ? t->vip[(m->vip - 1) & (TD_MAX_VIPS - 1)].flags & TD_VIP_FORWARDS
		      : t->flags != 0;
}

/*
 * Makes a later fragment found by the ports of the first. 0: it cannot be placed, and is for an
 * address where that matters.
 */
TD_INLINE int td_find_fragment(struct td_frame *f, const struct td_env *env, struct td_packet *p,
			       struct td_match *m)
{
	if (p->fragment == TD_FRAGMENT_FIRST) {
		if (p->has_ports && (m->vip || m->backend || m->source))
			td_remember(env, p, td_now_ns(f));
		return 1;
	}
	if (p->protocol != TD_PROTO_TCP && p->protocol != TD_PROTO_UDP)
		return 1;
	if (!td_recall(env, p, td_now_ns(f)))
		return !m->vip;
	td_find(m, env->tables, p, f->end, f->ifindex);
	return 1;
}

/* 1: some backend is concerned, whose service is served here if the leases are live. */
TD_INLINE int td_is_for_backends(const struct td_match *m)
{
	return m->vip ? m->service > 1 : m->backend || m->source;
}

TD_INLINE int td_is_rare(const struct td_packet *p)
{
	return p->fragment || td_is_icmp_error(p);
}

/* Where a frame goes, once it is known whom it concerns. */
TD_INLINE __u32 td_direct(struct td_frame *f, const struct td_env *env, const struct td_packet *p,
			  const struct td_match *m)
{
	if (!td_is_for_backends(m))
		return td_local(f, env, p, m);
	if (m->vip && !td_may_forward(f, td_vrouter_at(env->tables, m->vrouter)))
		return TD_DROP_NO_LEASE;
	/* The Active one takes it. */
	if (m->by_mac && !td_may_forward(f, td_vrouter_at(env->tables, m->by_mac)))
		return TD_DROP_NO_LEASE_VMAC;
	return p->family == 4 ? TD_STEP_FORWARD4 : TD_STEP_FORWARD6;
}

/* The same, with all that may come of a packet that was just found. */
TD_INLINE __u32 td_decide(struct td_frame *f, const struct td_env *env, const struct td_packet *p,
			  const struct td_match *m)
{
	if (!m->vrouter && !env->tables->flags) /* most of what is not ours, as soon as can be */
		return p->shape == TD_SHAPE_MALFORMED ? TD_PASS_MALFORMED : TD_PASS_OTHER;
	if (td_is_rare(p) && td_is_forwarding(env->tables, m))
		return TD_STEP_FRAGMENTS;
	return td_direct(f, env, p, m);
}

/* A packet that has been parsed, and is no advert. Fills m. */
TD_INLINE __u32 td_concern(struct td_frame *f, const struct td_env *env, const struct td_packet *p,
			   struct td_match *m)
{
	td_find(m, env->tables, p, f->end, f->ifindex);
	return td_decide(f, env, p, m);
}

/* Adverts are left to the caller, here and below. Fills p, and but for those m. */
TD_INLINE __u32 td_meet(struct td_frame *f, const struct td_env *env, struct td_packet *p,
			struct td_match *m)
{
	td_parse(p, f->data, f->end, TD_FAST);
	if (p->shape == TD_SHAPE_ADVERT)
		return TD_TAKE_ADVERT;
	if (p->shape == TD_SHAPE_EXTENSIONS)
		return TD_STEP_EXTENSIONS;
	return td_concern(f, env, p, m);
}

TD_INLINE void td_start(const struct td_frame *f, struct td_work *w)
{
	__builtin_memset(&w->out, 0, sizeof(w->out));
	w->out.length = (__u32)(f->end - f->data);
}

/* where: of the flow, as with td_forward_to_backend(). */
TD_INLINE __u32 td_forward_packet(struct td_frame *f, const struct td_env *env,
				  const struct td_packet *p, const struct td_match *m,
				  struct td_outcome *out, const struct td_flow_where *where)
{
	struct td_flow_found placed;
	enum td_reason reason = m->vip ? td_forward_to_backend(f, env, p, m, out, &placed, where)
				       : td_forward_to_client(f, env, p, m, out, &placed, where);

	if (reason == TD_DROP_TOO_BIG)
		return TD_STEP_REFUSE;
	return reason == TD_PASS_NO_FLOW ? td_local(f, env, p, m) : reason;
}

/* The whole way of a packet that td_is_plain(), of a family that is a constant. */
TD_INLINE __u32 td_steer_plain(struct td_frame *f, const struct td_env *env, struct td_work *w,
			       __u32 family)
{
	struct td_packet p;
	struct td_match m;
	__u32 next;

	td_parse_plain(&p, f->data, family);
	if (!td_find_once(&m, env->tables, &p, f->end, f->ifindex))
		return TD_STEP_ANY;
	next = td_decide(f, env, &p, &m);
	if (next == TD_STEP_FORWARD4 || next == TD_STEP_FORWARD6)
		next = td_forward_packet(f, env, &p, &m, &w->out, 0);
	if (next > TD_STEP_EXTENSIONS)
		td_suspend(w, &p, &m);
	return next;
}

/* hurries: a plain packet goes all of its way, to a backend and back included. */
TD_INLINE __u32 td_begin(struct td_frame *f, const struct td_env *env, struct td_work *w,
			 int hurries)
{
	td_start(f, w);
	if (hurries && td_is_plain(f->data, f->end, 4))
		return td_steer_plain(f, env, w, 4);
	if (hurries && td_is_plain(f->data, f->end, 6))
		return td_steer_plain(f, env, w, 6);
	return TD_STEP_ANY;
}

TD_INLINE __u32 td_steer_any(struct td_frame *f, const struct td_env *env, struct td_work *w)
{
	struct td_packet p;
	struct td_match m;
	__u32 next = td_meet(f, env, &p, &m);
	if (next > TD_STEP_EXTENSIONS)
		td_suspend(w, &p, &m);
	return next;
}

TD_INLINE __u32 td_steer_extensions(struct td_frame *f, struct td_work *w)
{
	struct td_match none = {};
	struct td_packet p;

	td_parse(&p, f->data, f->end, TD_FULL);
	if (p.shape == TD_SHAPE_ADVERT)
		return TD_TAKE_ADVERT;
	td_suspend(w, &p, &none);
	return TD_STEP_FRAGMENTS;
}

/* family: a constant, here and below. */
TD_INLINE __u32 td_steer_fragments_in(struct td_frame *f, const struct td_env *env,
				      struct td_work *w, __u32 family)
{
	struct td_packet p;
	struct td_match m;
	__u32 next;

	if (!td_resume(&p, w, f, family))
		return TD_PASS_MALFORMED;
	p.fragment_id = w->fragment_id;
	if (w->shape == TD_SHAPE_ND && p.l4 && p.l4 + TD_ND_BYTES <= f->end) {
		p.shape = TD_SHAPE_ND;
		if (p.l4[0] == TD_ICMPV6_NS)
			p.address = p.l4 + 8;
	}
	td_find(&m, env->tables, &p, f->end, f->ifindex);
	if (td_is_rare(&p) && td_is_forwarding(env->tables, &m)) {
		if (p.fragment && !td_find_fragment(f, env, &p, &m))
			return TD_DROP_FRAGMENT_UNPLACED;
		if (td_is_icmp_error(&p)) {
			w->match = m;
			return family == 4 ? TD_STEP_FORWARD_ERROR4 : TD_STEP_FORWARD_ERROR6;
		}
	}
	next = td_direct(f, env, &p, &m);
	if (next >= TD_REASON_COUNT)
		td_suspend(w, &p, &m);
	return next;
}

TD_INLINE __u32 td_steer_fragments(struct td_frame *f, const struct td_env *env, struct td_work *w)
{
	return w->family == 4 ? td_steer_fragments_in(f, env, w, 4)
			      : td_steer_fragments_in(f, env, w, 6);
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
	return reason == TD_PASS_OTHER ? td_local(f, env, &p, &w->match) : reason;
}

TD_INLINE __u32 td_refuse(struct td_frame *f, struct td_work *w)
{
	struct td_packet p;

	if (w->family == 4)
		return td_resume(&p, w, f, 4) ? td_answer_too_big(f, &p, w->out.mtu)
					      : TD_DROP_TOO_BIG;
	return td_resume(&p, w, f, 6) ? td_answer_too_big(f, &p, w->out.mtu) : TD_DROP_TOO_BIG;
}

/* Any step but the first. */
TD_INLINE __u32 td_run_step(struct td_frame *f, const struct td_env *env, struct td_work *w,
			    __u32 step)
{
	switch (step) {
	case TD_STEP_EXTENSIONS:
		return td_steer_extensions(f, w);
	case TD_STEP_FRAGMENTS:
		return td_steer_fragments(f, env, w);
	case TD_STEP_ANY:
		return td_steer_any(f, env, w);
	case TD_STEP_FORWARD4:
		return td_forward(f, env, w, 4);
	case TD_STEP_FORWARD6:
		return td_forward(f, env, w, 6);
	case TD_STEP_FORWARD_ERROR4:
		return td_forward_error(f, env, w, 4);
	case TD_STEP_FORWARD_ERROR6:
		return td_forward_error(f, env, w, 6);
	default:
		return td_refuse(f, w);
	}
}

#ifndef __bpf__
/*
 * All steps in one, with none of its own for plain packets: tests hold those who hurry (BPF, and
 * workers by their bursts) against it. Adverts are left to the caller: TD_TAKE_ADVERT.
 */
TD_INLINE enum td_reason td_steer_frame(struct td_frame *f, const struct td_env *env,
					struct td_outcome *out)
{
	struct td_work w;
	__u32 next = td_begin(f, env, &w, 0);

	while (next >= TD_REASON_COUNT)
		next = td_run_step(f, env, &w, next);
	*out = w.out;
	return (enum td_reason)next;
}
#endif

#endif
