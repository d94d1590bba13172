/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: ICMP and ICMPv6 errors (RFC 792, RFC 4443).
 *
 * Those that come in quote a packet of a flow, and go to whoever sent it: path MTU discovery needs
 * them. They are moved as a packet of their own direction would be; the quoted packet went the
 * other way, so there source and destination change places (RFC 5508, 4.2 for nat).
 *
 * Those that go out say that a packet is too big for the way that it would have to go.
 */
#ifndef TANDEM_ICMP_H
#define TANDEM_ICMP_H

#include "tandem/forward.h"

enum {
	TD_ICMP_UNREACHABLE = 3,
	TD_ICMP_TOO_BIG_CODE = 4,
	TD_ICMPV6_TOO_BIG = 2,
	TD_QUOTE_BYTES = 128, /* of a packet that is too big */
};

/* ICMP errors are answers to what the address itself sent: path MTU discovery needs them. */
TD_INLINE int td_is_icmp_error(const struct td_packet *p)
{
	if (!p->l4)
		return 0;
	if (p->protocol == TD_PROTO_ICMP)
		return p->l4[0] == 3 || p->l4[0] == 11 || p->l4[0] == 12;
	return p->protocol == TD_PROTO_ICMPV6 && p->l4[0] >= 1 && p->l4[0] <= 4;
}

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

