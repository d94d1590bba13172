// SPDX-License-Identifier: Apache-2.0
#include "config/kinds.hpp"
#include "config/schema.hpp"

namespace tandem::config {

using std::chrono::hours;
using std::chrono::milliseconds;

const Section<Backend>& backend_section() {
  static const Section<Backend> section{
      "[[service]] backends",
      "A server that the service's connections are forwarded to.",
      {
          key("address", &Backend::address, Address{}, "The server's address.").required(),
          key("port", &Backend::port, Integer{1, 65535},
              "The server's port; with `dsr` and `tunnel` it is the service's.")
              .or_else("the service's"),
          key("weight", &Backend::weight, Integer{0, 65535},
              "The server's share of connections against that of the others; 0 drains it: flows "
              "that "
              "are there stay, new ones go elsewhere."),
          key("max_connections", &Backend::max_connections, Integer{0, 1'000'000'000},
              "The most flows it has at a time; 0: no limit. With `[sync]` its server's flows "
              "through other "
              "services and through the other node are among them."),
          key("backup", &Backend::backup, Boolean{},
              "A backup gets new flows only while the service has no `quorum` of other backends, "
              "which then get none (keepalived's `sorry_server`). Flows that it has stay."),
      },
  };
  return section;
}

const Section<BackendCheck>& backend_check_section() {
  static const Section<BackendCheck> section{
      "[service.check]",
      "A health check of each of the service's backends, from this node.",
      with_part<BackendCheck>(
          {
              key("http", &BackendCheck::http, target_text(),
                  "Passes if a GET of this path is answered with a status of `status`."),
              key("https", &BackendCheck::https, target_text(),
                  "Passes if a GET of this path over TLS is answered with a status of `status`; "
                  "the certificate is not verified but with `verify`."),
              key("tcp", &BackendCheck::tcp, True{}, "Passes if a connection can be opened."),
              key("command", &BackendCheck::command, Argv{},
                  "Passes if the command exits with 0; the backend's address and port are "
                  "appended."),
              key("port", &BackendCheck::port, Integer{1, 65535}, "The port that is probed.")
                  .or_else("the backend's"),
          },
          &BackendCheck::terms, http_terms("the backend's address"),
          {
              key("interval", &BackendCheck::interval, Span{milliseconds(10), hours(1)},
                  "The time from the start of one run to the start of the next."),
              key("timeout", &BackendCheck::timeout, Span{milliseconds(1), hours(1)},
                  "A run that takes longer has failed; a command is killed with its process "
                  "group."),
              key("fall", &BackendCheck::fall, Integer{1, 100},
                  "How many failures in a row make a backend down."),
              key("rise", &BackendCheck::rise, Integer{1, 100},
                  "How many passes in a row make a backend up."),
          }),
      {"http", "https", "tcp", "command"},
  };
  return section;
}

const Section<ServiceNotify>& service_notify_section() {
  static const Section<ServiceNotify> section{
      "[service.notify]",
      "Commands for changes of the service's quorum, as keepalived's `quorum_up` and "
      "`quorum_down`: "
      "nothing is appended; TANDEM_SERVICE, TANDEM_STATE (`up` or `down`) and TANDEM_CAUSE are in "
      "the environment.",
      {
          key("up", &ServiceNotify::up, Argv{}, "Run when the quorum is there again."),
          key("down", &ServiceNotify::down, Argv{}, "Run when the quorum is lost."),
          key("timeout", &ServiceNotify::timeout, Span{milliseconds(100), hours(1)},
              "A command that takes longer is killed with its process group."),
      },
  };
  return section;
}

const Section<Service>& service_section() {
  static const Section<Service> section{
      "[[service]]",
      "A virtual address, protocol and port that packets are taken for.",
      {
          key("name", &Service::name, name_text(), "The service's name.").required(),
          key("address", &Service::address, Address{}, "A virtual address of a `[[vrrp]]` table.")
              .required(),
          key("protocol", &Service::protocol,
              Choice<Protocol>{{{"tcp", Protocol::tcp}, {"udp", Protocol::udp}}}, "The protocol."),
          key("port", &Service::port, Integer{1, 65535}, "The destination port.").required(),
          key("forward", &Service::forward,
              Choice<Forward>{{{"local", Forward::local},
                               {"dsr", Forward::dsr},
                               {"nat", Forward::nat},
                               {"fullnat", Forward::fullnat},
                               {"tunnel", Forward::tunnel}}},
              "Where packets go: `local` hands them to the kernel, and so to the node's own Nginx; "
              "the others forward them to a backend, in the ways of the table below."),
          key("scheduler", &Service::scheduler,
              Choice<balance::SchedulerKind>{{{"least_conn", balance::SchedulerKind::least_conn},
                                              {"round_robin", balance::SchedulerKind::round_robin},
                                              {"maglev", balance::SchedulerKind::maglev},
                                              {"source_hash", balance::SchedulerKind::source_hash},
                                              {"sed", balance::SchedulerKind::sed},
                                              {"nq", balance::SchedulerKind::nq}}},
              "What picks the backend of a new flow."),
          key("backends", &Service::backends,
              ListOf<TableOf<Backend>>{{backend_section()}, kMostBackends, "tables"},
              "The servers, as below."),
          key("check", &Service::check, Maybe<TableOf<BackendCheck>>{{backend_check_section()}},
              "What tells whether a backend is up, as below.")
              .or_else("none: all are up"),
          key("slow_start", &Service::slow_start, Span{{}, hours(1)},
              "How long a backend that came up takes to reach its full weight."),
          key("affinity", &Service::affinity, Span{{}, hours(24)},
              "How long after its last new flow a client's next ones go to the same backend."),
          key("affinity_prefix", &Service::affinity_prefix, Integer{1, 128},
              "With `affinity`: clients whose addresses agree in so many bits count as one, such "
              "as 24 for those of a /24 (keepalived's `persistence_granularity`).")
              .or_else("the whole address"),
          key("quorum", &Service::quorum, Integer{1, 1'000'000'000},
              "The service is up while backends of this total weight are up, those with `backup` "
              "aside. What `track` and `notify` go by, and whether backups get new flows."),
          key("notify", &Service::notify, TableOf<ServiceNotify>{service_notify_section()},
              "Commands for changes of the quorum, as below."),
          key("one_packet", &Service::one_packet, Boolean{},
              "With `protocol = \"udp\"` and `dsr` or `tunnel`: each packet gets a backend by the "
              "scheduler, whatever backend its client had before, and no flow is kept (one-packet "
              "scheduling, IPVS's `--ops`). For DNS, RADIUS, logs, SIP behind one address."),
          key("unavailable", &Service::unavailable,
              Choice<Unavailable>{{{"reject", Unavailable::reject}, {"drop", Unavailable::drop}}},
              "What a new flow gets that no backend can take: a TCP RST or an ICMP port "
              "unreachable, or nothing."),
          key("on_down", &Service::on_down,
              Choice<OnDown>{{{"keep", OnDown::keep}, {"reset", OnDown::reset}}},
              "What becomes of the TCP connections of a backend that goes down: `keep` goes on "
              "sending to it, since a check may be wrong; `reset` forgets them, so that the next "
              "segment goes to another backend, which answers it by RST. Connections that are not "
              "open yet, and UDP, always go to another backend."),
          key("strays", &Service::strays,
              Choice<Strays>{{{"drop", Strays::drop}, {"route", Strays::route}}},
              "With `nat`: what becomes of a packet from a backend's address and port that belongs "
              "to no flow, and is not for this node itself. `drop`: the client's next segment "
              "makes "
              "the flow, and TCP repeats the answer. `route`: the kernel routes it as it is; for "
              "backends that others reach by their own address and port through this node."),
          key("sync", &Service::sync,
              Choice<SyncWhen>{
                  {{"after", SyncWhen::after}, {"before-forward", SyncWhen::before_forward}}},
              "With `[sync]`: when the other node has a new flow. `after`: within some "
              "milliseconds "
              "after its first packet went on. `before-forward`: the first packet waits until the "
              "other node has said that it has the flow, so that no connection which a backend has "
              "answered is lost with this node; it costs about two milliseconds for each new flow. "
              "Without a connection to the other node, and beyond `sync.hold`, packets go on all "
              "the "
              "same, which is counted."),
          key("sources", &Service::sources,
              ListOf<Address>{{}, kMostSourcesOfService, "numeric addresses", 1},
              "With `fullnat`, and required there: addresses of this node that connections to the "
              "backends come from; to keep them over a move, virtual addresses of the service's "
              "own `sync_group` that no service is on. Each has the ports from 1024 on that the "
              "kernel "
              "does not take for the node's own connections (`net.ipv4.ip_local_port_range`, but "
              "for `ip_local_reserved_ports`), without 1,024 for checks of backends: 35,256 with "
              "the "
              "kernel's default, enough for 580 new connections a second to backends that remember "
              "closed ones for a minute. Where that range leaves nothing, 49152 to 65535 are added "
              "to "
              "`ip_local_reserved_ports` while the daemon runs."),
      },
  };
  return section;
}

}  // namespace tandem::config
