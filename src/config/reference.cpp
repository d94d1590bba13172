// SPDX-License-Identifier: Apache-2.0
#include "config/reference.hpp"

#include <utility>

#include "config/schema.hpp"

namespace tandem::config {
namespace {

constexpr std::string_view kIntroduction = R"(# Configuration

<!-- Written by build/src/tandem-reference config; a test compares. Don't edit by hand. -->

`tandemd -c FILE` reads one file of TOML 1.0, by default `/etc/tandem/tandem.toml`, of at most
4 MiB. `tandemd -c FILE --check` lists everything that is wrong with it, a line each, and exits:

    FILE:LINE:COLUMN: what, what was expected
    FILE:LINE:COLUMN: warning: what, what was expected

Errors fail the check (exit status 1) and a reload; warnings do neither. A key that is not in this
reference is an error.

A duration is a string with a unit (`us`, `ms`, `s`, `m`, `h`): `"250ms"`, `"1s"`, `"40.95s"`.
Complete examples are in `configs/`; `configs/node-a.toml` and `configs/node-b.toml` are a pair,
`configs/services.toml` forwards to backends in each way.

## Before merging

`tandemd -c FILE --check --offline` looks at the file alone, and not at the interfaces and commands of
this machine: for a build server. `--check --peer FILE` compares the file with that of the other node:
virtual routers, intervals, addresses, `[sync]` and services have to agree, names and priorities to
differ. Both nodes may have the same file, as below.

## One file for both nodes

`include = ["common.toml", "conf.d/*.toml"]` at the head of a file reads others, whose names are
relative to the file's directory. Arrays of tables, such as `[[vrrp]]`, follow each other; a key of
any other table stands in one file only. A problem names the file that it is in.

In each string `${NAME}` is the variable NAME of the environment, `${NAME:-DEFAULT}` is DEFAULT where
there is none, and `$${` stands for `${`. A string that is one variable and nothing else becomes an
integer or a boolean if the variable is one. HOSTNAME is the host's name where the environment has none.

A section `[node."NAME"]` holds for the node NAME alone: keys of `[node]`, tables with keys of `[sync]`,
`[flows]`, `[dpdk]` and `[nginx]`, and keys of `[[vrrp]]`, `[[service]]`, `[[check]]` and
`[[interface]]` tables by their names. They take the place of those in the file. Which node it is
tells `tandemd --node NAME`, else the variable TANDEM_NODE, else the `name` in `[node]`, else the host's
name. `configs/one-file.toml` is an example:

    [node."gw-a"]
    sync = { listen = "198.51.100.2:9106", peer = "198.51.100.3:9106" }
    vrrp."VI_1".priority = 150

)";

constexpr std::string_view kForward =
    R"(What the ways of `forward` do to packets, and ask of the backends:

| forward | to the backend | back to the client | the backend |
|---|---|---|---|
| `local` | nothing: they go to the kernel | from this node | is this node; there are none in the file |
| `dsr` | the destination MAC changes | directly | is in a network of this node, and has the virtual address without answering ARP or NS for it |
| `nat` | the destination address and port change | through this node | is of the service's family, and reaches clients through this node |
| `fullnat` | both addresses and both ports change | through this node, to one of `sources` | is of the service's family, and sees `sources` instead of the client |
| `tunnel` | they are put into an IP packet (IP in IP, of either family) | directly | unpacks them, and has the virtual address without answering ARP or NS for it |

)";

constexpr std::string_view kRules = R"(## Rules between keys

Errors:

- Names are unique among `[[interface]]`, `[[check]]`, `[[vrrp]]` and `[[service]]` tables each.
- `interface`, `track` and the `device` of an address name tables that are in the file.
- A virtual router is known by interface, VRID and address family: no two are the same in all
  three, and all its addresses, unicast peers, its unicast source and its group are of one family.
- Version 2 has no IPv6, and its `advert_interval` is whole seconds; version 3 has no `password`.
- With `auth` there is no `password`; its `keys` have different `id`s, and `active_key` is one of them.
  Their files are there, and their owner alone may read them.
