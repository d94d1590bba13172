#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A starved host must not look like a dead peer.

    a, b: dual master, adverts every 10 ms; beside them 16 busy loops
"""

import time

from tandemlab import configs, tap
from tandemlab.pair import Pair
from tandemlab.process import Process
from tandemlab.witness import Witness

LOOPS = 16
SECONDS = 60
# Of what no daemon can do anything about: for so long, in milliseconds, nothing at all ran.
STANDSTILL = 10
TRIES = 3


class Busy(tap.LabCase):
    def test_no_false_takeover(self):
        """Under 16 busy loops no virtual router changes its state for 60 s at 10 ms adverts."""
        pair = Pair(self.lab, lambda node: configs.dual_master(node, interval="10ms", check=False))
        loops = [Process(self.lab, "client", "busy", ["sh", "-c", "while :; do :; done"])
                 for _ in range(LOOPS)]
        for _ in range(TRIES):
            pair.bring_home()
            before, after, standstill = self.watch(pair)
            if before == after or standstill < STANDSTILL:
                break
            tap.note(f"once more: the machine itself stood still for {standstill:.0f} ms")
        for loop in loops:
            loop.kill()
        for node in (pair.a, pair.b):
            thread = node.status()["vrrp_thread"]
            tap.note(f"node {node.node}: {thread['scheduler']}, adverts late: {thread['lateness']}")
        self.assertEqual(after, before)

    def watch(self, pair):
        """How often virtual routers had changed their state, before and after; and how long the
        machine stood still at most."""
        routers = [(node, name) for node in (pair.a, pair.b) for name in ("VI_1", "VI_2")]
        witness = Witness()
        before = [node.transitions(name) for node, name in routers]
        time.sleep(SECONDS)
        after = [node.transitions(name) for node, name in routers]
        return before, after, witness.longest()


if __name__ == "__main__":
    tap.main()
