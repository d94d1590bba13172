/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet tells about its flow, and what becomes of that in the table. BPF and C++.
 *
 * With dsr and tunnel only the client's packets come by, with nat the server's as well. As IPVS
 * does, a state is taken from flags alone, and sequence numbers are not looked at (a way that sees
 * one direction could not). Unlike IPVS, a RST is not the last word: see td_flow_next().
 *
 *                 SYN_SENT     ESTABLISHED  FIN_CLIENT  FIN_SERVER  CLOSED  RESET      JOINED
 *   client's SYN  stays        stays        new flow    new flow    new     new        new
 *   client's ACK  ESTABLISHED  stays        stays       stays       stays   see below  see below
 *   server's ACK  stays        stays        stays       stays       stays   stays      ESTABLISHED
 *   client's FIN  FIN_CLIENT   FIN_CLIENT   stays       CLOSED      stays   stays      FIN_CLIENT
 *   server's FIN  FIN_SERVER   FIN_SERVER   CLOSED      stays       stays   stays      FIN_SERVER
 *   RST           RESET        RESET        CLOSED      CLOSED      stays   stays      RESET
 *
 * A flow that was joined in the middle is none until the backend says so, where its packets come by
 * (nat, fullnat). Where they do not, the client has to send another one in a later tick.
 */
#ifndef TANDEM_FLOW_TRACK_H
#define TANDEM_FLOW_TRACK_H

#include "tandem/flow.h"

/* Of a TCP header's byte 13 (RFC 9293, 3.1). */
enum { TD_TCP_FIN = 1, TD_TCP_SYN = 2, TD_TCP_RST = 4, TD_TCP_ACK = 16 };

enum {
	TD_FROM_CLIENT = 0,
	TD_FROM_SERVER = 1,
	TD_HEARS_SERVER = 2, /* beside either: the backend's packets come by, too */
};

/*
 * A client that goes on this many ticks after a RST shows that the RST was not believed (RFC 5961,
 * 3.2, lets a server ignore one that an outsider guessed): the connection is taken up again.
 */
enum { TD_FLOW_REVIVE_TICKS = 2 };

/* What a packet is to the flow that it was found to belong to. */
enum td_flow_seen {
	TD_FLOW_SAME = 0, /* part of it */
	TD_FLOW_ENDING,	  /* part of it, and the first to end it: td_flow_end for the daemon */
	TD_FLOW_CONFIRMED, /* the first to show that it is one, after it was joined: the same */
	TD_FLOW_NEW,	  /* begins another flow of the same key: to be treated as a miss */
};

/*
 * To the daemon through a ring buffer, so that a flow stops (or begins) counting at once. The ring may lose
 * one when it is full; the sweep finds out by itself.
 */
struct td_flow_end {
	__u64 address[2]; /* as td_address4() and td_address6() read it */
	__u32 id;	  /* port << 16 | service */
	__u8 family;
	__u8 state; /* enum td_flow_state that it went to */
	__u16 pad;
};
TD_ASSERT_SIZE(struct td_flow_end, 24);

enum { TD_TCP_KIND = TD_TCP_FIN | TD_TCP_SYN | TD_TCP_RST | TD_TCP_ACK };

/* Of TCP, without a flow: does the client open one? */
TD_INLINE int td_opens_flow(__u32 tcp_flags)
{
	return (tcp_flags & TD_TCP_KIND) == TD_TCP_SYN;
}

/* Or may there be one that this node has not seen, as after a move? Nothing comes behind the others. */
TD_INLINE int td_may_join_flow(__u32 tcp_flags)
{
	return (tcp_flags & TD_TCP_KIND) == TD_TCP_ACK;
}

TD_INLINE int td_flow_is_ending(__u8 state)
{
	return state >= TD_FLOW_FIN_CLIENT && state <= TD_FLOW_RESET;
}

/* Does a flow that begins in this state count as a connection of its backend? */
TD_INLINE int td_flow_counts(__u8 state)
{
	return !td_flow_is_ending(state) && state != TD_FLOW_JOINED;
}

/* A client's SYN on such a flow begins another one: it has ended, or lain idle too long to count. */
TD_INLINE int td_flow_is_over(__u32 who)
{
	return td_flow_is_ending(td_flow_state_of(who)) || !(who & TD_FLOW_COUNTED);
}

/*
 * The state after a packet. idle: ticks since the last one, or in RESET since the RST; below 0 where clocks
 * differ. hears_server: the backend's packets come by, too.
 */
