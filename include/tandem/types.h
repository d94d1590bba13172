/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fixed-width integers under the kernel's names, for BPF (from vmlinux.h) and for C and C++. */
#ifndef TANDEM_TYPES_H
#define TANDEM_TYPES_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#ifdef __cplusplus
#define TD_ASSERT_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type " changed size")
#else
#define TD_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " changed size")
#endif

#endif
