/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the XDP program and the daemon share: the maps' contents, and the reasons (reasons.h).
 *
 * All tables are mmapable arrays which the daemon writes by plain stores, and each 8-byte word is
 * written whole, so that the program sees the old value or the new. No map is a kernel hash: the
 * steering table below is probed inline, one 32-byte bucket a look-up.
 *
 * Number 0 of services, backends, next hops and picks is none.
 */
#ifndef TANDEM_ABI_H
#define TANDEM_ABI_H

#include "tandem/reasons.h"
#include "tandem/types.h"

#define TD_ABI_VERSION 9 /* part of the pin path; raise it when any layout here changes */

enum {
	TD_MAX_VROUTERS = 512, /* 255 VRIDs on each family, and two to spare */
	TD_MAX_VIPS = 1024,
	TD_MAX_SERVICES = 1024,
	TD_MAX_BACKENDS = 16384, /* those that go while others come included */
	TD_MAX_HOPS = 65536,
	TD_MAX_OWN = 8192, /* addresses that no client has: this node's own, and the virtual ones */
	TD_MAX_DEVICES = 256,
	TD_MAX_SOURCES = 32,	/* addresses that fullnat connects from */
	TD_SOURCE_PORTS = 65536, /* of each */
	TD_SERVICE_SOURCES = 8,
	TD_PICK_BLOCKS = 65536,
	TD_PICKS_IN_BLOCK = 32,
	TD_FRAGMENTS = 8192,	 /* datagrams whose later fragments can be placed */
	TD_MAX_QUEUES = 1024,	 /* of a device, that have an AF_XDP socket each */
	TD_STEER_BUCKETS = 32768, /* so that all that is found by tag fits, whatever the addresses */
	TD_BUCKET_ENTRIES = 4,
	TD_ADVERT_BYTES = 2048,	     /* longest IP packet with an advert that is handed over */
	TD_ADVERT_RING_BYTES = 1 << 21, /* bounds what an advert flood can take */
	TD_END_RING_BYTES = 1 << 20,	/* ends of flows on their way to the data thread */
	TD_ERROR_COST_NS = 1000000,	/* ICMP errors: 1,000 a second (RFC 4443, 2.4 (f)), */
	TD_ERROR_BURST = 100,		/* and 100 at once */
};

enum td_family { TD_IPV4 = 4, TD_IPV6 = 6 };

enum td_vrouter_flags {
	TD_VR_ACCEPT = 1,      /* packets to the address that match no service go to the kernel */
	TD_VR_VIRTUAL_MAC = 2, /* ARP and NS are answered here, with the virtual MAC */
};

/* One virtual router. The first words alone change on the packet's way: lease.h, sockets.h. */
struct td_vrouter {
	__u64 lease_ns;	     /* deadline, CLOCK_MONOTONIC; 0: no lease */
	__u64 lease_jiffies; /* the same in jiffies, rounded down */
	__u64 sockets_ns;    /* until then, TCP of sockets that exist here goes on without a lease */
	__u64 peer_ns;	     /* until then, the peer has sockets of these addresses; 0: it has none */
	__u64 peer_mac;	     /* where: six bytes as td_mac_word() has them */
	__u32 ifindex;	     /* the device that packets come in on */
	__u16 vlan[2];	     /* IDs of the tags expected, outer first; 0: none */
	__u8 family;	     /* enum td_family; 0: slot is free */
	__u8 vrid;
	__u8 flags; /* enum td_vrouter_flags */
	__u8 pad0;
	__u8 interface_mac[6];
	__u8 virtual_mac[6];
};
TD_ASSERT_SIZE(struct td_vrouter, 64);

enum td_vip_flags {
	TD_VIP_FORWARDS = 1, /* some of its services have backends */
	TD_VIP_SOURCE = 2,   /* fullnat sends from it; it has no services */
};

/* One virtual address. */
struct td_vip {
	__u64 budget_ns;  /* the data path's: when the token bucket of first packets is full again */
	__u8 address[16]; /* network order; IPv4 in the first four, the rest 0 */
	__u8 family;	  /* enum td_family; 0: slot is free */
	__u8 flags;	  /* enum td_vip_flags */
	__u16 vrouter;	  /* slot in the table of virtual routers */
	__u32 pad;
};
TD_ASSERT_SIZE(struct td_vip, 32);

