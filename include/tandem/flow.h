/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: which backend a flow goes to. Layout, hash and look-up; compiled as BPF and C++.
 *
 * One mmapable array for each family. Element 0 begins with the head (seeds, sizes), every other is
 * a bucket of four entries, which with IPv4 is one cache line. A key has two candidate buckets, and
 * lies in the first while there is room: so most hits cost one miss of the cache, and "not here"
 * costs two.
 *
 *   IPv4  16 bytes: exact key (client's address, port, service) | word
 *   IPv6  32 bytes: client's address | port, service, generation | word
 *   word  who (backend, state, counted, away, source, answered, generation) | stamp | extra
 *
 * One daemon thread writes (insert, move, expire). Any number of readers (XDP on each CPU, data
 * threads) find, stamp, and take a TCP flow from state to state. Nobody waits.
 *
 *   insert   key is 0; store the word whole, then the key
 *   remove   swap the word for a free one of the next generation, if nobody stamped it since it was
 *            judged; then store key 0
 *   replace  (port reuse) swap the word for one of the next generation; the key stays
 *   move     insert the copy into the other bucket, then remove the original; what readers did to
 *            that one meanwhile is carried over
 *   find     load key, word, and the key again. The same key twice: the word is that flow's. A word
 *            that is free, or a key that changed: not here, look further. First bucket, second, and
 *            the first again, in case the flow moved there meanwhile
 *   stamp    plain store of the 16-bit stamp alone. Should the slot have gone to another flow in
 *            between, that one looks fresh for a moment, which it is
 *   state    compare-and-swap of `who`, whose generation changes with each tenant of a slot: it
 *            fails on another flow's, and on a free one
 *
 * So no reader takes one flow's backend for another's, unless it is held up between two loads while
 * its flow leaves the slot, another one comes and goes, and the first one returns to that very slot:
 * seconds, as long as a flow lives at least. And none overlooks a flow that is there, unless that
 * one moves twice meanwhile; then the daemon gets a packet too many, and finds the flow.
 *
 * Counts are the daemon's: `counted` in the word is what its count per backend was made of, so that
 * both agree at every moment, and can be made anew from the table.
 *
 * A backend's reply (nat) finds the same entry: the client is its destination, and the service is
 * known by the backend's address, port and protocol. Where several services share one backend, each
 * of them is tried; the entry is right if its backend is the reply's. Two flows of one client port,
 * through two services to one backend, would be one and the same at that backend: who inserts has
 * to choose another backend for the second.
 */
#ifndef TANDEM_FLOW_H
#define TANDEM_FLOW_H

#include "tandem/order.h"
#include "tandem/types.h"

#ifdef __bpf__
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#endif

enum {
	TD_FLOW_MAGIC = 0x54644602, /* its last byte is the layout's version */
	TD_FLOW_ENTRIES = 4,	    /* in a bucket */
	TD_FLOW_SEEDS = 6,
};

/* What is known of a flow. CLIENT and SERVER: from whom the only FIN so far came. */
enum td_flow_state {
	TD_FLOW_FREE = 0, /* no flow */
	TD_FLOW_SYN_SENT,
	TD_FLOW_ESTABLISHED,
	TD_FLOW_FIN_CLIENT,
	TD_FLOW_FIN_SERVER,
	TD_FLOW_CLOSED, /* by both, or by a RST to what was closing */
	TD_FLOW_RESET,	/* by a RST, which the other end may not have believed */
	TD_FLOW_ACTIVE, /* UDP */
	TD_FLOW_JOINED, /* by a client's ACK in the middle, which anybody can send; counts for nothing */
	TD_FLOW_STATES
};

/* The parts of `who`. */
enum {
	TD_FLOW_BACKEND = 0xffff,
	TD_FLOW_STATE_SHIFT = 16,
	TD_FLOW_STATE = 15 << TD_FLOW_STATE_SHIFT,
	TD_FLOW_COUNTED = 1 << 20, /* the daemon's: part of its backend's active flows */
	TD_FLOW_AWAY = 1 << 21,	   /* the daemon's: this is the key's second bucket */
	TD_FLOW_SOURCE_SHIFT = 22, /* fullnat: which of the service's source addresses */
	TD_FLOW_SOURCE = 7 << TD_FLOW_SOURCE_SHIFT,
	TD_FLOW_ANSWERED = 1 << 25, /* nat, fullnat: the backend has sent something */
	TD_FLOW_GENERATION_SHIFT = 26,
};

union td_flow_word {
	__u64 whole;
	struct {
		__u32 who;
		__u16 stamp; /* tick of the last packet */
		__u16 extra; /* the forward mode's: fullnat's source port, nat's next hop */
	} part;
};

struct td_flow4_entry {
	__u64 key; /* td_flow4_key(); 0: none */
	union td_flow_word word;
};

struct td_flow6_entry {
	__u64 address[2];
	__u64 id; /* td_flow6_key.id in the lower half, 0: none; a generation in the upper */
	union td_flow_word word;
};

struct td_flow4_bucket {
	struct td_flow4_entry entry[TD_FLOW_ENTRIES];
};
TD_ASSERT_SIZE(struct td_flow4_bucket, 64);

struct td_flow6_bucket {
	struct td_flow6_entry entry[TD_FLOW_ENTRIES];
};
TD_ASSERT_SIZE(struct td_flow6_bucket, 128);

struct td_flow_head {
	__u32 magic;   /* TD_FLOW_MAGIC, stored last; else there is no table */
	__u32 buckets; /* at least 2 */
	__u64 seed[TD_FLOW_SEEDS];
	__u32 tick_shift; /* a tick is 2^tick_shift jiffies */
	__u32 capacity;	  /* flows */
};
TD_ASSERT_SIZE(struct td_flow_head, 64);

struct td_flow6_key {
	__u64 address[2]; /* the client's, as td_address6() reads it */
	__u32 id;	  /* port << 16 | service */
};

/* The client's address and port in host order; the service's number, from 1. Never 0. */
TD_INLINE __u64 td_flow4_key(__u32 address, __u32 port, __u32 service)
{
	return (__u64)address << 32 | port << 16 | service;
}

TD_INLINE __u8 td_flow_state_of(__u32 who)
{
	return (who & TD_FLOW_STATE) >> TD_FLOW_STATE_SHIFT;
}

TD_INLINE __u16 td_flow_backend_of(__u32 who)
{
	return who & TD_FLOW_BACKEND;
}

/*
 * The time as stamps have it. jiffies: bpf_jiffies64(), which costs next to nothing and goes on
 * when the daemon is gone, so that a flow which is in use then is not taken for idle later.
 */
TD_INLINE __u16 td_flow_tick(const struct td_flow_head *head, __u64 jiffies)
{
	return (__u16)(jiffies >> (head->tick_shift & 63));
}

/* ---- Where ------------------------------------------------------------------------------ */

/* The elements of the array that a key may be in; they differ. */
struct td_flow_where {
	__u32 first, second;
};

TD_INLINE struct td_flow_where td_flow_spread(const struct td_flow_head *head, __u64 x)
{
	struct td_flow_where where;
	__u32 n = head->buckets, first, second;
	__s64 over;

	x ^= x >> 32;
	x *= head->seed[5] | 1;
	first = (x >> 32) * n >> 32;
	second = first + 1 + ((x & 0xffffffff) * (n - 1) >> 32);
	where.first = 1 + first;
	/* Round the end without a branch, which would be a coin toss for each flow. */
	over = (__s64)second - (__s64)n;
#ifdef __bpf__
	__asm__("" : "+r"(over)); /* or the compiler makes it one again */
#endif
	where.second = 1 + (__u32)(over + ((over >> 63) & n));
	return where;
}

/*
 * Pair-multiply-shift: for whoever does not know the seeds, any two keys collide with the
 * probability of chance (Thorup, High Speed Hashing for Integers and Strings, 3.5).
 */
TD_INLINE __u64 td_flow_pair(__u64 seed_a, __u64 seed_b, __u64 x)
{
	return (seed_a + (x >> 32)) * (seed_b + (x & 0xffffffff));
}

TD_INLINE struct td_flow_where td_flow4_where(const struct td_flow_head *head, __u64 key)
{
	return td_flow_spread(head, td_flow_pair(head->seed[0], head->seed[1], key));
}

TD_INLINE struct td_flow_where td_flow6_where(const struct td_flow_head *head,
					      const struct td_flow6_key *key)
{
	const __u64 *s = head->seed;

	return td_flow_spread(head, td_flow_pair(s[0], s[1], key->address[0]) +
					    td_flow_pair(s[2], s[3], key->address[1]) +
					    s[4] * key->id);
}

/* ---- Find ------------------------------------------------------------------------------- */

/* A bucket, NULL if there is none. table: the map, or where it is mapped. */
#ifdef __bpf__
TD_INLINE struct td_flow4_bucket *td_flow4_at(void *table, __u32 element)
{
	return bpf_map_lookup_elem(table, &element);
}
TD_INLINE struct td_flow6_bucket *td_flow6_at(void *table, __u32 element)
{
	return bpf_map_lookup_elem(table, &element);
}
#else
TD_INLINE struct td_flow4_bucket *td_flow4_at(void *table, __u32 element)
{
	return (struct td_flow4_bucket *)table + element;
}
TD_INLINE struct td_flow6_bucket *td_flow6_at(void *table, __u32 element)
{
	return (struct td_flow6_bucket *)table + element;
}
#endif

struct td_flow_hit {
	union td_flow_word *at;	 /* to be stamped */
	union td_flow_word word; /* as it was found */
};

/* A packet of the flow came at `tick`. All that UDP needs. Writes once a tick and flow at most. */
TD_INLINE void td_flow_stamp(struct td_flow_hit *hit, __u16 tick)
{
	if (hit->word.part.stamp == tick)
		return;
#ifdef __bpf__
	*(volatile __u16 *)&hit->at->part.stamp = tick;
#else
	__atomic_store_n(&hit->at->part.stamp, tick, __ATOMIC_RELAXED);
#endif
}

/* The next four: 1 if the key is there, and then they fill `hit`. */
#ifdef __bpf__
/*
 * How far an entry is from its bucket's begin, which the verifier does not know: so it goes on with one
 * entry, instead of with each in turn.
 */
TD_INLINE __u64 td_flow_distance(const void *bucket, const void *entry)
{
	const char *base = (const char *)bucket, *at = (const char *)entry;

	__asm__ volatile("" : "+r"(base), "+r"(at));
	return (__u64)(at - base);
}

/* Most flows are in the first entry. */
TD_INLINE int td_flow4_in(struct td_flow_hit *hit, struct td_flow4_bucket *bucket, __u64 key)
{
	struct td_flow4_entry *e;
	int i;

#pragma unroll
	for (i = 0; i < TD_FLOW_ENTRIES; i++)
		if (td_load_ordered(&bucket->entry[i].key) == key)
			break;
	if (i == TD_FLOW_ENTRIES)
		return 0;
	e = (struct td_flow4_entry *)((char *)bucket +
				      (td_flow_distance(bucket, &bucket->entry[i]) &
				       (sizeof(*bucket) - sizeof(*e))));
	hit->at = &e->word;
	hit->word.whole = td_load_ordered(&e->word.whole);
	return td_load_ordered(&e->key) == key && (hit->word.part.who & TD_FLOW_STATE);
}
#else
/* The same, by an instruction that BPF does not have. */
TD_INLINE int td_flow4_in(struct td_flow_hit *hit, struct td_flow4_bucket *bucket, __u64 key)
{
	struct td_flow4_entry *e;
	__u32 alike = 0;
	int i;

#pragma GCC unroll 4
	for (i = 0; i < TD_FLOW_ENTRIES; i++)
		alike |= (__u32)(td_load_ordered(&bucket->entry[i].key) == key) << i;
	if (!alike)
		return 0;
	e = &bucket->entry[__builtin_ctz(alike)];
	hit->at = &e->word;
	hit->word.whole = td_load_ordered(&e->word.whole);
	return td_load_ordered(&e->key) == key && (hit->word.part.who & TD_FLOW_STATE);
}
#endif

TD_INLINE int td_flow6_is(const struct td_flow6_entry *e, __u64 id, const struct td_flow6_key *key)
{
	return (__u32)id == key->id && td_load_ordered(&e->address[0]) == key->address[0] &&
	       td_load_ordered(&e->address[1]) == key->address[1];
}

#ifdef __bpf__
TD_INLINE int td_flow6_in(struct td_flow_hit *hit, struct td_flow6_bucket *bucket,
			  const struct td_flow6_key *key)
{
	struct td_flow6_entry *e;
	__u64 id = 0;
	int i;

#pragma unroll
	for (i = 0; i < TD_FLOW_ENTRIES; i++) {
		e = &bucket->entry[i];
		id = td_load_ordered(&e->id);
		if (td_flow6_is(e, id, key))
			break;
	}
	if (i == TD_FLOW_ENTRIES)
		return 0;
	e = (struct td_flow6_entry *)((char *)bucket +
				      (td_flow_distance(bucket, &bucket->entry[i]) &
				       (sizeof(*bucket) - sizeof(*e))));
	hit->at = &e->word;
	hit->word.whole = td_load_ordered(&e->word.whole);
	return td_load_ordered(&e->id) == id && (hit->word.part.who & TD_FLOW_STATE);
}
#else
TD_INLINE int td_flow6_in(struct td_flow_hit *hit, struct td_flow6_bucket *bucket,
			  const struct td_flow6_key *key)
{
	struct td_flow6_entry *e;
	__u64 id;
	int i;

	for (i = 0; i < TD_FLOW_ENTRIES; i++) {
		e = &bucket->entry[i];
		id = td_load_ordered(&e->id);
		if (!td_flow6_is(e, id, key))
			continue;
		hit->at = &e->word;
		hit->word.whole = td_load_ordered(&e->word.whole);
		if (td_load_ordered(&e->id) == id && (hit->word.part.who & TD_FLOW_STATE))
			return 1;
	}
	return 0;
}
#endif

TD_INLINE int td_flow4_find(struct td_flow_hit *hit, void *table, struct td_flow_where where,
			    __u64 key)
{
	struct td_flow4_bucket *first, *second;

	first = td_flow4_at(table, where.first);
	if (!first)
		return 0;
	if (td_flow4_in(hit, first, key))
		return 1;
	second = td_flow4_at(table, where.second);
	if (!second)
		return 0;
	return td_flow4_in(hit, second, key) || td_flow4_in(hit, first, key);
}

TD_INLINE int td_flow6_find(struct td_flow_hit *hit, void *table, struct td_flow_where where,
			    const struct td_flow6_key *key)
{
	struct td_flow6_bucket *first, *second;

	first = td_flow6_at(table, where.first);
	if (!first)
		return 0;
	if (td_flow6_in(hit, first, key))
		return 1;
	second = td_flow6_at(table, where.second);
	if (!second)
		return 0;
	return td_flow6_in(hit, second, key) || td_flow6_in(hit, first, key);
}

#endif
