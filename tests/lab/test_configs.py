#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The pairs of configurations in configs/ run, and their addresses move.

    client --- front --- a: NAME-a.toml, b: NAME-b.toml --- back --- s1..s4: backends of dsr
                 |
               router --- far: backends of tunnel, 203.0.113.51 and .52
"""

import pathlib

from tandemlab import plan, services, tap, traffic
from tandemlab.backends import Backend
from tandemlab.nginx import Nginx, get
from tandemlab.process import Process
from tandemlab.shell import wait_until
from tandemlab.shipped import quick
from tandemlab.tandem import Tandem

VIP, SECOND = plan.VIPS
FAR_BACKENDS = ("203.0.113.51", "203.0.113.52")


class Pairs(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in plan.GATEWAYS:
            Nginx(cls.lab, node)
        for node in plan.BACKENDS:
            Backend(cls.lab, node)
        services.take_virtual_addresses(cls.lab, VIP, SECOND)
        # The first test starts them; to start takes long, and the others reload.
        cls.nodes = {node: Tandem(cls.lab, node, "", start=False) for node in plan.GATEWAYS}

    def run_pair(self, name, check, first, second=(), change=lambda text: text):
        """Both nodes with their files. Each router comes up at home, those of a move to b and back.

        check(NODE) is called while NODE has the routers `first`; b has `second` all the while.
        """
        a, b = self.nodes["a"], self.nodes["b"]

        def wait_all(home, away, routers):
            for router in routers:
                home.wait_for("Active", router)
                away.wait_for("Backup", router)

        # Node a before b: with a preempt_delay it would wait long to take b's address.
        for node in (a, b):
            node.write(change(quick(f"{name}-{node.node}.toml")))
            if node.running():
                node.ctl("reload")
            else:
                node.start()
            for router in first if node is a else second:
                node.wait_for("Active", router)
        wait_all(a, b, first)
        wait_all(b, a, second)
        for node in (a, b):
            self.assertEqual(node.status()["warnings"], [])
        check("a")
        a.ctl("failover", *first)
        wait_all(b, a, first)
        check("b")
        a.ctl("failover", "--back")
        wait_all(a, b, first)
        check("a")

    def answered(self, url, expected):
        wait_until(f"{url} is answered by {expected}",
                   lambda: get(self.lab, "client", url) == expected, timeout=3)

    def test_node(self):
        """node-a.toml and node-b.toml: dual master, each node's Nginx answers."""
        def check(node):
            self.answered(f"http://{VIP}/", f"node {node}")
            self.answered(f"http://{SECOND}/", "node b")

        self.run_pair("node", check, ["VI_1"], ["VI_2"])

    def test_single(self):
        """single-a.toml and single-b.toml: one address, the other node stands by."""
        self.run_pair("single", lambda node: self.answered(f"http://{VIP}/", f"node {node}"),
                      ["VI_1"])

    def test_ipv6(self):
        """ipv6-a.toml and ipv6-b.toml: an IPv6 address."""
        self.run_pair("ipv6", lambda node: self.answered(f"http://[{plan.VIPS6[0]}]/",
                                                         f"node {node}"), ["VI_6"])

    def test_dsr(self):
        """dsr-a.toml and dsr-b.toml: both addresses are spread evenly over four backends."""
        def check(_):
            for address in (VIP, SECOND):
                traffic.must_answer(self.lab, address)
                answers = traffic.who_answers(self.lab, address, 8)
                self.assertEqual(set(answers), set(plan.BACKENDS), answers)

        self.run_pair("dsr", check, ["VI_1"], ["VI_2"])

    def test_tunnel(self):
        """tunnel-a.toml and tunnel-b.toml: backends behind a router; connections outlive moves."""
        for address in FAR_BACKENDS:
            self.lab.exec("far", "ip", "address", "add", f"{address}/24", "dev", "eth0")
        self.lab.exec("far", "ip", "address", "add", VIP, "dev", "lo")
        self.lab.exec("far", "sysctl", "-q", "-w", "net.ipv4.conf.all.rp_filter=0",
                      "net.ipv4.conf.default.rp_filter=0")
        Backend(self.lab, "far")
        Process(self.lab, "far", "tunnel", [
            "/usr/bin/python3", pathlib.Path(services.__file__).with_name("tunnel_end.py")])
        opened = traffic.Connections()

        def check(_):
            traffic.must_answer(self.lab, VIP)
            opened.open(self.lab, VIP, 10)
            self.assertEqual(opened.broken(), 0)

        self.run_pair("tunnel", check, ["VI_1"])
        opened.close()

    def test_vlan(self):
        """vlan-a.toml and vlan-b.toml: two VLANs of a trunk, the same VRID in both.

        The kernel may have no VLAN devices. So the addresses are on devices of that name that lead
        nowhere, and the file says which tags to use on eth0.
        """
        for node, cable in ((node, plan.cable(node, device)) for node in plan.GATEWAYS
                            for device in ("eth0", "eth1")):
            vlan = {"eth0": 100, "eth1": 200}[cable.device]
            self.lab.exec(node, "ip", "link", "add", f"eth0.{vlan}", "type", "veth", "peer", "name",
                          f"end{vlan}")
            for device in (f"eth0.{vlan}", f"end{vlan}"):
                self.lab.exec(node, "ip", "link", "set", device, "up")
            self.lab.exec(node, "ip", "address", "add", f"{cable.v4}/24", "dev", f"eth0.{vlan}")

        def with_tags(text):
            for vlan in (100, 200):
                name = f'[[interface]]\nname = "eth0.{vlan}"'
                self.assertIn(name, text)
                text = text.replace(name, f'{name}\ndevice = "eth0"\nvlan = [{vlan}]')
            return text

        self.run_pair("vlan", lambda _: None, ["VI_100"], ["VI_200"], with_tags)


if __name__ == "__main__":
    tap.main()
