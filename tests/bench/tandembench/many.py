# SPDX-License-Identifier: Apache-2.0
"""vrrp/many: 255 virtual routers on each family, adverts every 100 ms.

Node a is Active for all of them, node b Backup; 5,100 adverts a second. Measured is the share of a
core that the daemon takes on either node, how regular the adverts are on the wire, and how late the
VRRP thread says it was (tandemctl status). The reference is a thread of its priority that is woken
for each of these adverts and does nothing. keepalived does not get as many instances to stay where
they belong (see docs/benchmarks.md), so it is compared with at 25 on each family.
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
MANY, FEW = 255, 25  # virtual routers on each family
INTERVAL_MS = 100
ROUNDS = 3
SETTLE_SECONDS = 12  # announcements, and their repetition after 5 s
PRIORITY = {"a": 150, "b": 100}
ROLE = {"a": "active", "b": "backup"}


def addresses(family, vrid):
    if family == 4:
        return [f"203.0.113.{vrid}/32"]
    return [f"fe80::1:{vrid:x}/64", f"2001:db8:3::{vrid:x}/128"]


class Nodes:
    """Both nodes with `count` virtual routers on each family."""

    def __init__(self, lab, count):
        self.lab = lab
        self.routers = [(family, vrid) for family in (4, 6) for vrid in range(1, count + 1)]
        self.nodes = {}

    def start(self):
        for node, priority in PRIORITY.items():
            self.nodes[node] = self._run(node, priority)
        wait_until("all virtual routers are at home", self._at_home, 60)

    def _at_home(self):
        return all(self._states(node) == [role.title()] * len(self.routers)
                   for node, role in ROLE.items())

    def stop(self):
        for node in self.nodes.values():
            node.stop()
        self.nodes = {}


class TandemNodes(Nodes):
    def _run(self, node, priority):
        blocks = [configs.vrrp(f"V{family}_{vrid}", vrid, priority, *addresses(family, vrid),
                               interval=f"{INTERVAL_MS}ms") for family, vrid in self.routers]
        return Tandem(self.lab, node, configs.node(node) + "".join(blocks))

    def _states(self, node):
        return [router["state"].split()[0] for router in self.nodes[node].ask("vrrp")["routers"]]

    def pids(self, node):
        return [self.nodes[node].process.pid]

    def lateness(self, node):
        return self.nodes[node].status()["vrrp_thread"]["lateness"]


class KeepalivedNodes(Nodes):
    def _run(self, node, priority):
        return pairs.KeepalivedNode(self.lab, node, [
            keepalived.instance(f"V{family}_{vrid}", vrid, priority,
                                "\n".join(addresses(family, vrid)), interval=INTERVAL_MS / 1000)
            for family, vrid in self.routers])

    def _states(self, node):
        words = {"MASTER": "Active", "BACKUP": "Backup"}
        return [words.get(state) for state in self.nodes[node].states().values()]

    def pids(self, node):
        return self.nodes[node].pids()


# ---- processor time --------------------------------------------------------
def cpu_seconds(pid, thread=None):
    """Processor time of a process, or of its thread of this name, since it began."""
    directory = pathlib.Path(f"/proc/{pid}")
    if thread is not None:
        directory = next(task for task in (directory / "task").iterdir()
                         if (task / "comm").read_text().strip() == thread)
    fields = (directory / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def shares(nodes, seconds, threads):
    """Per cent of a core that each node's daemon takes (thread None), and threads of it."""
    def reading():
        return {(node, thread): sum(cpu_seconds(pid, thread) for pid in nodes.pids(node))
                for node in PRIORITY for thread in threads}

    before, started = reading(), time.monotonic()
    time.sleep(seconds)
    after, ended = reading(), time.monotonic()
    return {key: (after[key] - before[key]) / (ended - started) * 100 for key in before}


# ---- rounds ----------------------------------------------------------------
class Figures(dict):
    """Of one subject: the name of a figure -> its value in each round."""

    def add(self, name, value):
        self.setdefault(name, []).append(value)

    def add_lateness(self, role, lateness):
        for key in ("p50", "p99", "p99.9", "max"):
            self.add(f"{role}/lateness/{key}", lateness[f"{key}_us"])

    def measure(self, nodes, seconds, threads=(None,)):
        nodes.start()
        try:
            time.sleep(SETTLE_SECONDS)
            capture = adverts.Capture(nodes.lab)
            for (node, thread), share in shares(nodes, seconds, threads).items():
                self.add(f"{ROLE[node]}/{'thread' if thread else 'process'}", share)
            gaps = adverts.gaps(capture.finish())
            for percent in (50, 99, 99.9):
                self.add(f"advert-gap/p{percent:g}", percentile(gaps, percent))
            self.add("advert-gap/max", max(gaps))
            if isinstance(nodes, TandemNodes):
                for node, role in ROLE.items():
                    self.add_lateness(role, nodes.lateness(node))
        finally:
            nodes.stop()

    def measure_timer(self, seconds):
        rate = 2 * MANY * 1000 / INTERVAL_MS
        report = programs.ask("timer_bench", f"{rate:g}", f"{seconds:g}")
        self.add_lateness("timer", report)
        self.add("timer/thread", report["processor_percent"])


def measure(options, lab):
    rounds = options.rounds or ROUNDS
    seconds = max(options.seconds / rounds / 2, 3)
    many, few, reference, timer = Figures(), Figures(), Figures(), Figures()
    for _ in range(rounds):
        many.measure(TandemNodes(lab, MANY), seconds, (None, "vrrp"))
        timer.measure_timer(seconds)
        few.measure(TandemNodes(lab, FEW), seconds)
        reference.measure(KeepalivedNodes(lab, FEW), seconds)
    return [*rows_of_many(many, timer), *rows_of_few(few, reference)]


def rows_of_many(many, timer):
    sleeper = "a real-time thread woken for each advert"
    rows = []
    for name, values in many.items():
        part = name.rpartition("/")[2]
        if "/lateness/" in name:
            rows.append(row(f"vrrp/many/{MANY}/{name}", values, "us",
                            timer[f"timer/lateness/{part}"], sleeper))
        elif part in ("process", "thread"):
            rows.append(row(f"vrrp/many/{MANY}/{name}", values, "% of a core",
                            timer["timer/thread"], sleeper))
        else:
            rows.append(row(f"vrrp/many/{MANY}/{name}", values, "ms",
                            [INTERVAL_MS], "the interval"))
    return rows


def rows_of_few(few, reference):
    return [row(f"vrrp/many/{FEW}/{name}", few[name],
                "ms" if name.startswith("advert-gap/") else "% of a core",
                reference[name], f"keepalived, {FEW} on each family")
            for name in reference]
