/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: where things are in a frame. Compiled as BPF and as C++.
 *
 * td_parse() walks Ethernet, VLAN tags, ARP, IPv4 (with options) or IPv6 (with extension
 * headers), TCP and UDP ports as far as steering needs, and never reads past `end`. What it cannot
 * read stays 0: a frame that is cut short is judged by what is there.
 */
#ifndef TANDEM_PARSE_H
#define TANDEM_PARSE_H

#include "tandem/bytes.h"

enum {
	TD_ETH_HEADER = 14,
	TD_VLAN_TAG = 4,
	TD_ARP_BYTES = 28,
	TD_IPV4_HEADER = 20,
	TD_IPV6_HEADER = 40,
	TD_ND_BYTES = 24, /* neighbour solicitation or advertisement without options */
	TD_TCP_HEADER = 20,
	TD_UDP_HEADER = 8,
	TD_ICMP_HEADER = 8, /* of errors, in front of what they quote */
	TD_MAX_EXTENSIONS = 6,
	TD_MAX_TAGS = 8, /* more than two of them have an ID of 0, or no place in td_packet.vlan */
	TD_L3_MASK = 63, /* the link header takes less */
	TD_WALK_MASK = 0x3fff, /* IPv6 header and six of the longest extensions take less */
};

enum {
	TD_ETHERTYPE_IPV4 = 0x0800,
	TD_ETHERTYPE_ARP = 0x0806,
	TD_ETHERTYPE_8021Q = 0x8100,
	TD_ETHERTYPE_IPV6 = 0x86dd,
	TD_ETHERTYPE_8021AD = 0x88a8,
};

enum {
	TD_PROTO_HOPOPTS = 0,
	TD_PROTO_ICMP = 1,
	TD_PROTO_IPIP = 4,
	TD_PROTO_TCP = 6,
	TD_PROTO_UDP = 17,
	TD_PROTO_IPV6 = 41,
	TD_PROTO_ROUTING = 43,
	TD_PROTO_FRAGMENT = 44,
	TD_PROTO_ICMPV6 = 58,
	TD_PROTO_DSTOPTS = 60,
	TD_PROTO_VRRP = 112,
};

enum { TD_ICMPV6_NS = 135, TD_ICMPV6_NA = 136 };

/* What a frame is to the steering program. */
enum td_shape {
	TD_SHAPE_OTHER = 0, /* none of the below */
	TD_SHAPE_MALFORMED, /* ARP or IP by its type, but too short, or of another version */
	TD_SHAPE_ARP,
	TD_SHAPE_IP,
	TD_SHAPE_ND, /* IPv6 neighbour solicitation: `address` is its target; or advertisement */
	TD_SHAPE_ADVERT,     /* IP protocol 112 */
	TD_SHAPE_DEEP,	     /* not to be seen at this depth */
	TD_SHAPE_TOO_DEEP,   /* nor at any: more than TD_MAX_TAGS */
};

/* How far to look, a constant: what is rare has a step of its own (steer.h). */
enum td_depth {
	TD_FAST, /* IPv6 extension headers and a third tag are left: TD_SHAPE_DEEP */
	TD_FULL,
};

enum { TD_VLAN_UNKNOWN = 0xffff }; /* the ID of no link */

/* Where in a datagram a packet is. */
enum td_fragment_part {
	TD_WHOLE = 0,
	TD_FRAGMENT_FIRST,
	TD_FRAGMENT_LATER, /* has no transport header */
};

struct td_packet {
	__u8 *eth;	     /* the frame's first byte */
	__u8 *l3;	     /* ARP or IP header */
	__u8 *l4;	     /* TCP, UDP, ICMP; NULL if it is cut short or a later fragment */
	const __u8 *address; /* 4 or 16 bytes: what the frame is about (destination or target) */
	/*
	 * Of 32 bits, the BPF verifier remembers a value, and a CPU hands it from a store to the
	 * load behind it: compilers keep halves of a register, but load whole ones.
	 */
	__u32 shape;	   /* enum td_shape */
	__u32 family;	   /* 4 or 6 */
	__u32 fragment;	   /* enum td_fragment_part */
	__u32 fragment_id; /* of a fragment */
	__u32 l3_offset;   /* bytes from eth: 14, 4 more for each tag */
	__u32 l4_offset;   /* bytes from l3, if there is l4 */
	__u32 has_ports; /* always with l4 of TCP and UDP; td_recall() may find a later fragment's */
	__u32 source_port, destination_port;
	__u16 vlan[2];	/* IDs but 0, outer first; 0: none; UNKNOWN: of more than two the first */
	__u16 tpid[2];	/* and their ethertypes */
	__u32 protocol; /* the transport's, behind extension headers */
};

