// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What DPDK's af_xdp driver is given instead of a steering program: it wants to load one itself, and
 * puts its sockets into that one's map. The engine then takes the map over and puts the steering
 * program (tandem.bpf.c), with this map as its td_xsks, into this one's place.
 *
 * Meanwhile TCP and UDP wait: a backend's answer that the kernel forwards as it is ends the client's
 * connection, and so does the kernel's own answer to a segment for a virtual address; what is lost is sent
 * again. Before the driver's program is there the device has none, since the driver wants it so, and
 * td_wait holds them up.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "tandem/abi.h"
#include "tandem/parse.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The name that the driver looks for. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, TD_MAX_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

static __always_inline int waits(__u32 data, __u32 end)
{
	struct td_packet p;

	td_parse(&p, (void *)(long)data, (void *)(long)end, TD_FULL);
	return p.protocol == TD_PROTO_TCP || p.protocol == TD_PROTO_UDP;
}

/* The driver takes the first program of the object. */
SEC("xdp")
int td_sockets(struct xdp_md *ctx)
{
	__u32 queue = ctx->rx_queue_index;
	void *socket = bpf_map_lookup_elem(&xsks_map, &queue);

	__asm__ volatile("" : : "r"(socket)); /* a map that is not used would not be the program's */
	return waits(ctx->data, ctx->data_end) ? XDP_DROP : XDP_PASS;
}

/*
 * Gives a frame back to the kernel: run on it as a test with live frames, its verdict sends it up
 * the stack of the device that it is said to have come in on.
 */
SEC("xdp")
int td_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* CLOCK_MONOTONIC: a filter that a crashed process left does nothing any more. */
__u64 td_wait_until_ns;

SEC("tc")
int td_wait(struct __sk_buff *skb)
{
	if (bpf_ktime_get_ns() >= td_wait_until_ns)
		return TC_ACT_UNSPEC;
	return waits(skb->data, skb->data_end) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}
