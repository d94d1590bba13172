// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lab_flood's generator: each run makes a frame of a random client of 203.0.113.128/25, and sends it:
 * a SYN of any port, or a datagram of one of so many flows. The kernel runs it on pages of its own
 * (BPF_F_TEST_XDP_LIVE_FRAMES), which come back as the last receiver left them.
 *
 * `sink` is for the other end of a benchmark, which is to cost as little as can be.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tandem/packet.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { FRAME = TD_ETH_HEADER + TD_IPV4_HEADER + 20, ON_WIRE = 60 };

const volatile __u32 ifindex; /* of the device to send by */
const volatile __u32 flows;   /* 0: SYNs */
const volatile __u8 original[ON_WIRE];

TD_INLINE __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 random = bpf_get_prandom_u32(), ip = 0, tcp = 0, i;
	__u8 *l3 = data + TD_ETH_HEADER, *l4 = l3 + TD_IPV4_HEADER;

	if (data + ON_WIRE > end)
		return XDP_ABORTED;
#pragma unroll
	for (i = 0; i < ON_WIRE; i += 4)
		*(td_unaligned32 *)(data + i) = *(const volatile __u32 *)(original + i);
	if (flows)
		random = (__u64)random * flows >> 32;
	l3[15] = 128 | (random & 127);
	td_store16(l4, 1024 + (random >> (flows ? 7 : 8) & 0x7fff));
	td_store16(l3 + 10, 0);
#pragma unroll
	for (i = 0; i < TD_IPV4_HEADER; i += 2)
		ip += td_load16(l3 + i);
	td_store16(l3 + 10, fold(ip));
	if (flows) /* UDP, without a checksum */
		return bpf_redirect(ifindex, 0);
	td_store16(l4 + 16, 0);
#pragma unroll
	for (i = 12; i < FRAME - TD_ETH_HEADER; i += 2) /* the pseudo header's addresses are here */
		tcp += td_load16(l3 + i);
	td_store16(l4 + 16, fold(tcp + TD_PROTO_TCP + 20));
	return bpf_redirect(ifindex, 0);
}

/* Takes what has ports, also in tunnels; counted by the device. */
SEC("xdp")
int sink(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct td_packet p;

	td_parse(&p, data, end, TD_FULL);
	if (p.shape != TD_SHAPE_IP || !p.l4)
		return XDP_PASS;
	if (p.protocol == TD_PROTO_IPIP && p.l4 + TD_IPV4_HEADER <= end)
		p.protocol = p.l4[9];
	return p.protocol == TD_PROTO_UDP || p.protocol == TD_PROTO_TCP ? XDP_DROP : XDP_PASS;
}
