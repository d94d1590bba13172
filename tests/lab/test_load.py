#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/pktgen sends what it is asked for, by BPF and by testpmd.

    client eth2 ------- eth2 far

A cable of its own; what arrives is counted by the device, and looked at by a socket. The kernel's
pktgen is not everywhere: tests/lab/test_kernel_pktgen.py.
"""

import json
import os
import socket
import struct
import sys

from tandemlab import hugepages, tap
from tandemlab.shell import CHECKOUT, run

NEAR, FAR = "198.51.100.241", "198.51.100.242"
PORT = 4711
TESTPMD_PAGES = 64
ETH_P_ALL = 3
SO_RCVBUFFORCE = 33


class Load(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run(["ip", "link", "add", "eth2", "netns", f"{cls.lab.prefix}-client", "type", "veth",
             "peer", "name", "eth2", "netns", f"{cls.lab.prefix}-far"])
        for node, address in (("client", NEAR), ("far", FAR)):
            cls.lab.exec(node, "ip", "link", "set", "eth2", "up")
            # Once it is up: that makes a veth device take XDP frames.
            cls.lab.exec(node, "ethtool", "-K", "eth2", "gro", "on", "tx", "off", "rx", "off")
            cls.lab.exec(node, "ip", "address", "add", f"{address}/28", "dev", "eth2")
        # Nobody answers what comes.
        cls.lab.exec("far", "ip", "route", "add", "blackhole", "203.0.113.128/25")

    def send(self, *words):
        """What it says, how many frames arrived, and some of them."""
        listening = self.lab.socket("far", socket.AF_PACKET, socket.SOCK_RAW,
                                    socket.htons(ETH_P_ALL))
        with listening:
            listening.bind(("eth2", ETH_P_ALL))
            listening.settimeout(0.2)
            listening.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)  # a page for each
            before = self.arrived()
            said = self.lab.exec("client", sys.executable, CHECKOUT / "tools" / "pktgen", "eth2",
                                 f"{FAR}:{PORT}", "--network", "203.0.113.128/25", "--settle", "0.1",
                                 *words)
            arrived = self.arrived() - before
            frames = []
            try:
                while len(frames) < 200:
                    frame = listening.recv(2000)
                    if frame[12:14] == b"\x08\x00" and frame[23] != socket.IPPROTO_ICMP:
                        frames.append(frame)
            except TimeoutError:
                pass
        return json.loads(said.stdout), arrived, frames

    def by_makers(self, *words):
        """The same by each maker in turn, with the name of it. testpmd has no rate."""
        yield "bpf", *self.send("--maker", "bpf", "--rate", "20000", *words)
        with hugepages.more(TESTPMD_PAGES):
            yield "testpmd", *self.send("--maker", "testpmd", *words)

    def arrived(self):
        link, = json.loads(self.lab.exec("far", "ip", "-j", "-s", "link", "show", "dev",
                                         "eth2").stdout)
        return link["stats64"]["rx"]["packets"]

    def assert_good(self, frame, protocol):
        """Lengths, checksums, addresses, ports."""
        header = struct.unpack("!10H", frame[14:34])
        self.assertEqual(sum(header) % 0xffff, 0)
        self.assertEqual(header[1], len(frame) - 14)
        self.assertEqual(frame[23], protocol)
        self.assertEqual(frame[26:29], bytes((203, 0, 113)))
        self.assertGreaterEqual(frame[29], 128)
        self.assertEqual(struct.unpack("!H", frame[36:38])[0], PORT)
        if protocol == socket.IPPROTO_UDP:
            self.assertEqual(struct.unpack("!H", frame[38:40])[0], len(frame) - 34)
            return
        pseudo = frame[26:34] + struct.pack("!HH", socket.IPPROTO_TCP, len(frame) - 34)
        words = struct.unpack(f"!{(len(pseudo) + len(frame) - 34) // 2}H", pseudo + frame[34:])
        self.assertEqual(sum(words) % 0xffff, 0)

    def test_datagrams(self):
        """Datagrams of so many flows, of the size that was asked for; what is told has arrived."""
        for maker, said, arrived, frames in self.by_makers("--flows", "10", "--size", "204",
                                                           "--seconds", "1"):
            with self.subTest(maker):
                self.assertEqual((said["maker"], said["flows"], said["size"]), (maker, 10, 204))
                self.assertGreater(said["sent"], 10000)
                self.assertAlmostEqual(said["per_second"] * said["seconds"], said["sent"], delta=999)
                self.assertAlmostEqual(arrived, said["sent"], delta=100)  # ARP comes besides
                self.assertEqual({len(frame) for frame in frames}, {200})
                self.assertEqual(len({frame[26:36] for frame in frames}), 10)
                for frame in frames:
                    self.assert_good(frame, socket.IPPROTO_UDP)

    def test_pace(self):
        """Two processors share a rate, and hold it."""
        cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))[:2]))
        held = []
        for _ in range(6):  # a host that stalls sends fewer, or ends later than after a second
            said, arrived, _ = self.send("--maker", "bpf", "--rate", "20000", "--seconds", "1",
                                         "--cpus", cpus)
            self.assertLess(said["per_second"], 22000)
            held.append((said["per_second"], said["sent"], arrived))
            if said["sent"] >= 18000 and abs(arrived - said["sent"]) <= 100:
                return
        self.fail(f"(per second, sent, arrived) of each try: {held}")

    def test_imix(self):
        """IMIX: of twelve frames seven, four and one of its sizes."""
        for maker, said, _, frames in self.by_makers("--size", "imix", "--seconds", "0.5"):
            with self.subTest(maker):
                self.assertEqual(said["size"], "imix")
                sizes = [len(frame) + 4 for frame in frames[:120]]
                self.assertEqual({size: sizes.count(size) for size in sizes},
                                 {64: 70, 594: 40, 1518: 10})
                for frame in frames:
                    self.assert_good(frame, socket.IPPROTO_UDP)

    def test_syns(self):
        """SYNs, each of another client, with checksums that are right."""
        for maker, said, _, frames in self.by_makers("--kind", "syn", "--seconds", "0.5"):
            with self.subTest(maker):
                self.assertEqual(said["kind"], "syn")
                self.assertGreater(len({frame[26:36] for frame in frames}), 190)
                for frame in frames:
                    self.assert_good(frame, socket.IPPROTO_TCP)
                    self.assertEqual(frame[47], 2)

    def test_mixed(self):
        """A mixed load has SYNs among other segments."""
        for maker, _, _, frames in self.by_makers("--kind", "mixed", "--seconds", "0.5"):
            with self.subTest(maker):
                flags = [frame[47] for frame in frames]
                self.assertEqual(set(flags), {0x02, 0x10})
                self.assertLess(flags.count(0x02), flags.count(0x10) / 2)
                for frame in frames:
                    self.assert_good(frame, socket.IPPROTO_TCP)

    def test_auto(self):
        """Left to itself, it takes who can send that."""
        said, _, _ = self.send("--kind", "syn", "--rate", "10000", "--seconds", "0.2")
        self.assertEqual(said["maker"], "bpf")

    def test_refused(self):
        """What cannot be sent is refused in plain words."""
        for words, expected in ((("--size", "9000"), "64 to 1518 bytes"),
                                (("--network", "203.0.113.0/4"), "8 to 32 bits"),
                                (("--flows", "100000000"), "60,000 for each address"),
                                (("--maker", "testpmd", "--rate", "5"), "holds no --rate"),
                                (("--maker", "testpmd", "--flows", "7000000"), "huge pages"),
                                (("--count-on", "eth77"), "eth77"),
                                (("--cpus", "all"), "expected numbers")):
            with self.assertRaisesRegex(Exception, expected):
                self.send(*words)
        with self.assertRaisesRegex(Exception, "expected ADDRESS:PORT"):
            self.lab.exec("client", CHECKOUT / "tools" / "pktgen", "eth2", "nonsense")


if __name__ == "__main__":
    tap.main()
