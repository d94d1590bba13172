/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: what a packet has to do with this node. Compiled as BPF and as C++.
 *
 * td_find() looks for the virtual address, virtual MAC, service or backend that it concerns, by
 * tags in the steering table (abi.h).
 */
#ifndef TANDEM_FIND_H
#define TANDEM_FIND_H

#include "tandem/abi.h"
#include "tandem/order.h"
#include "tandem/parse.h"

/* What a packet is about. */
enum td_about {
	TD_ABOUT_NOTHING = 0, /* nothing of this node's */
	TD_ABOUT_MAC,	      /* to a virtual MAC and no virtual address: to be routed */
	TD_ABOUT_ADDRESS,     /* a virtual address, and no service of it */
	TD_ABOUT_LOCAL,	      /* a service that this node serves itself */
	TD_ABOUT_BACKENDS,    /* a service that has backends */
	TD_ABOUT_REPLY,	      /* a backend's answer, perhaps: its flow will tell */
};

#define TD_NONE 0xffffffffu /* in place of a slot */

/*
 * What td_find() found: by the frame's IP address first, and if there is none such, by its MAC address.
 * The two may name different virtual routers.
 * Of 32 bits, since the BPF verifier forgets smaller ones.
 */
struct td_match {
	__u32 about; /* enum td_about */
	__u32 vrouter; /* slot of the one whose lease it needs: the address's, else the MAC's; TD_NONE */
	__u32 by_mac;  /* slot of the one whose virtual MAC the frame is to; TD_NONE */
	__u32 vip;     /* slot of the virtual address; TD_NONE */
	__u32 service; /* BACKENDS: its number */
	/* REPLY: that it comes from, the first of those that share an address; 0: none. LOCAL: the slot
	 * that it is counted in; 0: none */
	__u32 backend;
	__u32 source; /* REPLY: slot of the address of fullnat that it comes to; TD_NONE: of none */
};

/* ---- Tags ------------------------------------------------------------------------------- */

TD_INLINE __u32 td_mix(__u64 a, __u64 b)
{
	__u64 x = (a ^ b >> 32 ^ b << 32) * 0x9e3779b97f4a7c15ull;

	x ^= x >> 29;
	x = (x ^ b) * 0xbf58476d1ce4e5b9ull;
	return (__u32)(x >> 32);
}

TD_INLINE __u32 td_tag_vip(__u64 seed, __u32 family, const __u8 *address)
{
	if (family == 4)
		return td_load32(address);
	return td_mix(td_load64(address) ^ seed, td_load64(address + 8));
}

TD_INLINE __u32 td_tag_vmac(__u64 seed, __u32 ifindex, const __u16 vlan[2], __u32 family,
			    __u32 vrid)
{
	return td_mix(seed ^ ((__u64)ifindex << 32 | (__u64)family << 8 | vrid),
		      (__u64)vlan[0] << 16 | vlan[1]);
}

/* The end of a connection, beyond this node. */
TD_INLINE __u32 td_tag_backend(__u64 seed, __u32 family, const __u8 *address, __u32 protocol,
			       __u32 port)
{
	__u32 high = protocol << 16 | port;

	if (family == 4)
		return td_mix(seed, (__u64)high << 32 | td_load32(address));
	return td_mix(seed ^ td_load64(address) ^ high, td_load64(address + 8));
}

/* A MAC on a device, as six bytes of a frame. */
TD_INLINE __u32 td_tag_mac(__u64 seed, __u32 ifindex, const __u8 *mac)
{
	return td_mix(seed ^ ifindex, (__u64)td_load32(mac) << 16 | td_load16(mac + 4));
}

/* Exact: 10 bits of slot, one of protocol, 16 of port. */
TD_INLINE __u32 td_tag_service(__u32 vip, __u32 protocol, __u32 port)
{
	return vip << 17 | (__u32)(protocol == TD_PROTO_UDP) << 16 | port;
}

TD_INLINE __u32 td_bucket(__u64 seed, __u16 kind, __u32 tag)
{
	return ((tag ^ (__u32)seed) * 0x9e3779b1u + kind * 0x85ebca6bu) >> 17 &
	       (TD_STEER_BUCKETS - 1);
}

/* The slot that a tag leads to, -1 if there is none. */
TD_INLINE int td_probe(const struct td_steer_table *steer, __u16 kind, __u32 tag)
{
	const __u64 *e = (const __u64 *)td_as_one(
		steer->bucket[td_bucket(steer->seed, kind, tag)]);
	const __u64 key = td_steer_key(kind, tag);
	int i;

#ifdef __clang__
#pragma unroll
#endif
	for (i = 0; i < TD_BUCKET_ENTRIES && e[i]; i++)
		if (e[i] >> 16 == key)
			return (int)(e[i] & 0xffff);
	return -1;
}

