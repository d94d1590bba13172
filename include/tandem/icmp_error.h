/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: ICMP and ICMPv6 errors (RFC 792, RFC 4443) that quote a packet of a flow. They go to
 * whoever sent it: path MTU discovery needs them. They are moved as a packet of their own direction
 * would be; the quoted packet went the other way, so there source and destination change places
 * (RFC 5508, 4.2 for nat). Compiled as BPF and as C++.
 */
#ifndef TANDEM_ICMP_ERROR_H
#define TANDEM_ICMP_ERROR_H

#include "tandem/forward.h"

/* ---- The packet that an error quotes ------------------------------------------------------ */

/* 0: it is cut short, or none that has ports. q: l3, l4, family, protocol, ports, as of a packet. */
TD_INLINE int td_parse_quote(struct td_packet *q, const struct td_packet *p, const __u8 *end)
{
	__u32 header = TD_IPV6_HEADER;

	__builtin_memset(q, 0, sizeof(*q));
	if (!p->l4)
		return 0;
	q->l3 = p->l4 + TD_ICMP_HEADER;
	q->family = p->family;
	if (q->l3 + (p->family == 4 ? TD_IPV4_HEADER : TD_IPV6_HEADER) > end ||
	    q->l3[0] >> 4 != p->family)
		return 0;
	if (p->family == 4) {
		header = (q->l3[0] & 0x0fu) * 4;
		q->protocol = q->l3[9];
		if (header < TD_IPV4_HEADER || td_load16(q->l3 + 6) & 0x1fff)
			return 0;
	} else {
		q->protocol = q->l3[6];
	}
	q->l4 = q->l3 + header;
	if (q->l4 + 8 > end)
		return 0;
	td_parse_ports(q);
	return q->has_ports;
}

/* Returns the change of the ICMP checksum. plan: the error's. */
TD_INLINE __u64 td_rewrite_quote(const struct td_packet *q, const struct td_plan *plan,
				 const __u8 *end)
{
	__u64 addresses = 0, ports = 0, sums = 0;

	if (plan->destination) {
		addresses += td_put_address(td_ip_source(q), plan->destination, q->family);
		ports += td_put16(q->l4, plan->destination_port);
	}
	if (plan->source) {
		addresses += td_put_address(td_ip_destination(q), plan->source, q->family);
		ports += td_put16(q->l4 + 2, plan->source_port);
	}
	if (q->family == 4)
		sums += td_put_checksum(q->l3 + 10, addresses);
	if (q->protocol == TD_PROTO_UDP)
		sums += td_put_udp_checksum(q->l4 + 6, addresses + ports);
	else if (q->l4 + 18 <= end) /* an old router quotes but 8 bytes */
		sums += td_put_checksum(q->l4 + 16, addresses + ports);
	return addresses + ports + sums;
}

/*
 * The error's own addresses: the destination as the plan has it, but the source only if it is the
 * backend itself; a router in between keeps its name.
 */
TD_INLINE enum td_reason td_transmit_error(struct td_frame *f, const struct td_packet *p,
					   const struct td_packet *q, const struct td_plan *plan,
					   int from_backend, struct td_outcome *out)
{
	__u64 addresses = 0, change;

	if (td_ttl(p) <= 1)
		return TD_DROP_TTL_EXCEEDED;
	if (td_ip_bytes(p) > td_plan_mtu(plan)) /* never answer an error by an error */
		return TD_DROP_TOO_BIG;
	change = td_rewrite_quote(q, plan, f->end);
	if (plan->destination)
		addresses += td_put_address(td_ip_destination(p), plan->destination, p->family);
	if (plan->source && from_backend)
		addresses += td_put_address(td_ip_source(p), plan->source, p->family);
	if (p->family == 4) {
		p->l3[8]--;
		td_put_checksum(p->l3 + 10, addresses + TD_TTL_CHANGE);
	} else {
		p->l3[7]--;
		change += addresses; /* its pseudo-header */
	}
	td_put_checksum(p->l4 + 2, change);
	return td_send(f, p, plan, TD_TX_ICMP_ERROR, out);
}

