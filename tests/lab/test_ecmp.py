#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two gateways have one address at the same time; a router spreads flows over them by ECMP.

    far --- router (BIRD) --- front --- a, b: tandemd and BIRD --- back --- s1..s4
                                 '------------------------------------------'  answers (dsr)

configs/ecmp.toml and configs/bird/ as they ship, and with least_conn on a port besides.
"""

import threading
import time

from tandemlab import plan, services, tap, traffic
from tandemlab.backends import PORT, Backend
from tandemlab.bird import Bird, next_hops
from tandemlab.process import Process
from tandemlab.shell import build_dir, wait_until
from tandemlab.shipped import CONFIGS, config
from tandemlab.tandem import Tandem

VIP = "192.0.2.200"
HOPS = {node: plan.front_v4(node) for node in plan.GATEWAYS}
CONNECTIONS = 40


def gateway(node):
    """The shipped file, for the first or the second gateway; nobody tells them apart but by these."""
    number = plan.GATEWAYS.index(node) + 1
    text = config("ecmp.toml").replace("gateway-1", f"gateway-{number}")
    return text.replace("vrid = 1 ", f"vrid = {number} ") + services.service(
        "by count", VIP, "dsr", PORT)


class Ecmp(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in plan.BACKENDS:
            Backend(cls.lab, node)
        services.take_virtual_addresses(cls.lab, VIP)
        cls.lab.exec("router", "sysctl", "-q", "-w", "net.ipv4.fib_multipath_hash_policy=1")
        cls.nodes = {node: Tandem(cls.lab, node, gateway(node)) for node in plan.GATEWAYS}
        cls.birds = {node: Bird(cls.lab, node, config("bird/gateway.conf").replace(
            "router id 192.0.2.2", f"router id {HOPS[node]}")) for node in plan.GATEWAYS}
        Bird(cls.lab, "router", config("bird/router.conf"))
        path = {"PATH": f"{build_dir() / 'src'}:/usr/sbin:/usr/bin:/sbin:/bin"}
        for node in plan.GATEWAYS:
            Process(cls.lab, node, "renew", [CONFIGS / "bird/renew", "anycast", f"{VIP}/32", "eth0"],
                    environment=path)

    def setUp(self):
        self.wait_for_hops("a", "b")
        for port in (80, PORT):
            wait_until("all backends are in use", lambda: len(traffic.who_answers(
                self.lab, VIP, 8, port, "far")) >= 3, timeout=30)

    def wait_for_hops(self, *nodes):
        wait_until(f"the router's next hops are {nodes}", lambda: next_hops(
            self.lab, "router", VIP) == {HOPS[node] for node in nodes}, timeout=30)

    def open(self, port=80):
        opened = traffic.Connections()
        self.addCleanup(opened.close)
        return opened.open(self.lab, VIP, CONNECTIONS, port, "far")

    def flows(self, node):
        return self.nodes[node].ask("flows")["flows"]

    def test_both_carry(self):
        """Flows go through both gateways, all backends answer, and answers bypass the gateways."""
        self.open()
        before = {node: self.nodes[node].packets("tx/forward") for node in plan.GATEWAYS}
        answers = traffic.who_answers(self.lab, VIP, 40, node="far")
        self.assertEqual(set(answers), set(plan.BACKENDS), answers)
        for node in plan.GATEWAYS:
            self.assertGreater(self.nodes[node].packets("tx/forward"), before[node])
            self.assertEqual(self.nodes[node].packets("tx/reply"), 0)

    def test_planned(self):
        """BIRD withdraws first, then tandemd ends: no request fails, no connection breaks."""
        opened = self.open()
        result = []
        loading = threading.Thread(target=lambda: result.append(
            traffic.load(self.lab, VIP, 4, connections=8, node="far")))
        loading.start()
        time.sleep(0.5)
        self.birds["a"].ask("disable", "uplink")
        self.wait_for_hops("b")
        self.nodes["a"].stop()
        self.assertEqual(opened.broken(), 0)
        self.nodes["a"].start()
        self.nodes["a"].wait_for("Active", "anycast")
        self.birds["a"].ask("enable", "uplink")
        self.wait_for_hops("a", "b")
        loading.join()
        requests, failed, text = result[0]
        tap.note(f"{requests} requests while a gateway left and came back")
        self.assertEqual(failed, 0, text)
        self.assertEqual(opened.broken(), 0)

    def test_sigkill(self):
        """After a SIGKILL the kernel takes the address away, BIRD the route; connections go on."""
        opened = self.open()
        killed = time.monotonic()
        self.nodes["a"].kill()
        self.assertTrue(self.nodes["a"].kernel_has(VIP), "expected what a crash leaves behind")
        # As after a tandemd that had just put it there, and that renew could not ask any more.
        self.lab.exec("a", "ip", "address", "change", f"{VIP}/32", "dev", "eth0")
        self.wait_for_hops("b")
        tap.note(f"withdrawn {time.monotonic() - killed:.1f} s after the SIGKILL")
        self.assertEqual(opened.broken(), 0)
        self.nodes["a"].start()
        self.wait_for_hops("a", "b")

    def test_link_cut(self):
        """A cut cable is found by BFD, long before BGP's hold time; connections go on."""
        opened = self.open()
        cut = time.monotonic()
        self.lab.exec("switch", "ip", "link", "set", "front-a", "down")
        self.wait_for_hops("b")
        took = time.monotonic() - cut
        tap.note(f"withdrawn {1000 * took:.0f} ms after the cut")
        self.assertLess(took, 5, "BGP alone takes 9 s")
        self.assertEqual(opened.broken(), 0)
        self.lab.exec("switch", "ip", "link", "set", "front-a", "up")
        self.wait_for_hops("a", "b")
        self.assertEqual(opened.broken(), 0)

    def test_backends_gone(self):
        """Without the backends' network the gateway withdraws, and comes back with it."""
        self.lab.exec("a", "ip", "link", "set", "eth1", "down")
        self.wait_for_hops("b")
        self.assertNotIn(None, traffic.who_answers(self.lab, VIP, 20, node="far"))
        self.lab.exec("a", "ip", "link", "set", "eth1", "up")
        self.wait_for_hops("a", "b")

    def test_least_conn_does_not(self):
        """With least_conn a gateway's flows do not survive it, but for those that the hash guesses."""
        opened = self.open(PORT)
        through_a = sum(1 for flow in self.flows("a") if flow["service"] == "by count")
        self.birds["a"].ask("disable", "uplink")
        self.wait_for_hops("b")
        broken = opened.broken()
        tap.note(f"{broken} of {CONNECTIONS} broke, {through_a} flows were at the gateway that left")
        self.assertGreater(broken, 0)
        self.birds["a"].ask("enable", "uplink")


if __name__ == "__main__":
    tap.main()
