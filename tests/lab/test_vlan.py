#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Adverts behind one and two VLAN tags are heard; services behind them are forwarded.

    client, sending tagged frames --- front --- a: tandemd, priority 100 --- back --- s1..s4

The node's kernel needs no VLAN device for this: XDP works on the bottom device.
"""

import time

from scapy.all import TCP, Dot1AD, Dot1Q, Ether, IP
from scapy.layers.vrrp import VRRPv3

from tandemlab import configs, plan, services, tap, wire
from tandemlab.backends import Backend
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem

VIP = plan.VIPS[0]
DOWN = 0.361  # seconds: Active_Down_Interval at 100 ms, priority 100


def tagged(destination, *tags):
    frame = Ether(src=plan.front_mac("client"), dst=destination)
    for number, tag in enumerate(tags):
        outer = len(tags) == 2 and number == 0
        frame /= Dot1AD(vlan=tag) if outer else Dot1Q(vlan=tag)
    return frame


def tagged_advert(*tags):
    return tagged("01:00:5e:00:00:12", *tags) / IP(src="192.0.2.9", dst="224.0.0.18", ttl=255, proto=112) / VRRPv3(
        version=3, vrid=51, priority=200, adv=10, addrlist=[VIP])


class Vlan(tap.LabCase):
    def hears(self, configured, sent):
        """Whether node a, with these tags configured, stays Backup under adverts so tagged."""
        tags = ", ".join(map(str, configured))
        text = (configs.head("a") + configs.interface("eth0", f"vlan = [{tags}]\n", device="eth0")
                + configs.vrrp("VI_1", 51, 100, f"{VIP}/24"))
        with wire.Stream(self.lab, tagged_advert(*sent), 50):
            tandem = Tandem(self.lab, "a", text)
            try:
                time.sleep(5 * DOWN)
                router = tandem.router()
                return router["state"].startswith("Backup") and router["peer"] is not None \
                    and router["peer"]["priority"] == 200
            finally:
                tandem.stop()

    def test_untagged(self):
        """An advert without a tag is heard where no tag is configured."""
        self.assertTrue(self.hears([], []))

    def test_one_tag(self):
        """An advert behind one VLAN tag is heard."""
        self.assertTrue(self.hears([100], [100]))

    def test_two_tags(self):
        """An advert behind two VLAN tags is heard."""
        self.assertTrue(self.hears([200, 100], [200, 100]))

    def test_other_tag(self):
        """An advert behind another tag is for somebody else."""
        self.assertFalse(self.hears([100], [101]))
        self.assertFalse(self.hears([100], []))
        self.assertFalse(self.hears([], [100]))


class TaggedService(tap.LabCase):
    def answers(self, tags):
        """SYNs behind these tags, to a service behind them: the tags of the answers."""
        listed = ", ".join(map(str, tags))
        tandem = Tandem(self.lab, "a", configs.head("a")
                        + configs.interface("eth0", f"vlan = [{listed}]\n", device="eth0")
                        + configs.interface("eth1")
                        + configs.vrrp("VI_1", 51, 100, f"{VIP}/24") + services.service("web", VIP, "nat"))
        client = plan.cable("client")
        # A node's own kernel takes the tag off what it gets; what the bridge sends has it.
        capture = wire.Capture(self.lab, "switch", "front-client",
                               lambda frame: frame.outgoing and frame.ethertype in (0x8100, 0x88a8))
        try:
            tandem.wait_for("Active")
            syn = tagged(plan.front_mac("a"), *tags) / IP(src=client.v4, dst=VIP) / TCP(
                sport=4711, dport=80, flags="S")
            with wire.Stream(self.lab, syn, 20):
                wait_until("an answer is back", lambda: any(
                    Ether(f.data).haslayer(TCP) for f in capture.frames))
            found = Ether(next(f.data for f in capture.frames if Ether(f.data).haslayer(TCP)))
            self.assertEqual((found[IP].src, found[TCP].sport, str(found[TCP].flags)),
                             (VIP, 80, "SA"))
            self.assertEqual((found.dst, found[TCP].dport), (client.mac, 4711))
            return [layer.vlan for layer in (found.getlayer(Dot1AD), found.getlayer(Dot1Q))
                    if layer is not None]
        finally:
            capture.close()
            tandem.stop()

    def test_one_tag(self):
        """A service behind one VLAN tag: backends get frames without it, clients with it."""
        for node in plan.BACKENDS:
            Backend(self.lab, node)
        self.assertEqual(self.answers([100]), [100])


if __name__ == "__main__":
    tap.main()
