#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Packets that are too big for a link on the way, and fragments.

    far --- [MTU 1300] router --- front --- a: tandemd --- back --- s1..s4
                                     '------------------------------'  answers of dsr and tunnel
"""

from scapy.all import Ether, IP, IPv6, IPv6ExtHdrFragment, Raw

from tandemlab import configs, plan, services, tap, traffic, wire
from tandemlab.backends import BIG, DNS, Backend
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem

ADDRESSES = {
    "nat": ("192.0.2.100", "2001:db8:1::100"),
    "fullnat": ("192.0.2.101", "2001:db8:1::101"),
    "dsr": ("192.0.2.102", "2001:db8:1::102"),
    "tunnel": ("192.0.2.103", "2001:db8:1::103"),
}
NARROW = 1300


def config():
    blocks = []
    for mode, addresses in ADDRESSES.items():
        for address in addresses:
            blocks.append(services.service(f"web {address}", address, mode))
            blocks.append(services.service(f"dns {address}", address, mode, DNS, "udp"))
    return (configs.node("a", ("eth0", "eth1"))
            + configs.vrrp("VI_1", 51, 150, *(f"{a[0]}/24" for a in ADDRESSES.values()))
            + configs.vrrp("VI_6", 51, 150, "fe80::51/64",
                           *(f"{a[1]}/64" for a in ADDRESSES.values()))
            + "".join(blocks))


class Mtu(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.exec("router", "ip", "link", "set", "eth1", "mtu", NARROW)
        for node in plan.BACKENDS:
            Backend(cls.lab, node)
        services.take_virtual_addresses(cls.lab, *ADDRESSES["dsr"], *ADDRESSES["tunnel"])
        services.TunnelEnds(cls.lab)
        cls.tandem = Tandem(cls.lab, "a", config())
        for name in ("VI_1", "VI_6"):
            cls.tandem.wait_for("Active", name)
        for addresses in ADDRESSES.values():
            for address in addresses:
                traffic.must_answer(cls.lab, address)

    def each(self, modes, check):
        for mode in modes:
            for address in ADDRESSES[mode]:
                with self.subTest(f"{mode}, {address}"):
                    check(address)

    def forget(self, *nodes):
        """Path MTUs that were learnt before."""
        for node in nodes:
            for family in ("-4", "-6"):
                self.lab.exec(node, "ip", family, "route", "flush", "cache")

    def test_download(self):
        """A router's "too big" reaches the backend that it is for, and the download succeeds."""
        def check(address):
            self.forget(*plan.BACKENDS)
            before = self.tandem.packets("tx/icmp-error")
            done = self.lab.exec("far", "curl", "-s", "--max-time", "10", "-o", "/dev/null",
                                 "-w", "%{size_download}", traffic.url(address, path="/big"),
                                 check=False)
            self.assertEqual(done.stdout, str(BIG))
            self.assertGreater(self.tandem.packets("tx/icmp-error"), before)

        self.each(("nat", "fullnat", "dsr"), check)

    def test_tunnel(self):
        """What is too big for a tunnel is answered so by the node, and the upload succeeds."""
        def check(address):
            self.forget("client")
            before = self.tandem.packets("tx/too-big")
            connection = traffic.Connection(self.lab, address, timeout=10)
            self.assertEqual(connection.send_bytes(BIG), "HTTP/1.1 200 OK")
            connection.close()
            self.assertGreater(self.tandem.packets("tx/too-big"), before)

        self.each(("tunnel",), check)

    def test_tunnel_datagram(self):
        """In a tunnel, a datagram of 4,000 bytes arrives whole once its sender knows the MTU."""
        def check(address):
            self.forget("client")
            answers = (traffic.ask_udp(self.lab, address, DNS, bytes(4000), timeout=0.5)
                       for _ in range(10))  # the first are too big; a busy host loses another
            answer = next((answer for answer in answers if answer is not None), None)
            self.assertIsNotNone(answer)
            self.assertEqual(answer[1], bytes(4000))

        self.each(("tunnel",), check)

    def test_unplaced(self):
        """A later fragment whose first one was not seen is dropped, and counted."""
        front, mac = plan.cable("client"), plan.front_mac("a")
        payload = Raw(bytes(64))
        for mode, (address4, address6) in ADDRESSES.items():
            before = self.tandem.packets("drop/fragment-unplaced")
            sender = wire.Sender(self.lab)
            sender.send(Ether(src=front.mac, dst=mac)
                        / IP(src=front.v4, dst=address4, proto=17, id=4711, frag=64) / payload)
            sender.send(Ether(src=front.mac, dst=mac) / IPv6(src=front.v6, dst=address6)
                        / IPv6ExtHdrFragment(offset=64, id=4711, nh=17) / payload)
            sender.close()
            self.assertEqual(self.tandem.packets("drop/fragment-unplaced"), before + 2, mode)


class Jumbo(tap.LabCase):
    """All links take long packets: 9,000 bytes by generic XDP, or with dpdk what a page holds."""

    def set_mtu(self, mtu):
        for node in ("switch", "client", "a", *plan.BACKENDS):
            self.lab.exec(node, "bash", "-c", "for d in $(ip -br link | cut -d@ -f1 | cut -d' ' -f1); "
                          f"do [ $d = lo ] || ip link set $d mtu {mtu}; done")

    def test_more_than_dpdk_takes(self):
        """With an MTU that DPDK has no port for, the node says that it serves nothing, and why."""
        if configs.ENGINE != "dpdk":
            return
        self.set_mtu(9000)
        self.addCleanup(self.set_mtu, 1500)
        a = Tandem(self.lab, "a", config())
        a.wait_for("Active")
        wait_until("it is a warning", lambda: any(
            "are not served" in w and "MTU is 9000" in w for w in a.status()["warnings"]))
        a.stop()

    def test_first_packets(self):
        mtu = 9000 if configs.ENGINE == "xdp" else 3400
        self.set_mtu(mtu)
        for node in plan.BACKENDS:
            Backend(self.lab, node)
        a = Tandem(self.lab, "a", config())
        for name in ("VI_1", "VI_6"):
            a.wait_for("Active", name)
        for mode in ("nat", "fullnat"):
            for address in ADDRESSES[mode]:
                traffic.must_answer(self.lab, address)
                longest = bytes(mtu - 60)  # of the answer, which is a little longer
                for size in (1000, 3000, len(longest)):
                    with self.subTest(f"{mode}, {address}, {size} bytes"):
                        answer = traffic.ask_udp(self.lab, address, DNS, longest[:size])
                        self.assertEqual(answer[1], longest[:size])
        self.assertFalse([w for w in a.status()["warnings"] if "are lost" in w])
        a.stop()


if __name__ == "__main__":
    tap.main()
