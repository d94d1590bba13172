/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: packets of services that have backends.
 *
 *   client's:   flow? on to its backend
 *               no flow, or the first of a new one: to the data thread, which schedules; beyond the
 *               address's budget of first packets, or when told so: by hash. So goes what is no
 *               first packet of any flow (RST, FIN), and takes nothing of the budget
 *   backend's:  flow? on to the client
 *               no flow: none of ours, to the kernel; with nat only if it is for this node itself
 *
 * A backend's reply finds the flow by the client's address and port, which with nat it is sent to,
 * and with fullnat are kept by source port (td_source). Services that share a backend are tried in
 * turn; the flow that has this backend is the one.
 */
#ifndef TANDEM_FORWARD_H
#define TANDEM_FORWARD_H

#include "tandem/flow_lookup.h"
#include "tandem/lease.h"
#include "tandem/no_flow.h"
#include "tandem/origin.h"
#include "tandem/rewrite.h"

/* The flags of TCP, 0 where there are none to be looked at; -1: the header is cut short. */
TD_INLINE int td_transport_flags(const struct td_packet *p, const __u8 *end)
{
	if (p->fragment == TD_FRAGMENT_LATER)
		return 0;
	if (!p->l4)
		return -1;
	if (p->protocol != TD_PROTO_TCP)
		return 0;
	return p->l4 + TD_TCP_HEADER <= end ? p->l4[13] : -1;
}

TD_INLINE void td_report_change(struct td_frame *f, const struct td_flow *flow)
{
	struct td_flow_end end = {};

	if (flow->seen != TD_FLOW_ENDING && flow->seen != TD_FLOW_CONFIRMED)
		return;
	end.address[0] = flow->address[0];
	end.address[1] = flow->address[1];
	end.id = flow->id;
	end.family = (__u8)flow->family;
	td_report_end(f, &end);
}

/*
 * nat and fullnat: does the flow's packet come from where its replies would go? Looked at once a tick
 * at most; the data thread follows a client whose router has changed.
 */
TD_INLINE int td_came_from_elsewhere(const struct td_frame *f, const struct td_env *env,
				     const struct td_packet *p, const struct td_flow *flow)
{
	const struct td_source *source;
	const struct td_hop *hop;
	__u16 number = flow->word.part.extra;

	if (flow->service->mode != TD_MODE_NAT && flow->service->mode != TD_MODE_FULLNAT)
		return 0;
	if (flow->service->mode == TD_MODE_FULLNAT) {
		source = td_source_at(env, td_source_slot(flow->service, &flow->word) *
							   (__u32)TD_SOURCE_PORTS +
						   number);
		number = source ? source->hop : 0;
	}
	hop = td_hop_at(env, number);
	return hop && (hop->ifindex != f->ifindex || hop->vlan[0] != p->vlan[0] ||
		       hop->vlan[1] != p->vlan[1] ||
		       td_load32(hop->destination) != td_load32(p->eth + 6) ||
		       td_load16(hop->destination + 4) != td_load16(p->eth + 10));
}

/* A client's packet of no flow: to the data thread, or by hash. */
TD_INLINE enum td_reason td_forward_first(struct td_frame *f, const struct td_env *env,
					  const struct td_packet *p, const struct td_match *m,
					  const struct td_client *client, int flags,
					  struct td_outcome *out)
{
	const int may_become_flow = p->protocol == TD_PROTO_UDP || td_opens_flow((__u32)flags) ||
				    td_may_join_flow((__u32)flags);

	if (td_is_martian(env->tables, p))
		return TD_DROP_MARTIAN;
	if (td_ttl(p) <= 1)
		return TD_DROP_TTL_EXCEEDED;
	if (may_become_flow && !td_hashes_misses(f) &&
	    td_within_budget(env, td_vip_at(env->tables, m->vip), td_now_ns(f)))
		return TD_PUNT_MISS;
	if (!may_become_flow && td_service_at(env, m->service)->mode == TD_MODE_FULLNAT)
		return TD_DROP_NO_FLOW;
	return td_forward_by_hash(f, env, p, client, td_service_at(env, m->service), out);
}

/*
 * From a client, to a service with backends, whose lease is live; p->has_ports. where, here and
 * below: as in td_flow_query, of the first flow that is looked for.
 */
TD_INLINE enum td_reason td_forward_to_backend(struct td_frame *f, const struct td_env *env,
					       const struct td_packet *p, const struct td_match *m,
					       struct td_outcome *out,
					       const struct td_flow_where *where)
{
	int flags = td_transport_flags(p, f->end), found;
	struct td_flow_query q = {{td_ip_source(p), p->source_port, p->family},
				  where,
				  td_jiffies(f),
				  1,
				  (__u32)flags,
				  TD_FROM_CLIENT};
	struct td_flow flow;
	struct td_plan plan;

	if (flags < 0)
		return TD_DROP_MALFORMED;
	out->from = TD_FROM_CLIENT;
	found = td_flow_lookup(&flow, env, &q, m->service, 0);
	if (found) {
		td_report_change(f, &flow);
		if (flow.seen == TD_FLOW_NEW)
			found = 0;
		else if (flow.is_due && !td_hashes_misses(f))
			found = !td_came_from_elsewhere(f, env, p, &flow);
	}
	if (!found)
		return td_forward_first(f, env, p, m, &q.client, flags, out);
	out->backend = flow.backend_number;
	if (!td_plan_to_backend(&plan, env, flow.service, flow.backend, &flow.word))
		return TD_DROP_NEXT_HOP_UNKNOWN;
	return td_transmit(f, p, &plan, TD_TX_FORWARD, out);
}

TD_INLINE int td_is_from_backend(const struct td_backend *b, const struct td_packet *p)
{
	return b->port == p->source_port && b->family == p->family &&
	       td_is_same_address(b->address, td_ip_source(p), p->family);
}

/* From a backend, to the client of its flow. */
TD_INLINE enum td_reason td_forward_to_client(struct td_frame *f, const struct td_env *env,
					      const struct td_packet *p, const struct td_match *m,
					      struct td_outcome *out,
					      const struct td_flow_where *where)
{
	int flags = td_transport_flags(p, f->end), found;
	struct td_flow_query q = {{td_ip_destination(p), p->destination_port, p->family},
				  where,
				  td_jiffies(f),
				  1,
				  (__u32)flags,
				  TD_FROM_SERVER};
	const struct td_source *source = 0;
	struct td_flow flow;
	struct td_plan plan;

	if (flags < 0)
		return TD_PASS_NO_FLOW;
	if (m->source != TD_NONE) {
		source = td_lookup_by_port(&flow, env, &q, m->source, p->destination_port);
		found = source && flow.service->mode == TD_MODE_FULLNAT;
	} else {
		found = td_lookup_reply(&flow, env, &q, m->backend) &&
			flow.service->mode == TD_MODE_NAT;
	}
	if (!found || flow.service->protocol != p->protocol || !td_is_from_backend(flow.backend, p))
		return TD_PASS_NO_FLOW;
	if (!td_may_forward(f, td_vrouter_at(env->tables, flow.service->vrouter)))
		return TD_DROP_NO_LEASE;
	td_report_change(f, &flow);
	out->from = TD_FROM_SERVER;
	out->backend = flow.backend_number;
	if (!td_plan_to_client(&plan, env, flow.service, &flow.word, source))
		return TD_DROP_NEXT_HOP_UNKNOWN;
	return td_transmit(f, p, &plan, TD_TX_REPLY, out);
}

#endif
