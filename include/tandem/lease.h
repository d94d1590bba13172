/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packet core: is the lease of a virtual router live? Compiled as BPF and as C++. */
#ifndef TANDEM_LEASE_H
#define TANDEM_LEASE_H

#include "tandem/abi.h"
#include "tandem/frame.h"
#include "tandem/order.h"

TD_INLINE int td_has_lease(const struct td_vrouter *vr, __u64 now_ns)
{
	return now_ns < td_load_ordered(&vr->lease_ns);
}

/* Is the lease live, by the clock that costs nothing? Gates all that is forwarded. */
TD_INLINE int td_may_forward(const struct td_frame *f, const struct td_vrouter *vr)
{
	return td_jiffies(f) < td_load_ordered(&vr->lease_jiffies);
}

#endif
