#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Adverts made with scapy are sent to a Backup: what it takes, what it drops, under which reason.

    client, playing an Active at 192.0.2.9 --- front --- a: tandemd, Backup, priority 100

While the table of verdicts is gone through, a good Active of priority 200 keeps node a Backup.
"""

import struct
import time

from scapy.all import Ether, IP, IPv6, Raw, conf
from scapy.layers.vrrp import VRRP, VRRPv3
from scapy.utils import checksum

from tandemlab import configs, plan, tap, wire
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem

conf.verb = 0
VRID = 51
VIP, VIP6 = plan.VIPS[0], plan.VIPS6[0]
SOURCE, SOURCE6 = "192.0.2.9", "fe80::9"
LINK_LOCAL = "fe80::51"  # the IPv6 virtual router's own
GROUP, GROUP6 = "224.0.0.18", "ff02::12"
INTERVAL_CS = 50
INTERVAL = INTERVAL_CS / 100
DOWN = 3 * INTERVAL + INTERVAL * (256 - 100) / 256  # Active_Down_Interval of the Backup, seconds


def ethernet():
    return Ether(src=plan.front_mac("client"), dst="01:00:5e:00:00:12")


def advert(priority=200, ttl=255, addresses=(VIP,), **fields):
    """A version 3 advert; scapy fills in the checksum with the pseudo-header, unless it is given."""
    message = dict(version=3, type=1, vrid=VRID, priority=priority, adv=INTERVAL_CS,
                   addrlist=list(addresses))
    message.update(fields)
    return ethernet() / IP(src=SOURCE, dst=GROUP, ttl=ttl, proto=112) / VRRPv3(**message)


def raw_advert(message, with_pseudo_header=True):
    """An advert of these bytes, whose checksum field is filled in."""
    pseudo = bytes(map(int, (SOURCE + "." + GROUP).split("."))) + struct.pack("!HH", 112,
                                                                              len(message))
    value = checksum((pseudo if with_pseudo_header else b"") + message)
    message = message[:6] + struct.pack("!H", value) + message[8:]
    return ethernet() / IP(src=SOURCE, dst=GROUP, ttl=255, proto=112) / Raw(message)


def header(priority=200, kind=0x31, vrid=VRID, count=1, interval=INTERVAL_CS):
    return struct.pack("!BBBBHH", kind, vrid, priority, count, interval, 0)


ADDRESS = bytes(map(int, VIP.split(".")))


def advert6(source, *addresses):
    return Ether(src=plan.front_mac("client"), dst="33:33:00:00:00:12") / IPv6(
        src=source, dst=GROUP6, hlim=255, nh=112) / VRRPv3(
            version=3, vrid=VRID, priority=200, adv=INTERVAL_CS, ipcount=len(addresses),
            addrlist=list(addresses))


class Verdicts(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        interval = f"{INTERVAL_CS * 10}ms"
        cls.tandem = Tandem(
            cls.lab, "a", configs.node("a")
            + configs.vrrp("VI_1", VRID, 100, f"{VIP}/24", interval=interval)
            + configs.vrrp("VI_6", VRID, 100, f"{LINK_LOCAL}/64", f"{VIP6}/64", interval=interval))
        cls.sender = wire.Sender(cls.lab)

    def good_active(self):
        return wire.Stream(self.lab, advert(), 20)

    def setUp(self):
        with self.good_active():
            self.tandem.wait_for("Backup")

    # ---- what is dropped --------------------------------------------------
    def assert_dropped(self, frame, reason):
        with self.good_active():
            time.sleep(0.1)
            before = self.tandem.dropped(reason)
            last = self.tandem.ask("events")["last_sequence"]
            self.sender.send(frame)
            wait_until(f"the drop is counted as {reason}",
                       lambda: self.tandem.dropped(reason) == before + 1, timeout=3)
            wait_until("the drop is among the events", lambda: [
                event for event in self.tandem.events("dropped_advert")
                if event["sequence"] > last and event["reason"] == reason], timeout=3)
            self.assertEqual(self.tandem.state(), "Backup")

    def test_ttl(self):
        """An advert with TTL 254 is dropped."""
        self.assert_dropped(advert(ttl=254), "ttl")

    def test_count_zero(self):
        """An advert with an address count of 0 is dropped."""
        self.assert_dropped(raw_advert(header(count=0) + ADDRESS), "count_zero")

    def test_interval_zero(self):
        """An advert with interval 0 is dropped and makes nobody Active."""
        self.assert_dropped(advert(adv=0), "interval_zero")

    def test_type(self):
        """An advert with type 2 is dropped."""
        self.assert_dropped(raw_advert(header(kind=0x32) + ADDRESS), "type")

    def test_unknown_vrid(self):
        """An advert for a VRID that is not configured is dropped."""
        self.assert_dropped(advert(vrid=99), "unknown_vrid")

    def test_truncated(self):
        """An advert that is shorter than its address count says is dropped."""
        self.assert_dropped(raw_advert(header(count=3) + ADDRESS), "truncated")

    def test_checksum(self):
        """An advert with a wrong checksum is dropped."""
        self.assert_dropped(advert(chksum=0x1234), "checksum")

    def test_version(self):
        """A good version 2 advert for a version 3 virtual router is dropped."""
        frame = ethernet() / IP(src=SOURCE, dst=GROUP, ttl=255, proto=112) / VRRP(
            version=2, vrid=VRID, priority=200, adv=1, authtype=0, addrlist=[VIP],
            auth1=0, auth2=0)
        self.assert_dropped(frame, "version")

    def test_not_link_local(self):
        """An IPv6 advert from an address that is not link-local is dropped."""
        self.assert_dropped(advert6("2001:db8:1::9", LINK_LOCAL, VIP6), "not_link_local")

    # ---- what is taken ----------------------------------------------------
    def assert_taken(self, frame, name="VI_1"):
        """The advert alone, sent for longer than the down interval, keeps node a Backup."""
        before = self.tandem.router(name)["adverts"]["received"]
        with wire.Stream(self.lab, frame, 10):
            time.sleep(1.3 * DOWN)
            self.assertEqual(self.tandem.state(name), "Backup")
        self.assertGreater(self.tandem.router(name)["adverts"]["received"], before + 5)

    def test_good(self):
        """A good advert is taken, and its sender and priority are shown."""
        self.assert_taken(advert())
        peer = self.tandem.router()["peer"]
        self.assertEqual((peer["address"], peer["priority"]), (SOURCE, 200))

    def test_good_ipv6(self):
        """A good IPv6 advert is taken."""
        with wire.Stream(self.lab, advert6(SOURCE6, LINK_LOCAL, VIP6), 20):
            self.tandem.wait_for("Backup", "VI_6")
        self.assert_taken(advert6(SOURCE6, LINK_LOCAL, VIP6), "VI_6")

    def test_reserved_bits(self):
        """Reserved bits of a version 3 advert are ignored."""
        self.assert_taken(raw_advert(header(interval=0xF000 | INTERVAL_CS) + ADDRESS))

    def test_message_checksum(self):
        """A checksum over the message alone is taken, and the form is counted."""
        before = self.tandem.router()["adverts"]["checksum_forms"]["message"]
        self.assert_taken(raw_advert(header() + ADDRESS, with_pseudo_header=False))
        after = self.tandem.router()["adverts"]["checksum_forms"]["message"]
        self.assertGreater(after, before + 5)

    def test_address_mismatch(self):
        """An advert with other addresses is counted as a mismatch, but taken."""
        before = self.tandem.router()["address_mismatches"]
        self.assert_taken(advert(addresses=["192.0.2.77"]))
        self.assertGreater(self.tandem.router()["address_mismatches"], before + 5)

    def test_equal_priority(self):
        """A Backup stays Backup under adverts of its own priority."""
        self.assert_taken(advert(priority=100))

    def test_owner(self):
        """A Backup stays Backup under adverts of priority 255."""
        self.assert_taken(advert(priority=255))

    # ---- what makes it Active ----------------------------------------------
    def test_lower_priority(self):
        """Adverts of a lower priority do not keep a Backup from becoming Active."""
        with wire.Stream(self.lab, advert(priority=50), 10):
            time.sleep(0.5 * DOWN)
            self.assertEqual(self.tandem.state(), "Backup")
            self.tandem.wait_for("Active", timeout=3 * DOWN)

    def test_resignation(self):
        """After an advert of priority 0 a Backup becomes Active after Skew_Time, not sooner."""
        skew = INTERVAL * (256 - 100) / 256
        ours = plan.front_mac("a")
        with self.good_active():
            time.sleep(0.2)
        with wire.Capture(self.lab, "client", wanted=wire.Frame.is_advert) as adverts:
            self.sender.send(advert(priority=0))
            self.tandem.wait_for("Active", timeout=3 * DOWN)
            time.sleep(0.1)
        frames = adverts.close()
        resigned = next(frame.at for frame in frames if frame.advert[2] == 0)
        first = next(frame.at for frame in frames if frame.src == ours
                     and frame.ethertype == 0x0800)
        tap.note(f"Active {1000 * (first - resigned):.0f} ms after priority 0, "
                 f"Skew_Time is {1000 * skew:.0f} ms")
        self.assertGreaterEqual(first - resigned, skew - 0.001)
        self.assertLess(first - resigned, 3 * INTERVAL)
        self.assertIn("resigned", self.tandem.router()["cause"])


if __name__ == "__main__":
    tap.main()
