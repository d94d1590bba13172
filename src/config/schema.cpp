// SPDX-License-Identifier: Apache-2.0
#include "config/schema.hpp"

#include "config/kinds.hpp"
#include "tandem/abi.h"

namespace tandem::config {

using std::chrono::hours;
using std::chrono::milliseconds;

const bool kHasDpdk = TANDEM_HAS_DPDK;

static_assert(kMostRouters <= TD_MAX_VROUTERS && kMostAddresses <= TD_MAX_VIPS &&
              kMostServices <= TD_MAX_SERVICES);

namespace {

template <class S>
ListOf<TableOf<S>> tables(const Section<S>& section, std::size_t most) {
  return {TableOf<S>{section}, most, "tables " + std::string(section.title)};
}

Choice<std::string> drivers() {
  Choice<std::string> choice;
  for (const char* name : {"af_xdp", "pci", "af_packet", "pcap", "ring", "null"})
    choice.options.emplace_back(name, name);
  return choice;
}

}  // namespace

const Section<Node>& node_section() {
  static const Section<Node> section{
      "[node]",
      "This node. The table is required.",
      {
          key("name", &Node::name, name_text(), "The node's name, as status and logs show it.")
              .required(),
          key("engine", &Node::engine, Choice<std::string>{{{"xdp", "xdp"}, {"dpdk", "dpdk"}}},
              "What moves packets: XDP programs in the kernel, or DPDK's polling workers."),
          key("control_socket", &Node::control_socket, socket_text(),
              "The UNIX socket that `tandemctl` talks to."),
          key("socket_group", &Node::socket_group, name_text(),
              "The group whose members may use `tandemctl`, for all that it does. The socket's "
              "directory has to let them through (`RuntimeDirectoryMode=0755`). A change needs a "
              "restart.")
              .or_else("the daemon's own group"),
          key("bpffs", &Node::bpffs, directory_text(),
              "Where the data plane's maps are pinned, on a BPF file system."),
          key("stop", &Node::stop,
              Choice<Stop>{{{"handover", Stop::handover}, {"in-place", Stop::in_place}}},
              "What SIGTERM means: to hand over to the peer, and take the data plane off; or to "
              "leave programs and addresses where they are for a restart. Then the peer takes over "
              "only if no daemon is there when the lease ends."),
          key("log_level", &Node::log_level,
              Choice<LogLevel>{{{"debug", LogLevel::debug},
                                {"info", LogLevel::info},
                                {"warning", LogLevel::warning},
                                {"error", LogLevel::error}}},
              "The least that the log has. Transitions are `info`; `tandemctl events` has them at "
              "any level."),
          key("http", &Node::http, Listen{},
              "Where the page at `/`, `/metrics` and `/status` are served to anybody who asks; a "
              "change needs a restart."),
          key("backends_file", &Node::backends_file, directory_text(),
              "Where `tandemctl backend` keeps what it has changed, such as "
              "`/var/lib/tandem/backends.toml`; a change needs a restart.")
              .or_else("`backends.toml` beside `control_socket`, which ends with the machine"),
          key("peer_http", &Node::peer_http, origin_text(),
              "Where the other node serves HTTP. A browser that shows this node's page reads "
              "`/status` there, and shows both nodes; a change needs a restart."),
      },
  };
  return section;
}

const Section<Dpdk>& dpdk_section() {
  static const Section<Dpdk> section{
      "[dpdk]",
      "The workers of `engine = \"dpdk\"`. A change needs a restart.",
      {
          key("cpus", &Dpdk::cpus, ListOf<Integer>{{0, 1023}, 32, "CPUs, one for each worker"},
              "The CPUs that workers run on, each on its own; interfaces need as many queues.")
              .or_else("the machine's last CPU"),
          key("memory_mb", &Dpdk::memory_mb, Integer{64, 65'536},
              "Megabytes of huge pages for packet buffers. The flow tables take theirs besides."),
          key("huge_pages", &Dpdk::huge_pages, directory_text(),
              "A hugetlbfs, where the flow tables are kept over restarts."),
          key("idle", &Dpdk::idle,
              Choice<Idle>{{{"poll", Idle::poll}, {"pause", Idle::pause}, {"sleep", Idle::sleep}}},
              "What a worker without packets does: looks again at once, waits as the CPU does, or "
              "sleeps for up to a millisecond."),
      },
  };
  return section;
}

const Section<Interface>& interface_section() {
  static const Section<Interface> section{
      "[[interface]]",
      "An interface with virtual addresses on it. The data plane is attached to its device.",
      {
          key("name", &Interface::name, interface_text(),
              "The kernel's interface that carries the addresses: `eth0`, or `eth0.100`.")
              .required(),
          key("device", &Interface::device, interface_text(), "The device that packets come in on.")
              .or_else("the bottom device under `name`"),
          key("vlan", &Interface::vlan, ListOf<Integer>{{1, 4094}, 2, "VLAN IDs from 1 to 4094"},
              "The VLAN tags that packets carry on the device, outer tag first.")
              .or_else("those of `name`"),
          key("xdp_mode", &Interface::xdp_mode,
              Choice<XdpMode>{{{"auto", XdpMode::automatic},
                               {"native", XdpMode::native},
                               {"generic", XdpMode::generic}}},
              "Where XDP runs: in the driver, in the kernel's generic hook, or (`auto`) in the "
              "driver if it can."),
          key("up_delay", &Interface::up_delay, Span{{}, hours(1)},
              "How long its virtual routers only listen after its link came up: as long as a "
              "switch keeps the port blocked (spanning tree)."),
          key("driver", &Interface::driver, drivers(),
              "With `engine = \"dpdk\"`: what takes packets. `af_xdp` shares the device with the "
              "kernel. With any other the port is DPDK's alone, and the interface a TAP device "
              "that "
              "is made for it; `pci` is for network cards."),
          key("pci", &Interface::pci, pci_text(),
              "With `driver = \"pci\"`: the card's address, as `lspci -D` shows it."),
          key("devargs", &Interface::devargs, devargs_text(),
              "What DPDK's driver is told besides, as its manual has it: "
              "`rx_pcap=in.pcap,tx_pcap=out.pcap`."),
          key("addresses", &Interface::addresses, ListOf<Prefix>{{}, 64, "addresses with a length"},
              "This node's own addresses on a TAP device that is made for a port."),
      },
      {},
      {{"queues", "the choice of queues"}},
  };
  return section;
}

std::vector<Key<HttpTerms>> http_terms(std::string_view usual_host) {
  return {
      key("host", &HttpTerms::host, host_text(),
          "With `http` and `https`: the name that is asked for, in the Host header and to TLS "
          "(SNI).")
          .or_else(usual_host),
      key("status", &HttpTerms::status, ListOf<Status>{{}, 32, "statuses"},
          "With `http` and `https`: the statuses that pass, such as `[\"200-299\", \"404\"]`.")
          .or_else("200 to 399"),
      key("body", &HttpTerms::body, content_text(),
          "With `http` and `https`: a text that the response has to contain, in the first 64 "
          "KiB of its body.")
          .or_else("any"),
      key("verify", &HttpTerms::verify, Boolean{},
          "With `https`: the certificate has to be valid for `host`, and signed by one of "
          "`ca_file`, else of the system's CAs."),
      key("ca_file", &HttpTerms::ca_file, directory_text(),
          "With `verify`: a file of CA certificates (PEM).")
          .or_else("the system's"),
  };
}

const Section<Check>& check_section() {
  static const Section<Check> section{
      "[[check]]",
      "A health check of something on this node, for virtual routers to track.",
      with_part<Check>(
          {
              key("name", &Check::name, name_text(), "The check's name, which `track` refers to.")
                  .required(),
              key("http", &Check::http, HttpUrl{},
                  "Passes if a GET of the URL is answered with a status of `status`. With https "
                  "the certificate is not verified but with `verify`."),
              key("tcp", &Check::tcp, TcpEndpoint{}, "Passes if a connection can be opened."),
              key("command", &Check::command, Command{}, "Passes if the command exits with 0."),
          },
          &Check::terms, http_terms("that of the URL"),
          {
              key("interval", &Check::interval, Span{milliseconds(10), hours(1)},
                  "The time from the start of one run to the start of the next."),
              key("timeout", &Check::timeout, Span{milliseconds(1), hours(1)},
                  "A run that takes longer has failed; a command is killed with its process "
                  "group."),
              key("fall", &Check::fall, Integer{1, 100},
                  "How many failures in a row make the check fail."),
              key("rise", &Check::rise, Integer{1, 100},
                  "How many passes in a row make the check pass."),
          }),
      {"http", "tcp", "command"},
  };
  return section;
}

const Section<Nginx>& nginx_section() {
  static const Section<Nginx> section{
      "[nginx]",
      "The node's own Nginx, whose figures `/metrics` is to have. Nothing depends on its answers.",
      {
          key("stub_status", &Nginx::stub_status, HttpUrl{},
              "Where its ngx_http_stub_status_module answers.")
              .required(),
          key("interval", &Nginx::interval, Span{milliseconds(100), hours(1)},
              "The time from one answer of Nginx to the next question."),
          key("timeout", &Nginx::timeout, Span{milliseconds(1), hours(1)},
              "How long Nginx may take to answer."),
      },
  };
  return section;
}

const Section<Sync>& sync_section() {
  static const Section<Sync> section{
      "[sync]",
      "The links over which both nodes keep the flows of forwarded services in step, so that "
      "connections outlive a move. Without the table they are not. A change needs a restart.",
      {
          key("listen", &Sync::listen, LinkEnds{},
              "Where this node is reached by the other one: an address of its own that does not "
              "move, and a port. Two are for two links, of which one is in use at a time.")
              .required(),
          key("peer", &Sync::peer, LinkEnds{},
              "Addresses and ports of the other node: its `listen`, in the same order.")
              .required(),
          key("key_file", &Sync::key_file, directory_text(),
              "The file with the secret of both nodes, as `tandemctl sync-key` makes it."),
          key("without", &Sync::without,
              Choice<WithoutSync>{{{"stay", WithoutSync::stay}, {"preempt", WithoutSync::preempt}}},
              "What a node does while it cannot reach the other one by any link, and hears a lower "
              "Active by VRRP: stay Backup, so that no connection breaks, or take over."),
          key("hold", &Sync::hold, Span{milliseconds(1), seconds(1)},
              "How long the first packet of a flow waits at most for the other node, with "
              "`sync = \"before-forward\"` in its `[[service]]`. It goes on then, and later ones "
              "do not wait until the other node has caught up."),
          key("drain_timeout", &Sync::drain_timeout, Span{{}, hours(24)},
              "For how long TCP connections to services of the node's own (`forward = \"local\"`) "
              "go "
              "on here when their address has moved: the other node sends on what belongs to them. "
              "0: they end with the move."),
      },
  };
  return section;
}

const Section<Config>& file_section() {
  static const Section<Config> section{
      "the file",
      "",
      {
          key("node", &Config::node, TableOf<Node>{node_section()}, "").required(),
          key("dpdk", &Config::dpdk, TableOf<Dpdk>{dpdk_section()}, ""),
          key("flows", &Config::flows, TableOf<Flows>{flows_section()}, ""),
          key("interface", &Config::interfaces, tables(interface_section(), 256), ""),
          key("check", &Config::checks, tables(check_section(), 1024), ""),
          key("nginx", &Config::nginx, Maybe<TableOf<Nginx>>{{nginx_section()}}, ""),
          key("sync", &Config::sync, Maybe<TableOf<Sync>>{{sync_section()}}, ""),
          key("vrrp", &Config::vrrp, tables(vrrp_section(), kMostRouters), ""),
          key("service", &Config::services, tables(service_section(), kMostServices), ""),
      },
  };
  return section;
}

}  // namespace tandem::config
