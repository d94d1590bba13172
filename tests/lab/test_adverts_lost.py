#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Adverts are lost on the front network while the sync link, on a network of its own, says that the
Active lives: no second Active for a while, and never a later takeover of one that died.

    client --- front --- a: Active, b: Backup; adverts every 2 s in versions 2 and 3, IPv4 and IPv6
               back  --- a, b: the sync link
"""

import contextlib
import json
import time

from tandemlab import configs, http, pair, plan, tap
from tandemlab.shell import wait_until

NAMES = ("VI_1", "VI_2", "VI_6")
DOWN = 3 * 2 + 2  # seconds: Active_Down_Interval
MORE = 3 * 2  # for which a takeover is held back
LOST = "adverts are lost on the front network"


def sync_block(node):
    own, other = plan.cable(node, "eth1"), plan.cable("b" if node == "a" else "a", "eth1")
    return f"""
[sync]
listen = "{own.v4}:9106"
peer = "{other.v4}:9106"
key_file = "/run/tandem/sync.key"
"""


def config(node):
    priority = 150 if node == "a" else 100
    return (configs.node(node, ("eth0", "eth1")) + sync_block(node)
            + configs.vrrp("VI_1", 51, priority, f"{plan.VIPS[0]}/24", interval="2s")
            + configs.vrrp("VI_2", 52, priority, f"{plan.VIPS[1]}/24", interval="2s", version=2)
            + configs.vrrp("VI_6", 51, priority, "fe80::51/64", f"{plan.VIPS6[0]}/64", interval="2s")
            + configs.web_service("web", plan.VIPS[0]))


class AdvertsLost(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pair.make_key(cls.lab)
        cls.pair = pair.Pair(cls.lab, config)
        cls.a, cls.b = cls.pair.a, cls.pair.b

    def setUp(self):
        self.pair.bring_home(NAMES, ())
        self.wait_for_word()

    def wait_for_word(self):
        for name in NAMES:
            wait_until("node b hears of node a over the sync link",
                       lambda name=name: self.says_active(self.b.router(name)), 20)

    def says_active(self, router):
        told = router["peer_over_sync"]
        return told and told["state"] == "Active" and told["serves"] and told["seen_seconds_ago"] < 2

    @contextlib.contextmanager
    def deaf(self):
        """Node b hears no advert of node a."""
        self.lab.exec("switch", "nft", "-f", "-", stdin="""table bridge deaf {
            chain to_b { type filter hook forward priority 0; oifname "front-b" meta l4proto 112 drop; }
        }""")
        try:
            yield
        finally:
            self.lab.exec("switch", "nft", "delete", "table", "bridge", "deaf")

    def wait_held_back(self):
        wait_until("takeovers are held back",
                   lambda: all(self.b.router(name)["held_back"] for name in NAMES), DOWN + MORE)

    def is_alone(self):
        said = self.b.ctl("sync", "--json", check=False)  # its exit status is that it is not in sync
        return not json.loads(said.stdout)["connected"]

    def states(self, node):
        return [node.state(name) for name in NAMES]

    def test_short(self):
        """What is lost for a while moves nothing, and is told while it lasts."""
        before = [self.b.transitions(name) for name in NAMES]
        with self.deaf():
            self.wait_held_back()
            self.assertIn(LOST, "\n".join(self.b.router("VI_6")["warnings"]))
            self.assertIn(LOST, "\n".join(self.b.ask("status")["warnings"]))
            self.assertIn("over the sync link", self.b.ctl("vrrp", "VI_1").stdout)
            self.assertEqual(http.Scrape(self.lab, "b").one("tandem_vrrp_held_back", router="VI_2"), 1)
        for name in NAMES:
            wait_until("adverts are heard again", lambda name=name: not self.b.router(name)["held_back"])
        self.assertEqual([self.b.transitions(name) for name in NAMES], before)
        self.assertEqual(self.states(self.a), ["Active"] * len(NAMES))
        self.assertTrue(any(LOST in str(event) for event in self.b.events()), self.b.events())
        self.assertGreaterEqual(
            http.Scrape(self.lab, "b").one("tandem_vrrp_held_back_total", router="VI_1"), 1)

    def test_bound(self):
        """After the bound the other one takes over all the same, and both say that two are Active."""
        with self.deaf():
            self.wait_held_back()
            for name in NAMES:
                self.b.wait_for("Active", name, MORE + 10)
            wait_until("node b warns of it", lambda: "two nodes are Active: the peer says over the sync link"
                       in "\n".join(self.b.ask("status")["warnings"]), 20)
        for name in NAMES:
            self.b.wait_for("Backup", name, 10)

    def test_crash(self):
        """Killed while a takeover is held back, the Active is followed in the usual time."""
        with self.deaf():
            self.wait_held_back()
            self.a.kill()
            killed = time.monotonic()
            for name in NAMES:
                self.b.wait_for("Active", name, DOWN + 10)
            tap.note(f"Active {time.monotonic() - killed:.1f} s after the kill")
        self.a.start()

    def test_resignation(self):
        """The word that the Active hands over comes over the sync link alone: it is followed at once."""
        with self.deaf():
            self.wait_held_back()
            self.a.stop()  # hands over: waits for whoever takes the addresses
            self.assertEqual(self.states(self.b), ["Active"] * len(NAMES))
        self.a.start()

    def test_broken_sync_link(self):
        """Without a sync link adverts alone count."""
        self.lab.exec("a", "nft", "-f", "-", stdin="""table inet cut {
            chain in { type filter hook input priority 0; tcp sport 9106 drop; tcp dport 9106 drop; }
            chain out { type filter hook output priority 0; tcp sport 9106 drop; tcp dport 9106 drop; }
        }""")
        try:
            wait_until("the session has ended", self.is_alone, 20)
            held = [self.b.router(name)["held_back"] for name in NAMES]
            self.assertEqual(held, [False] * len(NAMES))
            with self.deaf():
                for name in NAMES:
                    self.b.wait_for("Active", name, DOWN + 10)
            counted = http.Scrape(self.lab, "b").one("tandem_vrrp_held_back_total", router="VI_1")
            for name in NAMES:
                self.b.wait_for("Backup", name)
            self.assertEqual(
                http.Scrape(self.lab, "b").one("tandem_vrrp_held_back_total", router="VI_1"), counted)
        finally:
            self.lab.exec("a", "nft", "delete", "table", "inet", "cut")


if __name__ == "__main__":
    tap.main()