TD_INLINE __u32 td_address_bytes(__u32 family)
{
	return family == 4 ? 4 : 16;
}

/* Of a packet whose family is known. */
TD_INLINE __u8 *td_ip_source(const struct td_packet *p)
{
	return p->l3 + (p->family == 4 ? 12 : 8);
}

TD_INLINE __u8 *td_ip_destination(const struct td_packet *p)
{
	return p->l3 + (p->family == 4 ? 16 : 24);
}

/* Bytes of the IP packet, as its header says. */
TD_INLINE __u32 td_ip_bytes(const struct td_packet *p)
{
	return p->family == 4 ? td_load16(p->l3 + 2) : TD_IPV6_HEADER + td_load16(p->l3 + 4);
}

TD_INLINE void td_copy_address(__u8 *to, const __u8 *from, __u32 family)
{
	td_store32(to, td_load32(from));
	if (family == 4)
		return;
	td_store32(to + 4, td_load32(from + 4));
	td_store64(to + 8, td_load64(from + 8));
}

TD_INLINE int td_is_same_address(const __u8 *a, const __u8 *b, __u32 family)
{
	if (family == 4)
		return td_load32(a) == td_load32(b);
	return td_load64(a) == td_load64(b) && td_load64(a + 8) == td_load64(b + 8);
}

TD_INLINE void td_copy_mac(__u8 *to, const __u8 *from)
{
	td_store32(to, td_load32(from));
	td_store16(to + 4, td_load16(from + 4));
}

TD_INLINE int td_is_vlan(__u16 ethertype)
{
	return ethertype == TD_ETHERTYPE_8021Q || ethertype == TD_ETHERTYPE_8021AD;
}

TD_INLINE void td_parse_arp(struct td_packet *p, const __u8 *end)
{
	__u16 hardware;

	if (p->l3 + TD_ARP_BYTES > end)
		return;
	p->shape = TD_SHAPE_OTHER;
	/*
	 * Ethernet and IPv4: hardware 1, protocol 0x0800, lengths 6 and 4 (RFC 826). Hosts also
	 * answer to hardware 6, IEEE 802 (RFC 1042), so that has to be gated too.
	 */
	hardware = td_load16(p->l3);
	if ((hardware != 1 && hardware != 6) || td_load32(p->l3 + 2) != 0x08000604)
		return;
	p->shape = TD_SHAPE_ARP;
	p->family = 4;
	p->address = p->l3 + 24;
}

/* l4 is set, and 8 bytes long at least. */
TD_INLINE void td_parse_ports(struct td_packet *p)
{
	if (p->protocol != TD_PROTO_TCP && p->protocol != TD_PROTO_UDP)
		return;
	p->source_port = td_load16(p->l4);
	p->destination_port = td_load16(p->l4 + 2);
	p->has_ports = 1;
}

TD_INLINE void td_parse_ipv4(struct td_packet *p, const __u8 *end)
{
	__u32 header, offset;

	if (p->l3 + TD_IPV4_HEADER > end)
		return;
	header = (p->l3[0] & 0x0fu) * 4;
	if (p->l3[0] >> 4 != 4 || header < TD_IPV4_HEADER)
		return;
	p->family = 4;
	p->protocol = p->l3[9];
	p->address = p->l3 + 16;
	p->shape = p->protocol == TD_PROTO_VRRP ? TD_SHAPE_ADVERT : TD_SHAPE_IP;
	offset = td_load16(p->l3 + 6) & 0x3fff; /* more-fragments bit and offset */
	if (offset) {
		p->fragment = offset & 0x1fff ? TD_FRAGMENT_LATER : TD_FRAGMENT_FIRST;
		p->fragment_id = td_load16(p->l3 + 4);
	}
	if (p->fragment != TD_FRAGMENT_LATER && p->l3 + header + 8 <= end) {
		p->l4 = p->l3 + header;
		p->l4_offset = header;
		td_parse_ports(p);
	}
}

