/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: what a frame is to this node, and what becomes of it. Compiled as BPF and as C++.
 *
 *   td_parse()    where things are                     (packet.h)
 *   td_find()     which virtual router it concerns: by its address, or by a virtual MAC
 *   td_judge()    the verdict, given the lease
 *   td_answer_*() the rewrites that a verdict asks for
 *
 * A frame for a virtual address without a live lease never reaches the kernel, whatever address
 * list the kernel has; that is what makes a crashed node harmless.
 */
#ifndef TANDEM_STEER_H
#define TANDEM_STEER_H

#include "tandem/abi.h"
#include "tandem/checksum.h"
#include "tandem/order.h"
#include "tandem/packet.h"

/*
 * Where td_find() found a frame to belong: by address if it can, else by MAC. The two may be
 * different virtual routers, when one that routes is asked for another one's address.
 */
struct td_match {
	const struct td_vrouter *vrouter; /* NULL: nothing to do with a virtual router */
	const struct td_vrouter *by_mac;  /* its destination is the virtual MAC of this one */
	__u16 vip;			  /* slot; valid if by_address */
	__u8 by_address;		  /* its address is a virtual one, of `vrouter` */
};

/* ---- Tags ------------------------------------------------------------------------------- */

TD_INLINE __u32 td_mix(__u64 a, __u64 b)
{
	__u64 x = (a ^ b >> 32 ^ b << 32) * 0x9e3779b97f4a7c15ull;

	x ^= x >> 29;
	x = (x ^ b) * 0xbf58476d1ce4e5b9ull;
	return (__u32)(x >> 32);
}

TD_INLINE __u32 td_tag_vip(__u64 seed, __u8 family, const __u8 *address)
{
	if (family == 4)
		return td_load32(address);
	return td_mix(td_load64(address) ^ seed, td_load64(address + 8));
}

TD_INLINE __u32 td_tag_vmac(__u64 seed, __u32 ifindex, const __u16 vlan[2], __u8 family, __u8 vrid)
{
	return td_mix(seed ^ ((__u64)ifindex << 32 | (__u64)family << 8 | vrid),
		      (__u64)vlan[0] << 16 | vlan[1]);
}

/* Exact: 10 bits of slot, one of protocol, 16 of port. */
TD_INLINE __u32 td_tag_service(__u16 vip, __u8 protocol, __u16 port)
{
	return (__u32)vip << 17 | (__u32)(protocol == TD_PROTO_UDP) << 16 | port;
}

TD_INLINE __u32 td_bucket(__u64 seed, __u16 kind, __u32 tag)
{
	return ((tag ^ (__u32)seed) * 0x9e3779b1u + kind * 0x85ebca6bu) >> 20 &
	       (TD_STEER_BUCKETS - 1);
}

/* The slot that a tag leads to, -1 if there is none. */
TD_INLINE int td_probe(const struct td_steer *steer, __u16 kind, __u32 tag)
{
	const struct td_steer_entry *e = steer->bucket[td_bucket(steer->seed, kind, tag)];
	int i;

#ifdef __clang__
#pragma unroll
#endif
	for (i = 0; i < TD_BUCKET_ENTRIES; i++)
		if (e[i].tag == tag && e[i].kind == kind)
			return e[i].slot;
	return -1;
}

/* ---- Find ------------------------------------------------------------------------------- */

TD_INLINE __u64 td_layout(const struct td_tables *t)
{
	return td_load_ordered(&t->layout);
}

TD_INLINE int td_same_address(const struct td_vip *vip, __u8 family, const __u8 *address)
{
	if (vip->family != family)
		return 0;
	if (family == 4)
		return td_load32(vip->address) == td_load32(address);
	return td_load64(vip->address) == td_load64(address) &&
	       td_load64(vip->address + 8) == td_load64(address + 8);
}

