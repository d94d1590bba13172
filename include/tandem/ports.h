/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ports of a bond. Natively the kernel runs the bond's program as a port receives, with the port's
 * ifindex and queue, and an AF_XDP socket takes frames of its own device and queue only: each port has
 * sockets. In a map of each instance of the program, written by the daemon.
 */
#ifndef TANDEM_PORTS_H
#define TANDEM_PORTS_H

#include "tandem/abi.h"

enum { TD_MAX_PORTS = 16 };

struct td_ports {
	__u32 ifindex[TD_MAX_PORTS]; /* 0: none. Its sockets are at [place * TD_MAX_QUEUES + queue] */
	__u64 asleep;		     /* those that the bond takes no frames from, a bit each */
};
TD_ASSERT_SIZE(struct td_ports, 72);

#endif