- With the priority 255 no `track` has a weight.
- A virtual address is in the file once; a service is on one of them, and alone on its address,
  protocol and port.
- An address of each virtual router is `advertised`.
- A label belongs to an IPv4 address and begins with the name of the device that it is put on.
- With `mac = "virtual"` no address has a `device` other than the virtual router's interface.
- `remembered` is at least as long as `counted`.
- With `forward = "local"` a service has no `backends`, `scheduler`, `check`, `slow_start`,
  `affinity`, `affinity_prefix`, `unavailable`, `on_down`, `strays`, `quorum`, `notify`,
  `one_packet`, `sync` or `sources`; `sources` are there with `fullnat`, and only there.
- `one_packet` is there with `protocol = "udp"` and `dsr` or `tunnel` only; `affinity_prefix` is no
  longer than an address of the service's family. `track` names services with backends.
- There are at most 8192 backends and 32 different `sources` in all services together.
- A backend's address and a source are no virtual addresses. Sources are of the service's family,
  and so are backends, except with `tunnel`.
- A service has each backend, by address and port, once; at most four services with `nat` or
  `fullnat` and of one protocol have the same one.
- With `dsr` and `tunnel` backends have the service's port.

Warnings:

- All backends but the `backup`s have less than the `quorum` together; `affinity_prefix` stands
  without `affinity`.
- The first advertised IPv6 address of a virtual router is not link-local (RFC 9568, 5.2.9).
- A virtual router advertises more than 90 IPv6 addresses, 89 with `auth`: its adverts are longer than 1500 bytes.
- No failing check can bring a priority below 100, the default of the peer. A priority of 150 with
  a single weight of -20 stays at 130, and a peer of priority 100 never takes over.
- A key has no effect: `preempt_delay` with `preempt = false`, `checksum = "message"` with version
  2 or IPv6, `time_window` with `anti_replay = "monotonic"`, a `sync_group` of one.
- The `timeout` of a check is longer than its `interval`.
- A service that is not `local` has no backends, or all their weights are 0: new connections are
  refused, or dropped with `unavailable = "drop"`.
- A check by `http`, `https` or `tcp` goes to the port of a UDP service, for want of its `port`.
)";

template <class S>
std::string initial_of(const Key<S>& key) {
  if (key.is_required) return "required";
  return key.initial.empty() ? std::string(key.otherwise) : '`' + key.initial + '`';
}

template <class S>
void write_section(std::ostream& out, const Section<S>& section) {
  out << "## " << section.title << "\n\n" << section.meaning << "\n\n";
  out << "| key | value | default | meaning |\n|---|---|---|---|\n";
  for (const auto& key : section.keys)
    out << "| `" << key.name << "` | " << key.expected << " | " << initial_of(key) << " | "
        << key.meaning << " |\n";
  out << '\n';
  if (!section.exactly_one_of.empty()) {
    out << "Exactly one is there of";
    for (const char* gap = " "; const auto name : section.exactly_one_of)
      out << std::exchange(gap, ", ") << '`' << name << '`';
    out << ".\n\n";
  }
  if (!section.absent.empty()) {
    out << "Not in this build: ";
    for (const char* gap = ""; const auto& key : section.absent)
      out << std::exchange(gap, ", ") << '`' << key.name << "` (" << key.why << ')';
    out << ".\n\n";
  }
}

}  // namespace

void write_reference(std::ostream& out) {
  out << kIntroduction;
  write_section(out, node_section());
  write_section(out, dpdk_section());
  write_section(out, flows_section());
  write_section(out, flow_idle_section());
  write_section(out, interface_section());
  write_section(out, check_section());
  write_section(out, nginx_section());
  write_section(out, sync_section());
  write_section(out, vrrp_section());
  write_section(out, address_section());
  write_section(out, track_section());
  write_section(out, auth_section());
  write_section(out, auth_key_section());
  write_section(out, notify_section());
  write_section(out, service_section());
  out << kForward;
  write_section(out, backend_section());
  write_section(out, service_notify_section());
  write_section(out, backend_check_section());
  out << kRules;
}

}  // namespace tandem::config