TD_INLINE int td_on_link(const struct td_vrouter *vr, const struct td_packet *p, __u32 ifindex)
{
	return vr->ifindex == ifindex && vr->vlan[0] == p->vlan[0] && vr->vlan[1] == p->vlan[1];
}

/* 00-00-5E-00-01-VRID or 00-00-5E-00-02-VRID (RFC 9568, 7.3). */
TD_INLINE int td_is_virtual_mac(const __u8 *mac)
{
	return td_load32(mac) == 0x00005e00 && (mac[4] == 1 || mac[4] == 2);
}

TD_INLINE const struct td_vrouter *td_find_vmac(const struct td_tables *t,
						const struct td_steer *steer,
						const struct td_packet *p, __u32 ifindex)
{
	__u8 family = p->eth[4] == 1 ? 4 : 6, vrid = p->eth[5];
	const struct td_vrouter *vr;
	int slot;

	slot = td_probe(steer, TD_KIND_VMAC,
			td_tag_vmac(steer->seed, ifindex, p->vlan, family, vrid));
	if (slot < 0)
		return 0;
	vr = &t->vrouter[slot & (TD_MAX_VROUTERS - 1)];
	return vr->family == family && vr->vrid == vrid && td_on_link(vr, p, ifindex) ? vr : 0;
}

/* The slot of a virtual address, -1 if it is none. */
TD_INLINE int td_find_vip(const struct td_tables *t, const struct td_steer *steer, __u8 family,
			  const __u8 *address)
{
	int slot = td_probe(steer, TD_KIND_VIP, td_tag_vip(steer->seed, family, address));

	if (slot < 0)
		return -1;
	slot &= TD_MAX_VIPS - 1;
	return td_same_address(&t->vip[slot], family, address) ? slot : -1;
}

TD_INLINE const struct td_vrouter *td_vrouter_of(const struct td_tables *t, int vip)
{
	return &t->vrouter[t->vip[vip & (TD_MAX_VIPS - 1)].vrouter & (TD_MAX_VROUTERS - 1)];
}

TD_INLINE void td_find_in(struct td_match *m, const struct td_tables *t,
			  const struct td_steer *steer, const struct td_packet *p, const __u8 *end,
			  __u32 ifindex)
{
	int slot;

	__builtin_memset(m, 0, sizeof(*m));
	if (p->eth + TD_ETH_HEADER > end)
		return;
	if (td_is_virtual_mac(p->eth)) {
		m->by_mac = td_find_vmac(t, steer, p, ifindex);
		m->vrouter = m->by_mac;
	}
	if (!p->address)
		return;
	slot = td_find_vip(t, steer, p->family, p->address);
	if (slot < 0)
		return;
	m->vip = slot;
	m->by_address = 1;
	m->vrouter = td_vrouter_of(t, slot);
}

/*
 * "Nothing" is believed only if the layout is the one that the search began with: else the daemon
 * may have been filling the table under our eyes. It switches before it fills, so that a search
 * in one that is being filled began before the switch, and sees it here.
 */
TD_INLINE void td_find(struct td_match *m, const struct td_tables *t, const struct td_packet *p,
		       const __u8 *end, __u32 ifindex)
{
	__u64 layout = td_layout(t);

	td_find_in(m, t, &t->steer[layout & 1], p, end, ifindex);
	if (m->vrouter)
		return;
	td_read_barrier();
	if (td_layout(t) != layout)
		td_find_in(m, t, &t->steer[td_layout(t) & 1], p, end, ifindex);
}

/* Whom a frame says that it is from: ARP's or IP's sender address; NULL: nobody. */
TD_INLINE const __u8 *td_sender(const struct td_packet *p)
{
	if (p->shape == TD_SHAPE_ARP)
		return p->l3 + 14;
	if (p->shape == TD_SHAPE_OTHER || p->shape == TD_SHAPE_MALFORMED)
		return 0;
	return p->family == 4 ? p->l3 + 12 : p->l3 + 8;
}

