# SPDX-License-Identifier: Apache-2.0
"""vrrp/many: 255 virtual routers on each family, adverts every 100 ms.

Node a is Active for all of them, node b Backup; 5,100 adverts a second. Measured is the share of a
core that the daemon takes on either node, how regular the adverts are on the wire, and how late the
VRRP thread says it was (tandemctl status), beside how late the machine wakes an idle thread.
"""

import os
import pathlib
import time

from tandemlab import configs, keepalived
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem

from . import adverts, pairs, programs
from .rows import percentile, row

TARGETS = ("tests/bench/timer_bench",)
VRIDS = range(1, 256)
INTERVAL_MS = 100
ROUNDS = 3
SETTLE_SECONDS = 12  # announcements, and their repetition after 5 s
PRIORITY = {"a": 150, "b": 100}


def addresses(family, vrid):
    if family == 4:
        return [f"203.0.113.{vrid}/32"]
    return [f"fe80::1:{vrid:x}/64", f"2001:db8:3::{vrid:x}/128"]


def routers():
    return [(family, vrid) for family in (4, 6) for vrid in VRIDS]


class TandemNodes:
    def __init__(self, lab):
        self.lab, self.nodes = lab, {}

    def start(self):
        for node, priority in PRIORITY.items():
            blocks = [configs.vrrp(f"V{family}_{vrid}", vrid, priority, *addresses(family, vrid),
                                   interval=f"{INTERVAL_MS}ms") for family, vrid in routers()]
            self.nodes[node] = Tandem(self.lab, node, configs.node(node) + "".join(blocks))
        wait_until("all virtual routers are at home", self._at_home, 30)

    def _at_home(self):
        return all(
            all(router["state"].startswith(state) for router in self.nodes[node].ask("vrrp")["routers"])
            for node, state in (("a", "Active"), ("b", "Backup")))

    def pids(self, node):
        return [self.nodes[node].process.pid]

    def stop(self):
        for node in self.nodes.values():
            node.stop()
        self.nodes = {}


class KeepalivedNodes:
    def __init__(self, lab):
        self.lab, self.nodes = lab, {}

    def start(self):
        for node, priority in PRIORITY.items():
            blocks = [keepalived.instance(f"V{family}_{vrid}", vrid, priority,
                                          "\n".join(addresses(family, vrid)),
                                          interval=INTERVAL_MS / 1000)
                      for family, vrid in routers()]
            self.nodes[node] = pairs.KeepalivedNode(self.lab, node, blocks)
        wait_until("all instances are at home", self._at_home, 60)

    def _at_home(self):
        for node, state in (("a", "MASTER"), ("b", "BACKUP")):
            states = list(self.nodes[node].states().values())
            if len(states) < len(routers()) or set(states) != {state}:
                return False
        return True

    def pids(self, node):
        return self.nodes[node].pids()

    def stop(self):
        for node in self.nodes.values():
            node.stop()
        self.nodes = {}


def cpu_seconds(pid, thread=None):
    """Processor time of a process, or of its thread of this name, since it began."""
    directory = pathlib.Path(f"/proc/{pid}")
    if thread is not None:
        directory = next(task for task in (directory / "task").iterdir()
                         if (task / "comm").read_text().strip() == thread)
    fields = (directory / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def shares(nodes, seconds, thread=None):
    """Per cent of a core that each node's daemon (and its thread) takes, over some seconds."""
    def reading():
        return {(node, kind): sum(cpu_seconds(pid, kind) for pid in nodes.pids(node))
                for node in PRIORITY for kind in {None, thread}}

    before, started = reading(), time.monotonic()
    time.sleep(seconds)
    after, ended = reading(), time.monotonic()
    return {key: (after[key] - before[key]) / (ended - started) * 100 for key in before}


class Figures:
    """Of one kind of daemon, a value of each round."""

    def __init__(self):
        self.by_name = {}

    def add(self, name, value):
        self.by_name.setdefault(name, []).append(value)

    def measure(self, lab, nodes, seconds, thread=None):
        nodes.start()
        try:
            time.sleep(SETTLE_SECONDS)
            capture = adverts.Capture(lab)
            for (node, kind), share in shares(nodes, seconds, thread).items():
                role = "active" if node == "a" else "backup"
                self.add(f"{role}/{'thread' if kind else 'process'}", share)
            found = adverts.gaps(capture.finish())
            for percent in (50, 99, 99.9):
                self.add(f"advert-gap/p{percent:g}", percentile(found, percent))
            self.add("advert-gap/max", max(found))
            if isinstance(nodes, TandemNodes):
                for node, role in (("a", "active"), ("b", "backup")):
                    self.add_lateness(role, nodes.nodes[node].status()["vrrp_thread"]["lateness"])
        finally:
            nodes.stop()

    def add_lateness(self, role, lateness):
        for key in ("p50", "p99", "p99.9", "max"):
            self.add(f"{role}/lateness/{key}", lateness[f"{key}_us"])


def measure(options, lab):
    rounds = options.rounds or ROUNDS
    seconds = max(options.seconds / 2 / rounds, 3)
    tandem, reference, machine = Figures(), Figures(), Figures()
    for _ in range(rounds):
        tandem.measure(lab, TandemNodes(lab), seconds, "vrrp")
        reference.measure(lab, KeepalivedNodes(lab), seconds)
        rate = len(routers()) * 1000 / INTERVAL_MS
        machine.add_lateness("timer", programs.ask("timer_bench", f"{rate:g}", f"{seconds:g}"))
    return rows(tandem.by_name, reference.by_name, machine.by_name)


def rows(tandem, reference, machine):
    found = []
    for role in ("active", "backup"):
        for part in ("process", "thread"):
            found.append(row(f"vrrp/many/{role}/{part}", tandem[f"{role}/{part}"], "% of a core",
                             reference[f"{role}/process"], "keepalived, its processes"))
    for name in tandem:
        if name.startswith("advert-gap/"):
            found.append(row(f"vrrp/many/{name}", tandem[name], "ms", reference[name],
                             "keepalived"))
        elif "/lateness/" in name:
            found.append(row(f"vrrp/many/{name}", tandem[name], "us",
                             machine[f"timer/lateness/{name.rpartition('/')[2]}"],
                             "a real-time thread that only sleeps"))
    return found
