/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: a packet that is too big for its way is answered so, by ICMP or ICMPv6 (RFC 792,
 * RFC 4443). Compiled as BPF and as C++.
 */
#ifndef TANDEM_TOO_BIG_H
#define TANDEM_TOO_BIG_H

#include "tandem/checksum.h"
#include "tandem/frame.h"
#include "tandem/parse.h"

enum {
	TD_ICMP_UNREACHABLE = 3,
	TD_ICMP_TOO_BIG_CODE = 4,
	TD_ICMPV6_TOO_BIG = 2,
	TD_QUOTE_BYTES = 128, /* of a packet that is too big */
};

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

	eth = td_hide_from_compiler(p->eth);
	if (eth + sizeof(header) > f->end || p->l3 + TD_QUOTE_BYTES > f->end ||
	    !td_may_be_answered(p))
		return TD_DROP_TOO_BIG;
	__builtin_memset(addresses, 0, sizeof(addresses));
	td_copy_address(addresses, td_ip_source(p), family);
	td_copy_address(addresses + (family == 4 ? 4 : 16), td_ip_destination(p), family);
	__builtin_memcpy(header, eth, sizeof(header));
	if (td_frame_resize(f, link + TD_QUOTE_BYTES) || td_frame_grow(f, more))
		return TD_DROP_REWRITE_FAILED;
	eth = td_hide_from_compiler(f->data);
	if (eth + sizeof(header) > f->end)
		return TD_DROP_REWRITE_FAILED;
	ip = f->data + link;
	if (ip + TD_IPV4_HEADER + TD_ICMP_HEADER + TD_QUOTE_BYTES > f->end)
		return TD_DROP_REWRITE_FAILED;
	__builtin_memcpy(eth, header, sizeof(header));
	td_copy_mac(eth, header + 6);
	td_copy_mac(eth + 6, header);
	if (family == 4) {
		td_write_too_big4(ip, addresses, mtu);
		return TD_TX_TOO_BIG;
	}
	if (ip + TD_IPV6_HEADER + TD_ICMP_HEADER + TD_QUOTE_BYTES > f->end)
		return TD_DROP_REWRITE_FAILED;
	td_write_too_big6(ip, addresses, mtu);
	return TD_TX_TOO_BIG;
}

#endif
