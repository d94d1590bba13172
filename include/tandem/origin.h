/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: frames that may not be forwarded because of whom they are to on the link, or whom they
 * say that they are from. Compiled as BPF and as C++.
 *
 * The kernel asks the same before it forwards (eth_type_trans(), fib_validate_source()), but XDP is
 * ahead of it. The link is looked at for each packet. The source is for packets without a flow alone:
 * one that had been refused would have none.
 */
#ifndef TANDEM_ORIGIN_H
#define TANDEM_ORIGIN_H

#include "tandem/find.h"
#include "tandem/tables.h"

/* ---- Link ----------------------------------------------------------------------------------- */

/* Whom a frame is to, by its MAC. */
enum td_link {
	TD_LINK_OURS = 0,
	TD_LINK_GROUP, /* broadcast, multicast */
	TD_LINK_OTHER, /* another host, as on a promiscuous device, or by a switch that floods */
};

/*
 * The slot that a tag leads to in the layout in use, -1 if there is none. As td_find(), it asks again
 * if the daemon switched meanwhile.
 */
TD_INLINE int td_probe_now(const struct td_tables *t, __u16 kind, __u32 tag_of_seed_0,
			   __u32 tag_of_seed_1)
{
	__u64 layout = td_layout(t);
	int slot = td_probe(&t->steer[layout & 1], kind,
			    layout & 1 ? tag_of_seed_1 : tag_of_seed_0);

	td_read_barrier();
	if (td_layout(t) == layout)
		return slot;
	return td_probe(&t->steer[1 - (layout & 1)], kind,
			layout & 1 ? tag_of_seed_0 : tag_of_seed_1);
}

/* One of this node's on that device: its own, or that of a device on top of it. */
TD_INLINE int td_is_own_mac(const struct td_tables *t, __u32 ifindex, const __u8 *mac)
{
	return t->flags & TD_ANY_MAC ||
	       td_probe_now(t, TD_KIND_MAC, td_tag_mac(t->steer[0].seed, ifindex, mac),
			    td_tag_mac(t->steer[1].seed, ifindex, mac)) >= 0;
}

/* eth: the frame's first bytes; m: whether they are a virtual MAC of this node. */
TD_INLINE enum td_link td_link_of(const struct td_tables *t, __u32 ifindex, const __u8 *eth,
				  const struct td_match *m)
{
	if (td_is_device_mac(t, ifindex, eth) || m->by_mac != TD_NONE)
		return TD_LINK_OURS;
	if (eth[0] & 1)
		return TD_LINK_GROUP;
	return td_is_own_mac(t, ifindex, eth) ? TD_LINK_OURS : TD_LINK_OTHER;
}

/* ---- Addresses ------------------------------------------------------------------------------ */

/* An address of this node's, a virtual one, or the broadcast address of a network that it is on. */
TD_INLINE int td_is_own_address(const struct td_tables *t, __u32 family, const __u8 *address)
{
	int slot = td_probe_now(t, TD_KIND_OWN, td_tag_vip(t->steer[0].seed, family, address),
				td_tag_vip(t->steer[1].seed, family, address));

	return slot >= 0 &&
	       td_is_same_address(t->own[slot & (TD_MAX_OWN - 1)], address, family);
}

/*
 * Can it be no host's, beyond a link? RFC 1122, 3.2.1.3: 0/8, 127/8, 224/4; 240/4 with the limited
 * broadcast (RFC 1812, 5.3.7). RFC 4291, 2.5.2, 2.5.3, 2.7: ::, ::1 and multicast; 2.5.5: addresses
 * that stand for IPv4 ones; 2.5.6: link-local ones, which no router forwards.
 */
TD_INLINE int td_is_no_host(__u32 family, const __u8 *address)
{
	if (family == 4)
		return address[0] == 0 || address[0] == 127 || address[0] >= 224;
	if (address[0] == 0xff)
		return 1;
	return !td_load64(address) &&
	       (!td_load32(address + 8) || td_load32(address + 8) == 0xffff);
}

TD_INLINE int td_is_link_local(__u32 family, const __u8 *address)
{
	return family == 6 && (td_load16(address) & 0xffc0) == 0xfe80;
}

/* RFC 1812, 5.3.7: from an address that no client has. */
TD_INLINE int td_is_martian(const struct td_tables *t, const struct td_packet *p)
{
	const __u8 *source = td_ip_source(p);

	return td_is_no_host(p->family, source) || td_is_own_address(t, p->family, source) ||
	       (td_is_link_local(p->family, source) &&
		!td_is_link_local(p->family, td_ip_destination(p)));
}

/* ---- Backends' packets of no flow ------------------------------------------------------------ */

/* Is it one of a service with nat? backend: the first of those that share an address. */
TD_INLINE int td_is_nat_backend(const struct td_env *env, __u32 backend)
{
	const struct td_backend *b;
	const struct td_service *s;
	int i;

	for (i = 0; i < TD_SHARED_BACKENDS && backend; i++) {
		b = td_backend_at(env, backend);
		if (!b)
			return 0;
		s = td_service_at(env, b->service);
		if (s->mode == TD_MODE_NAT && !(s->flags & TD_SERVICE_ROUTES_STRAYS))
			return 1;
		backend = b->next_shared;
	}
	return 0;
}

/*
 * nat: an answer of a backend whose flow is not known (yet). Routed as it is, it would reach the client
 * from an address that the client knows nothing of, be answered by RST, and so end the connection.
 * What is for the node itself, as answers to its checks are, is no such thing.
 */
TD_INLINE int td_is_stray_reply(const struct td_env *env, const struct td_packet *p,
				const struct td_match *m)
{
	const __u8 *to = td_ip_destination(p);

	return m->source == TD_NONE && !td_is_no_host(p->family, to) &&
	       !td_is_own_address(env->tables, p->family, to) &&
	       td_is_nat_backend(env, m->backend);
}

#endif
