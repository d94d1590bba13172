/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables that forwarding reads (abi.h, flow.h), as BPF maps and as memory that has them mapped.
 *
 * td_*_at() give an element, NULL if there is none of that number. In BPF the maps are found by
 * name, and td_env holds but the one element that all else hangs on.
 */
#ifndef TANDEM_TABLES_H
#define TANDEM_TABLES_H

#include "tandem/abi.h"
#include "tandem/bytes.h"
#include "tandem/flow.h"

/* One of the datagrams whose fragments are followed: see fragment.h. */
struct td_fragment {
	__u64 version; /* odd while it is written */
	__u8 source[16];
	__u8 destination[16];
	__u32 id;
	__u32 stamp; /* milliseconds, of CLOCK_MONOTONIC */
	__u16 source_port, destination_port;
	__u8 family; /* 0: free */
	__u8 protocol;
	__u8 pad[10];
};
TD_ASSERT_SIZE(struct td_fragment, 64);

#ifdef __bpf__

#define TD_ARRAY(name, type_of_value, entries)                                                    \
	struct {                                                                                  \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                 \
		__uint(map_flags, BPF_F_MMAPABLE);                                                \
		__uint(max_entries, entries);                                                     \
		__type(key, __u32);                                                               \
		__type(value, type_of_value);                                                     \
	} name SEC(".maps")

/* The loader sizes those of one entry by the configuration. */
TD_ARRAY(td_tables, struct td_tables, 1);
TD_ARRAY(td_backends, struct td_backend, TD_MAX_BACKENDS);
TD_ARRAY(td_hops, struct td_hop, TD_MAX_HOPS);
TD_ARRAY(td_sources, struct td_source, 1);
TD_ARRAY(td_picks, struct td_pick_block, TD_PICK_BLOCKS);
TD_ARRAY(td_fragments, struct td_fragment, TD_FRAGMENTS);
TD_ARRAY(td_flow4, struct td_flow4_bucket, 1);
TD_ARRAY(td_flow6, struct td_flow6_bucket, 1);

struct td_env {
	struct td_tables *tables;
};

TD_INLINE const struct td_backend *td_backend_at(const struct td_env *env, __u32 i)
{
	return bpf_map_lookup_elem(&td_backends, &i);
}
TD_INLINE const struct td_hop *td_hop_at(const struct td_env *env, __u32 i)
{
	return bpf_map_lookup_elem(&td_hops, &i);
}
TD_INLINE const struct td_source *td_source_at(const struct td_env *env, __u32 i)
{
	return bpf_map_lookup_elem(&td_sources, &i);
}
TD_INLINE const struct td_pick_block *td_picks_at(const struct td_env *env, __u32 i)
{
	return bpf_map_lookup_elem(&td_picks, &i);
}
TD_INLINE struct td_fragment *td_fragment_at(const struct td_env *env, __u32 i)
{
	return bpf_map_lookup_elem(&td_fragments, &i);
}
TD_INLINE void *td_flow4_table(const struct td_env *env)
{
	return &td_flow4;
}
TD_INLINE void *td_flow6_table(const struct td_env *env)
{
	return &td_flow6;
}

#else

struct td_env {
	struct td_tables *tables;
	struct td_backend *backends; /* TD_MAX_BACKENDS */
	struct td_hop *hops;	     /* TD_MAX_HOPS */
	struct td_source *sources;   /* TD_SOURCE_PORTS for each address */
	struct td_pick_block *picks; /* TD_PICK_BLOCKS */
	struct td_fragment *fragments; /* TD_FRAGMENTS */
	void *flow4, *flow6;	     /* element 0 of each */
	__u32 source_addresses;
};

TD_INLINE struct td_backend *td_backend_at(const struct td_env *env, __u32 i)
{
	return i < TD_MAX_BACKENDS ? &env->backends[i] : 0;
}
TD_INLINE struct td_hop *td_hop_at(const struct td_env *env, __u32 i)
{
	return i < TD_MAX_HOPS ? &env->hops[i] : 0;
}
TD_INLINE struct td_source *td_source_at(const struct td_env *env, __u32 i)
{
	return i / TD_SOURCE_PORTS < env->source_addresses ? &env->sources[i] : 0;
}
TD_INLINE struct td_pick_block *td_picks_at(const struct td_env *env, __u32 i)
{
	return i < TD_PICK_BLOCKS ? &env->picks[i] : 0;
}
TD_INLINE struct td_fragment *td_fragment_at(const struct td_env *env, __u32 i)
{
	return i < TD_FRAGMENTS ? &env->fragments[i] : 0;
}
TD_INLINE void *td_flow4_table(const struct td_env *env)
{
	return env->flow4;
}
TD_INLINE void *td_flow6_table(const struct td_env *env)
{
	return env->flow6;
}

#endif

TD_INLINE const struct td_service *td_service_at(const struct td_env *env, __u32 i)
{
	return (const struct td_service *)td_as_one(
		&env->tables->service[i & (TD_MAX_SERVICES - 1)]);
}

/* The heads of the flow tables; NULL: there is no table. */
TD_INLINE const struct td_flow_head *td_flow_head_of(const struct td_env *env, __u32 family)
{
	return family == 4 ? (const struct td_flow_head *)td_flow4_at(td_flow4_table(env), 0)
			   : (const struct td_flow_head *)td_flow6_at(td_flow6_table(env), 0);
}

/* Which slot of td_tables.source a flow connects from, or would by this word. */
TD_INLINE __u16 td_source_slot(const struct td_service *s, const union td_flow_word *word)
{
	__u32 i = (word->part.who & TD_FLOW_SOURCE) >> TD_FLOW_SOURCE_SHIFT;

	return s->source[i & (TD_SERVICE_SOURCES - 1)] & (TD_MAX_SOURCES - 1);
}

#endif
