#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tandem and a real keepalived back each other up.

    client --- front --- a: tandemd, b: keepalived; one virtual router, 192.0.2.100

Run for version 2 with a password and version 3, at 1 s and 100 ms, with Tandem as the node of
higher and of lower priority.
"""

import time

from tandemlab import configs, neighbours, plan, tap, wire
from tandemlab.keepalived import Keepalived, instance
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem, has_address

VIP = plan.VIPS[0]
VRID = 51
MAC = {node: plan.front_mac(node) for node in plan.GATEWAYS}


class Elections:
    """The cases; each class below runs them with its own version and interval."""

    version, interval, password = 3, 1.0, None

    def start_tandem(self, priority):
        self.tandem = Tandem(self.lab, "a", self.tandem_config(priority))

    def tandem_config(self, priority):
        more = f'password = "{self.password}"' if self.password else ""
        return configs.node("a") + configs.vrrp(
            "VI_1", VRID, priority, f"{VIP}/24", version=self.version,
            interval=f"{round(self.interval * 1000)}ms", more=more)

    def instances(self, priority, password=None):
        return [instance("VI_1", VRID, priority, f"{VIP}/24", version=self.version,
                         interval=self.interval, password=password or self.password)]

    def start_keepalived(self, priority):
        self.keepalived = Keepalived(self.lab, "b", self.instances(priority))

    def tearDown(self):
        for name in ("tandem", "keepalived"):
            daemon = getattr(self, name, None)
            if daemon is not None:
                daemon.kill()
                setattr(self, name, None)
        for node in plan.GATEWAYS:  # what a killed daemon leaves
            if has_address(self.lab, node, VIP):
                self.lab.exec(node, "ip", "address", "del", f"{VIP}/24", "dev", "eth0",
                              check=False)

    def assert_active(self, node):
        """That node is Active, the other one Backup, and only the one answers for the address."""
        timeout = 5 * self.interval + 5
        tandem, keepalived = ("Active", "BACKUP") if node == "a" else ("Backup", "MASTER")
        self.tandem.wait_for(tandem, timeout=timeout)
        self.keepalived.wait_for(keepalived, timeout=timeout)
        wait_until("the address is where it should be",
                   lambda: has_address(self.lab, node, VIP))
        self.assertEqual(neighbours.who_has(self.lab, VIP, seconds=0.2), {MAC[node]})

    def resignation(self, stop, old, new):
        """Stops the Active; how long after its priority 0 the other one advertised, in seconds."""
        with wire.Capture(self.lab, "client", wanted=wire.Frame.is_advert) as adverts:
            time.sleep(self.interval)
            stop()

            def taken_over():
                frames = list(adverts.frames)
                return bool(frames) and frames[-1].src == MAC[new]

            wait_until(f"node {new} advertises", taken_over, timeout=5 * self.interval + 5)
        frames = adverts.close()
        resigned = [f.at for f in frames if f.src == MAC[old] and f.advert[2] == 0]
        self.assertTrue(resigned, "no advert with priority 0 was seen")
        first = next(f.at for f in frames if f.src == MAC[new])
        tap.note(f"took over {1000 * (first - resigned[0]):.0f} ms after priority 0")
        return first - resigned[0]

    def test_tandem_higher(self):
        """Tandem of higher priority is elected, resigns with priority 0 and preempts on return."""
        self.start_keepalived(100)
        self.start_tandem(150)
        self.assert_active("a")
        waited = self.resignation(self.tandem.stop, "a", "b")
        self.assertLess(waited, 3 * self.interval)
        self.assertEqual(neighbours.who_has(self.lab, VIP, seconds=0.2), {MAC["b"]})
        self.tandem.start()
        self.assert_active("a")

    def test_tandem_lower(self):
        """Keepalived of higher priority is elected; Tandem takes over at its priority 0, and yields."""
        self.start_tandem(100)
        self.start_keepalived(150)
        self.assert_active("b")
        waited = self.resignation(self.keepalived.stop, "b", "a")
        self.assertLess(waited, 3 * self.interval)
        self.assertEqual(neighbours.who_has(self.lab, VIP, seconds=0.2), {MAC["a"]})
        self.start_keepalived(150)
        self.assert_active("b")
        self.assertIn("higher priority", self.tandem.router()["cause"])


class Changes(Elections):
    """These too, where the timers are not merely slower than in another class."""

    def test_priority_changes(self):
        """A changed priority moves the address, whichever of the two changes it."""
        self.start_keepalived(100)
        self.start_tandem(150)
        self.assert_active("a")
        self.tandem.write(self.tandem_config(50))
        self.tandem.ctl("reload")
        self.assert_active("b")
        self.tandem.write(self.tandem_config(150))
        self.tandem.ctl("reload")
        self.assert_active("a")
        self.keepalived.reload(self.instances(200))
        self.assert_active("b")
        self.keepalived.reload(self.instances(100))
        self.assert_active("a")

    def test_crash_of_keepalived(self):
        """Tandem takes over from a keepalived that crashed, after its Active_Down_Interval."""
        self.start_tandem(100)
        self.start_keepalived(150)
        self.assert_active("b")
        self.keepalived.kill()
        self.tandem.wait_for("Active", timeout=5 * self.interval + 5)
        self.assertIn("no advert", self.tandem.router()["cause"])


class Version3Every100Milliseconds(Changes, tap.LabCase):
    version, interval = 3, 0.1


class Version3EverySecond(Elections, tap.LabCase):
    version, interval = 3, 1.0


class Version2WithPassword(Changes, tap.LabCase):
    version, interval, password = 2, 1.0, "s3cret"

    def test_wrong_password(self):
        """A version 2 advert with another password is dropped and counted; it moves nothing."""
        self.start_tandem(100)
        self.tandem.wait_for("Active")
        self.keepalived = Keepalived(self.lab, "b", self.instances(150, password="other"))
        wait_until("an advert was dropped",
                   lambda: self.tandem.dropped("authentication", "VI_1") >= 1)
        self.assertEqual(self.tandem.state(), "Active")


if __name__ == "__main__":
    tap.main()
