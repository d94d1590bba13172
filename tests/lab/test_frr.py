#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tandem and FRR's vrrpd elect an Active between them, version 3, IPv4 and IPv6.

    client --- front --- a: tandemd, b: zebra and vrrpd; VRID 61 in both families
"""

import time

from tandemlab import configs, tap
from tandemlab.frr import Frr, virtual_link_local
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem

VRID = 61
V4 = "192.0.2.110"
V6 = "2001:db8:1::110"
INTERVAL_MS = 200
DOWN = 0.2 * (3 + (256 - 50) / 256)  # seconds: Active_Down_Interval at priority 50


def config(priority):
    interval = f"{INTERVAL_MS}ms"
    return (configs.node("a")
            + configs.vrrp("four", VRID, priority, f"{V4}/24", interval=interval)
            + configs.vrrp("six", VRID, priority, f"{virtual_link_local(VRID)}/64", f"{V6}/64",
                           interval=interval))


class WithFrr(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.frr = Frr(cls.lab, "b", VRID, 100, [V4], [virtual_link_local(VRID), V6], INTERVAL_MS)

    def setUp(self):
        for family in ("v4", "v6"):
            self.frr.wait_for("Master", family)
        self.tandem = None

    def tearDown(self):
        if self.tandem is not None:
            self.tandem.stop()

    def test_tandem_lower(self):
        """Against an FRR of higher priority Tandem stays Backup in both families."""
        self.tandem = Tandem(self.lab, "a", config(50))
        for name, family in (("four", "v4"), ("six", "v6")):
            self.tandem.wait_for("Backup", name)
            self.assertEqual(self.frr.state(family), "Master")
            wait_until("an advert of FRR's is heard", lambda: self.tandem.router(name)["peer"])
            time.sleep(1.5 * DOWN)
            router = self.tandem.router(name)
            self.assertEqual(router["peer"]["priority"], 100)
            self.assertEqual(router["state"], "Backup")
            self.assertEqual(router["transitions"], 1, "it was something else than Backup")

    def test_tandem_higher(self):
        """Tandem of higher priority is elected in both families, and FRR takes over on its priority 0."""
        self.tandem = Tandem(self.lab, "a", config(150))
        for name, family in (("four", "v4"), ("six", "v6")):
            self.tandem.wait_for("Active", name)
            self.frr.wait_for("Backup", family)
        self.tandem.stop()
        self.tandem = None
        for family in ("v4", "v6"):
            self.frr.wait_for("Master", family)


if __name__ == "__main__":
    tap.main()
