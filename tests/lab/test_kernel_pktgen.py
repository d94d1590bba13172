#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/pktgen by the kernel's pktgen, in a virtual machine whose kernel has that module.

    eth2 ------- eth3

A cable inside the machine, where the tool itself runs; this file is also what runs it there.
"""

import json
import pathlib
import socket
import struct
import subprocess
import sys
import sysconfig
import unittest

MODULES = ("veth", "pktgen")
ETH_P_ALL = 3
# Options, in the order in which they are tried.
RUNS = {
    "flows": ["--flows", "10", "--rate", "2000", "--size", "200"],
    "one": ["--flows", "1", "--rate", "500"],
    "auto": ["--maker", "auto", "--rate", "500"],
    "syn": ["--kind", "syn"],
}
PLACE = pathlib.PurePosixPath("/tandem")


# ---- Inside the machine
def inside():
    """Runs the tool over a cable; writes what it said, and frames that arrived."""
    for words in ("link add eth2 address 02:00:00:00:00:01 type veth peer name eth3",
                  "link set eth2 up", "link set eth3 up"):
        subprocess.run(["ip", *words.split()], check=True)
    answers = {}
    for name, words in RUNS.items():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as listening:
            listening.bind(("eth3", ETH_P_ALL))
            listening.settimeout(0.2)
            done = subprocess.run(
                [sys.executable, f"{PLACE}/tools/pktgen", "eth2", "192.0.2.100:80", "--seconds", "1",
                 "--settle", "0.1", "--mac", "02:00:00:00:00:02", "--count-on", "eth3",
                 "--maker", "kernel", *words],
                capture_output=True, text=True)
            frames = []
            try:
                while len(frames) < 60:
                    frame = listening.recv(2000)
                    if frame[12:14] == b"\x08\x00":
                        frames.append(frame.hex())
            except TimeoutError:
                pass
        answers[name] = {"said": done.stdout, "error": done.stderr, "frames": frames}
    pathlib.Path("/dev/ttyS1").write_text(json.dumps(answers), encoding="ascii")


# ---- Outside
def answers_of(machine, checkout):
    stdlib = pathlib.Path(sysconfig.get_path("stdlib"))
    files = {f"{PLACE}/{name}": checkout / name
             for name in ("tools/pktgen", "tests/lab/tandemlab", "tests/bench/tandembench",
                          "tests/bench/tandempktgen")}
    files |= {str(stdlib): stdlib, "/script.py": pathlib.Path(__file__)}
    python = pathlib.Path(sys.executable).resolve()
    script = f"/bin/{python.name} -B /script.py inside >/dev/ttyS0 2>&1\n"
    return json.loads(machine.run(MODULES, script, programs=(python, "/sbin/ip"), files=files))


class KernelPktgen(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        from tandemlab import guest, shell
        try:
            machine = guest.Guest("guest-pktgen")
            machine.fetch()
        except shell.LabError as error:
            raise unittest.SkipTest(str(error)) from None
        cls.answers = answers_of(machine, shell.CHECKOUT)

    def result(self, name):
        answer = self.answers[name]
        self.assertEqual(answer["error"], "")
        return json.loads(answer["said"]), [bytes.fromhex(frame) for frame in answer["frames"]]

    def test_flows(self):
        """Datagrams of so many flows, of the size and at the pace that were asked for, all counted."""
        said, frames = self.result("flows")
        self.assertEqual((said["maker"], said["size"], said["flows"]), ("kernel", 200, 10))
        self.assertEqual(said["sent_counted_by"], "interface")
        self.assertGreater(said["made"], 100)
        self.assertLess(said["per_second"], 2600)
        self.assertLess(abs(said["arrived"] - said["made"]), 20)  # the kernel's own besides
        self.assertEqual({len(frame) for frame in frames}, {196})
        self.assertEqual(len({frame[26:36] for frame in frames}), 10)
        for frame in frames:
            self.assertEqual(frame[:12], bytes.fromhex("020000000002020000000001"))
            self.assertEqual(frame[23], socket.IPPROTO_UDP)
            self.assertEqual(frame[26:29], bytes((203, 0, 113)))
            self.assertEqual(frame[30:34], bytes((192, 0, 2, 100)))
            self.assertEqual(struct.unpack("!H", frame[36:38])[0], 80)
            self.assertEqual(sum(struct.unpack("!10H", frame[14:34])) % 0xffff, 0)

    def test_one(self):
        """A driver that lets no packet be sent again is no reason to fail."""
        said, frames = self.result("one")
        self.assertGreater(said["made"], 50)
        self.assertEqual(len({frame[26:36] for frame in frames}), 1)

    def test_auto(self):
        """Where the kernel has it, it is the one that is taken."""
        self.assertEqual(self.result("auto")[0]["maker"], "kernel")

    def test_refused(self):
        """What it cannot make is refused in a sentence."""
        self.assertIn("datagrams alone", self.answers["syn"]["error"])


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        inside()
    else:
        from tandemlab import tap
        tap.main()
