#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The control thread of a node stands still: no address ends at a node that the kernel's side is not served on.

    client --- front --- a: Active for VI_1, b: Backup; adverts every 100 ms
"""

import contextlib
import socket
import time

from tandemlab import configs, http, neighbours, plan, tap
from tandemlab.one_thread import Stopped
from tandemlab.pair import Pair
from tandemlab.process import Process
from tandemlab.shell import wait_until
from tandemlab.tandem import binary
from tandemlab.wire import Capture

MAC_A, MAC_B = plan.front_mac("a"), plan.front_mac("b")
ADDRESSES = (plan.VIPS[0], plan.VIPS6[0])


def config(node):
    priority = 150 if node == "a" else 100
    return (configs.node(node)
            + configs.vrrp("VI_1", 51, priority, f"{ADDRESSES[0]}/24")
            + configs.vrrp("VI_6", 51, priority, "fe80::51/64", f"{ADDRESSES[1]}/64"))


class StandsStill(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pair = Pair(cls.lab, config)
        cls.a, cls.b = cls.pair.a, cls.pair.b

    def setUp(self):
        self.pair.bring_home(("VI_1", "VI_6"), ())

    def control_stopped(self, node):
        return Stopped(node.process.pid, "tandemd")

    def adverts_of(self, node, seconds):
        address = plan.front_v4(node)
        capture = Capture(self.lab, "client", wanted=lambda f: f.is_advert() and f.is_from(address))
        time.sleep(seconds)
        return len(capture.close())

    def assert_answered_by(self, macs):
        for address in ADDRESSES:
            self.assertEqual(neighbours.who_has(self.lab, address), macs, address)

    def assert_told(self, node, text):
        wait_until("status warns of it", lambda: any(
            "the control thread stood still" in warning for warning in node.status()["warnings"]))
        self.assertGreater(node.status()["control_thread"]["longest_stall_ms"], 1000)
        self.assertGreaterEqual(http.Scrape(self.lab, node.node).one("tandem_control_stalls_total"), 1)
        self.assertTrue(any(text in str(event) for event in node.events()), node.events())

    def test_backup(self):
        """A Backup whose control thread stands still takes nothing over; when it goes on it does."""
        with self.control_stopped(self.b):
            time.sleep(2)
            self.a.kill()
            time.sleep(2)  # five times what silence takes
            self.assertEqual(self.adverts_of("b", 1), 0)
            self.assert_answered_by(set())
        self.b.wait_for("Active", "VI_1")
        self.b.wait_for("Active", "VI_6")
        self.assert_answered_by({MAC_B})
        self.assert_told(self.b, "does not take over")

    def test_takeover(self):
        """What takes over while the control thread begins to stand still does not stay Active."""
        with self.control_stopped(self.b):
            self.a.kill()
            time.sleep(3)
            self.assertEqual(self.adverts_of("b", 1), 0)
        self.b.wait_for("Active", "VI_1")
        self.b.wait_for("Active", "VI_6")
        self.assert_answered_by({MAC_B})

    def test_active(self):
        """An Active whose control thread stands still hands over, and takes home when it goes on."""
        with self.control_stopped(self.a):
            self.b.wait_for("Active", "VI_1", 20)
            self.b.wait_for("Active", "VI_6", 20)
            self.assert_answered_by({MAC_B})
        self.a.wait_for("Active", "VI_1")
        self.a.wait_for("Active", "VI_6")
        self.assert_answered_by({MAC_A})
        self.assert_told(self.a, "hands over")

    def test_alone(self):
        """An Active without a peer stays what it is."""
        self.b.stop()
        with self.control_stopped(self.a):
            time.sleep(8)
            self.assert_answered_by({MAC_A})
        self.assertEqual(self.a.state("VI_1"), "Active")

    def test_watchdog(self):
        """systemd's watchdog is told that the daemon lives only while all of its threads go on."""
        self.b.stop()
        path = self.lab.run_dir("b") / "tandem" / "notify"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(path))
            manager.settimeout(0.1)
            daemon = Process(self.lab, "b", "tandemd", [binary("tandemd"), "-c", self.b.config_file],
                             environment={"NOTIFY_SOCKET": "/run/tandem/notify",
                                          "WATCHDOG_USEC": "1500000"})  # a ping each half second
            self.addCleanup(daemon.kill)
            wait_until("it is told", lambda: pings(manager, 1) > 0)
            for thread in ("vrrp", "worker-0" if configs.ENGINE == "dpdk" else "data", "tandemd"):
                with self.subTest(thread):
                    with Stopped(daemon.pid, thread):
                        pings(manager, 2)  # a worker that stands still shows after a second
                        self.assertEqual(pings(manager, 2), 0)
                    wait_until("it is told again", lambda: pings(manager, 1) > 0)


def pings(manager, seconds):
    """How often the manager was told within a while that the daemon lives."""
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            count += b"WATCHDOG=1" in manager.recv(4096)
    return count


if __name__ == "__main__":
    tap.main()
