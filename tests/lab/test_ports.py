#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Ports that are DPDK's own, and the TAP devices that stand for them in the kernel.

    client --- front --- a, b: tandemd, af_packet ports on wire0 and wire1 --- back --- s1..s4

On the gateways wire0 and wire1 are the cables' ends, and nobody's but DPDK's; eth0 and eth1 are TAP
devices. Run with TANDEM_ENGINE=dpdk and TANDEM_PORT=af_packet.
"""

import json

from scapy.all import ARP, Ether, rdpcap, wrpcap

from tandemlab import configs, plan, services, tap, traffic
from tandemlab.backends import Backend
from tandemlab.pair import Pair
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem

VIP = plan.VIPS[0]
OWN = plan.cable("a")


def addresses(*listed):
    """Of the node's own, where a TAP device is made or made again."""
    return f"addresses = {json.dumps(listed)}\n"


def config(node, interfaces=None):
    if interfaces is None:
        interfaces = "".join(
            configs.interface(name, addresses(f"{plan.cable(node, name).v4}/24"))
            for name in ("eth0", "eth1"))
    return (configs.head(node) + interfaces
            + configs.vrrp("VI_1", 51, 150 if node == "a" else 100, f"{VIP}/24")
            + services.service("web", VIP, "dsr"))


def links(lab, node):
    listed = json.loads(lab.exec(node, "ip", "-j", "address", "show").stdout)
    return {link["ifname"]: link for link in listed}


