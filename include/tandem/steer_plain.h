/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: the way that most packets take, straight on. Compiled as BPF and as C++.
 *
 * A plain packet (parse.h) needs these steps alone, as most packets are of an established flow:
 *
 *   td_steer_plain()            whom is it for?                              (parse.h, find.h)
 *     td_plain_local()            this node's own: by the lease                (lease.h)
 *     td_plain_to_backend()       a service with backends: by the lease,
 *       td_plain_flow()             its flow, which stays in its state,          (flow.h)
 *       td_backend_at()             its backend and next hop, and on             (tables.h, rewrite.h)
 *     td_plain_elsewhere()        no virtual address: the kernel's, or
 *       td_plain_to_client()        a backend's answer with nat: its flow, and on
 *       td_plain_by_port()          the same with fullnat
 *
 * The rest goes to td_steer_any(), as if it had not been here: no flow, a SYN, FIN or RST, a backend's
 * first packet, nat's first packet in a tick (where the client's router is looked at), a next hop behind
 * a VLAN, a packet too big, a frame to another MAC than the device's. Nothing is written before all is
 * known. So td_steer_any() has the whole rules, and tests hold this way against it.
 *
 * Fields are read from the packet where they are needed, and not copied first: BPF has ten registers,
 * and td_steer_any() spends half of its time on saving values.
 */
#ifndef TANDEM_STEER_PLAIN_H
#define TANDEM_STEER_PLAIN_H

#include "tandem/steer.h"

/* Where the headers of a plain packet are. family, here and below: a constant. */
TD_INLINE __u8 *td_plain_l3(const struct td_frame *f)
{
	return f->data + TD_ETH_HEADER;
}

TD_INLINE __u8 *td_plain_l4(const struct td_frame *f, __u32 family)
{
	return td_plain_l3(f) + (family == 4 ? TD_IPV4_HEADER : TD_IPV6_HEADER);
}

TD_INLINE __u8 td_plain_protocol(const struct td_frame *f, __u32 family)
{
	return td_plain_l3(f)[family == 4 ? 9 : 6];
}

/* 1: UDP, or TCP with ACK alone: the packet cannot change the state of its flow. */
TD_INLINE int td_keeps_state(const struct td_frame *f, __u32 family)
{
	const __u8 flags = TD_TCP_FIN | TD_TCP_SYN | TD_TCP_RST | TD_TCP_ACK;
	const __u8 *l4 = td_plain_l4(f, family);

	if (td_plain_protocol(f, family) == TD_PROTO_UDP)
		return 1;
	return l4 + TD_TCP_HEADER <= f->end && (l4[13] & flags) == TD_TCP_ACK;
}

/* ---- The flow and its backend ------------------------------------------------------------------ */

/* 1: the client's flow to the service exists, and is ESTABLISHED (TCP) or ACTIVE (UDP). */
TD_INLINE int td_plain_flow(struct td_flow_hit *hit, const struct td_flow_head *head,
			    const struct td_frame *f, const struct td_env *env, const __u8 *address,
			    __u32 port, __u32 service, __u32 family)
{
	struct td_flow6_key key6;
	__u64 key4;
	__u32 state;

	if (!head || !head->buckets)
		return 0;
	if (family == 4) {
		key4 = td_flow4_key(td_load32(address), port, service);
		if (!td_flow4_find(hit, td_flow4_table(env), td_flow4_where(head, key4), key4))
			return 0;
	} else {
		key6.address[0] = td_load64(address);
		key6.address[1] = td_load64(address + 8);
		key6.id = port << 16 | service;
		if (!td_flow6_find(hit, td_flow6_table(env), td_flow6_where(head, &key6), &key6))
			return 0;
	}
	state = td_plain_protocol(f, family) == TD_PROTO_TCP ? TD_FLOW_ESTABLISHED : TD_FLOW_ACTIVE;
	return (hit->word.part.who & TD_FLOW_STATE) == state << TD_FLOW_STATE_SHIFT;
}

/* 1: the packet may leave by this hop, and its link header needs new addresses at most. */
TD_INLINE int td_plain_can_leave(const struct td_hop *hop, const struct td_frame *f, __u32 outer,
			    __u32 family)
{
	const __u8 *l3 = td_plain_l3(f);
	__u32 bytes = family == 4 ? td_load16(l3 + 2) : TD_IPV6_HEADER + td_load16(l3 + 4);

	return hop && hop->ifindex && !hop->vlan[0] && l3[family == 4 ? 8 : 7] > 1 &&
	       bytes + outer <= hop->mtu;
}

