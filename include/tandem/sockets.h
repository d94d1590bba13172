/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: connections to this node's own services when an address moves. Compiled as BPF and as
 * C++.
 *
 * A socket stays with the kernel that has it. So whoever lost an address serves the sockets that exist,
 * and whoever has it now sends on what belongs to them:
 *
 *   no lease, and `sockets_ns` to come    TCP of a socket of this node goes to the kernel. No SYN, no
 *                                         ARP, no neighbour discovery, and nothing without a socket,
 *                                         which the kernel would reset
 *   a lease, and `peer_ns` to come        a SYN, and TCP of a socket of this node, go to the kernel.
 *                                         Other TCP to a service of the node's own goes to the peer
 *
 * On its way to the peer a packet gets other MAC addresses, and nothing else. The source is this node's,
 * so that switches learn nothing wrong, and so that the peer knows it: what came from the other node is
 * never sent back.
 *
 * All else is as without: nothing here is looked at while both deadlines are over.
 */
#ifndef TANDEM_SOCKETS_H
#define TANDEM_SOCKETS_H

#include "tandem/local.h"
#include "tandem/origin.h"

/* A MAC in one word, so that it is stored at once. */
TD_INLINE __u64 td_mac_word(const __u8 *mac)
{
	return (__u64)td_load32(mac) << 16 | td_load16(mac + 4);
}

/* Without a lease: may sockets that exist go on? */
TD_INLINE int td_keeps_sockets(const struct td_vrouter *vr, __u64 now_ns)
{
	return now_ns < td_load_ordered(&vr->sockets_ns);
}

/* With a lease: may a packet belong to a socket of the peer? */
TD_INLINE int td_peer_has_sockets(const struct td_vrouter *vr, __u64 now_ns)
{
	return now_ns < td_load_ordered(&vr->peer_ns);
}

/* Does a packet to a service of the node's own need a look at the sockets? */
TD_INLINE int td_asks_for_socket(const struct td_vrouter *vr, __u64 now_ns)
{
	return td_has_lease(vr, now_ns) ? td_peer_has_sockets(vr, now_ns)
					: td_keeps_sockets(vr, now_ns);
}

#ifdef __bpf__

/* Is the packet of a TCP socket of this node's that is more than a listening one? family: a constant. */
TD_INLINE int td_has_socket(const struct td_frame *f, const struct td_packet *p, __u32 family)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *socket;
	__u32 bytes, state;

	if (family == 4) {
		__builtin_memcpy(&tuple.ipv4.saddr, p->l3 + 12, 4);
		__builtin_memcpy(&tuple.ipv4.daddr, p->l3 + 16, 4);
		__builtin_memcpy(&tuple.ipv4.sport, p->l4, 2);
		__builtin_memcpy(&tuple.ipv4.dport, p->l4 + 2, 2);
		bytes = sizeof(tuple.ipv4);
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, p->l3 + 8, 16);
		__builtin_memcpy(tuple.ipv6.daddr, p->l3 + 24, 16);
		__builtin_memcpy(&tuple.ipv6.sport, p->l4, 2);
		__builtin_memcpy(&tuple.ipv6.dport, p->l4 + 2, 2);
		bytes = sizeof(tuple.ipv6);
	}
	socket = bpf_skc_lookup_tcp(f->ctx, &tuple, bytes, BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return 0;
	state = socket->state;
	bpf_sk_release(socket);
	return state != BPF_TCP_LISTEN;
}

#else

TD_INLINE int td_has_socket(const struct td_frame *f, const struct td_packet *p, __u32 family)
{
	return f->has_socket;
}

#endif

/* Can it begin a connection, and belong to none? tcp: the header. */
TD_INLINE int td_is_syn(const __u8 *tcp)
{
	return (tcp[13] & (TD_TCP_SYN | TD_TCP_ACK | TD_TCP_RST)) == TD_TCP_SYN;
}

/* To the peer, by the device that it came in on. */
TD_INLINE void td_send_to_peer(const struct td_packet *p, const struct td_vrouter *vr)
{
	const __u64 mac = td_load_ordered(&vr->peer_mac);

	td_store32(p->eth, (__u32)(mac >> 16));
	td_store16(p->eth + 4, (__u16)mac);
	td_copy_mac(p->eth + 6, vr->interface_mac);
}

/* TCP to a service of the node's own, for which td_asks_for_socket(). family: a constant. */
TD_INLINE enum td_reason td_local_by_socket(struct td_frame *f, const struct td_env *env,
					    const struct td_packet *p, const struct td_match *m,
					    struct td_outcome *out, __u32 family)
{
	const struct td_tables *t = env->tables;
	const struct td_vrouter *vr = td_vrouter_at(t, m->vrouter);
	const __u64 now_ns = td_now_ns(f);
	enum td_reason reason = td_local_verdict(t, p, m, f->ifindex, now_ns);

	if (p->l4 + TD_TCP_HEADER > f->end || td_is_syn(p->l4))
		return td_local(f, env, p, m, out);
	if (reason == TD_DROP_NO_LEASE) {
		if (!td_keeps_sockets(vr, now_ns) || !td_has_socket(f, p, family))
			return reason;
		td_address_to_kernel(f, t, p, m);
		td_count_as_local(m, out);
		return TD_PASS_SOCKET;
	}
	if (reason != TD_PASS_LOCAL || !td_peer_has_sockets(vr, now_ns) ||
	    td_mac_word(p->eth + 6) == td_load_ordered(&vr->peer_mac) || /* never back */
	    td_link_of(t, f->ifindex, p->eth, m) != TD_LINK_OURS || td_has_socket(f, p, family))
		return td_local(f, env, p, m, out);
	td_send_to_peer(p, vr);
	return TD_TX_TO_PEER;
}

#endif