/* From the client's side, to a virtual address: what a backend sent did not arrive. */
TD_INLINE enum td_reason td_relay_error_to_backend(struct td_frame *f, const struct td_env *env,
						   const struct td_packet *p,
						   const struct td_packet *q,
						   const struct td_match *m, struct td_outcome *out)
{
	const struct td_steer_table *steer = &env->tables->steer[td_layout(env->tables) & 1];
	struct td_flow_query query = {{td_ip_destination(q), q->destination_port, q->family},
				      0,
				      td_jiffies(f),
				      0,
				      0,
				      TD_FROM_CLIENT};
	struct td_flow flow;
	struct td_plan plan;
	int service;

	if (!td_is_same_address(td_ip_source(q), td_ip_destination(p), p->family))
		return TD_PASS_OTHER;
	service = td_probe(steer, TD_KIND_SERVICE,
			   td_tag_service(m->vip, q->protocol, q->source_port));
	if (service <= 0 || service & TD_LOCAL ||
	    !td_flow_lookup(&flow, env, &query, (__u32)service, 0))
		return TD_PASS_OTHER;
	if (!td_may_forward(f, td_vrouter_at(env->tables, m->vrouter)))
		return TD_DROP_NO_LEASE;
	out->from = TD_FROM_CLIENT;
	out->backend = flow.backend_number;
	if (!td_plan_to_backend(&plan, env, flow.service, flow.backend, &flow.word))
		return TD_DROP_NEXT_HOP_UNKNOWN;
	return td_transmit_error(f, p, q, &plan, 0, out);
}

/* From the backends' side: what a client sent did not arrive. */
TD_INLINE enum td_reason td_relay_error_to_client(struct td_frame *f, const struct td_env *env,
						  const struct td_packet *p,
						  const struct td_packet *q, struct td_outcome *out)
{
	const struct td_tables *t = env->tables;
	const struct td_steer_table *steer = &t->steer[td_layout(t) & 1];
	struct td_flow_query query = {{td_ip_source(q), q->source_port, q->family},
				      0,
				      td_jiffies(f),
				      0,
				      0,
				      TD_FROM_SERVER};
	const struct td_source *source = 0;
	struct td_flow flow;
	struct td_plan plan;
	int backend, slot = -1;

	backend = td_probe(steer, TD_KIND_BACKEND,
			   td_tag_backend(steer->seed, q->family, td_ip_destination(q), q->protocol,
					  q->destination_port));
	if (backend <= 0)
		return TD_PASS_OTHER;
	if (t->flags & TD_HAS_FULLNAT)
		slot = td_probe(steer, TD_KIND_SOURCE,
				td_tag_vip(steer->seed, q->family, td_ip_source(q)));
	if (slot >= 0) {
		source = td_lookup_by_port(&flow, env, &query, slot, q->source_port);
		if (!source)
			return TD_PASS_OTHER;
	} else if (!td_lookup_reply(&flow, env, &query, backend)) {
		return TD_PASS_OTHER;
	}
	if (flow.service->protocol != q->protocol || flow.backend->port != q->destination_port ||
	    !td_is_same_address(flow.backend->address, td_ip_destination(q), q->family))
		return TD_PASS_OTHER;
	if (!td_may_forward(f, td_vrouter_at(t, flow.service->vrouter)))
		return TD_DROP_NO_LEASE;
	out->from = TD_FROM_SERVER;
	out->backend = flow.backend_number;
	if (!td_plan_to_client(&plan, env, flow.service, &flow.word, source))
		return TD_DROP_NEXT_HOP_UNKNOWN;
	return td_transmit_error(
		f, p, q, &plan,
		td_is_same_address(flow.backend->address, td_ip_source(p), p->family), out);
}

/* TD_PASS_OTHER: it quotes nothing of ours. */
TD_INLINE enum td_reason td_relay_error(struct td_frame *f, const struct td_env *env,
					const struct td_packet *p, const struct td_match *m,
					struct td_outcome *out)
{
	struct td_packet q;

	if (!td_parse_quote(&q, p, f->end))
		return TD_PASS_OTHER;
	if (td_is_martian(env->tables, p))
		return TD_DROP_MARTIAN;
	if (m->vip != TD_NONE && !td_is_source(env->tables, m->vip))
		return td_relay_error_to_backend(f, env, p, &q, m, out);
	return td_relay_error_to_client(f, env, p, &q, out);
}

#endif
