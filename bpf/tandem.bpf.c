// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The program on the interfaces: adverts to the VRRP thread, packets of services to their backends
 * and back, first packets to the data thread, frames for virtual addresses through the gate of
 * their lease, the rest to the kernel untouched.
 *
 * Beside it, the gate's other side: what the node's own kernel sends in the name of an address
 * without a live lease goes nowhere. A daemon that was killed leaves the address in the kernel,
 * whose questions (ARP, NS) would otherwise turn the neighbours' caches back to this node. With a
 * lease, and mac = "virtual", those questions tell the virtual MAC.
 *
 * The decisions are the packet core's (tandem/steer.h); this file only carries out what takes the
 * kernel's help: rings, sockets, counters.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <linux/pkt_cls.h>

#include "tandem/steer_plain.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct td_counters);
} td_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TD_MAX_BACKENDS);
	__type(key, __u32);
	__type(value, struct td_traffic);
} td_traffic SEC(".maps");

/* The adverts' own path: bounded, and shared with nothing else. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, TD_ADVERT_RING_BYTES);
} td_adverts SEC(".maps");

/*
 * By port of a bond. Natively the kernel runs the bond's program as a port receives, with the port's
 * ifindex and queue.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TD_MAX_DEVICES);
	__type(key, __u32);
	__type(value, struct td_port);
} td_ports SEC(".maps");

/* The sockets of data thread or workers: by the device that receives, then by its queue. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, TD_MAX_DEVICES);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_XSKMAP);
		__uint(max_entries, TD_MAX_QUEUES);
		__type(key, __u32);
		__type(value, __u32);
	});
} td_xsks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, TD_CAPTURE_RING_BYTES);
} td_captured SEC(".maps");

/* A frame that is being captured, as it came in. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct td_captured);
} td_capturing SEC(".maps");

/*
 * 1 <= n <= most, with both bounds visible to the verifier: Linux 6.1 learns nothing from `!= 0`, and
 * the compiler would merge two tests into one comparison, which tells the verifier nothing.
 */
TD_INLINE int is_in_range(__u64 most, __u64 *n)
{
	__asm__ volatile("" : "+r"(*n));
	if ((__s64)*n <= 0)
		return 0;
	__asm__ volatile("" : "+r"(*n));
	return *n <= most;
}

/* ---- A bond and its ports ---- */

TD_INLINE const struct td_port *port_at(__u32 ifindex)
{
	return bpf_map_lookup_elem(&td_ports, &ifindex);
}

/* That a frame came in on: the bond, not its port. */
TD_INLINE __u32 device_of(const struct xdp_md *ctx, const struct td_tables *tables)
{
	__u32 ifindex = ctx->ingress_ifindex;
	const struct td_port *port;

	__asm__ volatile("" : "+r"(ifindex)); /* or the compiler reads it through a changed pointer */
	port = tables->has_ports ? port_at(ifindex) : 0;
	return port ? port->bond : ifindex;
}

TD_INLINE void read_frame(struct td_frame *f, struct xdp_md *ctx, __u32 device)
{
	td_frame_read(f, ctx);
	f->ifindex = device;
}

/* To the socket of the frame's queue. XDP_DROP: there is none. */
static __attribute__((noinline)) int to_socket(struct xdp_md *ctx)
{
	__u32 ifindex = ctx->ingress_ifindex;
	void *sockets = bpf_map_lookup_elem(&td_xsks, &ifindex);

	return sockets ? bpf_redirect_map(sockets, ctx->rx_queue_index, XDP_DROP) : XDP_DROP;
}

/* ---- Capture ---- */

TD_INLINE int is_capturing(const struct td_env *env)
{
	return env->tables->capture_until_ns && bpf_ktime_get_ns() < env->tables->capture_until_ns;
}

TD_INLINE void copy_head(struct xdp_md *ctx, __u8 *to, __u32 *length)
{
	__u64 n = bpf_xdp_get_buff_len(ctx);

	*length = n;
	if (n > TD_CAPTURE_BYTES)
		n = TD_CAPTURE_BYTES;
	if (is_in_range(TD_CAPTURE_BYTES, &n))
		bpf_xdp_load_bytes(ctx, 0, to, n);
}