/* ---- Rewrites ------------------------------------------------------------------------------- */

TD_INLINE void td_write_macs(__u8 *eth, const struct td_hop *hop)
{
	td_copy_mac(eth, hop->destination);
	td_copy_mac(eth + 6, hop->source);
}

/* New ends, TTL, checksums and MAC addresses, as the plan says. */
TD_INLINE void td_plain_rewrite(struct td_frame *f, const struct td_plan *plan, __u32 family)
{
	struct td_packet p;

	td_parse_plain(&p, f->data, family);
	td_rewrite(&p, plan, f->end);
	td_write_macs(f->data, plan->hop);
}

/* The frame grows by the outer header. */
TD_INLINE __u32 td_plain_into_tunnel(struct td_frame *f, const struct td_backend *b,
				     const struct td_hop *hop, __u32 family)
{
	const __u32 outer = family == 4 ? TD_IPV4_HEADER : TD_IPV6_HEADER;
	const __u8 *l3 = td_plain_l3(f);
	struct td_inner inner = {0, (__u8)family, 0};
	__u8 *ip;

	inner.bytes = family == 4 ? td_load16(l3 + 2) : TD_IPV6_HEADER + td_load16(l3 + 4);
	inner.traffic_class = family == 4 ? l3[1] : (__u8)(td_load16(l3) >> 4);
	if (td_frame_grow(f, (int)outer) || td_plain_l3(f) + 2 * outer > f->end)
		return TD_DROP_REWRITE_FAILED;
	ip = td_plain_l3(f);
	td_count_ttl_down(ip + outer, family);
	if (family == 4)
		td_write_outer4(ip, b, &inner);
	else
		td_write_outer6(ip, b, &inner);
	td_write_macs(f->data, hop);
	td_store16(f->data + 12, family == 4 ? TD_ETHERTYPE_IPV4 : TD_ETHERTYPE_IPV6);
	return TD_TX_FORWARD;
}

/* ---- Ways ----------------------------------------------------------------------------------- */

/* From a client. What is not for this way is TD_STEP_ANY's, here and below. */
TD_INLINE __u32 td_plain_to_backend(struct td_frame *f, const struct td_env *env, __u32 service,
				    struct td_outcome *out, __u32 family)
{
	const struct td_flow_head *head = td_flow_head_of(env, family);
	const struct td_service *s = td_service_at(env, service);
	const struct td_backend *b;
	struct td_plan plan = {};
	struct td_flow_hit hit;
	__u32 outer = 0;
	__u16 tick;

	if (!td_plain_flow(&hit, head, f, env, td_plain_l3(f) + (family == 4 ? 12 : 8),
			   td_load16(td_plain_l4(f, family)), service, family))
		return td_next(TD_STEP_ANY);
	out->backend = td_flow_backend_of(hit.word.part.who);
	b = td_backend_at(env, out->backend);
	if (!b || b->family != family)
		return td_next(TD_STEP_ANY);
	if (s->mode == TD_MODE_TUNNEL)
		outer = family == 4 ? TD_IPV4_HEADER : TD_IPV6_HEADER;
	plan.hop = td_hop_at(env, b->hop);
	if (!td_plain_can_leave(plan.hop, f, outer, family))
		return td_next(TD_STEP_ANY);
	tick = td_flow_tick(head, td_jiffies(f));
	if (hit.word.part.stamp != tick) {
		if (s->mode == TD_MODE_NAT || s->mode == TD_MODE_FULLNAT)
			return td_next(TD_STEP_ANY);
		td_flow_stamp(&hit, tick);
	}
	out->from = TD_FROM_CLIENT;
	out->ifindex = plan.hop->ifindex;
	if (s->mode == TD_MODE_TUNNEL)
		return td_plain_into_tunnel(f, b, plan.hop, family);
	if (s->mode == TD_MODE_DSR) {
		td_count_ttl_down(td_plain_l3(f), family);
		td_write_macs(f->data, plan.hop);
		return TD_TX_FORWARD;
	}
	plan.destination = b->address;
	plan.destination_port = b->port;
	if (s->mode == TD_MODE_NAT) {
		td_plain_rewrite(f, &plan, family);
		return TD_TX_FORWARD;
	}
	plan.source = env->tables->source[td_source_slot(s, &hit.word)];
	plan.source_port = hit.word.part.extra;
	td_plain_rewrite(f, &plan, family);
	return TD_TX_FORWARD;
}

