// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Everything into the AF_XDP socket of its queue; past it where there is none. `pass` is for the
 * other end of a veth pair, which takes redirected frames only while it has a program.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 128);
	__type(key, __u32);
	__type(value, __u32);
} near_xsks SEC(".maps"), far_xsks SEC(".maps");

SEC("xdp")
int near(struct xdp_md *ctx)
{
	return bpf_redirect_map(&near_xsks, ctx->rx_queue_index, XDP_PASS);
}

SEC("xdp")
int far(struct xdp_md *ctx)
{
	return bpf_redirect_map(&far_xsks, ctx->rx_queue_index, XDP_PASS);
}

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}
