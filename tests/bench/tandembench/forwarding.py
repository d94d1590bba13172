# SPDX-License-Identifier: Apache-2.0
"""Group e2e: what gets through node a to the backends.

e2e/requests: HTTP requests a second, each on a connection of its own, by wrk on the client, in the
lab as it is.
e2e/packets: datagrams a second of 1,000 flows, by lab_load on the client; backends drop them in
XDP, and count.
e2e/connections: SYNs, each of which begins a connection, in the same way. None is taken up, so that
there is no figure of a proxy; where ports or entries run out, such half-open ones give way. In these
two, both ends are joined with node a by cables of their own, on which frames come to XDP
as from a device; a bridge would hand over what the kernel has already made packets of.

e2e/dpdk: the same datagrams and SYNs with the dpdk engine, its worker on a processor of its own
besides the kernel's work, beside the xdp engine and nftables.

In each round Tandem's modes, nftables DNAT and Nginx `stream` take turns on the same node; between
them nothing else changes. Client, gateway and backends share the machine's processors: what is left
for the gateway's own work is a part of it, and so ratios are smaller than they would be on machines
of their own.
"""

import json
import time

from tandemlab import hugepages, plan, services, traffic
from tandemlab.backends import Backend
from tandemlab.shell import LabError, build_dir, run, wait_until

from . import gateways, machine
from .rows import row

GENERATOR = ("tests/lab/lab_load",)
ROUNDS = 5
SECONDS = 2
CONNECTIONS = 32
FLOWS = 1000
REFERENCES = ("nftables", "nginx-stream")
# client --- eth2, node a, eth3 --- s1
CABLES = gateways.Wiring("192.0.2.243", 28, ("eth2", "eth3"),
                         tuple(f"198.51.100.{host}" for host in range(245, 249)),
                         ("198.51.100.242",))
NODE_A_MAC = "02:00:00:00:01:f2"


# ---- Requests
def measure_requests(options, lab):
    for node in plan.BACKENDS:
        Backend(lab, node)
        # Neither NAT nor proxy tells one client's connections from another's by their time stamps:
        # a port that comes again too soon would wait for a second.
        lab.exec(node, "sysctl", "-q", "-w", "net.ipv4.tcp_max_tw_buckets=1")
    ends = services.TunnelEnds(lab)
    rows = compare(options, lab, gateways.LAB, "requests", requests_a_second)
    ends.stop()
    return rows


def requests_a_second(lab, name):
    vip = gateways.LAB.address
    direct = name.endswith(("dsr", "tunnel"))
    for node in plan.BACKENDS:  # who has the address for dsr must not have it for nat
        lab.exec(node, "ip", "address", "replace" if direct else "del", f"{vip}/32", "dev", "lo",
                 check=direct)
    wait_until(f"{name} forwards", lambda: traffic.must_answer(lab, vip))
    time.sleep(0.2)
    requests, failed, said = traffic.load(lab, vip, SECONDS, CONNECTIONS)
    if failed:
        raise LabError(f"{name}: {failed} of {requests} requests failed:\n{said}")
    return requests / SECONDS


# ---- Packets
def measure_packets(options, lab):
    plug_all(lab)
    return compare(options, lab, CABLES, "packets", packets_a_second)


def measure_connections(options, lab):
    plug_all(lab)
    return compare(options, lab, CABLES, "connections", connections_a_second, ("nftables",))


def measure_dpdk(options, lab):
    plug_all(lab)
    engines = {f"{engine}/{mode}": gateways.Tandems(lab, CABLES, mode, engine)
               for mode in ("dsr", "nat") for engine in ("xdp", "dpdk")}
    subjects = engines | {"nftables": gateways.Nftables(lab, CABLES)}
    rows = []
    with hugepages.more(gateways.FLOW_PAGES):
        for what, rate in (("packets", packets_a_second), ("connections", connections_a_second)):
            rates = take_turns(options, lab, subjects, rate)
            for mode in ("dsr", "nat"):
                for name in (f"xdp/{mode}", "nftables"):
                    rows.append(row(f"e2e/dpdk/{what}/{mode}", rates[f"dpdk/{mode}"], "1/s",
                                    rates[name], name))
    return rows


def plug_all(lab):
    plug(lab, "eth2", NODE_A_MAC, "client", ["192.0.2.242"], ["192.0.2.241"])
    plug(lab, "eth3", "02:00:00:00:02:f2", "s1", CABLES.sources, CABLES.backends)
    lab.exec("s1", "ip", "link", "set", "dev", "eth2", "xdp", "obj",
             build_dir() / "tests" / "lab" / "load.bpf.o", "program", "sink")


def plug(lab, device, mac, node, addresses, others):
    """A cable from a device of node a to eth2 of another one."""
    run(["ip", "link", "add", device, "address", mac, "netns", f"{lab.prefix}-a", "type", "veth",
         "peer", "name", "eth2", "netns", f"{lab.prefix}-{node}"])
    for where, what, own in (("a", device, addresses), (node, "eth2", others)):
        lab.exec(where, "ethtool", "-K", what, "tx", "off", "rx", "off", "gro", "on")
        lab.exec(where, "ip", "link", "set", what, "up")
        for address in own:
            lab.exec(where, "ip", "address", "add", f"{address}/28", "dev", what)


def packets_a_second(lab, name):
    return taken_a_second(lab, name, "--kind", "udp", "--flows", FLOWS)


def connections_a_second(lab, name):
    return taken_a_second(lab, name, "--kind", "syn")


def taken_a_second(lab, name, *load):
    def send(seconds):
        """Seconds that it took."""
        # Where the dpdk engine's worker is not.
        said = lab.exec("client", "taskset", "-c", machine.cpus()[0], build_dir() / "tests" / "lab" / "lab_load",
                        "--device", "eth2", "--mac", NODE_A_MAC, "--address", CABLES.address,
                        "--port", 80, "--seconds", seconds, *load, timeout=seconds + 20)
        return json.loads(said.stdout)["seconds"]

    def forwards():
        before = taken(lab)
        send(0.1)
        return taken(lab) - before > FLOWS

    wait_until(f"{name} forwards", forwards)
    before = taken(lab)
    seconds = send(SECONDS)
    return (taken(lab) - before) / seconds


def taken(lab):
    """Packets that the backends received."""
    link, = json.loads(lab.exec("s1", "ip", "-j", "-s", "link", "show", "dev", "eth2").stdout)
    return link["stats64"]["rx"]["packets"]


# ---- Both
def take_turns(options, lab, subjects, rate):
    """Rates by name, one of each round."""
    rates = {name: [] for name in subjects}
    for _ in range(options.rounds or ROUNDS):
        for name, subject in subjects.items():
            subject.start()
            try:
                rates[name].append(rate(lab, name))
            finally:
                subject.stop()
    return rates


def compare(options, lab, wiring, what, rate, references=REFERENCES):
    subjects = {name: subject for name, subject in gateways.all_of(lab, wiring).items()
                if name.startswith("tandem/") or name in references}
    rates = take_turns(options, lab, subjects, rate)
    rows = [row(f"e2e/{what}/{mode}", rates[f"tandem/{mode}"], "1/s", rates[reference], reference)
            for mode in gateways.MODES for reference in references]
    return rows + [row(f"e2e/{what}/{name}", rates[name], "1/s") for name in references]