TD_INLINE int td_is_extension(__u8 protocol)
{
	return protocol == TD_PROTO_HOPOPTS || protocol == TD_PROTO_ROUTING ||
	       protocol == TD_PROTO_DSTOPTS || protocol == TD_PROTO_FRAGMENT;
}

/* RFC 8200, 4: how far from l3 the transport is, behind extension headers. 0: not in the frame. */
TD_INLINE __u32 td_walk_extensions(struct td_packet *p, const __u8 *end)
{
	__u32 offset = TD_IPV6_HEADER;
	__u32 any = td_load32(p->l3);
	__u8 protocol = p->l3[6];
	const __u8 *next;
	int i;

	for (i = 0; i < TD_MAX_EXTENSIONS && td_is_extension(protocol); i++) {
		next = p->l3 + offset;
		if (next + 8 > end)
			return 0;
		if (protocol == TD_PROTO_FRAGMENT) {
			protocol = next[0];
			p->fragment_id = td_load32(next + 4);
			if (td_load16(next + 2) & 1) /* more come; alone it is whole (RFC 6946) */
				p->fragment = TD_FRAGMENT_FIRST;
			if (td_load16(next + 2) & 0xfff8) {
				p->fragment = TD_FRAGMENT_LATER;
				p->protocol = protocol;
				return 0;
			}
			offset += 8;
		} else {
			protocol = next[0];
			offset += (next[1] + 1u) * 8;
		}
		/* It is below the mask. The BPF verifier is told that, and not how it came about. */
		offset = td_hide_from_verifier(offset, any) & TD_WALK_MASK;
		protocol = (__u8)td_hide_from_verifier(protocol, any);
	}
	p->protocol = protocol;
	return offset;
}

TD_INLINE void td_parse_ipv6(struct td_packet *p, const __u8 *end, enum td_depth depth)
{
	__u32 offset = TD_IPV6_HEADER;
	__u8 *next;

	if (p->l3 + TD_IPV6_HEADER > end || p->l3[0] >> 4 != 6)
		return;
	p->family = 6;
	p->address = p->l3 + 24;
	p->shape = TD_SHAPE_IP;
	p->protocol = p->l3[6];
	if (td_is_extension(p->protocol)) {
		p->shape = depth == TD_FAST ? TD_SHAPE_DEEP : TD_SHAPE_IP;
		offset = depth == TD_FAST ? 0 : td_walk_extensions(p, end);
		if (!offset)
			return;
	}
	if (p->protocol == TD_PROTO_VRRP)
		p->shape = TD_SHAPE_ADVERT;
	next = p->l3 + offset;
	if (next + 8 > end)
		return;
	p->l4 = next;
	p->l4_offset = offset;
	td_parse_ports(p);
	/*
	 * RFC 4861, 7.1: hop limit 255, or it is none. A solicitation is about its target. An
	 * advertisement only tells, and is about its destination, as an ARP reply is: without those
	 * of the Active, a Backup could not itself be a client of the address.
	 */
	if (p->protocol != TD_PROTO_ICMPV6 || p->l3[7] != 255 || next + TD_ND_BYTES > end)
		return;
	if (next[0] == TD_ICMPV6_NS || next[0] == TD_ICMPV6_NA)
		p->shape = TD_SHAPE_ND;
	if (next[0] == TD_ICMPV6_NS)
		p->address = next + 8;
}

/*
 * Most packets are plain: without tags, options, extensions and fragments, and TCP or UDP. The rest
 * of their way is shorter where the compiler can tell: td_parse_plain() fills `p` as td_parse() would,
 * by constants, once td_is_plain() has said so of this family.
 */
