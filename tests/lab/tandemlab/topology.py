# SPDX-License-Identifier: Apache-2.0
"""The namespaces of the lab: made, entered, taken away.

              client  192.0.2.10       far  203.0.113.10  2001:db8:3::10
         2001:db8:1::10 | eth0          |
                        |           [ far ]
                        |               | eth1  203.0.113.1
                        |            router
                        |               | eth0  192.0.2.1
    .................... switch .........................
    :                  [ front ]       192.0.2.0/24, 2001:db8:1::/64
    :                   |      |        |               :
    :              eth0 |      | eth0   | eth1 of s1..s4:  .21-.24, ::21-::24
    :         .2 ::2  node a  node b  .3 ::3            :   virtual: 192.0.2.100, .101
    :              eth1 |      | eth1                   :            2001:db8:1::100, ::101
    :                   |      |                        :
    :                  [ back ]        198.51.100.0/24, 2001:db8:2::/64
    :                 |   |   |   |                     :
    .....................................................
                     s1  s2  s3  s4    .21-.24, ::21-::24

What a backend sends from its address in `back` goes through node a; anything else, and so what it
sends from a virtual address, by its cable to `front`.

Each box is a network namespace PREFIX-NAME. Node a and node b have in addition a mount namespace
with /run, /sys and bpffs of their own, so that two daemons of a kind do not meet; it is kept alive
by a bind mount, DIRECTORY/a.mnt. DIRECTORY is /run/tandem-lab/PREFIX, a tmpfs; a node's /run is
DIRECTORY/NODE/run seen from outside.

`ip netns exec` would remount /sys and so lose bpffs: nodes are entered with nsenter.
"""

import ctypes
import json
import os
import pathlib
import signal
import socket
import threading
import time

from . import configs, hugepages, plan
from .shell import PATIENCE, LabError, run

BASE = pathlib.Path("/run/tandem-lab")
CLONE_NEWNET = 0x40000000