/* Of a backend's answer, whose flow was found: from the service to the client. number: the backend's. */
TD_INLINE __u32 td_plain_answer(struct td_frame *f, const struct td_env *env,
				const struct td_service *s, __u32 number, struct td_plan *plan,
				struct td_flow_hit *hit, struct td_outcome *out, __u32 family)
{
	const struct td_flow_head *head = td_flow_head_of(env, family);

	if (!head || s->protocol != td_plain_protocol(f, family) ||
	    !(hit->word.part.who & TD_FLOW_ANSWERED) ||
	    !td_may_forward(f, td_vrouter_at(env->tables, s->vrouter)) ||
	    !td_plain_can_leave(plan->hop, f, 0, family))
		return td_next(TD_STEP_ANY);
	td_flow_stamp(hit, td_flow_tick(head, td_jiffies(f)));
	out->backend = (__u16)number;
	out->from = TD_FROM_SERVER;
	out->ifindex = plan->hop->ifindex;
	plan->source = s->address;
	plan->source_port = s->port;
	td_plain_rewrite(f, plan, family);
	return TD_TX_REPLY;
}

TD_INLINE int td_plain_is_from(const struct td_backend *b, const struct td_frame *f, __u32 family)
{
	return b && b->family == family && b->port == td_load16(td_plain_l4(f, family)) &&
	       td_is_same_address(b->address, td_plain_l3(f) + (family == 4 ? 12 : 8), family);
}

/* From a backend of nat. number: the first of those that share its address and port. */
TD_INLINE __u32 td_plain_to_client(struct td_frame *f, const struct td_env *env, __u32 number,
				   struct td_outcome *out, __u32 family)
{
	const struct td_backend *b = td_backend_at(env, number);
	const struct td_service *s;
	struct td_plan plan = {};
	struct td_flow_hit hit;

	if (!td_plain_is_from(b, f, family) ||
	    !td_plain_flow(&hit, td_flow_head_of(env, family), f, env,
			   td_plain_l3(f) + (family == 4 ? 16 : 24),
			   td_load16(td_plain_l4(f, family) + 2), b->service, family))
		return td_next(TD_STEP_ANY);
	s = td_service_at(env, b->service);
	if (td_flow_backend_of(hit.word.part.who) != number || s->mode != TD_MODE_NAT)
		return td_next(TD_STEP_ANY);
	plan.hop = td_hop_at(env, hit.word.part.extra);
	return td_plain_answer(f, env, s, number, &plan, &hit, out, family);
}

/* From a backend of fullnat, to a source port. slot: of the source address. */
TD_INLINE __u32 td_plain_by_port(struct td_frame *f, const struct td_env *env, __u32 slot,
				 struct td_outcome *out, __u32 family)
{
	const __u32 port = td_load16(td_plain_l4(f, family) + 2);
	const struct td_source *source = td_source_at(env, slot * TD_SOURCE_PORTS + port);
	const struct td_service *s;
	struct td_plan plan = {};
	struct td_flow_hit hit;
	__u32 number;

	if (!source || !source->service)
		return td_next(TD_STEP_ANY);
	s = td_service_at(env, source->service);
	if (s->family != family || s->mode != TD_MODE_FULLNAT ||
	    !td_plain_flow(&hit, td_flow_head_of(env, family), f, env, source->client,
			   source->client_port, source->service, family))
		return td_next(TD_STEP_ANY);
	number = td_flow_backend_of(hit.word.part.who);
	if (hit.word.part.extra != port || td_source_slot(s, &hit.word) != slot ||
	    !td_plain_is_from(td_backend_at(env, number), f, family))
		return td_next(TD_STEP_ANY);
	plan.hop = td_hop_at(env, source->hop);
	plan.destination = source->client;
	plan.destination_port = source->client_port;
	return td_plain_answer(f, env, s, number, &plan, &hit, out, family);
}

/* To a virtual address, but to no backend. service: TD_LOCAL, or below 0: there is none. */
TD_INLINE __u32 td_plain_local(struct td_frame *f, const struct td_vrouter *vr, int service,
			       struct td_outcome *out)
{
	const __u64 now_ns = td_now_ns(f);

	if (service >= 0 && td_asks_for_socket(vr, now_ns))
		return td_next(TD_STEP_ANY);
	if (!td_has_lease(vr, now_ns))
		return TD_DROP_NO_LEASE;
	if (service < 0 && !(vr->flags & TD_VR_ACCEPT))
		return TD_DROP_NOT_ACCEPTED; /* RFC 9568, 6.1 (Accept_Mode) */
	if (td_is_virtual_mac(f->data))	     /* the kernel takes only its own */
		td_copy_mac(f->data, vr->interface_mac);
	if (service < 0)
		return TD_PASS_ACCEPTED;
	out->backend = (__u16)(service & ~TD_LOCAL);
	out->from = TD_FROM_CLIENT;
	return TD_PASS_LOCAL;
}

