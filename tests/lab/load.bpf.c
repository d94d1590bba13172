// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lab_load's generator: each run makes a frame of one of many clients, and sends it. The kernel runs
 * it on pages of its own (BPF_F_TEST_XDP_LIVE_FRAMES), which come back as the last receiver left
 * them.
 *
 * `sink` is for the other end of a benchmark, which is to cost as little as can be.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "load.h"
#include "tandem/parse.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 ifindex;	 /* of the device to send by */
const volatile __u32 kind;	 /* enum load_kind */
const volatile __u32 flows;	 /* that frames belong to; 0: each to one at random */
const volatile __u32 host_bits;	 /* of the clients' network */
const volatile __u64 interval;	 /* between frames, in ticks; 0: as many as can be */
const volatile __u8 original[LOAD_HEADERS];
const volatile __u16 sizes[LOAD_MOST_SIZES]; /* of frames, in turn; the original has the first */
const volatile __u32 size_count;
const volatile __u32 longest;

__u64 sent, next_due;
__u32 turn;

enum {
	L4 = TD_ETH_HEADER + TD_IPV4_HEADER,
	PORTS = 60000, /* of a client, from 1024 on */
	BEHIND = 100 * 1000 * 1000 * LOAD_TICKS,
	SYN = 2,
};

TD_INLINE __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

/* Is the next frame due? What a pause has put off is not made up for. */
TD_INLINE int is_due(void)
{
	__u64 now;

	if (!interval)
		return 1;
	now = bpf_ktime_get_ns() * LOAD_TICKS;
	if (now < next_due)
		return 0;
	next_due = now - next_due > BEHIND ? now : next_due + interval;
	return 1;
}

TD_INLINE void set_client(__u8 *ip, __u32 i)
{
	td_store32(ip + 12, td_load32(ip + 12) | (i & ((1u << (host_bits & 31)) - 1)));
	td_store16(ip + TD_IPV4_HEADER, 1024 + (i >> (host_bits & 31)) % PORTS);
}

/* The next size. Pages come with the longest frame on them, whatever was made of it before. */
TD_INLINE __u32 next_size(void)
{
	turn = turn + 1 < size_count ? turn + 1 : 0;
	return sizes[turn & (LOAD_MOST_SIZES - 1)];
}

SEC("xdp")
int load(struct xdp_md *ctx)
{
	__u32 random, sum = 0, size = 0, i;
	__u8 *data, *end, *ip, *l4;

	if (!is_due())
		return XDP_DROP;
	if (size_count > 1) {
		size = next_size();
		if (bpf_xdp_adjust_tail(ctx, (int)size - (int)longest))
			return XDP_ABORTED;
	}
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + LOAD_HEADERS > end)
		return XDP_ABORTED;
	ip = data + TD_ETH_HEADER;
	l4 = data + L4;
	random = bpf_get_prandom_u32();
#pragma unroll
	for (i = 0; i < LOAD_HEADERS; i += 4)
		*(td_unaligned32 *)(data + i) = *(const volatile __u32 *)(original + i);
	if (size)
		td_store16(ip + 2, size - TD_ETH_HEADER);
	set_client(ip, flows ? (__u64)random * flows >> 32 : random);
#pragma unroll
	for (i = 0; i < TD_IPV4_HEADER; i += 2)
		sum += td_load16(ip + i);
	td_store16(ip + 10, fold(sum));
	sent++;
	if (kind == LOAD_UDP) { /* without a checksum */
		if (size)
			td_store16(l4 + 4, size - L4);
		return bpf_redirect(ifindex, 0);
	}
	if (kind == LOAD_MIXED && (random & 0xff) < 26) /* a tenth */
		l4[13] = SYN;
	sum = 0;
#pragma unroll
	for (i = 12; i < TD_IPV4_HEADER + TD_TCP_HEADER; i += 2) /* with the pseudo-header's addresses */
		sum += td_load16(ip + i);
	sum += TD_PROTO_TCP + td_load16(ip + 2) - TD_IPV4_HEADER; /* what follows is 0 */
	td_store16(l4 + 16, fold(sum));
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