static __attribute__((noinline)) void capture_in(struct xdp_md *ctx, __u32 device)
{
	__u32 zero = 0;
	struct td_captured *c = bpf_map_lookup_elem(&td_capturing, &zero);

	if (!c)
		return;
	c->time_ns = bpf_ktime_get_ns();
	c->in = device;
	copy_head(ctx, c->came, &c->in_length);
}

static __attribute__((noinline)) void capture_out(struct xdp_md *ctx, __u32 reason, __u32 ifindex)
{
	__u32 zero = 0;
	struct td_captured *c = bpf_map_lookup_elem(&td_capturing, &zero);
	struct td_tables *tables = bpf_map_lookup_elem(&td_tables, &zero);

	if (!c || !tables || td_is_pass(reason) || /* tcpdump sees it */
	    reason == TD_TAKE_WORKER)		   /* who captures it himself */
		return;
	c->reason = reason;
	c->out = td_is_tx(reason) ? ifindex : 0;
	copy_head(ctx, c->left, &c->out_length);
	if (bpf_ringbuf_output(&td_captured, c, sizeof(*c), 0))
		__sync_fetch_and_add(&tables->capture_lost, 1);
}

/* ---- What becomes of a frame ---- */

__attribute__((noinline)) int take_advert(struct xdp_md *ctx)
{
	__u32 ifindex = ctx->ingress_ifindex;
	const struct td_port *port = port_at(ifindex);
	struct td_advert *advert;
	struct td_frame f;
	struct td_packet p;
	__u64 length;

	/* A standby port hears each multicast that the active one hears, too; the bond drops it. */
	if (port && port->is_asleep)
		return TD_PASS_OTHER;
	td_frame_read(&f, ctx);
	td_parse(&p, f.data, f.end, TD_FULL);
	length = bpf_xdp_get_buff_len(ctx) - p.l3_offset;
	if (p.shape != TD_SHAPE_ADVERT || !is_in_range(TD_ADVERT_BYTES, &length))
		return TD_DROP_ADVERT_TOO_LONG;
	advert = bpf_ringbuf_reserve(&td_adverts, sizeof(*advert), 0);
	if (!advert)
		return TD_DROP_ADVERT_RING_FULL;
	advert->ifindex = port ? port->bond : ifindex;
	advert->vlan[0] = p.vlan[0];
	advert->vlan[1] = p.vlan[1];
	advert->length = length;
	if (bpf_xdp_load_bytes(ctx, p.l3_offset, advert->packet, length)) {
		bpf_ringbuf_discard(advert, 0);
		return TD_DROP_ADVERT_TOO_LONG;
	}
	bpf_ringbuf_submit(advert, 0);
	return TD_TAKE_ADVERT;
}

TD_INLINE void count_traffic(const struct td_outcome *out)
{
	__u32 backend = out->backend;
	struct td_traffic *traffic = bpf_map_lookup_elem(&td_traffic, &backend);

	if (!traffic)
		return;
	if (out->from == TD_FROM_CLIENT) {
		traffic->in_packets++;
		traffic->in_bytes += out->length;
	} else {
		traffic->out_packets++;
		traffic->out_bytes += out->length;
	}
}

TD_INLINE void count_packet(__u32 reason)
{
	__u32 zero = 0;
	struct td_counters *counters = bpf_map_lookup_elem(&td_counters, &zero);

	__asm__ volatile("" : "+r"(reason)); /* or the compiler would leave the next test out */
	if (counters && reason < TD_REASON_COUNT)
		counters->packets[reason]++;
}

/* A frame that leaves as it is now, by the device that it came in on or another. */
TD_INLINE int transmit(const struct td_outcome *out, __u32 device)
{
	if (out->backend)
		count_traffic(out);
	return !out->ifindex || out->ifindex == device ? XDP_TX
						       : (int)bpf_redirect(out->ifindex, 0);
}

