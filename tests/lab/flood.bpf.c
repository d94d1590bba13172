// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lab_flood's generator: each run makes the frame that it is given another SYN, of a random client
 * of 203.0.113.128/25, and sends it. The kernel runs it on frames of its own making
 * (BPF_F_TEST_XDP_LIVE_FRAMES).
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tandem/packet.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { FRAME = TD_ETH_HEADER + TD_IPV4_HEADER + 20 };

const volatile __u32 ifindex; /* of the device to send by */

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 random = bpf_get_prandom_u32(), ip = 0, tcp = 0, i;
	__u8 *l3 = data + TD_ETH_HEADER, *l4 = l3 + TD_IPV4_HEADER;

	if (data + FRAME > end)
		return XDP_ABORTED;
	l3[15] = 128 | (random & 127);
	td_store16(l4, 1024 + (random >> 8 & 0x7fff));
	td_store16(l3 + 10, 0);
	td_store16(l4 + 16, 0);
#pragma unroll
	for (i = 0; i < TD_IPV4_HEADER; i += 2)
		ip += td_load16(l3 + i);
#pragma unroll
	for (i = 12; i < FRAME - TD_ETH_HEADER; i += 2) /* the pseudo header's addresses are here */
		tcp += td_load16(l3 + i);
	tcp += TD_PROTO_TCP + 20;
	ip = (ip & 0xffff) + (ip >> 16);
	tcp = (tcp & 0xffff) + (tcp >> 16);
	td_store16(l3 + 10, ~(ip + (ip >> 16)));
	td_store16(l4 + 16, ~(tcp + (tcp >> 16)));
	return bpf_redirect(ifindex, 0);
}
