#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Exact weighted least connections, and flows that stay through all that happens around them.

    client --- front --- a: tandemd --- back --- s1..s4: Nginx
"""

import collections
import time

from tandemlab import configs, http, plan, services, tap, traffic
from tandemlab.backends import Backend
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem

VIP = plan.VIPS[0]
EVEN, WEIGHTED, LIMITED, CHECKED, DROPPING, GONE, LATE, NOBODY, UDP = *range(80, 88), 53
COUNTED = ("punt/miss", "tx/refused", "drop/no-backend")
CHECK = ('check = { http = "/", interval = "100ms", timeout = "80ms", fall = 2, rise = 2, '
         'port = 8080 }')


def config(even=services.BACKENDS4):
    def nat(name, port, **options):
        return services.service(name, VIP, "nat", port, **options)

    limited = nat("limited", LIMITED).replace("weight = 1", "weight = 1, max_connections = 5")
    return (configs.node("a", ("eth0", "eth1"))
            + configs.vrrp("VI_1", 51, 150, f"{VIP}/24")
            + nat("even", EVEN, backends=even)
            + nat("weighted", WEIGHTED, weights=[1, 2, 3, 4])
            + limited
            + nat("checked", CHECKED, more=CHECK, backend_port=80)
            + nat("dropping", DROPPING, weights=[0, 0, 0, 0], more='unavailable = "drop"',
                  backend_port=80)
            + nat("nobody", NOBODY, weights=[0, 0, 0, 0], backend_port=80)
            + nat("dns", UDP, protocol="udp", more=CHECK))


class Balance(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.backends = {node: Backend(cls.lab, node) for node in plan.BACKENDS}
        cls.tandem = Tandem(cls.lab, "a", config())
        cls.tandem.wait_for("Active")
        for port in (EVEN, WEIGHTED):
            traffic.must_answer(cls.lab, VIP, port)
        cls.wait_for_backends(4)

    @classmethod
    def wait_for_backends(cls, count):
        for service in ("checked", "dns"):
            wait_until(f"{count} backends of {service} are up",
                       lambda: len([b for b in cls.backends_of(service) if b["state"] == "up"])
                       == count)

    @classmethod
    def backends_of(cls, service):
        return cls.tandem.ask("backends", service)["backends"]

    def setUp(self):
        self.connections = traffic.Connections()
        self.addCleanup(lambda: self.connections.close())

    def open(self, count, port=EVEN):
        self.connections.open(self.lab, VIP, count, port)
        return self.connections.by_backend()

    def refused(self, port):
        """How a connection fails: "refused", "ignored", or not at all."""
        try:
            traffic.Connection(self.lab, VIP, port, timeout=0.5).close()
            return "not"
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            return "ignored"

    # ---- Shares
    def test_equal(self):
        """400 connections to four equal backends: 100 each, and tandemctl says so."""
        shares = self.open(400)
        for node in plan.BACKENDS:
            self.assertAlmostEqual(shares[node], 100, delta=1)
        told = {b["address"]: b["active"] for b in self.backends_of("even")}
        for node, address in zip(plan.BACKENDS, services.BACKENDS4):
            self.assertEqual(told[address], shares[node])

    def test_closed(self):
        """All connections of one backend are closed: the next ones go there."""
        self.open(100)
        gone = self.connections.close("s2")
        self.assertEqual(gone, 25)
        time.sleep(0.2)
        before = self.connections.by_backend()
        self.assertEqual(self.open(gone) - before, collections.Counter(s2=gone))

    def test_weights(self):
        """400 connections by weights 1:2:3:4: 40, 80, 120 and 160."""
        shares = self.open(400, WEIGHTED)
        for node, share in zip(plan.BACKENDS, (40, 80, 120, 160)):
            self.assertAlmostEqual(shares[node], share, delta=1)

    def test_max_connections(self):
        """With room for five each, 20 connections are taken, the next is refused."""
        self.assertEqual(self.open(20, LIMITED), collections.Counter(s1=5, s2=5, s3=5, s4=5))
        self.assertEqual(self.refused(LIMITED), "refused")
        self.connections.close("s3")
        time.sleep(0.1)
        self.assertEqual(traffic.must_answer(self.lab, VIP, LIMITED), "s3")

    def test_nobody(self):
        """With all backends drained, a new connection is dropped where it says so."""
        self.assertEqual(self.refused(DROPPING), "ignored")

    def counted(self):
        """Packets by reason, as /metrics has them."""
        time.sleep(0.5)  # the last document made serves for a while (docs/metrics.md)
        return {name: http.Scrape(self.lab, "a").one(
            "tandem_packets_total", verdict=name.split("/")[0], reason=name.split("/")[1])
            for name in COUNTED}

    def test_counted(self):
        """What the data path makes of first packets counts by reason, in status and /metrics."""
        told, scraped = self.tandem.status()["packets"], self.counted()
        for _ in range(20):
            self.assertEqual(self.refused(NOBODY), "refused")
        for _ in range(2):
            self.assertEqual(self.refused(DROPPING), "ignored")  # SYNs come again
        self.open(10)
        status = self.tandem.status()
        grown = {name: count - told[name] for name, count in status["packets"].items()}
        self.assertEqual(grown["tx/refused"], 20)
        self.assertGreaterEqual(grown["drop/no-backend"], 2)
        decided = 20 + 10 + grown["drop/no-backend"]
        self.assertEqual(grown["punt/miss"], decided)
        self.assertEqual([loss for loss in status["losses"] if loss["count"]], [])
        for name, count in self.counted().items():
            self.assertEqual(count - scraped[name], grown[name], name)

    # ---- The operator
    def test_drain(self):
        """A drained backend gets nothing new and keeps what it has; undrained, it catches up."""
        self.open(8)
        s1 = f"{services.BACKENDS4[0]}:8080"
        self.tandem.ctl("drain", "even", s1)
        self.assertEqual(self.open(12), collections.Counter(s1=2, s2=6, s3=6, s4=6))
        self.assertEqual(self.connections.broken(), 0)
        self.tandem.ctl("undrain", "even", s1)
        self.assertEqual(self.open(4), collections.Counter(s1=6, s2=6, s3=6, s4=6))

    def test_weight(self):
        """A weight that is changed at run time counts for the next connections."""
        self.addCleanup(lambda: self.tandem.ctl("weight", "even", f"{services.BACKENDS4[0]}:8080",
                                                "1"))
        self.tandem.ctl("weight", "even", f"{services.BACKENDS4[0]}:8080", "7")
        self.assertEqual(self.open(50)["s1"], 35)

    # ---- What happens to backends
    def test_down(self):
        """Backends whose Nginx stops go down and come back; with all down, clients are refused."""
        self.backends["s4"].nginx.stop()
        self.wait_for_backends(3)
        self.assertEqual(self.open(30, CHECKED), collections.Counter(s1=10, s2=10, s3=10))
        self.backends["s4"].start()
        self.wait_for_backends(4)
        self.assertEqual(self.open(10, CHECKED)["s4"], 10)
        for node in plan.BACKENDS:
            self.backends[node].nginx.stop()
        self.wait_for_backends(0)
        self.assertEqual(self.refused(CHECKED), "refused")
        asking = self.lab.socket("client", traffic.family_of(VIP), 2)
        with asking:
            asking.settimeout(1)
            asking.connect((VIP, UDP))
            asking.send(b"?")
            self.assertRaises(ConnectionRefusedError, asking.recv, 100)
        for node in plan.BACKENDS:
            self.backends[node].echo.kill()
            self.backends[node].start()
        self.wait_for_backends(4)
        traffic.must_answer(self.lab, VIP, CHECKED)

    # ---- What happens to the node
    def test_reload(self):
        """A backend that a reload takes away keeps its connections; the next one brings it back."""
        self.open(40)
        self.tandem.write(config(services.BACKENDS4[:3]))
        self.tandem.ctl("reload")
        self.addCleanup(lambda: (self.tandem.write(config()), self.tandem.ctl("reload")))
        self.assertEqual(self.connections.broken(), 0)
        self.assertEqual(self.open(30)["s4"], 10)
        self.tandem.write(config())
        self.tandem.ctl("reload")
        self.assertEqual(self.connections.broken(), 0)
        wait_until("s4 gets connections again",
                   lambda: traffic.must_answer(self.lab, VIP, EVEN) == "s4")

    def test_counters(self):
        """Services in the places of those that went begin to count at 0."""
        self.addCleanup(lambda: (self.tandem.write(config()), self.tandem.ctl("reload")))
        for name, port in (("gone", GONE), ("late", LATE), ("later", GONE)):
            self.tandem.write(config() + services.service(name, VIP, "nat", port))
            self.tandem.ctl("reload")
            for backend in self.backends_of(name):
                self.assertEqual((backend["picks"], backend["packets_in"]), (0, 0))
            wait_until(f"{name} has backends", lambda: all(
                backend["state"] == "up" for backend in self.backends_of(name)))
            self.assertEqual(sum(self.open(8, port).values()), 8)
            self.connections.close()

    def test_crash(self):
        """tandemd is killed and started again: connections go on, counts are as before."""
        self.open(40)
        self.tandem.kill()
        if configs.ENGINE == "xdp":  # which goes by the table without tandemd; workers end with it
            self.assertEqual(self.connections.broken(), 0)
        self.tandem.start()
        self.tandem.wait_for("Active")
        self.assertEqual(self.connections.broken(), 0)
        self.connections.close("s1")
        time.sleep(0.2)
        wait_until("the next hops are known", lambda: all(
            b["state"] == "up" for b in self.backends_of("even")))
        before = self.connections.by_backend()
        self.assertEqual(self.open(10) - before, collections.Counter(s1=10))


if __name__ == "__main__":
    tap.main()