enum td_mode { TD_MODE_DSR = 1, TD_MODE_NAT, TD_MODE_FULLNAT, TD_MODE_TUNNEL };

enum td_service_flags {
	TD_SERVICE_BY_SOURCE = 1, /* hash picks go by the client's address alone */
	TD_SERVICE_ROUTES_STRAYS = 2, /* nat: a backend's packet of no flow is the kernel's */
};

/* One service that is forwarded to backends. */
struct td_service {
	__u8 address[16]; /* the virtual one */
	__u8 family;	  /* enum td_family; 0: slot is free */
	__u8 protocol;	  /* TCP or UDP */
	__u16 port;
	__u8 mode;	  /* enum td_mode */
	__u8 flags;	  /* enum td_service_flags */
	__u16 vrouter;	  /* whose lease it needs */
	__u64 picks;	  /* the table of hash picks: first block << 32 | entries; 0: none */
	__u16 source[TD_SERVICE_SOURCES]; /* fullnat: slots of the addresses to connect from */
	__u8 sources;			  /* so many */
	__u8 pad1[15];
};
TD_ASSERT_SIZE(struct td_service, 64);

/* One backend of one service. */
struct td_backend {
	__u8 address[16]; /* network order; IPv4 in the first four, the rest 0 */
	__u8 outer[16];	  /* tunnel: this node's address, of the backend's family */
	__u8 family;	  /* enum td_family; 0: slot is free */
	__u8 pad0;
	__u16 port;
	__u16 service;
	__u16 hop;   /* 0: not known */
	__u16 next_shared; /* the next backend at this address, port and protocol, of another service */
	__u8 pad1[22];
};
TD_ASSERT_SIZE(struct td_backend, 64);

/* Backends of one address and port that a reply is tried against, before it is given up. */
enum { TD_SHARED_BACKENDS = 4 };

/* Where a frame goes: a device and what it is to say in front. */
struct td_hop {
	__u32 ifindex; /* 0: slot is free */
	__u16 mtu;     /* bytes of an IP packet */
	__u16 vlan[2]; /* IDs of the tags, outer first; 0: none */
	__u16 tpid[2]; /* and their ethertypes */
	__u8 destination[6];
	__u8 source[6];
	__u8 pad[6];
};
TD_ASSERT_SIZE(struct td_hop, 32);

/*
 * fullnat: whose flow has a source port. Filled before the flow is inserted, and good only while
 * the flow that it leads to says so itself.
 */
struct td_source {
	__u8 client[16];
	__u16 client_port;
	__u16 service; /* 0: free */
	__u16 hop;     /* the client's */
	__u8 pad[10];
};
TD_ASSERT_SIZE(struct td_source, 32);

/* Entries of the tables of hash picks: backends. */
struct td_pick_block {
	__u16 backend[TD_PICKS_IN_BLOCK];
};
TD_ASSERT_SIZE(struct td_pick_block, 64);

/*
 * The steering table finds by a 32-bit tag: the virtual address of a packet, the virtual router of
 * a virtual MAC, the service of a (virtual address, protocol, port), the backend that a packet comes
 * from, the source address of fullnat that it comes to, an address or a MAC of this node. Where a tag
 * is folded from a longer key it is only a hint: the record it leads to is compared in full. The
 * daemon picks a seed under which no bucket overflows and no tag of a kind comes twice, fills the
 * table that is not in use, and switches over by one store to `layout`.
 */
enum td_kind {
	TD_KIND_VIP = 1,
	TD_KIND_VMAC,
	TD_KIND_SERVICE, /* its number, or TD_LOCAL */
	TD_KIND_BACKEND, /* of nat and fullnat: the first of those alike */
	TD_KIND_SOURCE,
	TD_KIND_OWN, /* addresses that no client has */
	TD_KIND_MAC, /* of a device, or of one on top of it; number 0 */
};

/*
 * In place of a service's number: this node serves it itself. The rest is the slot of td_traffic that
 * its packets are counted in; 0: they are not.
 */
enum { TD_LOCAL = 0x8000 };

/* What an entry is found by. */
TD_INLINE __u64 td_steer_key(__u16 kind, __u32 tag)
{
	return (__u64)tag << 16 | kind;
}

/*
 * An entry, in one word so that it takes one comparison: the key above a slot in the table of the
 * kind. 0: empty, as are those behind it.
 */
