/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: where things are in a frame. Compiled as BPF and as C++.
 *
 * td_parse() walks Ethernet, up to two VLAN tags, ARP, IPv4 (with options) or IPv6 (with extension
 * headers) as far as steering needs, and never reads past `end`. What it cannot read stays 0: a
 * frame that is cut short is judged by what is there.
 *
 * Headers are read byte by byte or by unaligned 16/32-bit loads through td_load*, which both
 * compilers turn into single instructions.
 */
#ifndef TANDEM_PACKET_H
#define TANDEM_PACKET_H

#include "tandem/types.h"

enum {
	TD_ETH_HEADER = 14,
	TD_VLAN_TAG = 4,
	TD_ARP_BYTES = 28,
	TD_IPV4_HEADER = 20,
	TD_IPV6_HEADER = 40,
	TD_ND_BYTES = 24, /* neighbour solicitation or advertisement without options */
	TD_MAX_EXTENSIONS = 6,
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
	TD_PROTO_TCP = 6,
	TD_PROTO_UDP = 17,
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
	TD_SHAPE_ND,	 /* IPv6 neighbour solicitation: `address` is its target; or advertisement */
	TD_SHAPE_ADVERT, /* IP protocol 112 */
};

struct td_packet {
	__u8 *eth;	   /* the frame's first byte */
	__u8 *l3;	   /* ARP or IP header */
	__u8 *l4;	   /* TCP, UDP, ICMP; NULL if it is cut short or a later fragment */
	const __u8 *address; /* 4 or 16 bytes: what the frame is about (destination or target) */
	__u16 vlan[2];	   /* IDs, outer first; 0: none */
	__u16 l3_offset;   /* bytes from eth: 14, 18 or 22 */
	__u8 shape;	   /* enum td_shape */
	__u8 family;	   /* 4 or 6 */
	__u8 protocol;	   /* the transport's, behind extension headers */
	__u8 fragment;	   /* 1: a fragment; its l4 is set in the first one only */
};

#ifdef __bpf__
/* The verifier lets packets be read at any alignment where the CPU can; clang would not, by itself. */
typedef __u16 __attribute__((may_alias)) td_unaligned16;
typedef __u32 __attribute__((may_alias)) td_unaligned32;
typedef __u64 __attribute__((may_alias)) td_unaligned64;

TD_INLINE __u16 td_load16(const __u8 *p)
{
	return __builtin_bswap16(*(const td_unaligned16 *)p);
}

TD_INLINE __u32 td_load32(const __u8 *p)
{
	return __builtin_bswap32(*(const td_unaligned32 *)p);
}

TD_INLINE __u64 td_load64(const __u8 *p)
{
	return __builtin_bswap64(*(const td_unaligned64 *)p);
}
#else
TD_INLINE __u16 td_load16(const __u8 *p)
{
	return (__u16)(p[0] << 8 | p[1]);
}

TD_INLINE __u32 td_load32(const __u8 *p)
{
	return (__u32)td_load16(p) << 16 | td_load16(p + 2);
}

TD_INLINE __u64 td_load64(const __u8 *p)
{
	return (__u64)td_load32(p) << 32 | td_load32(p + 4);
}
#endif

TD_INLINE void td_copy_mac(__u8 *to, const __u8 *from)
{
	__builtin_memcpy(to, from, 6);
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
	p->fragment = offset != 0;
	if ((offset & 0x1fff) == 0 && p->l3 + header + 8 <= end)
		p->l4 = p->l3 + header;
}

/* RFC 8200, 4: extension headers up to the transport. */
TD_INLINE void td_parse_ipv6(struct td_packet *p, const __u8 *end)
{
	__u8 *next = p->l3 + TD_IPV6_HEADER;
	__u8 protocol;
	int i;

	if (next > end || p->l3[0] >> 4 != 6)
		return;
	p->family = 6;
	p->address = p->l3 + 24;
	p->shape = TD_SHAPE_IP;
	protocol = p->l3[6];
	for (i = 0; i < TD_MAX_EXTENSIONS; i++) {
		if (protocol != TD_PROTO_HOPOPTS && protocol != TD_PROTO_ROUTING &&
		    protocol != TD_PROTO_DSTOPTS && protocol != TD_PROTO_FRAGMENT)
			break;
		if (next + 8 > end)
			return;
		if (protocol == TD_PROTO_FRAGMENT) {
			p->fragment = 1;
			protocol = next[0];
			if (td_load16(next + 2) & 0xfff8) { /* not the first */
				p->protocol = protocol;
				return;
			}
			next += 8;
		} else {
			protocol = next[0];
			next += (next[1] + 1u) * 8;
		}
		/* A distance tells the BPF verifier nothing of the way: all ways are one from here. */
		next = p->l3 + ((__u64)(next - p->l3) & TD_WALK_MASK);
	}
	p->protocol = protocol;
	if (protocol == TD_PROTO_VRRP)
		p->shape = TD_SHAPE_ADVERT;
	if (next + 8 > end)
		return;
	p->l4 = next;
	/*
	 * RFC 4861, 7.1: hop limit 255, or it is none. A solicitation is about its target. An
	 * advertisement only tells, and is about its destination, as an ARP reply is: without those
	 * of the Active, a Backup could not itself be a client of the address.
	 */
	if (protocol != TD_PROTO_ICMPV6 || p->l3[7] != 255 || next + TD_ND_BYTES > end)
		return;
	if (next[0] == TD_ICMPV6_NS || next[0] == TD_ICMPV6_NA)
		p->shape = TD_SHAPE_ND;
	if (next[0] == TD_ICMPV6_NS)
		p->address = next + 8;
}

/* `data` to `end`: an Ethernet frame without FCS. Always fills all of `p`. */
TD_INLINE void td_parse(struct td_packet *p, __u8 *data, const __u8 *end)
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
	for (i = 0; i < 2 && td_is_vlan(ethertype); i++) {
		if (p->l3 + TD_VLAN_TAG > end)
			return;
		p->vlan[i] = td_load16(p->l3) & 0x0fff;
		ethertype = td_load16(p->l3 + 2);
		p->l3 += TD_VLAN_TAG;
		p->l3_offset += TD_VLAN_TAG;
	}
	if (ethertype == TD_ETHERTYPE_IPV4)
		td_parse_ipv4(p, end);
	else if (ethertype == TD_ETHERTYPE_IPV6)
		td_parse_ipv6(p, end);
	else if (ethertype == TD_ETHERTYPE_ARP)
		td_parse_arp(p, end);
	else
		p->shape = TD_SHAPE_OTHER;
}

#endif
