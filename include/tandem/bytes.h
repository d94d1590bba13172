/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: numbers in network order, at any alignment, each by a single instruction. Compiled as
 * BPF and as C++.
 */
#ifndef TANDEM_BYTES_H
#define TANDEM_BYTES_H

#include "tandem/types.h"

#ifdef __bpf__
/* The verifier lets packets be read at any alignment where the CPU can; clang would not, by itself. */
typedef __u16 __attribute__((may_alias)) td_unaligned16;
typedef __u32 __attribute__((may_alias)) td_unaligned32;
typedef __u64 __attribute__((may_alias)) td_unaligned64;

TD_INLINE __u16 td_load16(const __u8 *p)
{
	return __builtin_bswap16(*(const td_unaligned16 *)p);
}

TD_INLINE __u32 td_load32(const __u8 *p)
{
	return __builtin_bswap32(*(const td_unaligned32 *)p);
}

TD_INLINE __u64 td_load64(const __u8 *p)
{
	return __builtin_bswap64(*(const td_unaligned64 *)p);
}

/* As they are in memory, here and below. */
TD_INLINE __u16 td_peek16(const __u8 *p)
{
	return *(const td_unaligned16 *)p;
}

TD_INLINE __u32 td_peek32(const __u8 *p)
{
	return *(const td_unaligned32 *)p;
}

TD_INLINE void td_poke16(__u8 *p, __u16 raw)
{
	*(td_unaligned16 *)p = raw;
}

TD_INLINE void td_poke32(__u8 *p, __u32 raw)
{
	*(td_unaligned32 *)p = raw;
}

TD_INLINE void td_store16(__u8 *p, __u16 value)
{
	*(td_unaligned16 *)p = __builtin_bswap16(value);
}

TD_INLINE void td_store32(__u8 *p, __u32 value)
{
	*(td_unaligned32 *)p = __builtin_bswap32(value);
}

TD_INLINE void td_store64(__u8 *p, __u64 value)
{
	*(td_unaligned64 *)p = __builtin_bswap64(value);
}
#else
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "only for CPUs that are little endian"
#endif

TD_INLINE __u16 td_load16(const __u8 *p)
{
	__u16 value;

	__builtin_memcpy(&value, p, sizeof(value));
	return __builtin_bswap16(value);
}

TD_INLINE __u32 td_load32(const __u8 *p)
{
	__u32 value;

	__builtin_memcpy(&value, p, sizeof(value));
	return __builtin_bswap32(value);
}

TD_INLINE __u64 td_load64(const __u8 *p)
{
	__u64 value;

	__builtin_memcpy(&value, p, sizeof(value));
	return __builtin_bswap64(value);
}

TD_INLINE __u16 td_peek16(const __u8 *p)
{
	__u16 raw;

	__builtin_memcpy(&raw, p, sizeof(raw));
	return raw;
}

TD_INLINE __u32 td_peek32(const __u8 *p)
{
	__u32 raw;

	__builtin_memcpy(&raw, p, sizeof(raw));
	return raw;
}

TD_INLINE void td_poke16(__u8 *p, __u16 raw)
{
	__builtin_memcpy(p, &raw, sizeof(raw));
}

TD_INLINE void td_poke32(__u8 *p, __u32 raw)
{
	__builtin_memcpy(p, &raw, sizeof(raw));
}

TD_INLINE void td_store16(__u8 *p, __u16 value)
{
	value = __builtin_bswap16(value);
	__builtin_memcpy(p, &value, sizeof(value));
}

TD_INLINE void td_store32(__u8 *p, __u32 value)
{
	value = __builtin_bswap32(value);
	__builtin_memcpy(p, &value, sizeof(value));
}

TD_INLINE void td_store64(__u8 *p, __u64 value)
{
	value = __builtin_bswap64(value);
	__builtin_memcpy(p, &value, sizeof(value));
}
#endif

/*
 * The same pointer, of which the compiler knows nothing: else it leaves out a test of bounds that
 * another one implies, which the BPF verifier does not see.
 */
TD_INLINE __u8 *td_hide_from_compiler(__u8 *p)
{
#ifdef __bpf__
	__asm__ volatile("" : "+r"(p));
#endif
	return p;
}

/*
 * The same pointer, as one value: the parts of td_tables are further apart than an instruction of BPF can
 * tell, and the compiler would add up each field's place from the table's begin.
 */
TD_INLINE const void *td_as_one(const void *p)
{
#ifdef __bpf__
	__asm__("" : "+r"(p));
#endif
	return p;
}

/*
 * The same value, of which the BPF verifier knows nothing from here on: it follows each way by which a
 * value may have come about through all that is behind, but ways that it cannot tell apart only once.
 * any: a value that it does not know either.
 */
TD_INLINE __u32 td_hide_from_verifier(__u32 value, __u32 any)
{
#ifdef __bpf__
	__u64 same = any;

	__asm__ volatile("" : "+r"(same));
	value += (__u32)(same - any); /* 0, which it does not see */
#else
	(void)any;
#endif
	return value;
}

#endif
