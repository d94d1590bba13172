// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The steering program, on each interface: adverts to the VRRP thread, frames for virtual
 * addresses through the gate of their lease, the rest to the kernel untouched.
 *
 *   parse -> advert? ring buffer, done
 *         -> concerns no virtual router? pass
 *         -> lease live? judge: kernel, or answer ARP/NS with the virtual MAC
 *         -> no lease: drop
 *
 * Beside it, the gate's other side: what the node's own kernel sends in the name of an address
 * without a live lease goes nowhere. A daemon that was killed leaves the address in the kernel,
 * whose questions (ARP, NS) would otherwise turn the neighbours' caches back to this node.
 *
 * The decisions are the packet core's (tandem/steer.h); this file only carries them out.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <linux/pkt_cls.h>

#include "tandem/steer.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct td_tables);
} td_tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct td_counters);
} td_counters SEC(".maps");

/* The adverts' own path: bounded, and shared with nothing else. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, TD_ADVERT_RING_BYTES);
} td_adverts SEC(".maps");

TD_INLINE int finish(enum td_reason reason)
{
	__u32 zero = 0;
	struct td_counters *counters = bpf_map_lookup_elem(&td_counters, &zero);

	if (counters)
		counters->packets[reason]++;
	return td_is_pass(reason) ? XDP_PASS : td_is_tx(reason) ? XDP_TX : XDP_DROP;
}

TD_INLINE enum td_reason take_advert(struct xdp_md *ctx, const struct td_packet *p)
{
	__u64 length = bpf_xdp_get_buff_len(ctx) - p->l3_offset;
	struct td_advert *advert;

	if (length > TD_ADVERT_BYTES)
		return TD_DROP_ADVERT_SIZE;
	/* Some compilers make one comparison of two, and the verifier sees no lower bound then. */
	__asm__ volatile("" : "+r"(length));
	if (length == 0)
		return TD_DROP_ADVERT_SIZE;
	advert = bpf_ringbuf_reserve(&td_adverts, sizeof(*advert), 0);
	if (!advert)
		return TD_DROP_ADVERT_RING;
	advert->time_ns = bpf_ktime_get_ns();
	advert->ifindex = ctx->ingress_ifindex;
	advert->vlan[0] = p->vlan[0];
	advert->vlan[1] = p->vlan[1];
	td_copy_mac(advert->source_mac, p->eth + 6);
	advert->length = length;
	if (bpf_xdp_load_bytes(ctx, p->l3_offset, advert->packet, length)) {
		bpf_ringbuf_discard(advert, 0);
		return TD_DROP_ADVERT_SIZE;
	}
	bpf_ringbuf_submit(advert, 0);
	return TD_TAKE_ADVERT;
}

/* The answer may be longer than the question: a solicitation need not carry an option. */
TD_INLINE enum td_reason answer_ns(struct xdp_md *ctx, const struct td_packet *p,
				   const struct td_vrouter *vr)
{
	int length = p->l3_offset + TD_IPV6_HEADER + TD_NA_BYTES;
	struct td_packet answer = {};
	void *end;

	if (p->l4 != p->l3 + TD_IPV6_HEADER)
		return TD_DROP_REWRITE;
	if (bpf_xdp_adjust_tail(ctx, length - (int)bpf_xdp_get_buff_len(ctx)))
		return TD_DROP_REWRITE;
	answer.eth = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	answer.l3 = answer.eth + p->l3_offset;
	if ((void *)(answer.l3 + TD_IPV6_HEADER + TD_NA_BYTES) > end)
		return TD_DROP_REWRITE;
	td_answer_ns(&answer, vr);
	return TD_TX_NA;
}

SEC("xdp")
int td_steer(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0, ifindex = ctx->ingress_ifindex;
	struct td_tables *tables = bpf_map_lookup_elem(&td_tables, &zero);
	enum td_reason reason;
	struct td_packet p;
	struct td_match m;

	if (!tables)
		return XDP_ABORTED;
	td_parse(&p, data, end);
	if (p.shape == TD_SHAPE_ADVERT)
		return finish(take_advert(ctx, &p));
	td_find(&m, tables, &p, end, ifindex);
	if (!m.vrouter)
		return finish(p.shape == TD_SHAPE_MALFORMED ? TD_PASS_MALFORMED : TD_PASS_OTHER);

	reason = td_judge(tables, &p, &m, ifindex, bpf_ktime_get_ns());
	if (reason == TD_TX_ARP_REPLY)
		td_answer_arp(&p, m.vrouter);
	else if (reason == TD_TX_NA)
		reason = answer_ns(ctx, &p, m.vrouter);
	else if (m.by_mac && td_is_pass(reason)) /* the kernel takes only its own */
		td_copy_mac(p.eth, m.by_mac->interface_mac);
	return finish(reason);
}

SEC("tc")
int td_egress(struct __sk_buff *skb)
{
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 zero = 0;
	struct td_tables *tables = bpf_map_lookup_elem(&td_tables, &zero);
	struct td_counters *counters = bpf_map_lookup_elem(&td_counters, &zero);
	const struct td_vrouter *vr;
	struct td_packet p;

	if (!tables || !counters || skb->ingress_ifindex) /* forwarded: another node's own words */
		return TC_ACT_UNSPEC;
	td_parse(&p, data, end);
	vr = td_find_sender(tables, &p);
	if (!vr || td_has_lease(vr, bpf_ktime_get_ns()))
		return TC_ACT_UNSPEC;
	counters->packets[TD_DROP_NO_LEASE_SOURCE]++;
	return TC_ACT_SHOT;
}
