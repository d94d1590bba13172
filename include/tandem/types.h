/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fixed-width integers under the kernel's names, for BPF, C and C++. */
#ifndef TANDEM_TYPES_H
#define TANDEM_TYPES_H

#include <linux/types.h>

#ifdef __cplusplus
#define TD_ASSERT_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type " changed size")
#else
#define TD_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " changed size")
#endif

/* The packet's way is one function: a BPF subprogram call costs as much as a table look-up. Builds
 * with sanitizers, where no packet is timed, do without: compilers take minutes for one function
 * with a check at each access. */
#ifdef TD_SANITIZED
#define TD_INLINE static inline __attribute__((unused))
#else
#define TD_INLINE static inline __attribute__((always_inline, unused))
#endif

/*
 * A part of the way that the BPF verifier takes once and by itself, and not at each call with all that
 * may have come before it. Its arguments are numbers, and pointers to what is in a map or on the stack;
 * it returns a number. Not for the common way: a call saves registers.
 */
#ifdef __bpf__
#define TD_SUBPROGRAM __attribute__((noinline))
#else
#define TD_SUBPROGRAM TD_INLINE
#endif

#endif
