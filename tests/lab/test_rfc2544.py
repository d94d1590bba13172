#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/rfc2544 finds the rate from which on a node loses frames.

    client eth2 --- eth2 node a eth3 --- eth3 client

Cables of their own. Node a only routes, and lets so many packets a second through: that is what is
to be found.
"""

import json
import shlex
import subprocess
import sys

from tandemlab import tap
from tandemlab.shell import CHECKOUT, LabError, run

LIMIT = 20_000  # packets a second
# Room for what a generator makes up for when it was not let to a processor for a moment.
BURST = 4_000
MOST = 40_000
LOSS = 2  # per cent: a busy host loses some by itself
TARGET = "198.51.100.245"
NODE_MAC, SINK_MAC = "02:00:00:00:01:f2", "02:00:00:00:02:f1"
RULES = f"""
table ip lab_limit {{
  chain forward {{
    type filter hook forward priority 0
    ip daddr {TARGET} limit rate over {LIMIT}/second burst {BURST} packets drop
  }}
}}
"""


class Rfc2544(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lab = cls.lab
        for device, mac, other_mac in (("eth2", NODE_MAC, "02:00:00:00:01:f1"),
                                       ("eth3", "02:00:00:00:02:f2", SINK_MAC)):
            run(["ip", "link", "add", device, "address", mac, "netns", f"{lab.prefix}-a", "type",
                 "veth", "peer", "name", device, "address", other_mac,
                 "netns", f"{lab.prefix}-client"])
            for node in ("a", "client"):
                lab.exec(node, "ip", "link", "set", device, "up")
                lab.exec(node, "ethtool", "-K", device, "gro", "on", "tx", "off", "rx", "off")
        lab.exec("a", "ip", "address", "add", "198.51.100.242/28", "dev", "eth3")
        lab.exec("a", "ip", "neigh", "replace", TARGET, "lladdr", SINK_MAC, "dev", "eth3")
        lab.exec("a", "ip", "route", "replace", "203.0.113.0/24", "via", TARGET, "dev", "eth3")

    def rfc2544(self, *words):
        return self.lab.exec(
            "client", sys.executable, CHECKOUT / "tools" / "rfc2544", "eth2", f"{TARGET}:80",
            "--mac", NODE_MAC, "--count-on", "eth3", "--sink", "--settle", "0.1",
            "--node", shlex.join(self.lab.enter("a")), "--node-ports", "eth2,eth3", "--json",
            *words, timeout=100)

    def test_limit(self):
        """The rate that a node is limited to, within a fourth."""
        self.lab.exec("a", "nft", "-f", "-", stdin=RULES)
        try:
            done = self.rfc2544("--sizes", "64,imix", "--flows", "100", "--seconds", "1", "--most",
                                MOST, "--resolution", "20", "--confirm", "1", "--loss", LOSS)
        finally:
            self.lab.exec("a", "nft", "delete", "table", "ip", "lab_limit")
        for result, size in zip(json.loads(done.stdout), (64, "imix"), strict=True):
            tap.note(f"{size}: {result['no_drop_per_second']} a second, {result['trials']} trials")
            self.assertEqual((result["size"], result["flows"], result["kind"]), (size, 100, "udp"))
            self.assertEqual(result["limited_by"], "node")
            self.assertAlmostEqual(result["no_drop_per_second"], LIMIT, delta=LIMIT / 4)
            self.assertGreaterEqual(result["arrived"], result["sent"] * (1 - LOSS / 100))
            self.assertAlmostEqual(result["overload"]["offered"], MOST, delta=MOST / 10)
            self.assertLess(result["overload"]["arrived"], LIMIT * 1.3)
            self.assertTrue(result["busy"])

    def test_generator(self):
        """A node that loses nothing is not what limits."""
        done = self.rfc2544("--sizes", "64", "--flows", "100", "--seconds", "0.5", "--confirm", "0",
                            "--most", "5000")
        result, = json.loads(done.stdout)
        self.assertEqual((result["limited_by"], result["trials"]), ("generator", 1))
        self.assertAlmostEqual(result["no_drop_per_second"], 5000, delta=500)
        self.assertIsNone(result["overload"])

    def test_refused(self):
        """What cannot be measured is refused in plain words."""
        for words, expected in ((("--flows", "some"), "expected numbers"),
                                (("--sizes", "64,big"), "64 to 1518"),
                                (("--resolution", "0"), "more than 0"),
                                (("--maker", "testpmd"), "holds no --rate"),
                                (("--node", "false"), "ended with status")):
            with self.assertRaisesRegex(LabError, expected):
                self.rfc2544("--seconds", "0.1", "--flows", "10", *words)
        done = subprocess.run([CHECKOUT / "tools" / "rfc2544", "lo", "127.0.0.1:80"],
                              capture_output=True, text=True)
        self.assertIn("--count-on", done.stderr)


if __name__ == "__main__":
    tap.main()
