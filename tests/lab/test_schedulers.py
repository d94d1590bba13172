#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Schedulers beside least_conn, and services on both nodes of a pair.

    client, far --- front --- a: tandemd, b: tandemd --- back --- s1..s4: Nginx

VI_1 is at home on node a, VI_2 on node b; services are the same on both nodes.
"""

import collections
import time

from tandemlab import configs, plan, services, tap, traffic
from tandemlab.backends import Backend
from tandemlab.pair import Pair
from tandemlab.shell import wait_until

FIRST, SECOND = plan.VIPS[:2]
ROUND, SOURCE, STICKY, SLOW, MANY, LOST, HASHED = 81, 82, 83, 84, 85, 86, 8080
CHECK = ('check = { http = "/", interval = "100ms", timeout = "80ms", fall = 2, rise = 2, '
         'port = 8080 }')
ALL = 5000  # backends


def config(node):
    def nat(name, port, more, **options):
        return services.service(name, FIRST, "nat", port, more=more, **options)

    # Those beyond the first four are ports at which nobody listens.
    many = [(services.BACKENDS4[i % 4], 8080 if i < 4 else 10000 + i) for i in range(ALL)]
    listed = "\n".join(f'  {{ address = "{address}", port = {port}, weight = {int(port == 8080)} }},'
                       for address, port in many)
    first = node == "a"
    return (configs.node(node, ("eth0", "eth1"))
            + configs.vrrp("VI_1", 51, 150 if first else 100, f"{FIRST}/24")
            + configs.vrrp("VI_2", 52, 100 if first else 150, f"{SECOND}/24")
            + nat("round", ROUND, 'scheduler = "round_robin"', weights=[4, 3, 2, 1])
            + nat("source", SOURCE, 'scheduler = "source_hash"')
            + nat("sticky", STICKY, 'affinity = "1m"')
            + nat("slow", SLOW, f'slow_start = "1m"\n{CHECK}', backend_port=80)
            + nat("many", MANY, "", backends=[]).replace("[\n\n]", f"[\n{listed}\n]")
            + services.service("lost", FIRST, "tunnel", LOST, backends=["2001:db8:9::9"])
            + services.service("hashed", FIRST, "dsr", HASHED, more='scheduler = "maglev"')
            + services.service("second", SECOND, "dsr", 80))


class Schedulers(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.backends = {node: Backend(cls.lab, node) for node in plan.BACKENDS}
        services.take_virtual_addresses(cls.lab, FIRST, SECOND)
        cls.pair = Pair(cls.lab, config)

    def setUp(self):
        self.pair.bring_home()
        for port in (ROUND, HASHED):
            traffic.must_answer(self.lab, FIRST, port)
        traffic.must_answer(self.lab, SECOND)
        wait_until("all backends are up", lambda: len(self.up("slow")) == 4)
        self.connections = traffic.Connections()
        self.addCleanup(lambda: self.connections.close())

    def up(self, service, node="a"):
        return [b for b in self.pair.nodes[node].ask("backends", service)["backends"]
                if b["state"] == "up"]

    def service(self, name, node="a"):
        return next(service for service in self.pair.nodes[node].ask("services")["services"]
                    if service["name"] == name)

    def flows(self, name, node="a"):
        return self.service(name, node)["flows"]

    def open(self, count, port, address=FIRST, node="client"):
        self.connections.open(self.lab, address, count, port, node)
        return self.connections.by_backend()

    # ---- Schedulers
    def test_round_robin(self):
        """Connections by weights 4:3:2:1, in turn: no backend gets its share in a row."""
        self.open(100, ROUND)
        turns = [connection.backend for connection in self.connections.all]
        for i in range(0, 100, 10):
            self.assertEqual(collections.Counter(turns[i:i + 10]),
                             collections.Counter(s1=4, s2=3, s3=2, s4=1))
        self.assertNotIn(("s1",) * 4, zip(turns, turns[1:], turns[2:], turns[3:]))

    def test_source_hash(self):
        """All connections of a client go to one backend, whatever it has already."""
        self.assertEqual(len(self.open(20, SOURCE)), 1)

    def test_maglev(self):
        """Connections are spread by a hash of both ends."""
        shares = self.open(200, HASHED)
        for node in plan.BACKENDS:
            self.assertGreater(shares[node], 20)

    def test_affinity(self):
        """A client stays with its backend for a time; the next client goes by least connections."""
        shares = self.open(20, STICKY)
        self.assertEqual(len(shares), 1)
        other = traffic.Connections().open(self.lab, FIRST, 20, STICKY, "far").by_backend()
        self.assertEqual(len(other), 1)
        self.assertNotEqual(set(other), set(shares))
        told = self.pair.a.ask("explain", plan.front_v4("client"), f"{FIRST}:{STICKY}")
        held = plan.BACKENDS[services.BACKENDS4.index(told["pick"]["backend"])]
        self.assertEqual(({held}, told["pick"]["by"]), (set(shares), "affinity"))

    def test_slow_start(self):
        """A backend that came up gets its share little by little, not all there is at once."""
        self.open(40, SLOW)
        self.backends["s2"].nginx.stop()
        wait_until("s2 is down", lambda: len(self.up("slow")) == 3)
        self.connections.close("s2")
        before = self.connections.by_backend()
        self.backends["s2"].start()
        wait_until("s2 is up", lambda: len(self.up("slow")) == 4)
        got = (self.open(20, SLOW) - before)["s2"]
        print(f"# s2 got {got} of 20 connections; without slow start it would be 12 or more")
        self.assertLess(got, 6)

    def test_many_backends(self):
        """Of 5,000 backends of a service all are told, and those with a weight get connections."""
        told = self.pair.a.ask("backends", "many")["backends"]
        self.assertEqual(len(told), ALL)
        self.assertEqual(self.open(40, MANY), collections.Counter(s1=10, s2=10, s3=10, s4=10))

    def test_unreachable_backend(self):
        """A backend in a network that no route leads to gets nothing, and it is told why."""
        (told,) = self.pair.a.ask("backends", "lost")["backends"]
        print(f"# {told['state']}: {told['why']}")
        self.assertEqual(told["state"], "down")
        self.assertIn("no route", told["why"])
        with self.assertRaises(ConnectionRefusedError):
            traffic.Connection(self.lab, FIRST, LOST)

    # ---- Both nodes
    def test_dual_master(self):
        """Each node has its own address; one is killed: what it had by hash goes on by the other."""
        wait_until("nothing counts at node b any more",
                   lambda: self.flows("second", "b")["active"] == 0)
        self.open(40, HASHED)
        own = traffic.Connections().open(self.lab, SECOND, 40)
        self.addCleanup(own.close)
        self.assertEqual(own.by_backend(), collections.Counter(s1=10, s2=10, s3=10, s4=10))
        self.pair.a.kill()
        self.pair.b.wait_for("Active", "VI_1")
        time.sleep(0.2)
        self.assertEqual(self.connections.broken(), 0)
        self.assertEqual(own.broken(), 0)
        wait_until("all 40 were joined", lambda: (
            self.service("hashed", "b")["hash_picks"], self.flows("hashed", "b")["total"]) == (40, 40))
        # Joined in the middle, they count as soon as they went on.
        wait_until("all 40 count", lambda: self.connections.broken() == 0
                   and self.flows("hashed", "b")["active"] == 40)
        self.pair.bring_home()
        self.assertEqual(self.connections.broken(), 0)
        self.assertEqual(own.broken(), 0)


if __name__ == "__main__":
    tap.main()
