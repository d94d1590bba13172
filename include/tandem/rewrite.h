/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: a frame is rewritten as a td_plan says, and gets the link header of its next hop.
 *
 *   dsr      link header alone
 *   nat      client's way: destination; backend's way: source
 *   fullnat  both ends, both ways
 *   tunnel   an IP header of this node's in front (RFC 2003, RFC 2473, RFC 4213)
 *
 * TTL and hop limit count down as at any router, so that nodes which forward to each other by
 * mistake do not do so for ever. Checksums are changed, never made anew (RFC 1624), so that what
 * was broken on its way in stays so.
 */
#ifndef TANDEM_REWRITE_H
#define TANDEM_REWRITE_H

#include "tandem/checksum.h"
#include "tandem/frame.h"
#include "tandem/parse.h"
#include "tandem/tables.h"

/* ---- Plan ----------------------------------------------------------------------------------- */

struct td_plan {
	const __u8 *source; /* new addresses, with new ports; NULL: both stay */
	const __u8 *destination;
	const struct td_hop *hop;
	const struct td_backend *tunnel; /* to be wrapped for; NULL: not */
	__u16 source_port, destination_port;
};

TD_INLINE const struct td_hop *td_known_hop(const struct td_env *env, __u16 number)
{
	const struct td_hop *hop = td_hop_at(env, number);

	return hop && hop->ifindex ? hop : 0;
}

/* To the backend. 0: its next hop is not known. */
TD_INLINE int td_plan_to_backend(struct td_plan *plan, const struct td_env *env,
				 const struct td_service *s, const struct td_backend *b,
				 const union td_flow_word *word)
{
	struct td_plan none = {};

	*plan = none;
	plan->hop = td_known_hop(env, b->hop);
	if (!plan->hop)
		return 0;
	if (s->mode == TD_MODE_TUNNEL)
		plan->tunnel = b;
	if (s->mode == TD_MODE_NAT || s->mode == TD_MODE_FULLNAT) {
		plan->destination = b->address;
		plan->destination_port = b->port;
	}
	if (s->mode == TD_MODE_FULLNAT) {
		plan->source = env->tables->source[td_source_slot(s, word)];
		plan->source_port = word->part.extra;
	}
	return 1;
}

/* To the client; of a td_source with fullnat, else NULL. 0: its next hop is not known. */
TD_INLINE int td_plan_to_client(struct td_plan *plan, const struct td_env *env,
				const struct td_service *s, const union td_flow_word *word,
				const struct td_source *source)
{
	struct td_plan none = {};

	*plan = none;
	plan->hop = td_known_hop(env, source ? source->hop : word->part.extra);
	if (!plan->hop)
		return 0;
	plan->source = s->address;
	plan->source_port = s->port;
	if (source) {
		plan->destination = source->client;
		plan->destination_port = source->client_port;
	}
	return 1;
}

TD_INLINE __u32 td_outer_bytes(const struct td_plan *plan)
{
	if (!plan->tunnel)
		return 0;
	return plan->tunnel->family == 4 ? TD_IPV4_HEADER : TD_IPV6_HEADER;
}

/* Packets of the frame's family that are longer have to be refused. */
TD_INLINE __u32 td_plan_mtu(const struct td_plan *plan)
{
	return plan->hop->mtu - td_outer_bytes(plan);
}

TD_INLINE __u8 td_ttl(const struct td_packet *p)
{
	return p->family == 4 ? p->l3[8] : p->l3[7];
}

/* ---- Addresses, ports, checksums ---------------------------------------------------------- */

/*
 * Each of these returns the change of checksums, which add up: the sum of what the words are now, less what
 * they were, as they are in memory (checksum.h).
 */
TD_INLINE __u64 td_put_raw16(__u8 *at, __u16 raw)
{
	const __u16 old = td_peek16(at);

	td_poke16(at, raw);
	return (__u64)(__u16)~old + raw;
}

TD_INLINE __u64 td_put16(__u8 *at, __u16 value)
{
	return td_put_raw16(at, __builtin_bswap16(value));
}