TD_INLINE int finish(struct xdp_md *ctx, enum td_reason reason, const struct td_outcome *out,
		     __u32 device, int captured)
{
	int verdict = XDP_DROP;

	if (captured)
		capture_out(ctx, reason, out->ifindex ? out->ifindex : device);
	if (td_is_punt(reason) || reason == TD_TAKE_WORKER) {
		verdict = to_socket(ctx);
		if (verdict != XDP_REDIRECT)
			reason = TD_DROP_NO_DATA_THREAD;
	} else if (td_is_pass(reason)) {
		if ((reason == TD_PASS_LOCAL || reason == TD_PASS_SOCKET) && out->backend)
			count_traffic(out);
		verdict = XDP_PASS;
	} else if (td_is_tx(reason)) {
		verdict = transmit(out, device);
	}
	count_packet(reason);
	return verdict;
}

/* ---- Steps: one program each, by tail calls ---- */

/* On its way from one program to the next. */
struct td_journey {
	struct td_work work;
	__u32 device; /* that the frame came in on */
	__u32 captured;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct td_journey);
} td_journey SEC(".maps");

/* Filled by the daemon: programs that an earlier one of the same build loaded are taken over. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, TD_STEPS);
	__type(key, __u32);
	__type(value, __u32);
} td_steps SEC(".maps");

/* A constant index makes a tail call a jump. */
#define GO_ON(name, program, run)                                                                  \
	case TD_STEP_##name:                                                                       \
		bpf_tail_call_static(ctx, &td_steps, TD_STEP_##name);                              \
		break;

TD_INLINE int finish_or_go_on(struct xdp_md *ctx, const struct td_tables *tables, __u32 next,
			      const struct td_journey *journey)
{
	if (next == TD_TAKE_ADVERT)
		next = take_advert(ctx);
	if (tables->has_workers && td_is_step(next) && td_is_for_workers(td_step_of(next)))
		next = TD_TAKE_WORKER;
	if (!td_is_step(next))
		return finish(ctx, next, &journey->work.out, journey->device, journey->captured);
	switch (td_step_of(next)) {
		TD_STEP_LIST(GO_ON)
	default:
		break;
	}
	return XDP_ABORTED; /* not reached: each step has its program */
}

SEC("xdp")
int td_steer(struct xdp_md *ctx)
{
	__u32 zero = 0, next = td_next(TD_STEP_ANY);
	struct td_env env = {bpf_map_lookup_elem(&td_tables, &zero)};
	struct td_outcome out;
	struct td_frame f;
	__u32 device;

	if (!env.tables)
		return XDP_ABORTED;
	device = device_of(ctx, env.tables);
	read_frame(&f, ctx, device);
	out = td_begin(&f);
	if (!env.tables->has_workers && !env.tables->capture_until_ns)
		next = td_steer_plain(&f, &env, &out);
	if (td_is_step(next)) { /* not plain, or rare, or captured */
		bpf_tail_call_static(ctx, &td_steps, TD_STEP_ANY);
		return XDP_ABORTED;
	}
	if (next == TD_TX_FORWARD || next == TD_TX_REPLY) { /* most; nothing else is to be asked */
		count_packet(next);
		return transmit(&out, device);
	}
	return finish(ctx, next, &out, device, 0);
}

/* What is not plain begins here. */
TD_INLINE void begin(struct xdp_md *ctx, const struct td_env *env, struct td_journey *journey)
{
	struct td_frame f;

	journey->device = device_of(ctx, env->tables);
	read_frame(&f, ctx, journey->device);
	journey->work.out = td_begin(&f);
	journey->captured = is_capturing(env);
	if (journey->captured)
		capture_in(ctx, journey->device);
}

/* step: a constant. */
TD_INLINE int run(struct xdp_md *ctx, enum td_step step)
{
	__u32 zero = 0, next;
	struct td_env env = {bpf_map_lookup_elem(&td_tables, &zero)};
	struct td_journey *journey = bpf_map_lookup_elem(&td_journey, &zero);
	struct td_frame f;

	if (!env.tables || !journey)
		return XDP_ABORTED;
	if (step == TD_STEP_ANY)
		begin(ctx, &env, journey);
	read_frame(&f, ctx, journey->device);
	next = td_run_step(&f, &env, &journey->work, step);
	return finish_or_go_on(ctx, env.tables, next, journey);
}

#define PROGRAM(name, program, step)                                                               \
	SEC("xdp")                                                                                 \
	int program(struct xdp_md *ctx)                                                            \
	{                                                                                          \
		return run(ctx, TD_STEP_##name);                                                   \
	}
TD_STEP_LIST(PROGRAM)

/* ---- The TAP device of a worker's port: the worker has steered what comes in there ---- */

/* What a worker cannot do: adverts are the VRRP thread's, by its ring. */
SEC("xdp")
int td_adverts_only(struct xdp_md *ctx)
{
	struct td_outcome nothing = {};
	struct td_frame f;
	struct td_packet p;

	td_frame_read(&f, ctx);
	td_parse(&p, f.data, f.end, TD_FULL);
	if (p.shape != TD_SHAPE_ADVERT)
		return XDP_PASS;
	return finish(ctx, take_advert(ctx), &nothing, ctx->ingress_ifindex, 0);
}

/* ---- The clock of leases and stamps, which nothing else tells: run once by the daemon ---- */

SEC("xdp")
int td_read_clock(struct xdp_md *ctx)
{
	struct td_clock *clock = (void *)(long)ctx->data;

	if ((void *)(clock + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	clock->now_ns = bpf_ktime_get_ns();
	clock->jiffies = bpf_jiffies64();
	return XDP_PASS;
}

/* ---- The way out ---- */

/*
 * mac = "virtual": what the kernel tells neighbours when it asks in the address's name is where its
 * interface is; they shall learn the virtual MAC (RFC 9568, 8.1.2 and 8.2.2). By helpers, since a
 * program that writes to packets itself has each of them copied that TCP may have to send again.
 */
TD_INLINE void tell_virtual_mac(struct __sk_buff *skb, const struct td_packet *p, const __u8 *end,
				const struct td_vrouter *vr)
{
	__u32 at = p->l3_offset + 8, change = 0; /* ARP's sender hardware address */
	__u32 checksum_at = 0;
	__u16 checksum = 0;
	const __u8 *nd = p->l4;
	int i;

	if (p->shape == TD_SHAPE_ND) {
		/* the link-layer address option, which the kernel puts first: RFC 4861, 4.6.1 */
		if (!nd || nd + TD_NA_BYTES > end || nd[24] < 1 || nd[24] > 2 || nd[25] != 1)
			return;
		for (i = 0; i < 6; i += 2)
			change += td_csum_change16(td_load16(nd + 26 + i),
						   td_load16(vr->virtual_mac + i));
		checksum = td_csum_adjust(td_load16(nd + 2), change);
		checksum_at = p->l3_offset + p->l4_offset + 2;
		at = checksum_at + 24;
	} else if (p->shape != TD_SHAPE_ARP) {
		return;
	}
	bpf_skb_store_bytes(skb, at, vr->virtual_mac, sizeof(vr->virtual_mac), 0);
	bpf_skb_store_bytes(skb, 6, vr->virtual_mac, sizeof(vr->virtual_mac), 0);
	if (checksum_at) {
		checksum = __builtin_bswap16(checksum);
		bpf_skb_store_bytes(skb, checksum_at, &checksum, sizeof(checksum), 0);
	}
}

/*
 * Without a lease neighbours are asked in the name of an address of this node's own: they would take
 * it for the one that has the virtual one. 0: it has none there.
 */
TD_INLINE int ask_as(struct __sk_buff *skb, const struct td_packet *p, const __u8 *end,
		     const __u8 *own)
{
	__u8 address[16];
	__u16 checksum;

	if (!(td_load64(own) | td_load64(own + 8)))
		return 0;
	__builtin_memcpy(address, own, sizeof(address));
	if (p->shape == TD_SHAPE_ARP)
		return !bpf_skb_store_bytes(skb, p->l3_offset + 14, address, 4, 0);
	if (!p->l4 || p->l4 + TD_ND_BYTES > end)
		return 0;
	checksum = td_csum_adjust(td_load16(p->l4 + 2), td_csum_change_address6(p->l3 + 8, own));
	checksum = __builtin_bswap16(checksum);
	return !bpf_skb_store_bytes(skb, p->l3_offset + p->l4_offset + 2, &checksum,
				    sizeof(checksum), 0) &&
	       !bpf_skb_store_bytes(skb, p->l3_offset + 8, address, sizeof(address), 0);
}

/* A frame from an address without a lease: of a socket that goes on, or a question for its sake? */
TD_INLINE int goes_on(struct __sk_buff *skb, const struct td_tables *tables,
		      const struct td_packet *p, const __u8 *end, int vip)
{
	const __u32 slot = td_vrouter_slot(tables, vip);

	if (!td_keeps_sockets(td_vrouter_at(tables, slot), bpf_ktime_get_ns()))
		return 0;
	if (p->shape == TD_SHAPE_ARP || p->shape == TD_SHAPE_ND)
		return td_is_question(p) && ask_as(skb, p, end, tables->asks_as[slot]);
	return p->protocol == TD_PROTO_TCP && td_is_answer(tables, p, vip);
}

/* What this node's own service answers. A segment that the device cuts up is as many packets. */
TD_INLINE void count_answer(const struct __sk_buff *skb, const struct td_tables *tables,
			    const struct td_packet *p, int vip)
{
	__u32 slot = td_find_answerer(tables, p, vip);
	struct td_traffic *traffic;

	if (!slot)
		return;
	traffic = bpf_map_lookup_elem(&td_traffic, &slot);
	if (!traffic)
		return;
	traffic->out_packets += skb->gso_segs ? skb->gso_segs : 1;
	traffic->out_bytes += skb->wire_len ? skb->wire_len : skb->len;
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
	int vip;

	if (!tables || !counters || skb->ingress_ifindex) /* forwarded, so not sent by this node */
		return TC_ACT_UNSPEC;
	td_parse(&p, data, end, TD_FULL);
	vip = td_find_sender(tables, &p);
	if (vip < 0)
		return TC_ACT_UNSPEC;
	vr = td_vrouter_at(tables, td_vrouter_slot(tables, vip));
	if (!td_has_lease(vr, bpf_ktime_get_ns())) {
		if (!goes_on(skb, tables, &p, end, vip)) {
			counters->packets[TD_DROP_NO_LEASE_SOURCE]++;
			return TC_ACT_SHOT;
		}
		if (p.shape == TD_SHAPE_IP)
			count_answer(skb, tables, &p, vip);
		return TC_ACT_UNSPEC;
	}
	count_answer(skb, tables, &p, vip);
	if (vr->flags & TD_VR_VIRTUAL_MAC)
		tell_virtual_mac(skb, &p, end, vr);
	return TC_ACT_UNSPEC;
}

/* A flow of nat or fullnat whose backend may have sent this. Of workers' flows nothing is known here. */
TD_INLINE int is_answer(const struct td_tables *tables, const struct td_packet *p,
			const struct td_match *m)
{
	const struct td_env env = {(struct td_tables *)tables};
	struct td_flow_query q = {{td_ip_destination(p), p->destination_port, p->family},
				  0,
				  bpf_jiffies64(),
				  0,
				  0,
				  TD_FROM_SERVER};
	struct td_flow flow;

	if (m->source == TD_NONE && m->about != TD_ABOUT_REPLY)
		return 0;
	if (tables->has_workers)
		return 1;
	return m->source != TD_NONE
		       ? td_lookup_by_port(&flow, &env, &q, m->source, p->destination_port) != 0
		       : td_lookup_reply(&flow, &env, &q, m->backend);
}

/*
 * On the way in, from an orderly end of the daemon until the next start: what backends answer waits a
 * while, as the kernel would forward it as it is, and clients reset their connections.
 */
SEC("tc")
int td_answers(struct __sk_buff *skb)
{
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 zero = 0;
	struct td_tables *tables = bpf_map_lookup_elem(&td_tables, &zero);
	struct td_packet p;
	struct td_match m;

	if (!tables || bpf_ktime_get_ns() >= tables->answers_until_ns)
		return TC_ACT_UNSPEC;
	td_parse(&p, data, end, TD_FULL);
	if (!p.has_ports)
		return TC_ACT_UNSPEC;
	td_find(&m, tables, &p, end, skb->ifindex);
	return is_answer(tables, &p, &m) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}
