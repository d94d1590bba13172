# SPDX-License-Identifier: Apache-2.0
"""Words of the command line that tools/pktgen and tools/rfc2544 have in common."""

import os

from tandemlab.shell import LabError

from . import load as loads
from . import makers, network


def add(parser):
    parser.add_argument("interface", help="to send by, or a PCI address such as 0000:03:00.0")
    parser.add_argument("to", metavar="ADDRESS:PORT")
    parser.add_argument("--maker", choices=("auto", *makers.MAKERS), default="auto",
                        help="who makes the frames (default: auto)")
    parser.add_argument("--kind", choices=loads.KINDS, default="udp",
                        help="mixed: TCP segments, a tenth of them SYNs (default: udp)")
    parser.add_argument("--cpus", default="", metavar="LIST",
                        help="processors that make them, such as 2,3, each on a queue of its own "
                        "(default: one, any)")
    parser.add_argument("--network", default="203.0.113.0/24",
                        help="of the clients (default: 203.0.113.0/24)")
    parser.add_argument("--mac", help="of the next hop (default: who answers for ADDRESS)")
    parser.add_argument("--source-mac", help="default: the interface's own")
    parser.add_argument("--settle", type=float, default=2,
                        help="seconds until counters are read (default: 2: drivers bring theirs up to "
                        "date once a second, and RFC 2544, 23, waits as long for the last frames)")


def load_from(given, **more):
    """The Load that was asked for; MAC addresses that were not told are found out. `more` is what
    the common words do not tell."""
    if os.geteuid() != 0:
        raise LabError("needs root")
    address, port = loads.target_of(given.to)
    load = loads.check(loads.Load(
        interface=given.interface, address=address, port=port, kind=given.kind,
        network=loads.network_of(given.network), cpus=loads.cpus_of(given.cpus),
        mac=given.mac or "", source_mac=given.source_mac or "", **more))
    if load.is_pci and not (load.mac and load.source_mac):
        raise LabError(f"{load.interface}: a PCI device needs --mac and --source-mac, since the kernel "
                       "knows neither its address nor its neighbours")
    return load.to(load.mac or network.next_hop(load.interface, address),
                   load.source_mac or network.mac_of(load.interface))
