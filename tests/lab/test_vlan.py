#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Adverts behind one and two VLAN tags are heard.

    client, sending tagged adverts of priority 200 --- front --- a: tandemd, priority 100

The node's kernel needs no VLAN device for this: XDP takes adverts from the bottom device.
"""

import time

from scapy.all import Dot1AD, Dot1Q, Ether, IP
from scapy.layers.vrrp import VRRPv3

from tandemlab import configs, plan, tap, wire
from tandemlab.tandem import Tandem

VIP = plan.VIPS[0]
DOWN = 0.361  # seconds: Active_Down_Interval at 100 ms, priority 100


def tagged_advert(*tags):
    frame = Ether(src=plan.front_mac("client"), dst="01:00:5e:00:00:12")
    for number, tag in enumerate(tags):
        outer = len(tags) == 2 and number == 0
        frame /= Dot1AD(vlan=tag) if outer else Dot1Q(vlan=tag)
    return frame / IP(src="192.0.2.9", dst="224.0.0.18", ttl=255, proto=112) / VRRPv3(
        version=3, vrid=51, priority=200, adv=10, addrlist=[VIP])


class Vlan(tap.LabCase):
    def hears(self, configured, sent):
        """Whether node a, with these tags configured, stays Backup under adverts so tagged."""
        tags = ", ".join(map(str, configured))
        text = f"""
[node]
name = "node-a"

[[interface]]
name = "eth0"
device = "eth0"
vlan = [{tags}]
""" + configs.vrrp("VI_1", 51, 100, f"{VIP}/24")
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


if __name__ == "__main__":
    tap.main()
