// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The flow table as a BPF program reads it: `probe` answers a question about one flow, the others
 * are measured. Those go through `flow_count` flows in an order that no prefetcher foresees, since
 * the hash is between.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "flow_probe.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2); /* the loader's to say */
	__type(key, __u32);
	__type(value, struct td_flow4_bucket);
} td_flows4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct td_flow6_bucket);
} td_flows6 SEC(".maps");

__u32 flow_count = 1; /* a power of two */
__u32 flow_chained = 0;
__u32 flow_cursor = 0;
__u64 flow_misses = 0;
__u64 flow_sum = 0;

TD_INLINE int find4(struct td_flow_hit *hit, __u64 key)
{
	struct td_flow_head *head = (struct td_flow_head *)td_flow4_at(&td_flows4, 0);

	return head && td_flow4_find(hit, &td_flows4, td_flow4_where(head, key), key);
}

TD_INLINE int find6(struct td_flow_hit *hit, const struct td_flow6_key *key)
{
	struct td_flow_head *head = (struct td_flow_head *)td_flow6_at(&td_flows6, 0);

	return head && td_flow6_find(hit, &td_flows6, td_flow6_where(head, key), key);
}

SEC("xdp")
int probe(struct xdp_md *ctx)
{
	struct flow_probe *p = (void *)(long)ctx->data;
	struct td_flow6_key key;
	struct td_flow_hit hit;

	if ((void *)(p + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	key = p->key;
	p->found = p->family == 4 ? find4(&hit, key.address[0]) : find6(&hit, &key);
	if (!p->found)
		return XDP_PASS;
	p->word = hit.word.whole;
	if (p->udp)
		td_flow_stamp(&hit, p->tick);
	else
		p->seen = td_flow_see_tcp(&hit, p->tick, p->tcp_flags, p->from, 1);
	return XDP_PASS;
}

TD_INLINE __u32 next_flow(void)
{
	flow_cursor = flow_cursor * 1664525 + 1013904223;
	return flow_cursor & (flow_count - 1);
}

/*
 * Where the runs are chained, the next flow depends on what the table says of this one (`extra`,
 * which is 0). Else the processor begins with the next flows while it waits for this one's memory,
 * as it does with packets that come in a burst, if little else is done for each.
 */
TD_INLINE int established(struct td_flow_hit *hit)
{
	__u64 jiffies = bpf_jiffies64();

	if (flow_chained)
		flow_cursor += hit->word.part.extra;
	return td_flow_see_tcp(hit, (__u16)(jiffies >> 6), TD_TCP_ACK, TD_FROM_CLIENT, 1) ==
			       TD_FLOW_SAME
		       ? XDP_PASS
		       : XDP_ABORTED;
}

SEC("xdp")
int measure_empty(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int measure_key4(struct xdp_md *ctx)
{
	flow_sum += flow_probe_key(next_flow());
	return XDP_PASS;
}

SEC("xdp")
int measure_probe4(struct xdp_md *ctx)
{
	struct td_flow_hit hit;

	if (find4(&hit, flow_probe_key(next_flow())))
		return established(&hit);
	flow_misses++;
	return XDP_ABORTED;
}

SEC("xdp")
int measure_key6(struct xdp_md *ctx)
{
	struct td_flow6_key key;

	flow_probe_key6(&key, next_flow());
	flow_sum += key.address[0] ^ key.address[1] ^ key.id;
	return XDP_PASS;
}

SEC("xdp")
int measure_probe6(struct xdp_md *ctx)
{
	struct td_flow6_key key;
	struct td_flow_hit hit;

	flow_probe_key6(&key, next_flow());
	if (find6(&hit, &key))
		return established(&hit);
	flow_misses++;
	return XDP_ABORTED;
}
