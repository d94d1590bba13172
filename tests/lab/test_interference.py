#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Others meddle with the node's interfaces while tandemd runs.

    client --- front --- a: Active for VI_1, b: Backup; adverts every 100 ms
"""

import os
import time

from tandemlab import configs, neighbours, plan, tap
from tandemlab.process import Process
from tandemlab.shell import build_dir, wait_until
from tandemlab.tandem import Tandem

VIP = plan.VIPS[0]
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]
PINS = "/sys/fs/bpf/tandem"
MAC_A, MAC_B = plan.front_mac("a"), plan.front_mac("b")


def config(node, more=""):
    return configs.node(node) + more + configs.vrrp(
        "VI_1", 51, 150 if node == "a" else 100, f"{VIP}/24")


class Interference(tap.LabCase):
    def setUp(self):
        self.a = Tandem(self.lab, "a", config("a"))
        self.b = Tandem(self.lab, "b", config("b"))
        self.a.wait_for("Active")
        self.b.wait_for("Backup")

    def tearDown(self):
        for node in (self.a, self.b):
            if node.running():
                node.stop()

    def assert_at_home(self):
        self.assertEqual(self.a.state(), "Active")
        self.assertEqual(self.b.state(), "Backup")
        self.assertEqual(neighbours.who_has(self.lab, VIP), {MAC_A})

    def test_program_taken_off(self):
        """A program that somebody takes off is put back, so that the Backup goes on listening."""
        for node in ("a", "b"):
            self.lab.exec(node, "ip", "link", "set", "dev", "eth0", "xdp", "off")
        for node in ("a", "b"):
            wait_until(f"the program of {node} is back", lambda node=node: "prog/xdp" in self.lab.exec(
                node, "ip", "link", "show", "dev", "eth0").stdout)
        time.sleep(1)
        self.assert_at_home()

    def test_second_daemon(self):
        """A second tandemd on the same interface is refused, and takes nothing away."""
        config_file = self.lab.run_dir("b") / "tandem" / "second.toml"
        config_file.write_text(
            '[node]\nname = "second"\ncontrol_socket = "/run/tandem/second.sock"\n'
            'bpffs = "/sys/fs/bpf/second"\nhttp = "off"\n[[interface]]\nname = "eth0"\n'
            + configs.vrrp("VI_9", 99, 100, "192.0.2.199/24"))
        second = Process(self.lab, "b", "second",
                         [build_dir() / "src" / "tandemd", "-c", "/run/tandem/second.toml"])
        self.assertEqual(second.popen.wait(30), 1)
        self.assertIn("another tandemd has it", second.tail())
        self.assert_at_home()

    def test_pins(self):
        """Nobody but root keeps the daemon from starting, by a lock on its pins or a directory there."""
        inner = f"{PINS}/" + self.lab.exec("a", "ls", PINS).stdout.split()[0]
        for directory in (PINS, inner):
            done = self.lab.exec("a", *NOBODY, "flock", "-n", directory, "true", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("ermission denied", done.stderr)
        self.a.stop()
        self.lab.exec("a", "rm", "-rf", PINS)
        self.lab.exec("a", "chmod", "1777", "/sys/fs/bpf")  # as a mount without a mode has it
        self.addCleanup(self.lab.exec, "a", "chmod", "700", "/sys/fs/bpf")
        self.lab.exec("a", *NOBODY, "mkdir", "-p", inner)
        locks = [Process(self.lab, "a", "lock", [*NOBODY, "flock", directory, "sleep", "60"])
                 for directory in (PINS, inner)]
        time.sleep(0.5)
        self.a.start()
        self.a.wait_for("Active")
        self.assertTrue(all(lock.running() for lock in locks))
        for lock in locks:
            lock.kill()
        self.assertEqual(self.lab.exec("a", "stat", "-c", "%u %a", PINS).stdout.split(), ["0", "700"])

    def test_missing_interface(self):
        """An interface that is not there keeps neither a start nor a reload from serving others."""
        missing = '[[interface]]\nname = "later0"\n' + configs.vrrp(
            "VI_2", 52, 150, "198.18.0.1/24").replace('"eth0"', '"later0"')
        self.a.write(config("a") + missing)
        self.a.ctl("reload")
        self.assertEqual(self.a.state("VI_2"), "Fault")
        self.assert_at_home()
        self.a.stop()
        self.a.start()
        self.a.wait_for("Active")
        self.assertEqual(self.a.state("VI_2"), "Fault")
        self.assertTrue(any("later0" in warning for warning in self.a.status()["warnings"]))
        self.lab.exec("a", "ip", "link", "add", "later0", "type", "veth", "peer", "name", "far0")
        self.lab.exec("a", "ip", "address", "add", "198.18.0.2/24", "dev", "later0")
        self.lab.exec("a", "ip", "link", "set", "later0", "up")
        self.lab.exec("a", "ip", "link", "set", "far0", "up")
        self.a.wait_for("Active", "VI_2")
        self.lab.exec("a", "ip", "link", "del", "later0")
        self.a.wait_for("Fault", "VI_2")
        self.assertEqual(self.a.state("VI_1"), "Active")

    def test_made_again(self):
        """An interface that is made again and again leaves no descriptor behind."""
        self.a.write(config("a", '[[interface]]\nname = "later0"\n') + configs.vrrp(
            "VI_2", 52, 150, "198.18.0.1/24").replace('"eth0"', '"later0"'))
        self.a.ctl("reload")

        def descriptors():
            return len(os.listdir(f"/proc/{self.a.process.popen.pid}/fd"))

        counts = []
        for _ in range(6):
            self.lab.exec("a", "ip", "link", "add", "later0", "type", "veth", "peer", "name", "far0")
            self.lab.exec("a", "ip", "address", "add", "198.18.0.2/24", "dev", "later0")
            self.lab.exec("a", "ip", "link", "set", "later0", "up")
            self.lab.exec("a", "ip", "link", "set", "far0", "up")
            self.a.wait_for("Active", "VI_2", 30)
            self.lab.exec("a", "ip", "link", "del", "later0")
            self.a.wait_for("Fault", "VI_2")
            counts.append(descriptors())
        tap.note(f"descriptors after each: {counts}")
        wait_until("no more descriptors than after the first", lambda: descriptors() <= counts[0])
        self.assertEqual(self.a.state("VI_1"), "Active")


if __name__ == "__main__":
    tap.main()