TD_INLINE __u64 td_put_raw32(__u8 *at, __u32 raw)
{
	const __u32 old = td_peek32(at);

	td_poke32(at, raw);
	return (__u64)~old + raw;
}

TD_INLINE __u64 td_put_address(__u8 *at, const __u8 *address, __u32 family)
{
	__u64 change = td_put_raw32(at, td_peek32(address));

	if (family == 4)
		return change;
	change += td_put_raw32(at + 4, td_peek32(address + 4));
	change += td_put_raw32(at + 8, td_peek32(address + 8));
	return change + td_put_raw32(at + 12, td_peek32(address + 12));
}

/* RFC 1624, 3, equation 3. */
TD_INLINE __u64 td_put_checksum(__u8 *at, __u64 change)
{
	return td_put_raw16(at, td_csum_fold_raw((__u16)~td_peek16(at) + change));
}

/* UDP's 0 means that there is none, and 0xffff is the other 0 (RFC 768). */
TD_INLINE __u64 td_put_udp_checksum(__u8 *at, __u64 change)
{
	__u16 sum;

	if (!td_peek16(at))
		return 0;
	sum = td_csum_fold_raw((__u16)~td_peek16(at) + change);
	return td_put_raw16(at, sum ? sum : 0xffff);
}

/* What a TTL of one less changes: it is the first byte of its word. */
enum { TD_TTL_CHANGE = 0xfffe };

/* As at any router. */
TD_INLINE void td_count_ttl_down(__u8 *ip, __u32 family)
{
	if (family == 4) {
		ip[8]--;
		td_put_checksum(ip + 10, TD_TTL_CHANGE);
	} else {
		ip[7]--;
	}
}

/* A transport header that is there is there as a whole. */
TD_INLINE void td_rewrite(const struct td_packet *p, const struct td_plan *plan, const __u8 *end)
{
	__u64 change = 0;

	if (plan->source)
		change += td_put_address(td_ip_source(p), plan->source, p->family);
	if (plan->destination)
		change += td_put_address(td_ip_destination(p), plan->destination, p->family);
	if (p->family == 4) {
		p->l3[8]--;
		td_put_checksum(p->l3 + 10, change + TD_TTL_CHANGE);
	} else {
		p->l3[7]--;
	}
	if (!p->l4 || !(plan->source || plan->destination) || p->l4 + TD_UDP_HEADER > end)
		return;
	if (plan->source)
		change += td_put16(p->l4, plan->source_port);
	if (plan->destination)
		change += td_put16(p->l4 + 2, plan->destination_port);
	if (p->protocol == TD_PROTO_TCP && p->l4 + TD_TCP_HEADER <= end)
		td_put_checksum(p->l4 + 16, change);
	else
		td_put_udp_checksum(p->l4 + 6, change);
}

/* ---- Link and outer headers --------------------------------------------------------------- */

TD_INLINE __u32 td_link_bytes(const struct td_hop *hop)
{
	return TD_ETH_HEADER + (hop->vlan[0] ? TD_VLAN_TAG : 0) + (hop->vlan[1] ? TD_VLAN_TAG : 0);
}

/* `eth` to the end of the link header can be written. */
TD_INLINE void td_write_link(__u8 *eth, const struct td_hop *hop, __u16 ethertype)
{
	__u8 *next = eth + 12;

	td_copy_mac(eth, hop->destination);
	td_copy_mac(eth + 6, hop->source);
	if (hop->vlan[0]) {
		td_store16(next, hop->tpid[0]);
		td_store16(next + 2, hop->vlan[0]);
		next += TD_VLAN_TAG;
	}
	if (hop->vlan[1]) {
		td_store16(next, hop->tpid[1]);
		td_store16(next + 2, hop->vlan[1]);
		next += TD_VLAN_TAG;
	}
	td_store16(next, ethertype);
}

/* What the outer header takes from the packet inside. */
struct td_inner {
	__u32 bytes;
	__u8 family;
	__u8 traffic_class; /* DSCP and ECN: RFC 2983, RFC 6040 */
};

