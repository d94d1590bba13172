/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A frame on its way through, and what is around it: room to grow, the clocks, who hears of ends.
 * The one place where BPF and C++ differ.
 */
#ifndef TANDEM_FRAME_H
#define TANDEM_FRAME_H

#include "tandem/abi.h"
#include "tandem/flow_track.h"

struct td_frame {
	__u8 *data, *end;
	__u32 ifindex; /* the device it came in on */
#ifdef __bpf__
	struct xdp_md *ctx;
#else
	__u8 *first, *last; /* of the buffer that data and end can move in */
	__u64 now_ns;	    /* CLOCK_MONOTONIC */
	__u64 jiffies;
	struct td_flow_end ended; /* the flow that the frame was the first to end; family 0: none */
	__u8 hash_misses;	  /* a frame of no flow goes by hash, whatever the budget */
	__u8 has_socket; /* it is of a TCP socket of this node; BPF asks the kernel */
#endif
};

/* What the reason alone does not say. */
struct td_outcome {
	__u32 ifindex; /* to be sent by, if td_is_tx(); 0: the device it came in on */
	__u32 length;  /* bytes of the frame, as it came in */
	__u32 mtu;     /* of the way, if it was too big for it */
	__u16 backend; /* whose traffic it is: a backend's, or this node's own service's; 0: none */
	__u8 from;     /* TD_FROM_CLIENT, TD_FROM_SERVER */
};

#ifdef __bpf__

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, TD_END_RING_BYTES);
} td_ends SEC(".maps");

TD_INLINE void td_frame_read(struct td_frame *f, struct xdp_md *ctx)
{
	f->data = (void *)(long)ctx->data;
	f->end = (void *)(long)ctx->data_end;
	f->ifindex = ctx->ingress_ifindex;
	f->ctx = ctx;
}

/* By `bytes` more at the front, less if below 0. 0: done, and `data` and `end` are new. */
TD_INLINE int td_frame_grow(struct td_frame *f, int bytes)
{
	if (bpf_xdp_adjust_head(f->ctx, -bytes))
		return -1;
	td_frame_read(f, f->ctx);
	return 0;
}

/* Cut off, or grown by zeros, at the end. 0: done, and `data` and `end` are new. */
TD_INLINE int td_frame_resize(struct td_frame *f, __u32 length)
{
	__s64 now = f->end - f->data;

	__asm__ volatile("" : "+r"(now)); /* no arithmetic of half pointers, which is not allowed */
	if (bpf_xdp_adjust_tail(f->ctx, (int)length - (int)now))
		return -1;
	td_frame_read(f, f->ctx);
	return 0;
}

TD_INLINE __u64 td_now_ns(const struct td_frame *f)
{
	return bpf_ktime_get_ns();
}

TD_INLINE __u64 td_jiffies(const struct td_frame *f)
{
	return bpf_jiffies64();
}

TD_INLINE int td_hashes_misses(const struct td_frame *f)
{
	return 0;
}

TD_INLINE void td_report_end(struct td_frame *f, const struct td_flow_end *end)
{
	bpf_ringbuf_output(&td_ends, (void *)end, sizeof(*end), 0);
}

#else

TD_INLINE int td_frame_grow(struct td_frame *f, int bytes)
{
	if (f->data - f->first < bytes || f->end - f->data < -bytes)
		return -1;
	f->data -= bytes;
	return 0;
}

TD_INLINE int td_frame_resize(struct td_frame *f, __u32 length)
{
	__u8 *end = f->data + length;

	if (length > (__u64)(f->last - f->data))
		return -1;
	if (end > f->end)
		__builtin_memset(f->end, 0, (__u64)(end - f->end));
	f->end = end;
	return 0;
}

TD_INLINE __u64 td_now_ns(const struct td_frame *f)
{
	return f->now_ns;
}

TD_INLINE __u64 td_jiffies(const struct td_frame *f)
{
	return f->jiffies;
}

TD_INLINE int td_hashes_misses(const struct td_frame *f)
{
	return f->hash_misses;
}

TD_INLINE void td_report_end(struct td_frame *f, const struct td_flow_end *end)
{
	f->ended = *end;
}

#endif

#endif