class Ports(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in plan.BACKENDS:
            Backend(cls.lab, node)
        services.take_virtual_addresses(cls.lab, VIP)
        cls.pair = Pair(cls.lab, config)

    def setUp(self):
        super().setUp()
        self.pair.bring_home(second=())
        traffic.must_answer(self.lab, VIP)

    def takes_over_and_gives_back(self, harm, repair):
        """What is harmed on node a costs it the address, until it is repaired."""
        a, b = self.pair.a, self.pair.b
        harm()
        b.wait_for("Active")
        a.wait_for("Fault")
        traffic.must_answer(self.lab, VIP)
        repair()
        a.wait_for("Active")
        traffic.must_answer(self.lab, VIP)

    def test_link(self):
        """A port without a link: its TAP device has no carrier, and the node lets go of the address."""
        def plug(state):
            self.lab.exec("switch", "ip", "link", "set", OWN.port, state)

        self.takes_over_and_gives_back(lambda: plug("down"), lambda: plug("up"))

    def test_vanish(self):
        """A port's device goes and comes back: so does the address, and status tells why meanwhile."""
        a, wire = self.pair.a, configs.wire(OWN.device)

        def repair():
            self.assertIn(f"{OWN.device}: device {wire} is gone", "\n".join(a.status()["warnings"]))
            self.lab.plug(OWN, wire)
            self.lab.make_deaf("a", wire)

        self.takes_over_and_gives_back(lambda: self.lab.exec("a", "ip", "link", "del", wire), repair)
        wait_until("the warning is gone", lambda: "is gone" not in "\n".join(a.status()["warnings"]))

    def test_tap_deleted(self):
        """Somebody deletes a TAP device: it is made again, and the node serves as before."""
        a = self.pair.a
        before = links(self.lab, "a")["eth0"]["ifindex"]
        self.lab.exec("a", "ip", "link", "del", "eth0")
        wait_until("eth0 is there again",
                   lambda: links(self.lab, "a").get("eth0", {}).get("ifindex", before) != before)
        self.assertTrue(a.running())
        a.wait_for("Active")
        traffic.must_answer(self.lab, VIP)

    def test_counted_once(self):
        """A packet that the worker passes to the kernel is counted once."""
        a = self.pair.a
        before = a.packets("pass/accepted")
        self.lab.exec("client", "ping", "-q", "-c", "10", "-i", "0.01", VIP)
        self.assertEqual(a.packets("pass/accepted") - before, 10)


class Single(tap.LabCase):
    """One node, whose TAP devices are the daemon's."""

    def setUp(self):
        super().setUp()
        self.tandem = Tandem(self.lab, "a", "", start=False)
        for name in ("eth0", "eth1"):
            self.lab.exec("a", "ip", "link", "del", name, check=False)

    def tearDown(self):
        if self.tandem.running():
            self.tandem.stop()
        super().tearDown()

    def start(self, interfaces):
        self.tandem.write(config("a", interfaces))
        self.tandem.start()

    def test_addresses(self):
        """A TAP device is made with the port's MAC address and the node's own addresses, and goes with
        the daemon."""
        self.start(configs.interface("eth0", addresses(f"{OWN.v4}/24", f"{OWN.v6}/64")))
        self.tandem.wait_for("Active")
        link = links(self.lab, "a")["eth0"]
        self.assertEqual(link["address"], OWN.mac)
        self.assertEqual(link["mtu"], 1500)
        for address in (OWN.v4, OWN.v6, VIP):
            self.lab.exec("client", "ping", "-q", "-c", "1", "-W", "5", address)
        self.tandem.write(config("a", configs.interface("eth0", addresses(f"{OWN.v4}/24"))))
        self.tandem.ctl("reload")
        wait_until("the address is gone", lambda: not self.tandem.kernel_has(OWN.v6))
        self.tandem.stop()
        self.assertNotIn("eth0", links(self.lab, "a"))

    def test_reload(self):
        """A reload adds a port and takes it away again; another driver for one wants a restart."""
        first = configs.interface("eth0", addresses(f"{OWN.v4}/24"))
        self.start(first)
        self.tandem.wait_for("Active")
        self.tandem.write(config("a", first + configs.interface("eth1")))
        self.tandem.ctl("reload")
        self.assertIn("eth1", links(self.lab, "a"))
        self.tandem.write(config("a", first))
        self.tandem.ctl("reload")
        self.assertNotIn("eth1", links(self.lab, "a"))
        self.lab.exec("client", "ping", "-q", "-c", "1", "-W", "5", OWN.v4)
        other = '[[interface]]\nname = "eth0"\ndriver = "null"\ndevargs = "no-rx=1"\n'
        self.tandem.write(config("a", other))
        done = self.tandem.ctl("reload", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("driver of interface 'eth0' cannot change while running; restart tandemd",
                      done.stdout + done.stderr)

    def test_pcap(self):
        """A capture comes in by a pcap port; what the kernel says is in the other file. Ports that are
        nothing or a ring do no harm."""
        heard, said = (self.lab.run_dir("a") / name for name in ("heard.pcap", "said.pcap"))
        wrpcap(str(heard), [Ether(src="02:00:00:00:09:09", dst="ff:ff:ff:ff:ff:ff") / ARP(
            op="who-has", hwsrc="02:00:00:00:09:09", psrc="198.51.100.8", pdst="198.51.100.200")])
        self.start(configs.interface("eth0", addresses(f"{OWN.v4}/24")) + f"""
[[interface]]
name = "replay"
driver = "pcap"
devargs = "rx_pcap=/run/heard.pcap,tx_pcap=/run/said.pcap"
addresses = ["198.51.100.200/24"]

[[interface]]
name = "nothing"
driver = "null"
devargs = "no-rx=1"

[[interface]]
name = "ring"
driver = "ring"
""")
        self.tandem.wait_for("Active")
        link = json.loads(self.lab.exec("a", "ip", "-j", "-s", "link", "show", "replay").stdout)[0]
        self.assertEqual(link["stats64"]["rx"]["packets"], 1)
        self.lab.exec("a", "ping", "-q", "-c", "1", "-W", "1", "198.51.100.9", check=False)
        self.tandem.stop()
        asks = [p[ARP] for p in rdpcap(str(said)) if ARP in p and p[ARP].op == 1]
        self.assertIn(("198.51.100.200", "198.51.100.9"), [(ask.psrc, ask.pdst) for ask in asks])

    def test_name_taken(self):
        """A name that another kind of device has is said to be taken."""
        self.lab.exec("a", "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other")
        self.tandem.write(config("a", configs.interface("eth0")))
        self.tandem.launch()
        self.assertEqual(self.tandem.process.popen.wait(20), 1)
        self.assertIn("eth0: a device of that name is there, and no TAP device",
                      self.tandem.process.log())
        self.lab.exec("a", "ip", "link", "del", "eth0")


if __name__ == "__main__":
    tap.main()