/* Returns the change of the ICMP checksum. m: the move of the error. */
TD_INLINE __u32 td_rewrite_quote(const struct td_packet *q, const struct td_move *m,
				 const __u8 *end)
{
	__u32 addresses = 0, ports = 0, sums = 0;

	if (m->destination) {
		addresses += td_put_address(td_ip_source(q), m->destination, q->family);
		ports += td_put16(q->l4, m->destination_port);
	}
	if (m->source) {
		addresses += td_put_address(td_ip_destination(q), m->source, q->family);
		ports += td_put16(q->l4 + 2, m->source_port);
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
 * The error's own addresses: the destination as the move has it, but the source only if it is the
 * backend itself; a router in between keeps its name.
 */
TD_INLINE enum td_reason td_carry_error(struct td_frame *f, const struct td_packet *p,
					const struct td_packet *q, const struct td_move *m,
					int from_backend, struct td_outcome *out)
{
	__u32 addresses = 0, change;

	if (td_ttl(p) <= 1)
		return TD_DROP_TTL;
	if (td_ip_bytes(p) > td_move_mtu(m)) /* never answer an error by an error */
		return TD_DROP_TOO_BIG;
	change = td_rewrite_quote(q, m, f->end);
	if (m->destination)
		addresses += td_put_address(td_ip_destination(p), m->destination, p->family);
	if (m->source && from_backend)
		addresses += td_put_address(td_ip_source(p), m->source, p->family);
	if (p->family == 4) {
		p->l3[8]--;
		td_put_checksum(p->l3 + 10, addresses + td_csum_change16(0x100, 0));
	} else {
		p->l3[7]--;
		change += addresses; /* its pseudo-header */
	}
	td_put_checksum(p->l4 + 2, change);
	return td_send(f, p, m, TD_TX_ICMP, out);
}

/* From the client's side, to a virtual address: what a backend sent did not arrive. */
TD_INLINE enum td_reason td_error_in(struct td_frame *f, const struct td_env *env,
				     const struct td_packet *p, const struct td_packet *q,
				     const struct td_match *m, struct td_outcome *out)
{
	const struct td_steer *steer = &env->tables->steer[td_layout(env->tables) & 1];
	struct td_client client = {td_ip_destination(q), q->destination_port, q->family};
	struct td_placed placed;
	struct td_move move;
	int service;

	if (!td_is_same_address(td_ip_source(q), td_ip_destination(p), p->family))
		return TD_PASS_OTHER;
	service = td_probe(steer, TD_KIND_SERVICE,
			   td_tag_service(m->vip - 1, q->protocol, q->source_port));
	td_touch_by(&placed.touch, f, 0, 0, TD_FROM_CLIENT);
	if (service <= 0 || !td_place(&placed, env, &client, (__u32)service, 0, 0))
		return TD_PASS_OTHER;
	if (!td_may_forward(f, td_vrouter_at(env->tables, m->vrouter)))
		return TD_DROP_NO_LEASE;
	out->from = TD_FROM_CLIENT;
	out->backend = placed.backend_number;
	if (!td_move_in(&move, env, placed.service, placed.backend, &placed.touch.word))
		return TD_DROP_NO_HOP;
	return td_carry_error(f, p, q, &move, 0, out);
}

/* From the backends' side: what a client sent did not arrive. */
TD_INLINE enum td_reason td_error_out(struct td_frame *f, const struct td_env *env,
				      const struct td_packet *p, const struct td_packet *q,
				      struct td_outcome *out)
{
	const struct td_tables *t = env->tables;
	const struct td_steer *steer = &t->steer[td_layout(t) & 1];
	struct td_client client = {td_ip_source(q), q->source_port, q->family};
	const struct td_source *source = 0;
	const struct td_vrouter *vr;
	struct td_placed placed;
	struct td_move move;
	int backend, slot = -1;

	backend = td_probe(steer, TD_KIND_BACKEND,
			   td_tag_backend(steer->seed, q->family, td_ip_destination(q), q->protocol,
					  q->destination_port));
	if (backend <= 0)
		return TD_PASS_OTHER;
	if (t->flags & TD_HAS_FULLNAT)
		slot = td_probe(steer, TD_KIND_SOURCE,
				td_tag_vip(steer->seed, q->family, td_ip_source(q)));
	td_touch_by(&placed.touch, f, 0, 0, TD_FROM_SERVER);
	if (slot >= 0) {
		source = td_place_by_port(&placed, env, slot, q->source_port, &client, 0);
		if (!source)
			return TD_PASS_OTHER;
	} else if (!td_place_reply(&placed, env, &client, backend, 0)) {
		return TD_PASS_OTHER;
	}
	if (placed.service->protocol != q->protocol || placed.backend->port != q->destination_port ||
	    !td_is_same_address(placed.backend->address, td_ip_destination(q), q->family))
		return TD_PASS_OTHER;
	vr = &t->vrouter[placed.service->vrouter & (TD_MAX_VROUTERS - 1)];
	if (!td_may_forward(f, vr))
		return TD_DROP_NO_LEASE;
	out->from = TD_FROM_SERVER;
	out->backend = placed.backend_number;
	if (!td_move_out(&move, env, placed.service, &placed.touch.word, source))
		return TD_DROP_NO_HOP;
	return td_carry_error(f, p, q, &move,
			      td_is_same_address(placed.backend->address, td_ip_source(p),
						 p->family),
			      out);
}

/* TD_PASS_OTHER: it quotes nothing of ours. */
TD_INLINE enum td_reason td_forward_error(struct td_frame *f, const struct td_env *env,
					  const struct td_packet *p, const struct td_match *m,
					  struct td_outcome *out)
{
	struct td_packet q;

	if (!td_parse_quote(&q, p, f->end))
		return TD_PASS_OTHER;
	if (m->vip)
		return td_error_in(f, env, p, &q, m, out);
	return td_error_out(f, env, p, &q, out);
}

/* ---- "Too big" ---------------------------------------------------------------------------- */

/*
 * RFC 1122, 3.2.2 and RFC 4443, 2.4: what may be answered by an error. Without "do not fragment"
 * too: nothing here fragments, and a sender that hears of it sends less.
 */
TD_INLINE int td_may_be_answered(const struct td_packet *p)
{
	return p->fragment != TD_FRAGMENT_LATER && !(p->eth[0] & 1);
}

/* RFC 1191, 4. `ip` begins a frame's IP header, and TD_QUOTE_BYTES are quoted already. */
TD_INLINE void td_write_too_big4(__u8 *ip, const __u8 *addresses, __u32 mtu)
{
	__u8 *icmp = ip + TD_IPV4_HEADER;
	__u16 sum;

	ip[0] = 0x45;
	ip[1] = 0xc0;
	td_store16(ip + 2, TD_IPV4_HEADER + TD_ICMP_HEADER + TD_QUOTE_BYTES);
	td_store32(ip + 4, 0);
	ip[8] = 64;
	ip[9] = TD_PROTO_ICMP;
	td_store16(ip + 10, 0);
	td_copy_address(ip + 12, addresses + 4, 4);
	td_copy_address(ip + 16, addresses, 4);
	sum = td_csum_fold(td_csum_bytes(0, ip, TD_IPV4_HEADER));
	td_store16(ip + 10, sum);
	icmp[0] = TD_ICMP_UNREACHABLE;
	icmp[1] = TD_ICMP_TOO_BIG_CODE;
	td_store16(icmp + 2, 0);
	td_store32(icmp + 4, mtu);
	sum = td_csum_fold(td_csum_bytes(0, icmp, TD_ICMP_HEADER + TD_QUOTE_BYTES));
	td_store16(icmp + 2, sum);
}

/* RFC 4443, 3.2. */
TD_INLINE void td_write_too_big6(__u8 *ip, const __u8 *addresses, __u32 mtu)
{
	__u8 *icmp = ip + TD_IPV6_HEADER;
	__u16 sum;

	td_store32(ip, 6u << 28);
	td_store16(ip + 4, TD_ICMP_HEADER + TD_QUOTE_BYTES);
	ip[6] = TD_PROTO_ICMPV6;
	ip[7] = 64;
	td_copy_address(ip + 8, addresses + 16, 6);
	td_copy_address(ip + 24, addresses, 6);
	icmp[0] = TD_ICMPV6_TOO_BIG;
	icmp[1] = 0;
	td_store16(icmp + 2, 0);
	td_store32(icmp + 4, mtu);
	sum = td_csum_fold(td_csum_bytes(TD_ICMP_HEADER + TD_QUOTE_BYTES + TD_PROTO_ICMPV6, ip + 8,
					 32 + TD_ICMP_HEADER + TD_QUOTE_BYTES));
	td_store16(icmp + 2, sum);
}

/* The frame becomes the error, and goes back where it came from. mtu: bytes of an IP packet. */
TD_INLINE enum td_reason td_answer_too_big(struct td_frame *f, const struct td_packet *p, __u32 mtu)
{
	int more = (p->family == 4 ? TD_IPV4_HEADER : TD_IPV6_HEADER) + TD_ICMP_HEADER;
	__u32 link = p->l3_offset;
	__u8 family = p->family, addresses[32], header[TD_ETH_HEADER + 2 * TD_VLAN_TAG];
	__u8 *eth, *ip;

	eth = td_unknown(p->eth);
	if (eth + sizeof(header) > f->end || p->l3 + TD_QUOTE_BYTES > f->end ||
	    !td_may_be_answered(p))
		return TD_DROP_TOO_BIG;
	__builtin_memset(addresses, 0, sizeof(addresses));
	td_copy_address(addresses, td_ip_source(p), family);
	td_copy_address(addresses + (family == 4 ? 4 : 16), td_ip_destination(p), family);
	__builtin_memcpy(header, eth, sizeof(header));
	if (td_frame_resize(f, link + TD_QUOTE_BYTES) || td_frame_grow(f, more))
		return TD_DROP_REWRITE;
	eth = td_unknown(f->data);
	if (eth + sizeof(header) > f->end)
		return TD_DROP_REWRITE;
	ip = f->data + link;
	if (ip + TD_IPV4_HEADER + TD_ICMP_HEADER + TD_QUOTE_BYTES > f->end)
		return TD_DROP_REWRITE;
	__builtin_memcpy(eth, header, sizeof(header));
	td_copy_mac(eth, header + 6);
	td_copy_mac(eth + 6, header);
	if (family == 4) {
		td_write_too_big4(ip, addresses, mtu);
		return TD_TX_TOO_BIG;
	}
	if (ip + TD_IPV6_HEADER + TD_ICMP_HEADER + TD_QUOTE_BYTES > f->end)
		return TD_DROP_REWRITE;
	td_write_too_big6(ip, addresses, mtu);
	return TD_TX_TOO_BIG;
}

#endif