/* The virtual router whose address is the frame's sender address; NULL: none. */
TD_INLINE const struct td_vrouter *td_find_sender(const struct td_tables *t,
						  const struct td_packet *p)
{
	const struct td_steer *steer = &t->steer[td_layout(t) & 1];
	const __u8 *sender = td_sender(p);
	int slot;

	if (!sender)
		return 0;
	slot = td_find_vip(t, steer, p->family, sender);
	return slot < 0 ? 0 : td_vrouter_of(t, slot);
}

/* ---- Judge ------------------------------------------------------------------------------ */

/* ICMP errors are answers to what the address itself sent: path MTU discovery needs them. */
TD_INLINE int td_is_icmp_error(const struct td_packet *p)
{
	if (!p->l4)
		return 0;
	if (p->protocol == TD_PROTO_ICMP)
		return p->l4[0] == 3 || p->l4[0] == 11 || p->l4[0] == 12;
	return p->protocol == TD_PROTO_ICMPV6 && p->l4[0] >= 1 && p->l4[0] <= 4;
}

/* A packet to a virtual address that is ours: a service's, or the node's own? */
TD_INLINE enum td_reason td_judge_ip(const struct td_tables *t, const struct td_packet *p,
				     const struct td_match *m)
{
	const struct td_steer *steer = &t->steer[td_layout(t) & 1];

	if (p->l4 && (p->protocol == TD_PROTO_TCP || p->protocol == TD_PROTO_UDP) &&
	    td_probe(steer, TD_KIND_SERVICE,
		     td_tag_service(m->vip, p->protocol, td_load16(p->l4 + 2))) >= 0)
		return TD_PASS_LOCAL;
	if (m->vrouter->flags & TD_VR_ACCEPT)
		return TD_PASS_ACCEPTED;
	/* Later fragments have no port; without an accepted first one they come to nothing. */
	if (td_is_icmp_error(p) || (p->fragment && !p->l4))
		return TD_PASS_LOCAL;
	return TD_DROP_NOT_ACCEPTED; /* RFC 9568, 6.1 (Accept_Mode) */
}

/* Does this frame ask who has the address? */
TD_INLINE int td_is_question(const struct td_packet *p)
{
	if (p->shape == TD_SHAPE_ARP)
		return td_load16(p->l3 + 6) == 1;
	return p->l4 && p->l4[0] == TD_ICMPV6_NS;
}

TD_INLINE int td_has_lease(const struct td_vrouter *vr, __u64 now_ns)
{
	return now_ns < td_load_ordered(&vr->lease_ns);
}

/* now_ns: CLOCK_MONOTONIC, exact. m->vrouter is not NULL. */
TD_INLINE enum td_reason td_judge(const struct td_tables *t, const struct td_packet *p,
				  const struct td_match *m, __u32 ifindex, __u64 now_ns)
{
	const struct td_vrouter *vr = m->vrouter;
	int neighbour = p->shape == TD_SHAPE_ARP || p->shape == TD_SHAPE_ND;
	int live = td_has_lease(vr, now_ns);

	if (!m->by_address)
		return live ? TD_PASS_ROUTED : TD_DROP_NO_LEASE_VMAC;
	if (!live)
		return neighbour ? TD_DROP_NO_LEASE_NEIGHBOUR : TD_DROP_NO_LEASE;
	if (m->by_mac && !td_has_lease(m->by_mac, now_ns)) /* the Active one takes it */
		return TD_DROP_NO_LEASE_VMAC;
	if (!neighbour)
		return td_judge_ip(t, p, m);
	if ((vr->flags & TD_VR_VIRTUAL_MAC) && td_is_question(p)) {
		if (!td_on_link(vr, p, ifindex)) /* the kernel would answer with its own MAC */
			return TD_DROP_OTHER_LINK;
		return p->shape == TD_SHAPE_ARP ? TD_TX_ARP_REPLY : TD_TX_NA;
	}
	return TD_PASS_NEIGHBOUR;
}

/* ---- Answers ---------------------------------------------------------------------------- */

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
