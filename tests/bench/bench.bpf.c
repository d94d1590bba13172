// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the steering program is measured against, and how it is measured when it rewrites.
 *
 * A repeated test run feeds a program the packet as the last run left it. A program that rewrites
 * would so be measured once on what it is for, and then on its own answer. `restore` puts the
 * packet back and tail-calls what is to be measured; with `empty` behind it, it is its own
 * reference. `vary` does the same for one flow of many, another one each time.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "restore.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} callee SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_frame);
} original SEC(".maps");

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int restore(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0;
	struct bench_frame *frame = bpf_map_lookup_elem(&original, &zero);
	int i;

	if (!frame || data + BENCH_FRAME_BYTES > end)
		return XDP_ABORTED;
#pragma unroll
	for (i = 0; i < BENCH_FRAME_BYTES / 8; i++)
		*(__u64 *)(data + i * 8) = *(__u64 *)(frame->bytes + i * 8);
	*(__u32 *)(data + i * 8) = *(__u32 *)(frame->bytes + i * 8);
	*(__u16 *)(data + i * 8 + 4) = *(__u16 *)(frame->bytes + i * 8 + 4);
	bpf_tail_call(ctx, &callee, 0);
	return XDP_ABORTED;
}

/* What `vary` does to the frame besides: sets the client of flow number `random % flows`. */
__u32 flows, length, random;

TD_INLINE void set_client(__u8 *data, __u32 i)
{
	__u8 *port = data + (data[12] == 8 ? 34 : 54);

	data[data[12] == 8 ? 29 : 37] = i & 255;
	port[0] = (1 + (i >> 8)) >> 8;
	port[1] = 1 + (i >> 8);
}

SEC("xdp")
int vary(struct xdp_md *ctx)
{
	int grown = (int)bpf_xdp_get_buff_len(ctx) - (int)length;
	__u32 zero = 0;
	struct bench_frame *frame = bpf_map_lookup_elem(&original, &zero);
	__u8 *data, *end;
	int i;

	if (grown && bpf_xdp_adjust_head(ctx, grown)) /* a tunnel's header of the last run */
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (!frame || data + BENCH_FRAME_BYTES > end)
		return XDP_ABORTED;
#pragma unroll
	for (i = 0; i < BENCH_FRAME_BYTES / 8; i++)
		*(__u64 *)(data + i * 8) = *(__u64 *)(frame->bytes + i * 8);
	random = random * 1664525 + 1013904223;
	set_client(data, (__u64)random * flows >> 32);
	bpf_tail_call(ctx, &callee, 0);
	return XDP_ABORTED;
}

/* Makes the room that a tunnel's header takes, which `vary` takes back. */
SEC("xdp")
int grow4(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, -20) ? XDP_ABORTED : XDP_TX;
}
