/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loads and stores that stay in the order they are written in, of words that CPUs share.
 *
 * BPF has no ordered loads; the compiler is held back, and x86 keeps loads in order by itself.
 */
#ifndef TANDEM_ORDER_H
#define TANDEM_ORDER_H

#include "tandem/types.h"

#ifdef __bpf__
TD_INLINE __u64 td_load_ordered(const __u64 *word)
{
	return *(const volatile __u64 *)word;
}
TD_INLINE void td_store_ordered(__u64 *word, __u64 value)
{
	__asm__ volatile("" : : : "memory");
	*(volatile __u64 *)word = value;
}
TD_INLINE void td_read_barrier(void)
{
	__asm__ volatile("" : : : "memory");
}
#else
TD_INLINE __u64 td_load_ordered(const __u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}
TD_INLINE void td_store_ordered(__u64 *word, __u64 value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}
TD_INLINE void td_read_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}
#endif

#endif
