#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ledger in short: of 1,000 byte-checked connections, IPv4 and IPv6, every one survives every event, since
both nodes live. tools/ledger plays all of them, with as many as wanted."""

import json

from ledger import ledger, pair
from tandemlab import tap, wide_link
from tandemlab.shell import wait_until

COUNT = 1000


class LedgerCase(tap.LabCase):
    conditions = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.site = pair.LedgerPair(cls.lab, conditions=cls.conditions)
        cls.site.bring_home()
        cls.ledger = ledger.Ledger(cls.site, COUNT)

    @classmethod
    def tearDownClass(cls):
        if hasattr(cls, "ledger"):
            cls.ledger.close()
        super().tearDownClass()

    def play(self, *names):
        for name in names:
            rows = self.ledger.play(name)
            tap.note(f"{name}: " + "; ".join(f"{mode} {ledger.cell(row)}" for mode, row in rows.items()))
            for mode in rows:
                with self.subTest(f"{name}, {mode}"):
                    self.assertEqual(rows[mode].survivors, rows[mode].total, dict(rows[mode].ends))


class Ledger(LedgerCase):
    def test_planned(self):
        """A reload, a handover and the way back, a restart."""
        self.play("reload", "failover", "failover --back", "restart")

    def test_unplanned(self):
        """A crash and the return."""
        self.play("SIGKILL", "return")


class LedgerOverABadLink(LedgerCase):
    conditions = [wide_link.Conditions(loss=0.01, delay=0.05, reorder=0.1, doubled=0.05)]

    def test_bad_sync_link(self):
        """The same over a sync link that loses, delays, reorders and doubles packets."""
        self.play("failover", "SIGKILL", "return")


class LedgerOverTwoLinks(LedgerCase):
    conditions = [wide_link.Conditions(), wide_link.Conditions(delay=0.005)]

    def wait_for_link(self, number):
        def uses():
            said = [json.loads(node.ctl("sync", "--json", check=False).stdout)
                    for node in (self.site.a, self.site.b)]
            return all(one["connected"] and one["link"] == number for one in said)
        wait_until(f"sync link {number} is in use", uses, 30)

    def test_two_links(self):
        """Each of two sync links is cut in turn while connections come and go: the other one goes on."""
        self.ledger.connections.open()
        for cut, used in ((0, 2), (1, 1)):
            link = self.site.links[cut]
            link.cut()
            self.ledger.connections.turn_over(100)
            self.wait_for_link(used)
            self.play("SIGKILL", "return")
            link.mend()


if __name__ == "__main__":
    tap.main()