/* ---- Find ------------------------------------------------------------------------------- */

TD_INLINE __u64 td_layout(const struct td_tables *t)
{
	return td_load_ordered(&t->layout);
}

/* slot: masked here, as a slot is that comes from a table. */
TD_INLINE const struct td_vip *td_vip_of(const struct td_tables *t, __u32 slot)
{
	return (const struct td_vip *)td_as_one(&t->vip[slot & (TD_MAX_VIPS - 1)]);
}

TD_INLINE int td_vip_is(const struct td_vip *vip, __u32 family, const __u8 *address)
{
	return vip->family == family && td_is_same_address(vip->address, address, family);
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

/* The device's own MAC; most frames are to it. */
TD_INLINE int td_is_device_mac(const struct td_tables *t, __u32 ifindex, const __u8 *mac)
{
	const struct td_device *d = (const struct td_device *)td_as_one(
		&t->device[ifindex & (TD_MAX_DEVICES - 1)]);

	return d->ifindex == ifindex && td_load32(d->mac) == td_load32(mac) &&
	       td_load16(d->mac + 4) == td_load16(mac + 4);
}

/* The slot of a virtual MAC's virtual router, -1 if it is none. */
TD_INLINE int td_find_vmac(const struct td_tables *t, const struct td_steer_table *steer,
			   const struct td_packet *p, __u32 ifindex)
{
	__u32 family = p->eth[4] == 1 ? 4 : 6, vrid = p->eth[5];
	const struct td_vrouter *vr;
	int slot;

	slot = td_probe(steer, TD_KIND_VMAC,
			td_tag_vmac(steer->seed, ifindex, p->vlan, family, vrid));
	if (slot < 0)
		return -1;
	slot &= TD_MAX_VROUTERS - 1;
	vr = &t->vrouter[slot];
	return vr->family == family && vr->vrid == vrid && td_on_link(vr, p, ifindex) ? slot : -1;
}

/* The slot of a virtual address, -1 if it is none. */
TD_INLINE int td_find_vip(const struct td_tables *t, const struct td_steer_table *steer,
			  __u32 family, const __u8 *address)
{
	int slot = td_probe(steer, TD_KIND_VIP, td_tag_vip(steer->seed, family, address));

	if (slot < 0)
		return -1;
	slot &= TD_MAX_VIPS - 1;
	return td_vip_is(td_vip_of(t, (__u32)slot), family, address) ? slot : -1;
}

/* Does fullnat send from the virtual address? */
TD_INLINE int td_is_source(const struct td_tables *t, __u32 vip)
{
	return td_vip_of(t, vip)->flags & TD_VIP_SOURCE;
}

/* The slot of a virtual address's virtual router. */
TD_INLINE __u32 td_vrouter_slot(const struct td_tables *t, int vip)
{
	return td_vip_of(t, (__u32)vip)->vrouter & (TD_MAX_VROUTERS - 1);
}

TD_INLINE const struct td_vrouter *td_vrouter_at(const struct td_tables *t, __u32 slot)
{
	return (const struct td_vrouter *)td_as_one(&t->vrouter[slot & (TD_MAX_VROUTERS - 1)]);
}

TD_INLINE struct td_vip *td_vip_at(struct td_tables *t, __u32 slot)
{
	return &t->vip[slot & (TD_MAX_VIPS - 1)];
}

/* Is it to a source address of fullnat? Its port tells later. */
TD_INLINE void td_find_source(struct td_match *m, const struct td_tables *t,
			      const struct td_steer_table *steer, const struct td_packet *p)
{
	int slot = td_probe(steer, TD_KIND_SOURCE,
			    td_tag_vip(steer->seed, p->family, td_ip_destination(p)));

	if (slot < 0 || !td_is_same_address(t->source[slot & (TD_MAX_SOURCES - 1)],
					    td_ip_destination(p), p->family))
		return;
	m->source = (__u32)slot;
	m->about = TD_ABOUT_REPLY;
}

/* What only nat and fullnat need: is it a backend's reply? Either is confirmed later. */
TD_INLINE void td_find_reply(struct td_match *m, const struct td_tables *t,
			     const struct td_steer_table *steer, const struct td_packet *p)
{
	int slot;

	if (t->flags & TD_HAS_FULLNAT)
		td_find_source(m, t, steer, p);
	slot = td_probe(steer, TD_KIND_BACKEND,
			td_tag_backend(steer->seed, p->family, td_ip_source(p), p->protocol,
				       p->source_port));
	if (slot <= 0)
		return;
	m->backend = (__u32)slot;
	m->about = TD_ABOUT_REPLY;
}

TD_INLINE void td_find_in(struct td_match *m, const struct td_tables *t,
			  const struct td_steer_table *steer, const struct td_packet *p,
			  const __u8 *end, __u32 ifindex)
{
	const struct td_match nothing = {
		.vrouter = TD_NONE, .by_mac = TD_NONE, .vip = TD_NONE, .source = TD_NONE};
	int slot;

	*m = nothing;
	if (p->eth + TD_ETH_HEADER > end)
		return;
	if (td_is_virtual_mac(p->eth)) {
		slot = td_find_vmac(t, steer, p, ifindex);
		if (slot >= 0) {
			m->about = TD_ABOUT_MAC;
			m->by_mac = m->vrouter = (__u32)slot;
		}
	}
	if (!p->address)
		return;
	slot = td_find_vip(t, steer, p->family, p->address);
	if (slot < 0) {
		if (p->has_ports && t->flags)
			td_find_reply(m, t, steer, p);
		return;
	}
	m->about = TD_ABOUT_ADDRESS;
	m->vip = (__u32)slot;
	m->vrouter = td_vrouter_slot(t, slot);
	if (!p->has_ports)
		return;
	slot = td_probe(steer, TD_KIND_SERVICE,
			td_tag_service(m->vip, p->protocol, p->destination_port));
	if (slot >= 0) {
		m->about = slot & TD_LOCAL ? TD_ABOUT_LOCAL : TD_ABOUT_BACKENDS;
		if (slot & TD_LOCAL)
			m->backend = (__u32)slot & ~TD_LOCAL;
		else
			m->service = (__u32)slot;
	} else if (td_is_source(t, m->vip)) {
		td_find_source(m, t, steer, p);
	}
}

/*
 * 0: not to be believed. It is only if the layout is the one that the search began with: else the
 * daemon may have been filling the table during the look-up. It switches before it fills, so that a
 * search in one that is being filled began before the switch, and sees it here.
 */
TD_INLINE int td_find_once(struct td_match *m, const struct td_tables *t, const struct td_packet *p,
			   const __u8 *end, __u32 ifindex)
{
	__u64 layout = td_layout(t);

	td_find_in(m, t, &t->steer[layout & 1], p, end, ifindex);
	td_read_barrier();
	return td_layout(t) == layout;
}

/* The table does not switch twice while a packet is searched for. */
TD_INLINE void td_find(struct td_match *m, const struct td_tables *t, const struct td_packet *p,
		       const __u8 *end, __u32 ifindex)
{
	if (!td_find_once(m, t, p, end, ifindex))
		td_find_in(m, t, &t->steer[td_layout(t) & 1], p, end, ifindex);
}

/* Whom a frame says that it is from: ARP's or IP's sender address; NULL: nobody. */
TD_INLINE const __u8 *td_sender(const struct td_packet *p)
{
	if (p->shape == TD_SHAPE_ARP)
		return p->l3 + 14;
	if (p->shape != TD_SHAPE_IP && p->shape != TD_SHAPE_ND && p->shape != TD_SHAPE_ADVERT)
		return 0;
	return p->family == 4 ? p->l3 + 12 : p->l3 + 8;
}

/* The slot of the virtual address that is the frame's sender address, -1 if it is none. */
TD_INLINE int td_find_sender(const struct td_tables *t, const struct td_packet *p)
{
	const __u8 *sender = td_sender(p);

	return sender ? td_find_vip(t, &t->steer[td_layout(t) & 1], p->family, sender) : -1;
}

/* The service that a packet from a virtual address comes from, as the steering table has it; -1: none. */
TD_INLINE int td_find_sending_service(const struct td_tables *t, const struct td_packet *p, int vip)
{
	if (!p->has_ports)
		return -1;
	return td_probe(&t->steer[td_layout(t) & 1], TD_KIND_SERVICE,
			td_tag_service((__u32)vip, p->protocol, p->source_port));
}

/* Is it from a service of this node's own? */
TD_INLINE int td_is_answer(const struct td_tables *t, const struct td_packet *p, int vip)
{
	int slot = td_find_sending_service(t, p, vip);

	return slot >= 0 && slot & TD_LOCAL;
}

/* Where a packet from a virtual address is counted: the slot of this node's own service; 0: nowhere. */
TD_INLINE __u32 td_find_answerer(const struct td_tables *t, const struct td_packet *p, int vip)
{
	int slot = td_find_sending_service(t, p, vip);

	return slot >= 0 && slot & TD_LOCAL ? (__u32)slot & ~TD_LOCAL : 0;
}

#endif