class Lab:
    """`nodes`: those to make, if fewer will do; whoever is plugged in needs the switch, too."""

    def __init__(self, prefix="tandem", nodes=plan.NODES):
        # An interface-like limit keeps UNIX socket paths below DIRECTORY short enough.
        if not prefix or len(prefix) > 40 or not prefix.replace("-", "").isalnum():
            raise LabError(f"prefix {prefix!r}: expected up to 40 letters, digits and dashes")
        self.prefix = prefix
        self.nodes = nodes
        self.cables = [cable for cable in plan.CABLES if cable.node in nodes]
        self.directory = BASE / prefix

    # ---- looking ----------------------------------------------------------
    def namespace(self, node):
        if node not in plan.NODES:
            raise LabError(f"no node {node!r}, expected one of {', '.join(plan.NODES)}")
        return pathlib.Path("/run/netns") / f"{self.prefix}-{node}"

    def gateways(self):
        return [node for node in plan.GATEWAYS if node in self.nodes]

    def is_up(self):
        return (self.directory / "ready").exists()

    def enter(self, node):
        """The words that, put before a command, run it inside the node."""
        words = ["nsenter", f"--net={self.namespace(node)}"]
        if node in plan.GATEWAYS:
            words.append(f"--mount={self.directory / (node + '.mnt')}")
        return words + ["--"]

    def exec(self, node, *argv, **options):
        return run(self.enter(node) + list(argv), **options)

    def run_dir(self, node):
        """The node's /run as seen from outside."""
        return self.directory / node / "run"

    def pids(self, node):
        """Processes that live in the node's network or mount namespace, but not our own."""
        wanted = set()
        for path in (self.namespace(node), self.directory / f"{node}.mnt"):
            try:
                status = os.stat(path)
                wanted.add((status.st_dev, status.st_ino))
            except FileNotFoundError:
                pass
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            for kind in ("net", "mnt"):
                try:
                    status = os.stat(f"/proc/{entry}/ns/{kind}")
                except OSError:
                    continue
                if (status.st_dev, status.st_ino) in wanted:
                    found.append(int(entry))
                    break
        return found

    def socket(self, node, *arguments):
        """socket.socket(*arguments), opened inside the node's network namespace.

        A thread of its own enters the namespace, so the calling thread stays where it is; a socket
        belongs for good to the namespace it was made in.
        """
        result = []

        def open_inside():
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                with open(self.namespace(node), "rb") as handle:
                    if libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                result.append(socket.socket(*arguments))
            except OSError as error:
                result.append(error)

        thread = threading.Thread(target=open_inside)
        thread.start()
        thread.join()
        if isinstance(result[0], OSError):
            raise result[0]
        return result[0]

    # ---- up ---------------------------------------------------------------
    def up(self):
        """Makes the lab. Does nothing when it is up; clears away what a failed run left."""
        if os.geteuid() != 0:
            raise LabError("the lab needs root (network and mount namespaces)")
        if self.is_up():
            return
        self.down()
        self.directory.mkdir(parents=True)
        pages = hugepages.add(configs.DPDK_PAGES) if configs.ENGINE == "dpdk" else 0
        run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", self.directory])
        run(["mount", "--make-private", self.directory])
        (self.directory / "hugepages").write_text(str(pages), encoding="ascii")
        for node in self.nodes:
            self._add_namespace(node)
        for network in plan.NETWORKS:
            self._ip("switch", "link", "add", network.name, "type", "bridge",
                     "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0")
            self._ip("switch", "link", "set", network.name, "up")
        for cable in self.cables:
            self.plug(cable)
        self._add_routes()
        for node in self.gateways():
            self._add_mount_namespace(node)
        (self.directory / "ready").touch()

    def _ip(self, node, *words):
        run(["ip", "-n", f"{self.prefix}-{node}", *words])

    def _add_namespace(self, node):
        run(["ip", "netns", "add", f"{self.prefix}-{node}"])
        settings = {
            "net.ipv6.conf.all.accept_dad": 0,  # a node's addresses work at once
            "net.ipv6.conf.default.accept_dad": 0,
            "net.ipv4.ip_forward": int(node in plan.ROUTERS),
            "net.ipv6.conf.all.forwarding": int(node in plan.ROUTERS),
        }
        if node in plan.BACKENDS:  # they may have virtual addresses, and keep quiet about it
            settings |= {
                "net.ipv4.conf.all.arp_ignore": 1,
                "net.ipv4.conf.all.arp_announce": 2,
                "net.ipv4.conf.all.rp_filter": 0,
                "net.ipv4.conf.default.rp_filter": 0,
            }
        if node == "switch":
            settings["net.ipv6.conf.default.disable_ipv6"] = 1
        words = [f"{key}={value}" for key, value in settings.items()]
        run(["nsenter", f"--net={self.namespace(node)}", "--", "sysctl", "-q", "-w", *words])
        self._ip(node, "link", "set", "lo", "up")

    def plug(self, cable, wire=None, port=None):
        """A node's device, and the switch's port that it is plugged into. `wire`: another name than
        the cable's, without addresses; `port`: another one than the cable's."""
        name, port = wire or cable.device, port or cable.port
        self._ip(cable.node, "link", "add", name, "address", cable.mac, "type", "veth",
                 "peer", "name", port, "netns", f"{self.prefix}-switch")
        # XDP_TX and redirect reach a veth peer only if that peer has NAPI, which GRO brings;
        # and there is no hardware behind a veth that could fill in a checksum or VLAN tag left out.
        for node, device, gro in ((cable.node, name, "off"), ("switch", port, "on")):
            run(["nsenter", f"--net={self.namespace(node)}", "--", "ethtool", "-K", device,
                 "tx", "off", "rx", "off", "gro", gro, "txvlan", "off", "rxvlan", "off",
                 "tx-vlan-stag-hw-insert", "off", "rx-vlan-stag-hw-parse", "off"])
        self._ip("switch", "link", "set", port, "master", cable.network.name, "up")
        self._ip(cable.node, "link", "set", name, "up")
        if not wire:
            self.add_addresses(cable)

    def give_ports(self, node):
        """Makes a node's devices ports of DPDK's own: each is called wireN and the kernel is deaf on
        it, and a TAP device has its name and addresses. Done once."""
        devices = json.loads(self.exec(node, "ip", "-j", "link", "show").stdout)
        if any(device["ifname"] == "wire0" for device in devices):
            return
        for cable in self.cables:
            if cable.node == node:
                self._give_port(cable)
        self._add_routes(only=node)

    def _give_port(self, cable):
        node, device = cable.node, configs.wire(cable.device)
        self._ip(node, "link", "set", cable.device, "down")
        self._ip(node, "address", "flush", "dev", cable.device)
        self._ip(node, "link", "set", cable.device, "name", device)
        self.make_deaf(node, device)
        self._ip(node, "tuntap", "add", "dev", cable.device, "mode", "tap")
        self._ip(node, "link", "set", cable.device, "address", cable.mac, "up")
        self.add_addresses(cable)

    def make_deaf(self, node, device):
        """A device that is DPDK's: the kernel neither hears nor says anything on it."""
        self.exec(node, "sysctl", "-q", "-w", f"net.ipv6.conf.{device}.disable_ipv6=1")
        self._ip(node, "link", "set", device, "arp", "off", "up")
        self.exec(node, "nft", f"add table netdev {device}; delete table netdev {device};"
                  f"add table netdev {device}; add chain netdev {device} deaf "
                  f"{{ type filter hook ingress device {device} priority 0; policy drop; }}")

    def add_addresses(self, cable, device=None):
        """`device`: another one than the cable's."""
        device = device or cable.device
        self._ip(cable.node, "address", "add", f"{cable.v4}/24", "dev", device)
        self._ip(cable.node, "address", "add", f"{cable.v6}/64", "dev", device, "nodad")

    def _add_routes(self, only=None):
        def route(node, network, gateway, *more):
            if node not in self.nodes or only not in (None, node):
                return
            for family, to, via in (("-4", f"{network.v4}0/24", gateway.v4),
                                    ("-6", f"{network.v6}/64", gateway.v6)):
                self._ip(node, family, "route", "add", to, "via", via, *more)

        a, router, behind = plan.cable("a"), plan.cable("router"), plan.cable("a", "eth1")
        route("client", plan.BACK, a)
        route("router", plan.BACK, a)
        for node in ("client",) + plan.GATEWAYS + plan.BACKENDS:
            route(node, plan.FAR, router)
        for network in (plan.FRONT, plan.BACK):
            route("far", network, plan.cable("router", "eth1"))
        for node in plan.BACKENDS:
            for network in (plan.FRONT, plan.FAR):
                route(node, network, behind, "table", "50")
            if node not in self.nodes or only not in (None, node):
                continue
            for family, own in (("-4", f"{plan.BACK.v4}0/24"), ("-6", f"{plan.BACK.v6}/64")):
                self._ip(node, family, "rule", "add", "from", own, "to", own, "lookup", "main",
                         "priority", "49")
                self._ip(node, family, "rule", "add", "from", own, "lookup", "50",
                         "priority", "50")

    def _add_mount_namespace(self, node):
        for name in ("tandem", "keepalived", "frr", "nginx", "lock", "huge"):
            (self.run_dir(node) / name).mkdir(parents=True)
        handle = self.directory / f"{node}.mnt"
        handle.touch()
        # Inside a mount namespace, Linux 6.18 keeps only those with a higher number, and each CPU gives
        # out numbers of its own.
        cpus = sorted(os.sched_getaffinity(0))
        words = ["unshare", f"--mount={handle}", "--propagation", "private", "true"]
        if all(run(["taskset", "-c", cpu, *words], check=False).returncode for cpu in cpus[:-1]):
            run(["taskset", "-c", cpus[-1], *words])
        # Copies of other namespaces' handles would keep them alive for as long as this node.
        self.exec(node, "sh", "-ec", """
            umount -R -l /run/netns 2>/dev/null || true
            mount --bind "$1" /run
            mount -t sysfs sysfs /sys
            mount -t bpf bpf /sys/fs/bpf
            mount -t hugetlbfs hugetlbfs /run/huge || true  # for the dpdk engine alone
            """, "sh", self.run_dir(node))

    # ---- down -------------------------------------------------------------
    def down(self):
        """Takes everything of this prefix away, whatever state it is in."""
        self._kill_inhabitants()
        pages = self.directory / "hugepages"
        added = int(pages.read_text(encoding="ascii")) if pages.exists() else 0
        for node in plan.NODES:
            if self.namespace(node).exists():
                run(["ip", "netns", "delete", f"{self.prefix}-{node}"])
        for node in plan.GATEWAYS:
            run(["umount", "-l", self.directory / f"{node}.mnt"], check=False)
        if self.directory.exists():
            run(["umount", "-l", self.directory], check=False)
            self.directory.rmdir()
        if added:
            hugepages.give_back(added)

    def _kill_inhabitants(self):
        deadline = time.monotonic() + 5 * PATIENCE
        while True:
            pids = {pid for node in plan.NODES for pid in self.pids(node)}
            if not pids:
                return
            if time.monotonic() > deadline:
                raise LabError(f"processes in the lab do not end: {sorted(pids)}")
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            _reap()
            time.sleep(0.02)


def _reap():
    """Collects children that ended, which would else be seen in their namespace for ever."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
