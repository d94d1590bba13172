/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: packets without a flow. Each address has a budget of those that the data thread
 * schedules; beyond it, a hash picks the backend. Compiled as BPF and as C++.
 */
#ifndef TANDEM_NO_FLOW_H
#define TANDEM_NO_FLOW_H

#include "tandem/flow_lookup.h"
#include "tandem/rewrite.h"

/*
 * A token bucket, as one deadline: when it will be full again (ITU-T I.371, generic cell rate
 * algorithm). After four failed compare-and-swaps a packet counts as over budget.
 */
TD_INLINE int td_take_token(__u64 *bucket, __u64 now_ns, __u64 cost_ns, __u64 burst_ns)
{
	__u64 old = td_load_ordered(bucket), full, seen;
	int i;

	for (i = 0; i < 4; i++) {
		full = old > now_ns ? old : now_ns;
		if (full - now_ns > burst_ns)
			return 0;
		full += cost_ns;
		seen = __sync_val_compare_and_swap(bucket, old, full);
		if (seen == old)
			return 1;
		old = seen;
	}
	return 0;
}

/* May the virtual address hand over one more first packet? */
TD_INLINE int td_within_budget(const struct td_env *env, struct td_vip *vip, __u64 now_ns)
{
	return td_take_token(&vip->budget_ns, now_ns, env->tables->budget_cost_ns,
			     env->tables->budget_burst_ns);
}

/* 64 bits, all of them well mixed (splitmix64, Steele et al.). */
TD_INLINE __u64 td_mix64(__u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

TD_INLINE __u64 td_hash_address(__u64 hash, const __u8 *address, __u32 family)
{
	if (family == 4)
		return td_mix64(hash ^ td_load32(address));
	return td_mix64(td_mix64(hash ^ td_load64(address)) ^ td_load64(address + 8));
}

/* The same on every node: without seeds, slots or numbers. */
TD_INLINE __u64 td_hash_source(const struct td_client *client)
{
	return td_hash_address(0x9e3779b97f4a7c15ull, client->address, client->family);
}

TD_INLINE __u64 td_hash_flow(const struct td_client *client, const struct td_service *s)
{
	__u64 ports = (__u64)client->port << 32 | (__u32)s->protocol << 16 | s->port;

	return td_mix64(td_hash_address(td_hash_source(client), s->address, client->family) ^
			ports);
}

/* The backend that the hash leads to; 0: there is no table. */
TD_INLINE __u16 td_pick(const struct td_env *env, const struct td_service *s, __u64 hash)
{
	__u64 picks = td_load_ordered(&s->picks);
	__u32 entry = (__u32)((hash >> 32) * (picks & 0xffffffff) >> 32);
	const struct td_pick_block *block;

	if (!picks)
		return 0;
	block = td_picks_at(env, (__u32)(picks >> 32) + entry / TD_PICKS_IN_BLOCK);
	return block ? block->backend[entry % TD_PICKS_IN_BLOCK] : 0;
}

/* Without a flow: fullnat can do nothing, since it has no port. */
TD_INLINE enum td_reason td_forward_by_hash(struct td_frame *f, const struct td_env *env,
					    const struct td_packet *p,
					    const struct td_client *client,
					    const struct td_service *s, struct td_outcome *out)
{
	union td_flow_word none = {0};
	const struct td_backend *b;
	struct td_plan plan;

	if (s->mode == TD_MODE_FULLNAT)
		return TD_DROP_OVER_BUDGET;
	out->backend = td_pick(env, s,
			       s->flags & TD_SERVICE_BY_SOURCE ? td_hash_source(client)
							       : td_hash_flow(client, s));
	b = td_backend_at(env, out->backend);
	if (!out->backend || !b || !b->family)
		return TD_DROP_NO_BACKEND;
	if (!td_plan_to_backend(&plan, env, s, b, &none))
		return TD_DROP_NEXT_HOP_UNKNOWN;
	return td_transmit(f, p, &plan, TD_TX_HASHED, out);
}

#endif
