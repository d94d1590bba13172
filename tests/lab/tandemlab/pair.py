# SPDX-License-Identifier: Apache-2.0
"""Both nodes running Tandem in dual master: VI_1 at home on node a, VI_2 on node b."""

import shutil

from . import plan
from .nginx import Nginx
from .shell import run
from .tandem import Tandem, binary

HOME_SECONDS = 40  # a node that came back waits up to 30 s for its backends before it preempts


def make_key(lab):
    """The secret of [sync], for both nodes."""
    key, copy = (lab.run_dir(node) / "tandem" / "sync.key" for node in plan.GATEWAYS)
    run([binary("tandemctl"), "sync-key", key])
    shutil.copy(key, copy)


class Pair:
    """`config` makes a node's configuration text from its name ("a" or "b")."""

    def __init__(self, lab, config, nginx=False, program=None):
        self.lab = lab
        self.nginx = {node: Nginx(lab, node) for node in plan.GATEWAYS} if nginx else {}
        self.nodes = {node: Tandem(lab, node, config(node), program=program) for node in plan.GATEWAYS}
        self.a, self.b = self.nodes["a"], self.nodes["b"]

    def bring_home(self, first=("VI_1",), second=("VI_2",)):
        """Starts what does not run, takes handovers back, and waits until all are at home."""
        for node in self.nodes.values():
            if not node.running():
                node.start()
            node.thaw()
            if any(router["handed_over"] for router in node.ask("vrrp")["routers"]):
                node.ctl("failover", "--back")
        for home, away, names in ((self.a, self.b, first), (self.b, self.a, second)):
            for name in names:
                home.wait_for("Active", name, timeout=HOME_SECONDS)
                away.wait_for("Backup", name)

    def stop(self):
        for node in self.nodes.values():
            if node.running():
                node.thaw()
                node.stop()
