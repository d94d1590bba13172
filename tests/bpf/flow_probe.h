/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What flow_probe.bpf.c and those who run it have in common. */
#ifndef TANDEM_TESTS_FLOW_PROBE_H
#define TANDEM_TESTS_FLOW_PROBE_H

#include "tandem/flow_track.h"

/* The packet that `probe` gets: a question, and room for the answer. */
struct flow_probe {
	struct td_flow6_key key; /* IPv4: as td_flow4_key() in address[0] */
	__u32 pad0;
	__u8 family;
	__u8 udp;
	__u8 tcp_flags;
	__u8 from;
	__u16 tick;
	__u16 pad1;
	/* The answer. */
	__u32 found;
	__u32 seen; /* enum td_flow_seen, if TCP */
	__u64 word; /* as it was found */
};
TD_ASSERT_SIZE(struct flow_probe, 56);

/* Flow number n of a benchmark; they differ in address and port, as clients do. */
TD_INLINE __u64 flow_probe_key(__u32 n)
{
	return td_flow4_key(0xc6120000u + (n >> 10), 0, 1) + ((1024 + (n & 1023)) << 16);
}

TD_INLINE void flow_probe_key6(struct td_flow6_key *key, __u32 n)
{
	key->address[0] = 0x20010db800000000ull + (n >> 16);
	key->address[1] = n >> 10 & 63;
	key->id = (1024 + (n & 1023)) << 16 | 1;
}

#endif
