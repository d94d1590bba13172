/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The frame that bench.bpf.c restores, shared with the program that drives it. */
#ifndef TANDEM_BENCH_RESTORE_H
#define TANDEM_BENCH_RESTORE_H

#include "tandem/types.h"

/* A neighbour solicitation, whose answer is as long; shorter frames are padded to it. */
enum { BENCH_FRAME_BYTES = 86 };

struct bench_frame {
	__u8 bytes[88];
};

#endif