/* By words as they are in memory: so the checksum comes along. */
TD_INLINE void td_write_outer4(__u8 *ip, const struct td_backend *b, const struct td_inner *inner)
{
	const __u16 bytes = __builtin_bswap16((__u16)(TD_IPV4_HEADER + inner->bytes));
	const __u32 version = 0x45 | (__u32)inner->traffic_class << 8 | (__u32)bytes << 16;
	const __u32 do_not_fragment = 0x40 << 16;
	const __u32 protocol = inner->family == 4 ? TD_PROTO_IPIP : TD_PROTO_IPV6;
	const __u32 ttl = 64 | protocol << 8;
	const __u32 source = td_peek32(b->outer), destination = td_peek32(b->address);
	const __u64 sum = (__u64)version + do_not_fragment + ttl + source + destination;

	td_poke32(ip, version);
	td_poke32(ip + 4, do_not_fragment);
	td_poke32(ip + 8, ttl | (__u32)td_csum_fold_raw(sum) << 16);
	td_poke32(ip + 12, source);
	td_poke32(ip + 16, destination);
}

TD_INLINE void td_write_outer6(__u8 *ip, const struct td_backend *b, const struct td_inner *inner)
{
	td_store32(ip, 6u << 28 | (__u32)inner->traffic_class << 20);
	td_store16(ip + 4, (__u16)inner->bytes);
	ip[6] = inner->family == 4 ? TD_PROTO_IPIP : TD_PROTO_IPV6;
	ip[7] = 64;
	td_copy_address(ip + 8, b->outer, 6);
	td_copy_address(ip + 24, b->address, 6);
}

/*
 * The last step: the frame as it leaves for the plan's next hop. `p` says where things were, and is
 * void afterwards.
 */
TD_INLINE enum td_reason td_send(struct td_frame *f, const struct td_packet *p,
				 const struct td_plan *plan, enum td_reason reason,
				 struct td_outcome *out)
{
	struct td_inner inner = {td_ip_bytes(p), p->family, 0};
	__u32 link = td_link_bytes(plan->hop), outer = td_outer_bytes(plan);
	int more = (int)(link + outer) - p->l3_offset;
	__u8 family = plan->tunnel ? plan->tunnel->family : p->family;
	__u8 *ip;

	inner.traffic_class = p->family == 4 ? p->l3[1] : (__u8)(td_load16(p->l3) >> 4);
	if (more && td_frame_grow(f, more))
		return TD_DROP_REWRITE_FAILED;
	ip = f->data + link;
	if (ip + TD_IPV4_HEADER > f->end)
		return TD_DROP_REWRITE_FAILED;
	if (plan->tunnel && family == 4)
		td_write_outer4(ip, plan->tunnel, &inner);
	if (plan->tunnel && family == 6) {
		if (ip + TD_IPV6_HEADER > f->end)
			return TD_DROP_REWRITE_FAILED;
		td_write_outer6(ip, plan->tunnel, &inner);
	}
	if (f->data + TD_ETH_HEADER + 2 * TD_VLAN_TAG > f->end)
		return TD_DROP_REWRITE_FAILED;
	td_write_link(f->data, plan->hop, family == 4 ? TD_ETHERTYPE_IPV4 : TD_ETHERTYPE_IPV6);
	out->ifindex = plan->hop->ifindex;
	return reason;
}

/* Carries a plan out, if TTL and MTU let it be. */
TD_INLINE enum td_reason td_transmit(struct td_frame *f, const struct td_packet *p,
				     const struct td_plan *plan, enum td_reason reason,
				     struct td_outcome *out)
{
	out->mtu = 0;
	if (td_ttl(p) <= 1)
		return TD_DROP_TTL_EXCEEDED;
	out->mtu = td_plan_mtu(plan);
	if (td_ip_bytes(p) > out->mtu)
		return TD_DROP_TOO_BIG;
	td_rewrite(p, plan, f->end);
	return td_send(f, p, plan, reason, out);
}

#endif
