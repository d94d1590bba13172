#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A starved host must not look like a dead peer.

    a, b: dual master, adverts every 10 ms; beside them 16 busy loops
"""

import time

from tandemlab import configs, tap
from tandemlab.pair import Pair
from tandemlab.process import Process

LOOPS = 16
SECONDS = 60


class Busy(tap.LabCase):
    def test_no_false_takeover(self):
        """Under 16 busy loops no virtual router changes its state for 60 s at 10 ms adverts."""
        pair = Pair(self.lab, lambda node: configs.dual_master(node, interval="10ms", check=False))
        pair.bring_home()
        routers = [(node, name) for node in (pair.a, pair.b) for name in ("VI_1", "VI_2")]
        before = [node.transitions(name) for node, name in routers]
        loops = [Process(self.lab, "client", "busy", ["sh", "-c", "while :; do :; done"])
                 for _ in range(LOOPS)]
        time.sleep(SECONDS)
        after = [node.transitions(name) for node, name in routers]
        for loop in loops:
            loop.kill()
        for node in (pair.a, pair.b):
            thread = node.status()["vrrp_thread"]
            tap.note(f"node {node.node}: {thread['scheduler']}, adverts late: {thread['lateness']}")
        self.assertEqual(after, before)


if __name__ == "__main__":
    tap.main()
