/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the XDP program and the daemon share: the maps' contents and the verdicts.
 *
 * All tables are mmapable arrays which the daemon writes by plain stores, and each 8-byte word is
 * written whole, so that the program sees the old value or the new. No map is a kernel hash: the
 * steering table below is probed inline, one 32-byte bucket a look-up.
 */
#ifndef TANDEM_ABI_H
#define TANDEM_ABI_H

#include "tandem/types.h"

#define TD_ABI_VERSION 2 /* part of the pin path; raise it when any layout here changes */

enum {
	TD_MAX_VROUTERS = 512, /* 255 VRIDs on each family, and two to spare */
	TD_MAX_VIPS = 1024,
	TD_MAX_SERVICES = 1024,
	TD_STEER_BUCKETS = 4096, /* so that all of the above fits, whatever the addresses */
	TD_BUCKET_ENTRIES = 4,
	TD_ADVERT_BYTES = 2048,	     /* longest IP packet with an advert that is handed over */
	TD_ADVERT_RING_BYTES = 1 << 21, /* bounds what an advert flood can take */
};

/*
 * Why a packet was passed, dropped, transmitted or handed over. Stable: numbers are never reused.
 * X(number, NAME, "name shown to users")
 */
#define TD_REASONS(X)                                                                        \
	X(0, PASS_OTHER, "pass/other")             /* not for a virtual address */             \
	X(1, PASS_LOCAL, "pass/local")             /* a service with forward = "local" */      \
	X(2, PASS_ACCEPTED, "pass/accepted")       /* to a virtual address, no service */      \
	X(3, PASS_NEIGHBOUR, "pass/neighbour")     /* ARP or NS/NA for a virtual address */    \
	X(4, PASS_ROUTED, "pass/routed")           /* to a virtual MAC, to be routed */        \
	X(5, PASS_MALFORMED, "pass/malformed")     /* too short to be judged: the kernel's */  \
	X(6, TX_ARP_REPLY, "tx/arp-reply")         /* answered with the virtual MAC */         \
	X(7, TX_NA, "tx/na")                       /* answered with the virtual MAC */         \
	X(8, TAKE_ADVERT, "take/advert")           /* handed to the VRRP thread */             \
	X(9, DROP_NO_LEASE, "drop/no-lease")       /* to a virtual address held by another */  \
	X(10, DROP_NO_LEASE_NEIGHBOUR, "drop/no-lease-neighbour")                              \
	X(11, DROP_NO_LEASE_VMAC, "drop/no-lease-vmac")                                        \
	X(12, DROP_NOT_ACCEPTED, "drop/not-accepted") /* accept = false, and no service */     \
	X(13, DROP_ADVERT_RING, "drop/advert-ring-full")                                       \
	X(14, DROP_ADVERT_SIZE, "drop/advert-too-long")                                        \
	X(15, DROP_REWRITE, "drop/rewrite-failed") /* no room for an answer */                 \
	X(16, DROP_OTHER_LINK, "drop/other-link")  /* ARP or NS not on the address's own link */ \
	X(17, DROP_NO_LEASE_SOURCE, "drop/no-lease-source") /* our kernel, in another's name */

enum td_reason {
#define TD_REASON_ENUM(number, name, text) TD_##name = number,
	TD_REASONS(TD_REASON_ENUM)
#undef TD_REASON_ENUM
};
#define TD_REASON_COUNT 18

/* A reason implies the verdict: to the kernel, back out, or (all others) gone from here. */
TD_INLINE int td_is_pass(__u32 reason)
{
	return reason <= TD_PASS_MALFORMED;
}

TD_INLINE int td_is_tx(__u32 reason)
{
	return reason == TD_TX_ARP_REPLY || reason == TD_TX_NA;
}

enum td_family { TD_IPV4 = 4, TD_IPV6 = 6 };

enum td_vrouter_flags {
	TD_VR_ACCEPT = 1,      /* packets to the address that match no service go to the kernel */
	TD_VR_VIRTUAL_MAC = 2, /* ARP and NS are answered here, with the virtual MAC */
};

/*
 * One virtual router. lease_ns alone changes on the packet's way; a lease is live while
 * CLOCK_MONOTONIC is before it. That clock is read exactly: the coarse one is cheaper, but lags by
 * more than its resolution when the CPU that keeps time is held up.
 */
struct td_vrouter {
	__u64 lease_ns; /* deadline; 0: no lease */
	__u32 ifindex;	/* the device that packets come in on */
	__u16 vlan[2];	/* IDs of the tags expected, outer first; 0: none */
	__u8 family;	/* enum td_family; 0: slot is free */
	__u8 vrid;
	__u8 flags; /* enum td_vrouter_flags */
	__u8 pad0;
	__u8 interface_mac[6];
	__u8 virtual_mac[6];
	__u8 pad1[32];
};
TD_ASSERT_SIZE(struct td_vrouter, 64);

/* One virtual address. */
struct td_vip {
	__u8 address[16]; /* network order; IPv4 in the first four, the rest 0 */
	__u8 family;	  /* enum td_family; 0: slot is free */
	__u8 pad0;
	__u16 vrouter; /* slot in the table of virtual routers */
	__u32 pad1[3];
};
TD_ASSERT_SIZE(struct td_vip, 32);

/*
 * The steering table finds by a 32-bit tag: the virtual address of a packet, the virtual router of
 * a virtual MAC, the service of a (virtual address, protocol, port). Where a tag is folded from a
 * longer key it is only a hint: the record it leads to is compared in full. The daemon picks a seed
 * under which no bucket overflows and no tag of a kind comes twice, fills the table that is not in
 * use, and switches over by one store to `layout`.
 */
enum td_kind { TD_KIND_VIP = 1, TD_KIND_VMAC = 2, TD_KIND_SERVICE = 3 };

struct td_steer_entry {
	__u32 tag;
	__u16 kind; /* enum td_kind; 0: empty */
	__u16 slot; /* in the table of the kind */
};
TD_ASSERT_SIZE(struct td_steer_entry, 8);

struct td_steer {
	__u64 seed;
	__u64 pad[7];
	struct td_steer_entry bucket[TD_STEER_BUCKETS][TD_BUCKET_ENTRIES];
};

/* The one element of the map `td_tables`. */
struct td_tables {
	__u64 layout; /* counts the switches; its lowest bit is the steering table in use */
	__u64 pad[7];
	struct td_steer steer[2];
	struct td_vrouter vrouter[TD_MAX_VROUTERS];
	struct td_vip vip[TD_MAX_VIPS];
};

/* The one element, for each CPU, of the map `td_counters`. */
struct td_counters {
	__u64 packets[TD_REASON_COUNT];
};

/* An advert on its way to the VRRP thread, through the BPF ring buffer. */
struct td_advert {
	__u64 time_ns; /* CLOCK_MONOTONIC at arrival */
	__u32 ifindex;
	__u16 vlan[2];
	__u8 source_mac[6];
	__u16 length; /* bytes of the IP packet */
	__u8 packet[TD_ADVERT_BYTES];
};

#endif
