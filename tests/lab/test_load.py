#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/pktgen sends what it is asked for.

    client eth2 ------- eth2 far

A cable of its own; what arrives is counted by the device, and looked at by a socket.
"""

import json
import socket
import struct
import subprocess
import sys

from tandemlab import tap
from tandemlab.shell import CHECKOUT, run

NEAR, FAR = "198.51.100.241", "198.51.100.242"
PORT = 4711
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
                                 f"{FAR}:{PORT}", "--network", "203.0.113.128/25", *words)
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

    def arrived(self):
        link, = json.loads(self.lab.exec("far", "ip", "-j", "-s", "link", "show", "dev",
                                         "eth2").stdout)
        return link["stats64"]["rx"]["packets"]

    def assert_good(self, frame, protocol):
        """Checksums, addresses, ports."""
        header = struct.unpack("!10H", frame[14:34])
        self.assertEqual(sum(header) % 0xffff, 0)
        self.assertEqual(frame[23], protocol)
        self.assertEqual(frame[26:29], bytes((203, 0, 113)))
        self.assertGreaterEqual(frame[29], 128)
        self.assertEqual(struct.unpack("!H", frame[36:38])[0], PORT)

    def test_datagrams(self):
        """Datagrams of so many flows, at the pace and of the size that were asked for."""
        said, arrived, frames = self.send("--flows", "10", "--rate", "20000", "--size", "200",
                                          "--seconds", "1")
        self.assertAlmostEqual(said["per_second"], 20000, delta=2000)
        self.assertAlmostEqual(arrived, said["sent"], delta=100)
        self.assertEqual({len(frame) for frame in frames}, {200})
        self.assertEqual(len({frame[26:36] for frame in frames}), 10)
        for frame in frames:
            self.assert_good(frame, socket.IPPROTO_UDP)

    def test_syns(self):
        """SYNs, each of another client, with checksums that are right."""
        _, _, frames = self.send("--kind", "syn", "--rate", "10000", "--seconds", "0.5")
        self.assertGreater(len({frame[26:36] for frame in frames}), 190)
        for frame in frames:
            self.assert_good(frame, socket.IPPROTO_TCP)
            self.assertEqual(frame[47], 2)
            pseudo = frame[26:34] + struct.pack("!HH", socket.IPPROTO_TCP, len(frame) - 34)
            words = struct.unpack(f"!{(len(pseudo) + len(frame) - 34) // 2}H", pseudo + frame[34:])
            self.assertEqual(sum(words) % 0xffff, 0)

    def test_mixed(self):
        """A mixed load has SYNs among other segments."""
        _, _, frames = self.send("--kind", "mixed", "--rate", "10000", "--seconds", "0.5")
        flags = [frame[47] for frame in frames]
        self.assertEqual(set(flags), {0x02, 0x10})
        self.assertLess(flags.count(0x02), flags.count(0x10))

    def test_refused(self):
        """What cannot be sent is refused in plain words."""
        for words, expected in ((("--size", "9000"), "60 to 1514 bytes"),
                                (("--network", "203.0.113.0/4"), "8 to 32 bits"),
                                (("--flows", "100000000"), "1 to 60,000 for each address")):
            with self.assertRaisesRegex(Exception, expected):
                self.send(*words)
        done = subprocess.run([CHECKOUT / "tools" / "pktgen", "eth2", "nonsense"],
                              capture_output=True, text=True)
        self.assertIn("expected ADDRESS:PORT", done.stderr)


if __name__ == "__main__":
    tap.main()
