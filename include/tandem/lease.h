/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: the lease of a virtual router. Compiled as BPF and as C++.
 *
 * A lease is this node's right to answer for the addresses of a virtual router until a deadline,
 * which the VRRP thread moves on with each advert (docs/architecture.md). It is kept twice, for two
 * clocks, and gates two things:
 *
 *   td_has_lease()    by CLOCK_MONOTONIC, read exactly, which costs some 30 ns: what the kernel
 *                     answers and takes (ARP, neighbour discovery, packets to the node itself, frames
 *                     that it routes), and what it sends from a virtual address
 *   td_may_forward()  by jiffies, which cost nothing: what is forwarded to a backend and back
 *
 * A lease in jiffies is rounded down: it ends up to one jiffy (1 to 10 ms) before the exact one. But
 * jiffies are counted by the tick of one CPU. While that CPU is held up, as on a paused virtual
 * machine, they lag, and packets are forwarded for as long after the deadline.
 *
 * That lag is harmless. A neighbour learns nothing from a packet that is forwarded, so no two nodes
 * answer for an address. The packet reaches the backend that its connection is with, wherever the
 * address is by then. New flows are not affected: the data thread reckons jiffies from the exact clock.
 * Whatever could make two nodes answer is judged by the exact clock.
 *
 * Where there is no lease, sockets that exist may still be served (sockets.h).
 */
#ifndef TANDEM_LEASE_H
#define TANDEM_LEASE_H

#include "tandem/abi.h"
#include "tandem/frame.h"
#include "tandem/order.h"

/* now_ns: CLOCK_MONOTONIC, exact. */
TD_INLINE int td_has_lease(const struct td_vrouter *vr, __u64 now_ns)
{
	return now_ns < td_load_ordered(&vr->lease_ns);
}

TD_INLINE int td_may_forward(const struct td_frame *f, const struct td_vrouter *vr)
{
	return td_jiffies(f) < td_load_ordered(&vr->lease_jiffies);
}

#endif