TD_INLINE int td_is_plain(const __u8 *data, const __u8 *end, __u32 family)
{
	const __u8 *l3 = data + TD_ETH_HEADER;
	__u8 protocol;

	if (l3 + (family == 4 ? TD_IPV4_HEADER : TD_IPV6_HEADER) + TD_UDP_HEADER > end)
		return 0;
	protocol = family == 4 ? l3[9] : l3[6];
	if (protocol != TD_PROTO_TCP && protocol != TD_PROTO_UDP)
		return 0;
	if (family == 4)
		return td_load16(data + 12) == TD_ETHERTYPE_IPV4 && l3[0] == 0x45 &&
		       !(td_load16(l3 + 6) & 0x3fff);
	return td_load16(data + 12) == TD_ETHERTYPE_IPV6 && l3[0] >> 4 == 6;
}

TD_INLINE void td_parse_plain(struct td_packet *p, __u8 *data, __u32 family)
{
	struct td_packet none = {};

	*p = none; /* GCC keeps what memset() touches in memory */
	p->eth = data;
	p->l3 = data + TD_ETH_HEADER;
	p->l3_offset = TD_ETH_HEADER;
	p->l4_offset = family == 4 ? TD_IPV4_HEADER : TD_IPV6_HEADER;
	p->l4 = p->l3 + p->l4_offset;
	p->shape = TD_SHAPE_IP;
	p->family = family;
	p->protocol = family == 4 ? p->l3[9] : p->l3[6];
	p->address = td_ip_destination(p);
	td_parse_ports(p);
}

/*
 * Of a tag with an ID of 0 the kernel takes nothing but the priority, wherever it is (802.1Q, 6.9.1).
 */
TD_INLINE void td_note_tag(struct td_packet *p, __u16 id, __u16 ethertype)
{
	if (!id)
		return;
	if (!p->vlan[0]) {
		p->vlan[0] = id;
		p->tpid[0] = ethertype;
	} else if (!p->vlan[1]) {
		p->vlan[1] = id;
		p->tpid[1] = ethertype;
	} else {
		p->vlan[0] = TD_VLAN_UNKNOWN;
	}
}

/* `data` to `end`: an Ethernet frame without FCS. Always fills all of `p`. */
TD_INLINE void td_parse(struct td_packet *p, __u8 *data, const __u8 *end, enum td_depth depth)
{
	__u16 ethertype;
	int i;

	__builtin_memset(p, 0, sizeof(*p));
	p->eth = data;
	p->l3 = data + TD_ETH_HEADER;
	p->l3_offset = TD_ETH_HEADER;
	p->shape = TD_SHAPE_MALFORMED;
	if (p->l3 > end)
		return;
	ethertype = td_load16(data + 12);
	for (i = 0; i < (depth == TD_FAST ? 2 : TD_MAX_TAGS) && td_is_vlan(ethertype); i++) {
		if (p->l3 + TD_VLAN_TAG > end)
			return;
		td_note_tag(p, td_load16(p->l3) & 0x0fff, ethertype);
		ethertype = td_load16(p->l3 + 2);
		p->l3 += TD_VLAN_TAG;
	}
	/* Again one way for the verifier, of many. */
	p->l3_offset = (__u32)(p->l3 - data) & TD_L3_MASK;
	p->l3 = data + p->l3_offset;
	if (ethertype == TD_ETHERTYPE_IPV4)
		td_parse_ipv4(p, end);
	else if (ethertype == TD_ETHERTYPE_IPV6)
		td_parse_ipv6(p, end, depth);
	else if (ethertype == TD_ETHERTYPE_ARP)
		td_parse_arp(p, end);
	else if (td_is_vlan(ethertype))
		p->shape = depth == TD_FAST ? TD_SHAPE_DEEP : TD_SHAPE_TOO_DEEP;
	else
		p->shape = TD_SHAPE_OTHER;
}

/* ICMP errors are answers to what the address itself sent: path MTU discovery needs them. */
TD_INLINE int td_is_icmp_error(const struct td_packet *p)
{
	if (!p->l4)
		return 0;
	if (p->protocol == TD_PROTO_ICMP)
		return p->l4[0] == 3 || p->l4[0] == 11 || p->l4[0] == 12;
	return p->protocol == TD_PROTO_ICMPV6 && p->l4[0] >= 1 && p->l4[0] <= 4;
}

#endif