TD_INLINE __u8 td_flow_next(__u8 state, __u8 tcp_flags, int from, __s16 idle, int hears_server)
{
	__u8 fin = from == TD_FROM_SERVER ? TD_FLOW_FIN_SERVER : TD_FLOW_FIN_CLIENT;

	if (tcp_flags & TD_TCP_RST) {
		if (state == TD_FLOW_SYN_SENT || state == TD_FLOW_ESTABLISHED ||
		    state == TD_FLOW_JOINED)
			return TD_FLOW_RESET;
		return state == TD_FLOW_RESET ? TD_FLOW_RESET : TD_FLOW_CLOSED;
	}
	if (tcp_flags & TD_TCP_SYN)
		return state;
	if (tcp_flags & TD_TCP_FIN) {
		if (state == TD_FLOW_SYN_SENT || state == TD_FLOW_ESTABLISHED ||
		    state == TD_FLOW_JOINED)
			return fin;
		if (state == TD_FLOW_FIN_CLIENT || state == TD_FLOW_FIN_SERVER)
			return state == fin ? state : TD_FLOW_CLOSED;
		return state;
	}
	if (!(tcp_flags & TD_TCP_ACK))
		return state;
	if (state == TD_FLOW_JOINED)
		return from == TD_FROM_SERVER || (!hears_server && idle > 0) ? TD_FLOW_ESTABLISHED
									     : TD_FLOW_JOINED;
	if (from != TD_FROM_CLIENT)
		return state;
	if (state == TD_FLOW_SYN_SENT)
		return TD_FLOW_ESTABLISHED;
	if (state == TD_FLOW_RESET && idle >= TD_FLOW_REVIVE_TICKS)
		return TD_FLOW_ESTABLISHED;
	return state;
}

/* The backend's packet, of UDP. */
TD_INLINE void td_flow_note_answer(struct td_flow_hit *hit)
{
	const __u32 old = hit->word.part.who;

	if (!(old & TD_FLOW_ANSWERED)) /* or the next one will do */
		(void)__sync_val_compare_and_swap(&hit->at->part.who, old, old | TD_FLOW_ANSWERED);
}

/*
 * Stores the state after a packet and returns it; TD_FLOW_FREE if it stays as it is. Another CPU, or
 * the daemon's `counted`, may come first once; twice in a row, and the next packet or the sweep has
 * to do.
 */
TD_INLINE __u8 td_flow_advance(struct td_flow_hit *hit, __u8 tcp_flags, int from, __s16 idle,
			       int hears_server)
{
	__u32 old = hit->word.part.who, seen, who;
	__u8 next;
	int i;

	for (i = 0; i < 2; i++) {
		next = td_flow_next(td_flow_state_of(old), tcp_flags, from, idle, hears_server);
		who = (old & ~(__u32)TD_FLOW_STATE) | (__u32)next << TD_FLOW_STATE_SHIFT;
		if (from == TD_FROM_SERVER)
			who |= TD_FLOW_ANSWERED;
		if (who == old)
			break;
		seen = __sync_val_compare_and_swap(&hit->at->part.who, old, who);
		if (seen == old)
			return next == td_flow_state_of(old) ? TD_FLOW_FREE : next;
		if (seen >> TD_FLOW_GENERATION_SHIFT != old >> TD_FLOW_GENERATION_SHIFT)
			break; /* another flow's by now */
		old = seen;
	}
	return TD_FLOW_FREE;
}

/* at, word: as in td_flow_hit. who_sent: enum of TD_FROM_CLIENT, with TD_HEARS_SERVER. */
TD_SUBPROGRAM int td_flow_see_tcp_at(union td_flow_word *at, __u64 word, __u32 tick, __u32 tcp_flags,
				     __u32 who_sent)
{
	struct td_flow_hit hit = {at, {word}};
	const int from = who_sent & TD_FROM_SERVER, hears_server = who_sent & TD_HEARS_SERVER;
	__u8 state = td_flow_state_of(hit.word.part.who), next;
	__s16 idle = (__s16)((__u16)tick - hit.word.part.stamp);

	if (!at) /* which the verifier wants to see */
		return TD_FLOW_SAME;
	tcp_flags &= TD_TCP_KIND;
	if (tcp_flags == TD_TCP_ACK && state == TD_FLOW_ESTABLISHED &&
	    (from == TD_FROM_CLIENT || hit.word.part.who & TD_FLOW_ANSWERED)) {
		td_flow_stamp(&hit, (__u16)tick);
		return TD_FLOW_SAME;
	}
	if (tcp_flags == TD_TCP_SYN && from == TD_FROM_CLIENT &&
	    td_flow_is_over(hit.word.part.who))
		return TD_FLOW_NEW;
	next = td_flow_advance(&hit, (__u8)tcp_flags, from, idle, hears_server);
	if (state != TD_FLOW_RESET || next) /* a reset one's time runs from the RST */
		td_flow_stamp(&hit, (__u16)tick);
	if (state == TD_FLOW_JOINED && next == TD_FLOW_ESTABLISHED)
		return TD_FLOW_CONFIRMED;
	return td_flow_is_ending(next) && !td_flow_is_ending(state) ? TD_FLOW_ENDING : TD_FLOW_SAME;
}

/* Takes a TCP packet into account, unless it is TD_FLOW_NEW. hit->word stays as it was found. */
TD_INLINE enum td_flow_seen td_flow_see_tcp(struct td_flow_hit *hit, __u16 tick, __u8 tcp_flags,
					    int from, int hears_server)
{
	return (enum td_flow_seen)td_flow_see_tcp_at(
		hit->at, hit->word.whole, tick, tcp_flags,
		(__u32)from | (hears_server ? TD_HEARS_SERVER : 0));
}

#endif
