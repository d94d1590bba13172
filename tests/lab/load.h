/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What load.bpf.c and the program that runs it have to agree on. */
#ifndef TANDEM_LAB_LOAD_H
#define TANDEM_LAB_LOAD_H

enum load_kind {
	LOAD_SYN,   /* each of another connection, as far as there are any */
	LOAD_UDP,   /* datagrams */
	LOAD_MIXED, /* segments, a tenth of which are SYNs */
};

/* Of a frame, that are written each time; as long as the shortest frame is on a wire, without FCS. */
enum { LOAD_HEADERS = 60, LOAD_MOST_BYTES = 1514 };

/* Sizes that take turns, a power of two; ticks of a nanosecond, so that a rate of millions a second
 * can be told from the next. */
enum { LOAD_MOST_SIZES = 16, LOAD_TICKS = 16 };

#endif
