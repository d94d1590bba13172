#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One capture is fed to both engines; what they send to the backends is the same, byte for byte.

    in.pcap: client --- front --- a: tandemd, xdp, and then dpdk --- back --- s1..s4

Backends are picked by maglev, which is the same at each start. They answer nothing: the clients are
spoofed, and backends have a blackhole for them.
"""

import collections
import random
import time

from scapy.all import ICMP, IP, TCP, UDP, Ether, IPv6, Raw, fragment, rdpcap, wrpcap

from tandemlab import configs, plan, services, tap, wire
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem

VIP, VIP6 = plan.VIPS[0], plan.VIPS6[0]
SPOOFED, SPOOFED6 = "203.0.113.128/25", "2001:db8:5::/64"
MAGLEV = 'scheduler = "maglev"'
MODES = (("dsr", 80), ("nat", 81), ("tunnel", 82))
FLOWS = 12  # of each service


def config(engine):
    text = (configs.node("a", ("eth0", "eth1"), engine=engine)
            + configs.vrrp("VI_1", 51, 150, f"{VIP}/24")
            + configs.vrrp("VI_6", 51, 150, "fe80::51/64", f"{VIP6}/64"))
    for address in (VIP, VIP6):
        for mode, port in MODES:
            for protocol in ("tcp", "udp"):
                text += services.service(f"{mode}-{protocol}-{len(address)}", address, mode, port,
                                         protocol=protocol, more=MAGLEV)
    return text


def segments(address, port, n):
    """What a client sends on one connection, and some datagrams."""
    client = f"2001:db8:5::{n + 1:x}" if ":" in address else f"203.0.113.{130 + n}"
    ip = IPv6(src=client, dst=address, hlim=60) if ":" in address \
        else IP(src=client, dst=address, ttl=60, id=n)
    tcp = [ip / TCP(sport=40000 + n, dport=port, flags=flags, seq=seq, ack=7) / Raw(bytes(size))
           for flags, seq, size in (("S", 1, 0), ("A", 2, 0), ("PA", 2, 300), ("PA", 302, 1400),
                                    ("FA", 1702, 0), ("R", 1703, 0))]
    udp = [ip / UDP(sport=50000 + n, dport=port) / Raw(bytes([n]) * size) for size in (1, 18, 700)]
    if ":" not in address:
        udp += fragment(ip / UDP(sport=50000 + n, dport=port) / Raw(bytes(2000)), fragsize=1000)
        tcp.append(ip / ICMP(type=3, code=4, nexthopmtu=1400)
                   / IP(src=address, dst=client) / TCP(sport=port, dport=40000 + n))
    return tcp + udp


def frames():
    """For node a, those of a flow in order, and flows mixed."""
    link = Ether(src=plan.front_mac("client"), dst=plan.front_mac("a"))
    waiting = [segments(address, port, n) for address in (VIP, VIP6) for _, port in MODES
               for n in range(FLOWS)]
    chance = random.Random(4)
    mixed = []
    while waiting:
        flow = chance.choice(waiting)
        mixed.append(link / flow.pop(0))
        waiting = [flow for flow in waiting if flow]
    return mixed


class Engines(tap.LabCase):
    def sent(self, engine, capture):
        """What backends get while node a runs this engine: (node, frame), with how often."""
        tandem = Tandem(self.lab, "a", config(engine))
        tandem.wait_for("Active")
        tandem.wait_for("Active", "VI_6")
        wait_until("all backends are up", lambda: all(
            backend["state"] == "up" for backend in tandem.ask("backends")["backends"]))
        self.assertEqual(tandem.status()["engine"], engine)
        time.sleep(0.1)  # tables of hash picks
        taps = {node: wire.Capture(self.lab, node, "eth0", self.is_forwarded)
                for node in plan.BACKENDS}
        sender = wire.Sender(self.lab)
        for frame in capture:
            sender.send(frame)
            time.sleep(0.001)
        time.sleep(0.2)
        sender.close()
        tandem.stop()
        return collections.Counter(
            (node, frame.data) for node, tap_ in taps.items() for frame in tap_.close())

    @staticmethod
    def is_forwarded(frame):
        return frame.src == plan.cable("a", "eth1").mac and frame.ethertype in (0x0800, 0x86DD) \
            and not frame.data[0] & 1 \
            and not (frame.ethertype == 0x86DD and frame.data[20] == 58)  # neighbour discovery

    def test_same(self):
        """The same frames to the same backends: TCP, UDP, fragments and ICMP errors, in each mode."""
        for node in plan.BACKENDS:
            for network in (SPOOFED, SPOOFED6):
                for table in ("main", "50"):
                    self.lab.exec(node, "ip", "-6" if ":" in network else "-4", "route", "add",
                                  "blackhole", network, "table", table)
        file = self.lab.run_dir("a") / "in.pcap"
        wrpcap(str(file), frames())
        capture = rdpcap(str(file))
        xdp, dpdk = (self.sent(engine, capture) for engine in ("xdp", "dpdk"))
        tap.note(f"{len(capture)} frames in, {sum(xdp.values())} out")
        self.assertGreater(sum(xdp.values()), len(capture) * 0.9)
        self.assertEqual(xdp - dpdk, collections.Counter())
        self.assertEqual(dpdk - xdp, collections.Counter())


if __name__ == "__main__":
    tap.main()
