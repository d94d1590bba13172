# SPDX-License-Identifier: Apache-2.0
"""The kernel's own pktgen: a module with a thread for each processor, told what to do by lines
written to files below /proc/net/pktgen (Documentation/networking/pktgen.rst).

Its packets are datagrams of one size. A flow is a client's address and port: both go round one step
a packet, the addresses of 1, 2, .. A and the ports of 1, 2, .. P, so that all A x P pairs come if A
and P have no factor in common, each as often as the others.
"""

import math
import pathlib
import re
import threading
import time
import typing

from tandemlab.shell import LabError

from . import load as loads

PLACE = pathlib.Path("/proc/net/pktgen")
CLONES = 1000  # of a packet, where all are of one flow
SETTLE = 5  # seconds that its threads may take to end


def why_not(load):
    """Why it cannot send this; None if it can."""
    if load.is_pci:
        return f"{load.interface} is a PCI device, which is not the kernel's; testpmd has those"
    if not PLACE.is_dir():
        return "the kernel's pktgen is not there: `modprobe pktgen`, if this kernel has that module"
    return why_not_this(load)


def why_not_this(load):
    """The same, of the load alone."""
    if load.kind != "udp":
        return f"the kernel's pktgen makes datagrams alone, not --kind {load.kind}"
    if load.is_mixed_size:
        return "the kernel's pktgen sends frames of one size, not --size imix"
    if flow_grid(load) is None:
        return f"the kernel's pktgen cannot make {load.flows} flows of {load.network}: that takes two " \
               "numbers without a common factor, one of addresses and one of ports; 1000, 100000 " \
               "and 1000000 are such"
    return None


class Line(typing.NamedTuple):
    """Something to write to a file below PLACE."""

    file: str
    text: str
    may_fail: bool = False


def flow_grid(load):
    """How many addresses and how many ports; None if there are no such numbers."""
    addresses = min(load.network.num_addresses, load.flows)
    for count in range(addresses, 0, -1):
        ports = load.flows // count
        if load.flows % count == 0 and ports <= loads.PORTS and math.gcd(count, ports) == 1:
            return count, ports
    return None


def script(load, cpus):
    """The Lines that are written before the start."""
    addresses, ports = flow_grid(load)
    first = load.network.network_address
    lines = [Line("pgctrl", "reset")]
    for index, cpu in enumerate(cpus):
        device = f"{load.interface}@{cpu}"
        lines.append(Line(f"kpktgend_{cpu}", f"add_device {device}"))
        lines += [Line(device, line) for line in (
            "count 0",
            f"pkt_size {load.sizes[0] - loads.FCS}",
            f"dst_mac {load.mac}",
            f"src_mac {load.source_mac}",
            f"dst_min {load.address}",
            f"dst_max {load.address}",
            f"src_min {first}",
            f"src_max {first + addresses - 1}",
            f"udp_src_min {loads.FIRST_PORT}",
            f"udp_src_max {loads.FIRST_PORT + ports}",  # the first that is not used
            f"udp_dst_min {load.port}",
            f"udp_dst_max {load.port}",
            "flag NO_TIMESTAMP",
            f"queue_map_min {index}",
            f"queue_map_max {index}",
            "delay 0",
        )]
        if load.rate:
            lines.append(Line(device, f"ratep {max(load.rate // len(cpus), 1)}"))
        if load.flows == 1:
            # Not every driver lets its packets be sent again; veth does not.
            lines.append(Line(device, f"clone_skb {CLONES}", may_fail=True))
    return lines


def parse(text):
    """Frames, and seconds, of a device's file after it was stopped."""
    sofar = re.search(r"pkts-sofar: (\d+)\s+errors: (\d+)", text)
    times = re.search(r"started: (\d+)us\s+stopped: (\d+)us", text)
    if not sofar or not times:
        raise LabError(f"the kernel's pktgen told something unexpected:\n{text}")
    return int(sofar[1]), (int(times[2]) - int(times[1])) / 1e6


def _write(line):
    try:
        (PLACE / line.file).write_text(line.text + "\n", encoding="ascii")
    except OSError as error:
        if not line.may_fail:
            raise LabError(f"the kernel's pktgen refused `{line.text}` for {line.file}: "
                           f"{error.strerror}") from None


def send(load):
    """Frames, and the seconds that they took."""
    cpus = load.cpus or (0,)
    for line in script(load, cpus):
        _write(line)
    # Writing "start" takes until the end.
    run = threading.Thread(target=_write, args=(Line("pgctrl", "start"),))
    run.start()
    try:
        time.sleep(load.seconds)
    finally:
        _write(Line("pgctrl", "stop"))
        run.join(SETTLE)
    told = [parse((PLACE / f"{load.interface}@{cpu}").read_text(encoding="ascii")) for cpu in cpus]
    _write(Line("pgctrl", "reset"))
    return sum(frames for frames, _ in told), max(seconds for _, seconds in told)