/* To no virtual address, or to one that fullnat sends from. */
TD_INLINE __u32 td_plain_elsewhere(struct td_frame *f, const struct td_env *env, __u64 layout,
				   struct td_outcome *out, int is_virtual, __u32 family)
{
	const struct td_tables *t = env->tables;
	const struct td_steer_table *steer = &t->steer[layout & 1];
	const __u8 *destination = td_plain_l3(f) + (family == 4 ? 16 : 24);
	int source = -1, backend;

	if (td_is_virtual_mac(f->data))
		return td_next(TD_STEP_ANY);
	if (!t->flags && !is_virtual)
		return td_layout(t) == layout ? (__u32)TD_PASS_OTHER : td_next(TD_STEP_ANY);
	if (t->flags & TD_HAS_FULLNAT) {
		source = td_probe(steer, TD_KIND_SOURCE,
				  td_tag_vip(steer->seed, family, destination));
		if (source >= 0 && !td_is_same_address(t->source[source & (TD_MAX_SOURCES - 1)],
						       destination, family))
			source = -1;
	}
	backend = td_probe(
		steer, TD_KIND_BACKEND,
		td_tag_backend(steer->seed, family, td_plain_l3(f) + (family == 4 ? 12 : 8),
			       td_plain_protocol(f, family), td_load16(td_plain_l4(f, family))));
	if (td_layout(t) != layout || (is_virtual && source < 0))
		return td_next(TD_STEP_ANY);
	if (source < 0 && backend <= 0)
		return TD_PASS_OTHER;
	if (!td_keeps_state(f, family) || !td_is_device_mac(t, f->ifindex, f->data))
		return td_next(TD_STEP_ANY);
	return source >= 0 ? td_plain_by_port(f, env, (__u32)source, out, family)
			   : td_plain_to_client(f, env, (__u32)backend, out, family);
}

/* To the MAC of the device, or to the virtual MAC that the address goes with? */
TD_INLINE int td_plain_mac_fits(const struct td_frame *f, const struct td_tables *t,
				const struct td_vrouter *vr)
{
	if (!td_is_virtual_mac(f->data))
		return td_is_device_mac(t, f->ifindex, f->data);
	return (vr->flags & TD_VR_VIRTUAL_MAC) && vr->ifindex == f->ifindex && !vr->vlan[0] &&
	       !vr->vlan[1] && td_load32(vr->virtual_mac) == td_load32(f->data) &&
	       td_load16(vr->virtual_mac + 4) == td_load16(f->data + 4);
}

TD_INLINE __u32 td_steer_plain_of(struct td_frame *f, const struct td_env *env,
				  struct td_outcome *out, __u32 family)
{
	const struct td_tables *t = env->tables;
	const __u64 layout = td_layout(t);
	const struct td_steer_table *steer = &t->steer[layout & 1];
	const struct td_vrouter *vr;
	int vip, service;

	vip = td_find_vip(t, steer, family, td_plain_l3(f) + (family == 4 ? 16 : 24));
	if (vip < 0 || td_is_source(t, (__u32)vip))
		return td_plain_elsewhere(f, env, layout, out, vip >= 0, family);
	service = td_probe(steer, TD_KIND_SERVICE,
			   td_tag_service((__u32)vip, td_plain_protocol(f, family),
					  td_load16(td_plain_l4(f, family) + 2)));
	vr = td_vrouter_at(t, td_vrouter_slot(t, vip));
	td_read_barrier();
	if (td_layout(t) != layout || !td_plain_mac_fits(f, t, vr)) /* as in td_find_once() */
		return td_next(TD_STEP_ANY);
	if (service < 0 || service & TD_LOCAL)
		return td_plain_local(f, vr, service, out);
	if (!td_keeps_state(f, family))
		return td_next(TD_STEP_ANY);
	if (!td_may_forward(f, vr))
		return TD_DROP_NO_LEASE;
	return td_plain_to_backend(f, env, (__u32)service, out, family);
}

/* A frame that just came in. */
TD_INLINE __u32 td_steer_plain(struct td_frame *f, const struct td_env *env, struct td_outcome *out)
{
	if (td_is_plain(f->data, f->end, 4))
		return td_steer_plain_of(f, env, out, 4);
	if (td_is_plain(f->data, f->end, 6))
		return td_steer_plain_of(f, env, out, 6);
	return td_next(TD_STEP_ANY);
}

#endif
