#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Services of every mode on devices in generic mode: the gateway's addresses are on a bridge or a bond
over each of its cables. `test_links.py Links.test_bridge` needs no module of bonds.

    client --- front --- over0 [eth0]  a: tandemd  [eth1] over1 --- back --- s1, s2: Nginx, UDP echo
                 '--------------------------------------------------------------'  answers of dsr, tunnel
"""

from tandemlab import configs, plan, services, tap, traffic
from tandemlab.backends import DNS, Backend
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem

NODES = ("s1", "s2")
ADDRESSES = {
    "nat": ("192.0.2.100", "2001:db8:1::100"),
    "fullnat": ("192.0.2.101", "2001:db8:1::101"),
    "dsr": ("192.0.2.102", "2001:db8:1::102"),
    "tunnel": ("192.0.2.103", "2001:db8:1::103"),
}
MADE = {"bridge": ("type", "bridge"),
        "bond": ("type", "bond", "mode", "active-backup", "miimon", 100)}


def config():
    blocks, in_v4, in_v6 = [], [], []
    for mode, addresses in ADDRESSES.items():
        for address in addresses:
            (in_v6 if ":" in address else in_v4).append(address)
            backends = [plan.cable(node).v6 if ":" in address else plan.cable(node).v4
                        for node in NODES]
            for name, port, protocol in (("web", 80, "tcp"), ("dns", DNS, "udp")):
                blocks.append(services.service(f"{name} {address}", address, mode, port, protocol,
                                               backends))
    return (configs.node("a", ("over0", "over1"), xdp_mode="generic")
            + configs.vrrp("VI_1", 51, 150, *(f"{a}/24" for a in in_v4), interface="over0")
            + configs.vrrp("VI_6", 51, 150, "fe80::51/64", *(f"{a}/64" for a in in_v6),
                           interface="over0")
            + "".join(blocks))


class Links(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in NODES:
            Backend(cls.lab, node)
        services.take_virtual_addresses(
            cls.lab, *(a for mode in ("dsr", "tunnel") for a in ADDRESSES[mode]), nodes=NODES)
        services.TunnelEnds(cls.lab, nodes=NODES)

    def ip(self, *words, check=True):
        return self.lab.exec("a", "ip", *words, check=check)

    def put_over(self, kind, number):
        """The node's addresses on a device of that kind over a cable's; False: there is no such kind."""
        over, device = f"over{number}", f"eth{number}"
        cable = plan.cable("a", device)
        if self.ip("link", "add", "name", over, *MADE[kind], check=False).returncode:
            return False
        self.ip("address", "flush", "dev", device)
        if kind == "bond":
            self.ip("link", "set", device, "down")
        else:
            self.ip("link", "set", over, "address", cable.mac)
        self.ip("link", "set", device, "master", over)
        self.ip("link", "set", device, "up")
        self.ip("link", "set", over, "up")
        # Whose checksums nobody would finish.
        self.lab.exec("a", "ethtool", "-K", over, "tx", "off", "rxvlan", "off", check=False)
        self.lab.add_addresses(cable, over)
        return True

    def take_down(self, number):
        self.ip("link", "set", f"eth{number}", "nomaster", check=False)
        self.ip("link", "delete", f"over{number}", check=False)

    def serves(self, kind):
        for number in (0, 1):
            if not self.put_over(kind, number):
                self.skipTest(f"this kernel has no {kind}")
            self.addCleanup(self.take_down, number)
        a = Tandem(self.lab, "a", config())
        self.addCleanup(lambda: a.running() and a.stop())
        for name in ("VI_1", "VI_6"):
            a.wait_for("Active", name)
        for mode, addresses in ADDRESSES.items():
            for address in addresses:
                with self.subTest(f"{mode}, {address}"):
                    wait_until(f"{address} answers",
                               lambda: traffic.who_answers(self.lab, address, 1)[None] == 0)
                    self.assertEqual(traffic.who_answers(self.lab, address, 20),
                                     {"s1": 10, "s2": 10})
                    self.assertTrue(traffic.ask_udp(self.lab, address, DNS, b"hello"))
        self.assertEqual(a.packets("drop/unfinished-checksum"), 0)
        self.assertEqual(a.packets("drop/no-data-thread"), 0)

    def test_bridge(self):
        """On bridges."""
        self.serves("bridge")

    def test_bond(self):
        """On bonds of one port, in generic mode."""
        self.serves("bond")


if __name__ == "__main__":
    tap.main()
