/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packet core: ARP and neighbour solicitations answered in place, with the virtual MAC. */
#ifndef TANDEM_ANSWER_H
#define TANDEM_ANSWER_H

#include "tandem/abi.h"
#include "tandem/checksum.h"
#include "tandem/packet.h"

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

#endif
