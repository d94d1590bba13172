#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The other node cannot have the same flows: its table is too small, or it is configured otherwise. Both say
that they are not in sync, and why; forwarding is unharmed; and it ends by itself when the cause does."""

import json
import re

from ledger import pair
from ledger.connections import Connections
from tandemlab import tap
from tandemlab.shell import wait_until

MODES = ("nat", "dsr", "fullnat")
COUNT = 3600  # half of them IPv4


class Unequal(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.site = pair.LedgerPair(cls.lab, MODES)
        cls.a, cls.b = cls.site.a, cls.site.b
        cls.text = pair.config("b", MODES)

    def setUp(self):
        self.site.bring_home()

    def tearDown(self):
        self.restart_b(self.text)

    def restart_b(self, text):
        self.b.stop()
        self.b.write(text)
        self.b.start()

    def sync(self, node):
        return json.loads(node.ctl("sync", "--json", check=False).stdout)

    def connect(self, count):
        connections = Connections(self.lab, "client", self.site.targets(), count, pair.PORT)
        self.addCleanup(connections.close)
        connections.open()
        return connections

    def wait_for_trouble(self, node, *words):
        wait_until(f"{node.node} says {words}", lambda: all(
            word in self.sync(node)["trouble"] for word in words), 30)
        self.assertIn(words[0], "\n".join(node.ask("status")["warnings"]))
        self.assertEqual(node.ctl("sync", check=False).returncode, 1)

    def assert_unharmed(self, connections):
        connections.settle()
        for mode, row in connections.rows().items():
            self.assertEqual(row.survivors, row.total, (mode, row.ends))

    def test_small_table(self):
        """Node b has room for a thousand flows only: node a tells so, and goes on."""
        self.restart_b(self.text + "\n[flows]\nsize = 1000\nsize_ipv6 = 1000\n")
        connections = self.connect(COUNT)
        self.wait_for_trouble(self.a, "is not in sync", "flows.size")
        self.wait_for_trouble(self.b, "is not in sync", "flows.size")
        self.assert_unharmed(connections)
        connections.turn_over(200)  # new ones, too
        self.assert_unharmed(connections)
        refused = self.a.ctl("failover", check=False)
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertEqual(self.a.state(), "Active")
        self.assert_unharmed(connections)

    def test_other_services(self):
        """Node b lacks a service and a backend: each is named, and after a reload all is well."""
        connections = self.connect(600)
        blocks = self.text.split("\n[[service]]")
        blocks = [block for block in blocks if '"nat' not in block]
        blocks = [re.sub(r"  \{ address.*\n", "", block, count=1) if '"dsr"' in block else block
                  for block in blocks]
        self.restart_b("\n[[service]]".join(blocks))
        self.wait_for_trouble(self.a, "is not configured on the other node")
        states = {one["service"]: one["state"] for one in self.sync(self.a)["services"]}
        self.assertEqual(states["nat"], "not configured on the other node")
        wait_until("dsr is not in sync", lambda: {
            one["service"]: one["state"] for one in self.sync(self.a)["services"]}["dsr"] not in
            ("in sync", "checking"), 30)
        self.wait_for_trouble(self.b, "is not in sync", "not configured here")
        self.assert_unharmed(connections)
        self.b.write(self.text)
        self.b.ctl("reload")
        self.site.wait_in_sync()
        self.assert_unharmed(connections)


if __name__ == "__main__":
    tap.main()
