// SPDX-License-Identifier: Apache-2.0
// Every metric that /metrics exports: name, type, labels and meaning. docs/metrics.md is written
// from this table, and what configs/prometheus and configs/grafana refer to is looked up in it.
//
// Names are stable: people graph them. Counters end in _total, and what has a unit in its name:
// _seconds, _bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace tandem::observe {

// X(name, type, labels, meaning), in the order of the page.
#define TANDEM_METRICS(X)                                                                          \
  X(tandem_build_info, gauge, "node, version, engine", "1, with what runs here in its labels")     \
  X(tandem_realtime, gauge, "",                                                                    \
    "1 if the VRRP thread runs with real-time priority and locked memory")                         \
  X(tandem_reloads_total, counter, "result",                                                       \
    "Reloads of the configuration: applied, or refused, when the former one goes on")              \
  X(tandem_reload_good, gauge, "", "1 if the last reload was applied, or there was none")          \
  X(tandem_warnings, gauge, "",                                                                    \
    "What the node knows to be wrong now: the warnings of `tandemctl status`")                     \
  X(tandem_interface_up, gauge, "interface", "1 if the interface is there, up, and steered")       \
  X(tandem_interface_xdp_generic, gauge, "interface",                                              \
    "1 if XDP runs in the kernel's generic hook and not in the driver, which is several times "    \
    "slower")                                                                                      \
  X(tandem_forwarding, gauge, "",                                                                  \
    "1 if services with backends are served; 0: new flows on some interface are lost")             \
  X(tandem_addresses_restored_total, counter, "",                                                  \
    "Virtual addresses put back after something else had removed them")                            \
  X(tandem_events_lost_total, counter, "",                                                         \
    "Events of the VRRP thread that the control thread was too slow for, and then asked for")      \
  X(tandem_vrrp_stalls_by_cause_total, counter, "cause",                                           \
    "Stalls of the VRRP thread that were told as events, by what kept it")                         \
  X(tandem_control_stalls_total, counter, "",                                                      \
    "How often the control thread stood still for a second or more")                               \
  X(tandem_http_connections_total, counter, "", "Connections to the HTTP server")                  \
  X(tandem_http_connections_evicted_total, counter, "",                                            \
    "Connections closed to make room for others")                                                  \
  X(tandem_http_requests_total, counter, "", "HTTP requests, good or bad")                         \
  X(tandem_http_requests_refused_total, counter, "",                                               \
    "HTTP requests that asked for what is not served")                                             \
  X(process_cpu_seconds_total, counter, "", "Processor time of all threads of tandemd")            \
  X(process_resident_memory_bytes, gauge, "", "Memory of tandemd")                                 \
  X(process_open_fds, gauge, "", "Open file descriptors")                                          \
  X(process_max_fds, gauge, "", "Most file descriptors that may be open")                          \
  X(process_start_time_seconds, gauge, "", "When tandemd started, in seconds since 1970")          \
                                                                                                   \
  X(tandem_vrrp_state, gauge, "router, vrid, state",                                               \
    "1 for the state that the virtual router is in: initialize, backup, active or fault")          \
  X(tandem_vrrp_address_held, gauge, "router, address",                                            \
    "1 if this node holds a live lease of the virtual address")                                    \
  X(tandem_vrrp_transitions_total, counter, "router", "Changes of state of the virtual router")    \
  X(tandem_vrrp_last_transition_timestamp_seconds, gauge, "router",                                \
    "When the virtual router came to its state, in seconds since 1970")                            \
  X(tandem_vrrp_peer_heard_age_seconds, gauge, "router",                                           \
    "Time since the last good advert; no sample before there was one. An Active hears none")       \
  X(tandem_vrrp_priority, gauge, "router", "The priority in use, as tracking has changed it")      \
  X(tandem_vrrp_configured_priority, gauge, "router", "The priority of the configuration")         \
  X(tandem_vrrp_peer_priority, gauge, "router",                                                    \
    "The priority of the last good advert; no sample before there was one")                        \
  X(tandem_vrrp_handed_over, gauge, "router",                                                      \
    "1 if the virtual router stays Backup because it was handed over on request")                  \
  X(tandem_vrrp_stalls_total, counter, "router",                                                   \
    "Deadlines at which the process did not run for longer than an interval")                      \
  X(tandem_vrrp_waits_for_flows, gauge, "router",                                                  \
    "1 if it would preempt, but waits until this node has the flows of the Active's "              \
    "connections")                                                                                 \
  X(tandem_vrrp_waits_for_backends, gauge, "router",                                               \
    "1 if it would preempt, but waits until the backends of its addresses are up")                 \
  X(tandem_vrrp_held_back, gauge, "router",                                                        \
    "1 if no advert is heard and it would take over, but the peer says over the sync link that "   \
    "it "                                                                                          \
    "is Active")                                                                                   \
  X(tandem_vrrp_held_back_total, counter, "router",                                                \
    "Takeovers for want of adverts that were put off, since the peer said over the sync link "     \
    "that "                                                                                        \
    "it is Active")                                                                                \
  X(tandem_vrrp_peer_active_over_sync, gauge, "router",                                            \
    "1 if the peer says over the sync link that it is Active; no sample before it said anything")  \
  X(tandem_vrrp_sockets, gauge, "router, where",                                                   \
    "Connections to services of the node's own: here, or there, at the other node, as it says")    \
  X(tandem_vrrp_draining, gauge, "router",                                                         \
    "1 if it is not Active, and connections to services of the node's own go on here")             \
  X(tandem_vrrp_lease_remaining_seconds, gauge, "router",                                          \
    "Time until the lease ends, should no advert be sent any more; 0: there is none")              \
  X(tandem_vrrp_advert_interval_seconds, gauge, "router",                                          \
    "The advert interval of the configuration")                                                    \
  X(tandem_vrrp_adverts_sent_total, counter, "router", "Adverts that the virtual router sent")     \
  X(tandem_vrrp_adverts_received_total, counter, "router",                                         \
    "Good adverts that the virtual router received")                                               \
  X(tandem_vrrp_adverts_signed_total, counter, "router",                                           \
    "Good adverts that the virtual router received with a signature")                              \
  X(tandem_vrrp_adverts_dropped_total, counter, "router, reason",                                  \
    "Adverts that reached the virtual router and were dropped, by reason (architecture.md)")       \
  X(tandem_vrrp_advert_mismatches_total, counter, "router, what",                                  \
    "Adverts accepted although their addresses or their interval differ")                          \
  X(tandem_adverts_received_total, counter, "",                                                    \
    "Adverts that came in, good or bad, also for no virtual router of this node")                  \
  X(tandem_adverts_dropped_total, counter, "reason",                                               \
    "Adverts that came in and were dropped, also those for no virtual router, by reason")          \
  X(tandem_adverts_lost_total, counter, "",                                                        \
    "Adverts lost on the way to the VRRP thread: its ring was full")                               \
  X(tandem_vrrp_send_errors_total, counter, "",                                                    \
    "Adverts and announcements that could not be sent")                                            \
  X(tandem_vrrp_lateness_seconds, histogram, "",                                                   \
    "How long after its deadline each timer of the VRRP thread was served, adverts among them")    \
                                                                                                   \
  X(tandem_packets_total, counter, "verdict, reason",                                              \
    "Packets by what became of them and why; `drop` and `no-lease` is what architecture.md calls " \
    "`drop/no-lease`")                                                                             \
  X(tandem_lost_packets_total, counter, "place, reason",                                           \
    "Packets lost inside the node, by place (`AF_XDP`, a worker, a port) and reason "              \
    "(troubleshooting.md)")                                                                        \
  X(tandem_service_info, gauge, "service, address, protocol, port, forward, scheduler",            \
    "1, with what the service is in its labels")                                                   \
  X(tandem_service_up, gauge, "service",                                                           \
    "1 if the service has its quorum: without one in the file, a backend that is up")              \
  X(tandem_service_backends, gauge, "service, state", "Backends that are up, draining or down")    \
  X(tandem_service_connections, gauge, "service", "Connections of the service: flows that count")  \
  X(tandem_service_flows, gauge, "service", "Flows of the service that are remembered")            \
  X(tandem_service_picks_total, counter, "service",                                                \
    "Flows of the service that the scheduler placed")                                              \
  X(tandem_service_hash_picks_total, counter, "service", "Flows taken up in the middle, by hash")  \
  X(tandem_service_refused_total, counter, "service, reason",                                      \
    "First packets that no backend could take, or no source port was left for")                    \
  X(tandem_service_table_full_total, counter, "service",                                           \
    "New flows that the flow table was full for")                                                  \
  X(tandem_service_acknowledged_total, counter, "service",                                         \
    "With sync = \"before-forward\": first packets that went on when the other node had their "    \
    "flow")                                                                                        \
  X(tandem_service_unacknowledged_total, counter, "service, reason",                               \
    "And those that went on before: no session (`away`), no answer in time (`slow`), not taken "   \
    "by "                                                                                          \
    "the other node (`refused`), too many waited (`no_room`)")                                     \
  X(tandem_service_packets_total, counter, "service, direction",                                   \
    "Packets of a service of this node's own (local): from clients (in) and to them (out)")        \
  X(tandem_service_bytes_total, counter, "service, direction",                                     \
    "Bytes of a service of this node's own (local): from clients (in) and to them (out)")          \
  X(tandem_backend_state, gauge, "service, backend, state",                                        \
    "1 for the state that the backend is in: up, draining or down")                                \
  X(tandem_backend_in_use, gauge, "service, backend",                                              \
    "1 if the backend may get new flows: 0 of a backup that waits, or while backups serve")        \
  X(tandem_backend_last_change_timestamp_seconds, gauge, "service, backend",                       \
    "When the backend came to its state, in seconds since 1970")                                   \
  X(tandem_backend_connections, gauge, "service, backend",                                         \
    "Connections of the backend: flows that count")                                                \
  X(tandem_backend_flows, gauge, "service, backend", "Flows of the backend that are remembered")   \
  X(tandem_backend_weight, gauge, "service, backend", "The weight of the backend that is in use")  \
  X(tandem_backend_max_connections, gauge, "service, backend",                                     \
    "Connections that the backend takes at most; no sample without a limit")                       \
  X(tandem_backend_picks_total, counter, "service, backend",                                       \
    "Flows that were given to the backend")                                                        \
  X(tandem_backend_packets_total, counter, "service, backend, direction",                          \
    "Packets to (in) and from (out) the backend; replies pass by with nat and fullnat alone")      \
  X(tandem_backend_bytes_total, counter, "service, backend, direction",                            \
    "Bytes to (in) and from (out) the backend; replies pass by with nat and fullnat alone")        \
  X(tandem_backend_check_latency_seconds, gauge, "service, backend",                               \
    "How long the last check of the backend took")                                                 \
  X(tandem_backend_check_runs_total, counter, "service, backend",                                  \
    "Checks of the backend that have finished")                                                    \
  X(tandem_backend_check_failures_total, counter, "service, backend",                              \
    "Checks of the backend that failed")                                                           \
  X(tandem_check_up, gauge, "check, kind",                                                         \
    "1 if the check passes; no sample before its first result")                                    \
  X(tandem_check_latency_seconds, gauge, "check", "How long the last run of the check took")       \
  X(tandem_check_runs_total, counter, "check", "Runs of the check that have finished")             \
  X(tandem_check_failures_total, counter, "check", "Runs of the check that failed")                \
                                                                                                   \
  X(tandem_flow_table_flows, gauge, "family", "Flows in the flow table")                           \
  X(tandem_flow_table_capacity, gauge, "family", "Flows that the flow table has room for")         \
  X(tandem_flow_table_evictions_total, counter, "family",                                          \
    "Flows that were evicted for new ones: over, or never answered by the backend")                \
  X(tandem_flow_counts, gauge, "where", "Connections, as the table and as the schedulers count")   \
  X(tandem_flow_count_mismatch, gauge, "",                                                         \
    "Difference of the two counts of connections, which is 0 at any moment")                       \
                                                                                                   \
  X(tandem_sync_connected, gauge, "", "1 if this node is in session with the other one ([sync])")  \
  X(tandem_sync_in_sync, gauge, "service",                                                         \
    "1 if both nodes were seen to have the same flows of the service")                             \
  X(tandem_sync_lag_seconds, gauge, "",                                                            \
    "How long a change takes to the other node and back; 0: not known yet")                        \
  X(tandem_sync_sessions_total, counter, "", "Sessions with the other node that began")            \
  X(tandem_sync_refused_total, counter, "",                                                        \
    "Connections to the sync link that were refused: not by sync.peer, or with another key")       \
  X(tandem_sync_flows_total, counter, "direction",                                                 \
    "Records of flows sent to the other node (out) and received from it (in)")                     \
  X(tandem_sync_clients_total, counter, "direction",                                               \
    "Clients that affinity holds, told to the other node (out) or by it (in)")                     \
  X(tandem_sync_repairs_total, counter, "",                                                        \
    "Ranges of flows that differed and were sent again whole")                                     \
  X(tandem_sync_conflicts_total, counter, "",                                                      \
    "Flows that both nodes had given to different backends")                                       \
  X(tandem_sync_records_refused_total, counter, "reason",                                          \
    "Records of flows that could not be applied: not configured here, or no room")                 \
                                                                                                   \
  X(tandem_worker_stalled, gauge, "worker", "1 if the worker of the dpdk engine stands still")     \
  X(tandem_worker_rounds_total, counter, "worker", "Rounds of the worker's loop")                  \
  X(tandem_worker_bursts_total, counter, "worker",                                                 \
    "Bursts that the worker received with frames in them")                                         \
  X(tandem_worker_frames_total, counter, "worker, direction",                                      \
    "Frames that the worker received (in) and sent (out)")                                         \
  X(tandem_worker_unsent_total, counter, "worker, reason",                                         \
    "Frames that the worker could not send: the device's queue was full, or it is no port")        \
  X(tandem_worker_first_packets_total, counter, "worker, result",                                  \
    "First packets for the first worker: handed over, or lost because it is too slow")             \
  X(tandem_port_lost_total, counter, "port, reason",                                               \
    "Frames lost by a port of the dpdk engine: workers are too slow, or no buffer was free")       \
                                                                                                   \
  X(tandem_nginx_up, gauge, "", "1 if Nginx answered with its stub_status, as [nginx] asks for")   \
  X(tandem_nginx_connections, gauge, "state",                                                      \
    "Connections of Nginx: all (active), and those reading, writing, waiting for a request")       \
  X(tandem_nginx_connections_accepted_total, counter, "", "Connections that Nginx accepted")       \
  X(tandem_nginx_connections_handled_total, counter, "",                                           \
    "Connections that Nginx accepted and could handle")                                            \
  X(tandem_nginx_requests_total, counter, "", "Requests of Nginx's clients")

enum class MetricType : std::uint8_t { counter, gauge, histogram };

struct Metric {
  const char* name;
  MetricType type;
  const char* labels;  // "router, state"
  const char* meaning;
};

enum class MetricId : std::uint8_t {
#define TANDEM_METRIC_ID(name, type, labels, meaning) name,
  TANDEM_METRICS(TANDEM_METRIC_ID)
#undef TANDEM_METRIC_ID
};

// By MetricId.
[[nodiscard]] std::span<const Metric> metrics();

// docs/metrics.md.
[[nodiscard]] std::string metrics_reference();

}  // namespace tandem::observe
