#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A link between both gateways that delays, loses, reorders and doubles packets, without the kernel's
netem: a TUN device in each, and a program between them.

    link = WideLink(lab, Conditions(loss=0.01, delay=0.05, reorder=0.1))
    link.address("a")

Run as a program, it is that: `wide_link.py NAMESPACE_A NAMESPACE_B DEVICE LOSS DELAY REORDER DOUBLED`;
SIGUSR1 cuts it, SIGUSR2 mends it.
"""

import ctypes
import dataclasses
import fcntl
import heapq
import os
import pathlib
import random
import select
import signal
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
CLONE_NEWNET = 0x40000000
MOST = 2000  # packets on their way; more are lost, as in any queue


@dataclasses.dataclass
class Conditions:
    loss: float = 0.0  # 0-1
    delay: float = 0.0  # seconds, one way
    reorder: float = 0.0  # 0-1: of the packets, that are overtaken
    doubled: float = 0.0  # 0-1


class WideLink:
    """`number`: of several links."""

    def __init__(self, lab, conditions, number=0):
        from .process import Process
        from .shell import wait_until

        self.number = number
        device = f"sync{number}"
        c = conditions
        self.process = Process(lab, "switch", f"wide-link{number}", [
            "/usr/bin/python3", __file__, lab.namespace("a"), lab.namespace("b"), device,
            c.loss, c.delay, c.reorder, c.doubled])
        for node in ("a", "b"):
            wait_until(f"{device} is there on node {node}",
                       lambda node=node: lab.exec(node, "ip", "link", "show", device).stdout)
            lab.exec(node, "ip", "address", "add", f"{self.address(node)}/24", "dev", device)
            lab.exec(node, "ip", "link", "set", device, "up")

    def address(self, node):  # of the range for tests of devices, RFC 2544
        return f"198.18.{self.number}.{2 if node == 'a' else 3}"

    def cut(self):
        self.process.signal(signal.SIGUSR1)

    def mend(self):
        self.process.signal(signal.SIGUSR2)


def open_device(namespace, name):
    """Made here, then sent into the namespace: the program stays where it is."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def enter(namespace):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(namespace, "rb") as handle:
        if libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def main(namespaces, name, loss, delay, reorder, doubled):
    ends = []
    for namespace in namespaces:
        enter(namespace)
        ends.append(open_device(namespace, name))
    cut = [False]
    signal.signal(signal.SIGUSR1, lambda *_: cut.__setitem__(0, True))
    signal.signal(signal.SIGUSR2, lambda *_: cut.__setitem__(0, False))
    poll = select.epoll()
    for end in ends:
        poll.register(end, select.EPOLLIN)
    on_their_way, order = [], 0
    while True:
        wait = max(0.0, on_their_way[0][0] - time.monotonic()) if on_their_way else 1.0
        ready = poll.poll(min(wait, 1.0))
        now = time.monotonic()
        for end, _ in ready:
            try:
                packet = os.read(end, 65535)
            except OSError:
                continue
            to = ends[1 - ends.index(end)]
            for _ in range(2 if random.random() < doubled else 1):
                if cut[0] or random.random() < loss or len(on_their_way) >= MOST:
                    continue
                late = delay if random.random() < reorder else 0  # as late again
                order += 1
                heapq.heappush(on_their_way, (now + delay + late, order, to, packet))
        while on_their_way and on_their_way[0][0] <= now:
            _, _, to, packet = heapq.heappop(on_their_way)
            try:
                os.write(to, packet)
            except OSError:
                pass  # the device is down


if __name__ == "__main__":
    main([pathlib.Path(argument) for argument in sys.argv[1:3]], sys.argv[3],
         *map(float, sys.argv[4:8]))
