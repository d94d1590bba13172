// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/reference.hpp"

#include <ostream>
#include <set>
#include <string>

#include "ctl/doctor/catalogue.hpp"

namespace tandem::doctor {
namespace {

constexpr const char* kIntroduction = R"(# tandemctl doctor

    tandemctl doctor [--fix] [-c FILE] [--all] [--listen SECONDS] [--json]

looks at everything on this node that Tandem depends on, and tells what is wrong, why it matters, and the
command that fixes it. It needs root, and no running daemon; a daemon that runs is asked. It changes nothing
without `--fix`. While it listens it asks who has the virtual addresses and the node's own, as
duplicate detection does (RFC 5227, RFC 4862), which changes nobody's cache.

| level | means |
|---|---|
| `error` | Tandem does not start, or an address is not answered for, or by two |
| `warning` | it works, slower or less safely than it could |
| `note` | worth knowing; often nothing has to be done |
| `ok` | looked at and found good; listed with `--all` and with `--json` |

The exit status is 0 if there is no error and no warning, 1 if there is one (after `--fix`: if there still is
one), 2 for a wrong command line. `--json` prints a list of `{check, area, severity, subject, what, why, fix}`;
with `--fix`, an object of `findings`, as they are afterwards, and `done`.

## What --fix does

Only what cannot cut traffic and opens nothing: the sysctls of this page that name a value (not those that make
the node a router), and the BPF file system. It says each thing that it did, and how to make it permanent; a second run has
nothing to do. The rest stays with you: `ethtool -L`, `-G` and `-K` reset many NICs, a firewall is yours, and
addresses and other daemons carry traffic.

## What it cannot see

- Whether a driver has native XDP, before Linux 6.3 and while nothing is attached: trying it would reset the NIC.
- The peer's `down_adverts`, which no advert tells.
- What goes on behind VLAN tags that only Tandem reads (`vlan` in `[[interface]]`): probes and adverts are heard on plain interfaces and on the kernel's VLAN devices.
- Adverts while no daemon runs but its gate is still attached: XDP takes them.
- Rules of the old iptables. Of nftables' rules it judges addresses, ports, protocols, interfaces, new
  connections, sets, maps and jumps; what depends on anything else (the sender, a rate) it reports as open to
  some only.
- Kernel settings outside this network namespace, when run inside one.

Nothing here was tried on a real NIC: rings, interrupts, LRO and the limits of drivers are from their
documentation.
)";

}  // namespace

void write_reference(std::ostream& out) {
  out << kIntroduction;
  std::set<Area> begun;
  for (const Description& entry : catalogue()) {
    if (begun.insert(entry.area).second) {
      std::string heading = to_string(entry.area);
      heading.front() =
          static_cast<char>(std::toupper(static_cast<unsigned char>(heading.front())));
      out << "\n## " << heading << "\n\n| check | looks at | why | fix |\n|---|---|---|---|\n";
    }
    out << "| `" << entry.name << "` | " << entry.looks_at << " | " << entry.why << " | "
        << entry.fix << " |\n";
  }
}

}  // namespace tandem::doctor
