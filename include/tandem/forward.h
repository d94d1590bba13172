/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet core: packets of services that have backends.
 *
 *   client's:   flow? move to its backend
 *               no flow, or the first of a new one: to the data thread, which schedules; beyond the
 *               address's budget of first packets, or when told so: by hash
 *   backend's:  flow? move to the client
 *               no flow: none of ours, to the kernel
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
#include "tandem/rewrite.h"

/* ---- Flows as packets come ---------------------------------------------------------------- */

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

TD_INLINE void td_report_if_ended(struct td_frame *f, const struct td_flow_found *placed)
{
	struct td_flow_end end = {};

	if (placed->touch.seen != TD_FLOW_ENDING)
		return;
	end.address[0] = placed->touch.address[0];
	end.address[1] = placed->touch.address[1];
	end.id = placed->touch.id;
	end.family = (__u8)placed->touch.family;
	td_report_end(f, &end);
}

/*
 * nat: does the flow's packet come from where its replies would go? Looked at once a tick at most;
 * the data thread follows a client whose router has changed.
 */
TD_INLINE int td_came_from_elsewhere(const struct td_frame *f, const struct td_env *env,
				     const struct td_packet *p, const struct td_flow_found *placed)
{
	const struct td_source *source;
	const struct td_hop *hop;
	__u16 number = placed->touch.word.part.extra;

	if (placed->service->mode == TD_MODE_FULLNAT) {
		source = td_source_at(env, td_source_slot(placed->service, &placed->touch.word) *
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

/* ---- Ways --------------------------------------------------------------------------------- */

/*
 * From a client: m->service is a service with backends, whose lease is live; p->has_ports. where, here
 * and below: the place of the first flow that is looked for; NULL: not known.
 */
TD_INLINE enum td_reason td_forward_to_backend(struct td_frame *f, const struct td_env *env,
					       const struct td_packet *p, const struct td_match *m,
					       struct td_outcome *out, struct td_flow_found *placed,
					       const struct td_flow_where *where)
{
	struct td_client client = {td_ip_source(p), p->source_port, p->family};
	struct td_plan move;
	int flags = td_transport_flags(p, f->end), flow;

	if (flags < 0)
		return TD_DROP_MALFORMED;
	out->from = TD_FROM_CLIENT;
	td_query_by(&placed->touch, f, 1, flags, TD_FROM_CLIENT);
	flow = td_flow_lookup(placed, env, &client, m->service - 1, 0, where);
	if (flow) {
		td_report_if_ended(f, placed);
		if (placed->touch.seen == TD_FLOW_NEW)
			flow = 0;
		else if (placed->touch.is_due && !td_hashes_misses(f) &&
			 (placed->service->mode == TD_MODE_NAT ||
			  placed->service->mode == TD_MODE_FULLNAT))
			flow = !td_came_from_elsewhere(f, env, p, placed);
	}
	if (!flow) {
		if (!td_hashes_misses(f) &&
		    td_within_budget(env, &env->tables->vip[(m->vip - 1) & (TD_MAX_VIPS - 1)],
				     td_now_ns(f)))
			return TD_PUNT_MISS;
		return td_forward_by_hash(f, env, p, &client, td_service_at(env, m->service - 1),
					  out);
	}
	out->backend = placed->backend_number;
	if (!td_plan_to_backend(&move, env, placed->service, placed->backend, &placed->touch.word))
		return TD_DROP_NEXT_HOP_UNKNOWN;
	return td_transmit(f, p, &move, TD_TX_FORWARD, out);
}

TD_INLINE int td_is_from_backend(const struct td_backend *b, const struct td_packet *p)
{
	return b->port == p->source_port && b->family == p->family &&
	       td_is_same_address(b->address, td_ip_source(p), p->family);
}

/* nat: the flow of the client that is sent to. */
TD_INLINE int td_lookup_reply(struct td_flow_found *placed, const struct td_env *env,
			      const struct td_client *client, __u32 backend,
			      const struct td_flow_where *where)
{
	const struct td_backend *b;
	int i;

	for (i = 0; i < TD_SHARED_BACKENDS && backend; i++) {
		b = td_backend_at(env, backend);
		if (!b)
			return 0;
		if (td_flow_lookup(placed, env, client, b->service, backend, i ? 0 : where))
			return 1;
		backend = b->next_shared;
	}
	return 0;
}

/* fullnat: the flow that has the source port that is sent to; fills `client`. NULL: none. */
TD_INLINE const struct td_source *td_lookup_by_port(struct td_flow_found *placed,
						    const struct td_env *env, __u32 slot,
						    __u32 port, struct td_client *client,
						    const struct td_flow_where *where)
{
	const struct td_source *source = td_source_at(env, slot * TD_SOURCE_PORTS + port);

	if (!source || !source->service)
		return 0;
	client->address = source->client;
	client->port = source->client_port;
	client->family = td_service_at(env, source->service)->family;
	if (!td_flow_lookup(placed, env, client, source->service, 0, where) ||
	    placed->touch.word.part.extra != port ||
	    td_source_slot(placed->service, &placed->touch.word) != slot)
		return 0;
	return source;
}

/* From a backend, to the client of its flow. */
TD_INLINE enum td_reason td_forward_to_client(struct td_frame *f, const struct td_env *env,
					      const struct td_packet *p, const struct td_match *m,
					      struct td_outcome *out, struct td_flow_found *placed,
					      const struct td_flow_where *where)
{
	struct td_client client = {td_ip_destination(p), p->destination_port, p->family};
	const struct td_source *source = 0;
	const struct td_vrouter *vr;
	struct td_plan move;
	int flags = td_transport_flags(p, f->end), flow;

	if (flags < 0)
		return TD_PASS_NO_FLOW;
	td_query_by(&placed->touch, f, 1, flags, TD_FROM_SERVER);
	if (m->source) {
		source = td_lookup_by_port(placed, env, m->source - 1, p->destination_port, &client,
					   where);
		flow = source && placed->service->mode == TD_MODE_FULLNAT;
	} else {
		flow = td_lookup_reply(placed, env, &client, m->backend - 1, where) &&
		       placed->service->mode == TD_MODE_NAT;
	}
	if (!flow || placed->service->protocol != p->protocol ||
	    !td_is_from_backend(placed->backend, p))
		return TD_PASS_NO_FLOW;
	vr = &env->tables->vrouter[placed->service->vrouter & (TD_MAX_VROUTERS - 1)];
	if (!td_may_forward(f, vr))
		return TD_DROP_NO_LEASE;
	td_report_if_ended(f, placed);
	out->from = TD_FROM_SERVER;
	out->backend = placed->backend_number;
	if (!td_plan_to_client(&move, env, placed->service, &placed->touch.word, source))
		return TD_DROP_NEXT_HOP_UNKNOWN;
	return td_transmit(f, p, &move, TD_TX_REPLY, out);
}

#endif
