#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the operator set at run time outlives reload, restart and crash, until it is undone.

    client --- front --- a: at home for VI_1, b --- back --- s1..s4

"api" on the virtual address goes to the backends. Adverts every 100 ms.
"""

import time

from tandemlab import configs, plan, services, tap, traffic
from tandemlab.backends import PORT, Backend
from tandemlab.pair import Pair
from tandemlab.shell import wait_until

VIP = plan.VIPS[0]
DRAINED, WEIGHED = (f"{address}:{PORT}" for address in services.BACKENDS4[:2])


def config(node, weight=None):
    weights = [1, weight, 1, 1] if weight else None
    return (configs.node(node, ("eth0", "eth1"))
            + configs.vrrp("VI_1", 51, 150 if node == "a" else 100, f"{VIP}/24")
            + services.service("api", VIP, "nat", PORT, weights=weights))


class Operator(tap.LabCase):
    def setUp(self):
        for node in plan.BACKENDS:
            Backend(self.lab, node)
        self.pair = Pair(self.lab, config)
        self.addCleanup(self.pair.stop)
        self.a, self.b = self.pair.a, self.pair.b
        self.pair.bring_home(second=())

    def backend(self, endpoint):
        return next(b for b in self.a.ask("backends", "api")["backends"]
                    if f'{b["address"]}:{b["port"]}' == endpoint)

    def set(self):
        self.a.ctl("drain", "api", DRAINED)
        self.a.ctl("weight", "api", WEIGHED, "7")
        self.a.ctl("failover", "VI_1")
        self.b.wait_for("Active")

    def assert_set(self):
        self.assertEqual(self.backend(DRAINED)["state"], "draining")
        self.assertIn("drained by the operator", self.backend(DRAINED)["why"])
        self.assertEqual(self.backend(WEIGHED)["weight"], 7)
        self.assertTrue(self.a.router()["handed_over"])
        self.assertEqual((self.a.state(), self.b.state()), ("Backup", "Active"))

    def test_backends(self):
        """A backend that is added gets connections, over a restart and a reload, until it is removed."""
        first, added = services.BACKENDS4[0], "198.51.100.99"
        self.a.ctl("backend", "remove", "api", first)
        self.a.ctl("backend", "add", "api", f"{added}:{PORT}", "--weight", "5", "--backup")

        def backends():
            return {b["address"]: b for b in self.a.ask("backends", "api")["backends"]
                    if "no longer configured" not in b["why"]}

        def assert_changed():
            now = backends()
            self.assertNotIn(first, now)
            self.assertEqual((now[added]["weight"], now[added]["backup"]), (5, True))

        assert_changed()
        wait_until("those that are left share",
                   lambda: set(traffic.who_answers(self.lab, VIP, 9, PORT)) == {"s2", "s3", "s4"})
        self.a.ctl("reload")
        assert_changed()
        self.a.kill()
        self.a.start()
        assert_changed()
        self.a.ctl("backend", "reset", "api", first)
        self.a.ctl("backend", "remove", "api", added)
        wait_until("the backends are those of the file",
                   lambda: set(backends()) == set(services.BACKENDS4))
        self.assertNotEqual(self.a.ctl("backend", "add", "api", first, check=False).returncode, 0)

    def test_stays(self):
        """Over a reload, a restart, and a SIGKILL; undone, it stays undone."""
        self.set()
        self.assert_set()
        self.a.ctl("reload")
        self.assert_set()
        self.a.stop()
        self.a.start()
        self.a.wait_for("Backup")
        self.assert_set()
        wait_until("it is kept", (self.lab.run_dir("a") / "tandem" / "operator.json").exists)
        self.a.kill()
        self.a.start()
        self.a.wait_for("Backup")
        self.assert_set()
        before = self.a.transitions()
        wait_until("adverts of b are heard", lambda: self.a.router()["adverts"]["received"] > 20)
        self.assertEqual(self.a.transitions(), before, "it took over what was handed over")
        self.a.ctl("undrain", "api", DRAINED)
        self.a.ctl("weight", "api", WEIGHED, "1")
        self.a.ctl("failover", "VI_1", "--back")
        self.a.wait_for("Active")
        self.a.kill()
        self.a.start()
        self.a.wait_for("Active")
        self.assertEqual(self.backend(DRAINED)["state"], "up")
        self.assertEqual(self.backend(WEIGHED)["weight"], 1)

    def test_transitions(self):
        """`events` begins with the transitions of before a restart and of before a SIGKILL."""
        def transitions():
            return [(e["time"], e["router"], e["from"], e["to"], e["cause"])
                    for e in self.a.ask("events")["events"] if e["kind"] == "transition"]

        for end in (self.a.stop, self.a.kill):
            before = transitions()
            self.assertIn("Active", [to for *_, to, _ in before])
            time.sleep(1)  # what is younger a crash may take along
            end()
            self.a.start()
            self.a.wait_for("Active")
            self.assertEqual(transitions()[:len(before)], before)
            self.assertGreater(len(transitions()), len(before))
        self.a.stop()
        file = self.lab.run_dir("a") / "tandem" / "transitions.json"
        file.write_text("{ this is none")
        self.a.start()
        self.a.wait_for("Active")
        self.assertIn("transitions.json.refused", self.a.process.log())

    def test_newer_weight(self):
        """A weight that the file changed meanwhile is newer than the operator's."""
        self.a.ctl("weight", "api", WEIGHED, "7")
        self.a.stop()
        self.a.write(config("a", weight=5))
        self.a.start()
        self.assertEqual(self.backend(WEIGHED)["weight"], 5)

    def test_unreadable(self):
        """A file that cannot be read is put aside and told, and the node starts."""
        self.a.stop()
        directory = self.lab.run_dir("a") / "tandem"
        (directory / "operator.json").write_text('{"backends": 3}')
        self.a.start()
        self.a.wait_for("Active")
        self.assertTrue((directory / "operator.json.refused").exists())
        self.assertIn("operator.json", self.a.process.tail(100))


class Group(tap.LabCase):
    """Two virtual routers of a sync group on a."""

    @staticmethod
    def config(node):
        priority = 150 if node == "a" else 100
        return configs.node(node) + "".join(
            configs.vrrp(name, vrid, priority, f"{address}/24", more='sync_group = "G"')
            for name, vrid, address in (("VI_1", 51, VIP), ("VI_G", 52, plan.VIPS[1])))

    def test_failover(self):
        """Whether members are asked for by name or not, each is told as it is: all are moved."""
        pair = Pair(self.lab, self.config)
        self.addCleanup(pair.stop)
        for words in (("VI_1", "VI_G"), ("VI_G",), ()):
            for name in ("VI_1", "VI_G"):
                pair.a.wait_for("Active", name)
                pair.b.wait_for("Backup", name)
            told = pair.a.ask("failover", *words)
            self.assertEqual([(r["name"], r["done"]) for r in told], [("VI_1", True), ("VI_G", True)])
            for name in ("VI_1", "VI_G"):
                pair.b.wait_for("Active", name)
            pair.a.ctl("failover", "--back")


if __name__ == "__main__":
    tap.main()
