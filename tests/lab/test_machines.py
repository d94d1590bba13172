#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two gateways, each in a virtual machine of its own: what no process and no namespace can do.

    client (a namespace) --- bridge in it --- a: its machine is paused, and its kernel panics
                                          '-- b

    tests/lab/test_machines.py [RELEASE]    with the kernel of that release, trixie

machines/gateway.py is what runs in there.
"""

import contextlib
import itertools
import os
import pathlib
import re
import signal
import socket
import sys
import time
import unittest

from tandemlab import machine, tap
from tandemlab.cards import inside
from tandemlab.shell import build_dir, run, wait_until

GATEWAY = pathlib.Path(__file__).resolve().parent / "machines" / "gateway.py"
RELEASE = "trixie"
NAMESPACE = f"test-machines-{os.getpid()}"
VIPS = ("192.0.2.100", "2001:db8:1::100")
MACS = {"a": "02:00:00:00:00:0a", "b": "02:00:00:00:00:0b"}
WATCHED = 20  # seconds: several times of what a Backup waits for, at an advert each second


def card(name):
    return ("-netdev", f"tap,id=front,ifname=to-{name},script=no,downscript=no", "-device",
            f"virtio-net-pci,netdev=front,mac={MACS[name]}")


def ip(*words):
    run(["ip", "-n", NAMESPACE, *words])


def answer(vip):
    """The name of the node that answers there; "" if none does."""
    with inside(NAMESPACE):
        client = socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET)
    with client, contextlib.suppress(OSError):
        client.settimeout(1)
        client.connect((vip, 80))
        return client.recv(9).decode()
    return ""


def macs():
    """Those that answer ARP for the first address, for a while."""
    said = run(["ip", "netns", "exec", NAMESPACE, "arping", "-w", 5, "-I", "front", VIPS[0]],
               check=False).stdout
    return {mac.lower() for mac in re.findall(r"[0-9A-Fa-f:]{17}", said)}


class Machines(unittest.TestCase):
    release = RELEASE

    @classmethod
    def setUpClass(cls):
        reason = machine.why_not()
        if reason:
            raise unittest.SkipTest(reason)
        run(["ip", "netns", "add", NAMESPACE])
        cls.addClassCleanup(run, ["ip", "netns", "delete", NAMESPACE])
        ip("link", "add", "front", "type", "bridge")
        for address in ("192.0.2.10/24", "2001:db8:1::10/64"):
            ip("address", "add", address, "dev", "front", *(("nodad",) if ":" in address else ()))
        ip("link", "set", "front", "up")
        for name in MACS:
            ip("tuntap", "add", f"to-{name}", "mode", "tap")
            ip("link", "set", f"to-{name}", "master", "front", "up")
            there = machine.Machine(cls.release, options=card(name), modules=("virtio_net",),
                                    memory_mb=1024, enter=("ip", "netns", "exec", NAMESPACE))
            cls.addClassCleanup(there.close)
            setattr(cls, name, there)
            there.run([GATEWAY, name], environment=machine.environment())

    @staticmethod
    def states(there):
        """Of both virtual routers."""
        _, said = there.run([build_dir() / "src" / "tandemctl", "-s", "/run/tandem/control.sock",
                             "vrrp"], check=False)
        return re.findall(r"^VI_\d\s+(\w+)", said, re.MULTILINE)

    def setUp(self):
        for there, state in ((self.a, "Active"), (self.b, "Backup")):
            wait_until(f"a machine is {state}", lambda: self.states(there) == [state] * 2,
                       timeout=300, every=1)

    def wait_for(self, name):
        wait_until(f"{name} answers at both addresses",
                   lambda: [answer(vip) for vip in VIPS] == [name] * 2, timeout=120)

    def expect_after(self, action, before, after):
        """One node stops to answer, and the other begins: neither comes back."""
        action()
        end = time.monotonic() + WATCHED
        heard = []
        while time.monotonic() < end:
            heard.append(answer(VIPS[0]))
            time.sleep(0.05)
        tap.note(f"answers: {''.join(name or '-' for name in heard)}")
        turns = [name for name, _ in itertools.groupby(filter(None, heard))]
        self.assertIn(turns, ([before, after], [after]))

    def test_1_pause(self):
        """A machine that is paused is replaced; when it goes on, nobody answers beside it"""
        self.expect_after(lambda: self.a.qmp("stop"), "a", "b")
        self.wait_for("b")
        self.a.qmp("cont")
        self.wait_for("a")
        self.assertEqual(macs(), {MACS["a"]})

    def test_2_panic(self):
        """A kernel that panics is replaced"""
        self.expect_after(lambda: self.a.tell(["sh", "-c", "echo c >/proc/sysrq-trigger"]),
                          "a", "b")
        self.wait_for("b")
        self.assertEqual(macs(), {MACS["b"]})


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # takes the machines away
    if len(sys.argv) > 1:
        Machines.release = sys.argv.pop()
    tap.main()