TD_INLINE __u64 td_steer_entry(__u64 key, __u16 slot)
{
	return key << 16 | slot;
}

struct td_steer_table {
	__u64 seed;
	__u64 pad[7];
	__u64 bucket[TD_STEER_BUCKETS][TD_BUCKET_ENTRIES];
};

enum td_tables_flags {
	TD_HAS_NAT = 1,	    /* some packets are backends' replies */
	TD_HAS_FULLNAT = 2, /* and come to addresses in `source` */
	TD_ANY_MAC = 4,	    /* frames are taken for this node's, whatever host's MAC they are to */
};

/*
 * A device that frames come in on, at its ifindex modulo TD_MAX_DEVICES; of two at one place, the
 * second is found by TD_KIND_MAC alone.
 */
struct td_device {
	__u32 ifindex; /* 0: none */
	__u8 mac[6];
	__u8 pad[6];
};
TD_ASSERT_SIZE(struct td_device, 16);

/* The port of a bond that the program is on natively. */
struct td_port {
	__u32 bond;	 /* its ifindex */
	__u32 is_asleep; /* the bond takes no frames from it */
};

/* The one element of the map `td_tables`. */
struct td_tables {
	__u64 layout; /* counts the switches; its lowest bit is the steering table in use */
	__u64 flags;  /* enum td_tables_flags */
	__u64 budget_cost_ns;  /* what a first packet takes from its address's token bucket */
	__u64 budget_burst_ns; /* and how much is in a full one */
	__u64 capture_until_ns; /* CLOCK_MONOTONIC: until then, frames are captured; 0: none are */
	__u64 capture_lost;	/* that found no room in the ring */
	__u64 error_budget_ns;	/* the data path's: when the token bucket of ICMP errors is full again */
	__u64 error_cost_ns;	/* what one takes from it; there are TD_ERROR_BURST in a full one */
	__u32 has_workers; /* the dpdk engine: workers forward, and get all that concerns backends */
	__u32 has_ports;   /* there are entries in td_ports */
	__u64 answers_until_ns; /* CLOCK_MONOTONIC, of td_answers: until then no kernel gets them */
	__u64 pad[6];
	struct td_steer_table steer[2];
	struct td_vrouter vrouter[TD_MAX_VROUTERS];
	struct td_vip vip[TD_MAX_VIPS];
	struct td_service service[TD_MAX_SERVICES];
	__u8 source[TD_MAX_SOURCES][16];
	struct td_device device[TD_MAX_DEVICES];
	__u8 own[TD_MAX_OWN][16];
	/* By virtual router: an address of this node's on its link, in whose name neighbours are asked
	 * while another node has the virtual one. 0: there is none. */
	__u8 asks_as[TD_MAX_VROUTERS][16];
};

/* The one element, for each CPU, of the map `td_counters`. */
struct td_counters {
	__u64 packets[TD_REASON_COUNT];
};

/* By backend, or service of this node's own, for each CPU: the map `td_traffic`. */
struct td_traffic {
	__u64 in_packets; /* from clients */
	__u64 in_bytes;	  /* of frames, as they came in */
	__u64 out_packets; /* from the backend (nat and fullnat), or from this node */
	__u64 out_bytes;
};

/* Written when a frame is captured, into the ring `td_captured`. */
enum { TD_CAPTURE_BYTES = 512, TD_CAPTURE_RING_BYTES = 1 << 21 };

struct td_captured {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 in;      /* ifindex */
	__u32 out;     /* the one it left by; 0: none */
	__u32 in_length, out_length; /* bytes of the frame as it came in, and as it left */
	__u16 reason;
	__u16 pad[3];
	__u8 came[TD_CAPTURE_BYTES]; /* the first bytes, 0 where there are less */
	__u8 left[TD_CAPTURE_BYTES];
};

/* One reading of both clocks, by the program td_read_clock. */
struct td_clock {
	__u64 now_ns; /* CLOCK_MONOTONIC */
	__u64 jiffies;
};

/* An advert on its way to the VRRP thread, through the BPF ring buffer. */
struct td_advert {
	__u32 ifindex;
	__u16 vlan[2];
	__u16 length; /* bytes of the IP packet */
	__u8 packet[TD_ADVERT_BYTES];
};

#endif
