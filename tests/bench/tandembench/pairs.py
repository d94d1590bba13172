# SPDX-License-Identifier: Apache-2.0
"""A pair of gateways to measure: Tandem's, and keepalived's as the reference.

Both kinds have the same virtual routers, of which VI_1 (192.0.2.100) is at home on node a, and the
same methods: start() what does not run, and wait until all is at home; go() one of `ways` to lose
node a; taken_over() by node b; stop().
"""

import os
import pathlib
import signal

from tandemlab import configs, keepalived, plan
from tandemlab.pair import Pair

INTERVAL = 0.01  # seconds between adverts
KEEPALIVED_REAL_TIME = "global_defs {\n    vrrp_rt_priority 50\n}\n"
ADDRESSES = tuple(f"{vip}/24" for vip in plan.VIPS)


class TandemPair:
    name = "tandem"
    ways = ("sigkill", "sigterm", "failover", "link-cut")

    def __init__(self, lab):
        self.lab, self.pair = lab, None

    def start(self):
        if self.pair is None:
            self.pair = Pair(self.lab, self._config)
        self.pair.bring_home()

    def _config(self, node):
        return configs.dual_master(node, interval=f"{INTERVAL * 1000:g}ms", check=False)

    def go(self, way):
        {"sigkill": self.pair.a.kill, "sigterm": self.pair.a.stop,
         "failover": lambda: self.pair.a.ctl("failover", "VI_1"),
         "link-cut": lambda: cut(self.lab, "a")}[way]()

    def taken_over(self):
        return self.pair.b.state("VI_1") == "Active"

    def stop(self):
        if self.pair is not None:
            self.pair.stop()
        self.pair = None


class KeepalivedPair:
    name = "keepalived"
    ways = ("sigkill", "sigterm", "link-cut")

    def __init__(self, lab, real_time=False):
        self.lab = lab
        self.more = [KEEPALIVED_REAL_TIME] if real_time else []
        self.nodes = {}

    def start(self):
        for node, (first, second) in (("a", (150, 100)), ("b", (100, 150))):
            if node not in self.nodes:
                forget_addresses(self.lab, node)
                self.nodes[node] = KeepalivedNode(self.lab, node, self.more + [
                    keepalived.instance("VI_1", 51, first, ADDRESSES[0], interval=INTERVAL),
                    keepalived.instance("VI_2", 52, second, ADDRESSES[1], interval=INTERVAL)])
        for node, home, away in (("a", "VI_1", "VI_2"), ("b", "VI_2", "VI_1")):
            self.nodes[node].wait_for("MASTER", home)
            self.nodes[node].wait_for("BACKUP", away)

    def go(self, way):
        if way == "link-cut":
            cut(self.lab, "a")
            return
        node = self.nodes.pop("a")
        node.crash() if way == "sigkill" else node.stop()

    def taken_over(self):
        return self.nodes["b"].state("VI_1") == "MASTER"

    def stop(self):
        for node in self.nodes.values():
            node.stop()
        self.nodes = {}
        for name in plan.GATEWAYS:
            forget_addresses(self.lab, name)


class KeepalivedNode(keepalived.Keepalived):
    """keepalived that may follow one that was killed: it finds neither its log nor its PIDs."""

    def __init__(self, lab, node, instances):
        for directory, pattern in ((lab.run_dir(node) / "keepalived", "*.pid"),
                                   (pathlib.Path(lab.directory) / node, "keepalived.log")):
            for left in directory.glob(pattern):
                left.unlink()
        super().__init__(lab, node, instances)

    def pids(self):
        """Of keepalived and of its VRRP process."""
        parent = self.process.pid
        children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [parent, *map(int, children)]

    def crash(self):
        """SIGKILL to the VRRP process before its parent can tell it to end in an orderly way."""
        for pid in reversed(self.pids()):
            os.kill(pid, signal.SIGKILL)
        self.process.popen.wait()


def cut(lab, node):
    """Takes the carrier from the node's front device, as pulling its cable would."""
    set_port(lab, node, "down")


def mend(lab, node):
    set_port(lab, node, "up")


def set_port(lab, node, state):
    lab.exec("switch", "ip", "link", "set", plan.cable(node).port, state)


def forget_addresses(lab, node):
    """A keepalived that was killed leaves its addresses behind."""
    for address in ADDRESSES:
        lab.exec(node, "ip", "address", "del", address, "dev", "eth0", check=False)
