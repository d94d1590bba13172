/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reasons: why a packet was passed, transmitted, taken, punted or dropped. Each has its verdict.
 *
 * X(number, VERDICT, NAME, "name"): the constant is TD_VERDICT_NAME, users see "verdict/name".
 * Stable: numbers and names are never reused or changed, since people graph them.
 */
#ifndef TANDEM_REASONS_H
#define TANDEM_REASONS_H

#include "tandem/types.h"

#define TD_REASONS(X)                                                                              \
	X(0, PASS, OTHER, "other")                     /* not for a virtual address */             \
	X(1, PASS, LOCAL, "local")                     /* a service with forward = "local" */      \
	X(2, PASS, ACCEPTED, "accepted")               /* to a virtual address, no service */      \
	X(3, PASS, NEIGHBOUR, "neighbour")             /* ARP or NS/NA for a virtual address */    \
	X(4, PASS, ROUTED, "routed")                   /* to a virtual MAC, to be routed */        \
	X(5, PASS, MALFORMED, "malformed")             /* too short to be judged */                \
	X(6, TX, ARP_REPLY, "arp-reply")               /* answered with the virtual MAC */         \
	X(7, TX, NA, "na")                             /* answered with the virtual MAC */         \
	X(8, TAKE, ADVERT, "advert")                   /* handed to the VRRP thread */             \
	X(9, DROP, NO_LEASE, "no-lease")               /* to an address held by another */         \
	X(10, DROP, NO_LEASE_NEIGHBOUR, "no-lease-neighbour") /* ARP, NS, NA for such an address */ \
	X(11, DROP, NO_LEASE_VMAC, "no-lease-vmac")    /* to a virtual MAC held by another */      \
	X(12, DROP, NOT_ACCEPTED, "not-accepted")      /* accept = false, and no service */        \
	X(13, DROP, ADVERT_RING_FULL, "advert-ring-full") /* no room for the advert */             \
	X(14, DROP, ADVERT_TOO_LONG, "advert-too-long") /* over TD_ADVERT_BYTES */                 \
	X(15, DROP, REWRITE_FAILED, "rewrite-failed")  /* no room for an answer */                 \
	X(16, DROP, OTHER_LINK, "other-link")          /* ARP, NS not on the address's link */     \
	X(17, DROP, NO_LEASE_SOURCE, "no-lease-source") /* our kernel, in another's name */        \
	X(18, TX, FORWARD, "forward")                  /* to the backend of its flow */            \
	X(19, TX, REPLY, "reply")                      /* from the backend to the client */        \
	X(20, TX, HASHED, "hashed")                    /* to a backend by hash, no flow */         \
	X(21, TX, ICMP_ERROR, "icmp-error")            /* to whom sent what it quotes */           \
	X(22, TX, TOO_BIG, "too-big")                  /* answered so, for the next hop's MTU */   \
	X(23, TX, REFUSED, "refused")                  /* no backend: RST, unreachable */          \
	X(24, PUNT, MISS, "miss")                      /* no flow: to the data thread */           \
	X(25, DROP, NO_DATA_THREAD, "no-data-thread")  /* it takes nothing from this queue */      \
	X(26, DROP, OVER_BUDGET, "over-budget")        /* first packets, and no hash */            \
	X(27, DROP, FRAGMENT_UNPLACED, "fragment-unplaced") /* the first one was not seen */       \
	X(28, DROP, NO_BACKEND, "no-backend")          /* and `unavailable` is "drop" */           \
	X(29, DROP, NEXT_HOP_UNKNOWN, "next-hop-unknown") /* of its backend or client */           \
	X(30, DROP, TTL_EXCEEDED, "ttl-exceeded")      /* TTL or hop limit is used up */           \
	X(31, DROP, TOO_BIG, "too-big")                /* and may not be answered */               \
	X(32, DROP, MALFORMED, "malformed")            /* to a service, header cut short */        \
	X(33, DROP, NO_SOURCE_PORT, "no-source-port")  /* fullnat: all ports are taken */          \
	X(34, PASS, NO_FLOW, "no-flow")                /* from a backend, but of no flow */        \
	X(35, TAKE, WORKER, "worker")                  /* to a worker of the dpdk engine */        \
	X(36, DROP, MARTIAN, "martian")                /* from an address that no client has */    \
	X(37, DROP, LINK_BROADCAST, "link-broadcast")  /* to a service, for a group's MAC */       \
	X(38, DROP, OTHER_HOST, "other-host")          /* to a service, for another host's MAC */  \
	X(39, DROP, NO_FLOW, "no-flow")                /* of none, and it cannot begin one */      \
	X(40, DROP, TOO_MANY_TAGS, "too-many-tags")    /* VLAN tags: more than are judged */       \
	X(41, TX, TIME_EXCEEDED, "time-exceeded")      /* answered so, for its TTL */              \
	X(42, PUNT, ERROR, "error")                    /* the data thread answers by ICMP */       \
	X(43, DROP, NO_NEXT_HOP, "no-next-hop")        /* nat, fullnat: too many neighbours */     \
	X(44, DROP, UNFINISHED, "unfinished-checksum") /* of a device that was to finish it */      \
	X(45, PASS, SOCKET, "socket")                  /* no lease, but a socket of this node's */ \
	X(46, TX, TO_PEER, "to-peer")                  /* of no socket here; the peer may have it */

/* What becomes of a packet. */
enum td_verdict {
	TD_VERDICT_PASS, /* to the kernel */
	TD_VERDICT_TX,	 /* out again, rewritten or answered */
	TD_VERDICT_TAKE, /* to a thread of the daemon, which it is for */
	TD_VERDICT_PUNT, /* to the data thread, which decides */
	TD_VERDICT_DROP,
};
#define TD_VERDICT_TEXT_PASS "pass"
#define TD_VERDICT_TEXT_TX   "tx"
#define TD_VERDICT_TEXT_TAKE "take"
#define TD_VERDICT_TEXT_PUNT "punt"
#define TD_VERDICT_TEXT_DROP "drop"
#define TD_REASON_TEXT(verdict, text) TD_VERDICT_TEXT_##verdict "/" text

enum td_reason {
#define TD_REASON_ENUM(number, verdict, name, text) TD_##verdict##_##name = number,
	TD_REASONS(TD_REASON_ENUM)
#undef TD_REASON_ENUM
	TD_REASON_COUNT /* one above the last */
};

/* The reasons of a verdict, a bit each. */
TD_INLINE __u64 td_reasons_of(enum td_verdict wanted)
{
#define TD_REASON_BIT(number, verdict, name, text) \
	| (wanted == TD_VERDICT_##verdict ? 1ull << (number) : 0)
	return 0 TD_REASONS(TD_REASON_BIT);
#undef TD_REASON_BIT
}

TD_INLINE int td_is_pass(__u32 reason)
{
	return td_reasons_of(TD_VERDICT_PASS) >> reason & 1;
}

TD_INLINE int td_is_punt(__u32 reason)
{
	return td_reasons_of(TD_VERDICT_PUNT) >> reason & 1;
}

TD_INLINE int td_is_tx(__u32 reason)
{
	return td_reasons_of(TD_VERDICT_TX) >> reason & 1;
}

#endif
