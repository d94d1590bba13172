#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Connections to the node's own Nginx outlive planned moves: each stays with the node that has it.

    client --- front --- a: tandemd, Nginx --- back (the sync link)
                 |       b: tandemd, Nginx -----'
"""

import os
import socket
import threading

from tandemlab import configs, pair, plan, tap, traffic
from tandemlab.shell import PATIENCE, wait_until

VIP, VIP6 = plan.VIPS[0], plan.VIPS6[0]
EACH = 100  # connections
ROUTERS = ("VI_1", "VI_6")
DATA_BYTES = 6_000_000  # some six seconds


def config(node):
    other = "b" if node == "a" else "a"
    priority = 150 if node == "a" else 100
    group = 'sync_group = "all"'
    return (configs.node(node, ("eth0", "eth1")) + f"""
[sync]
listen = "{plan.cable(node, "eth1").v4}:9106"
peer = "{plan.cable(other, "eth1").v4}:9106"
key_file = "/run/tandem/sync.key"
"""
            + configs.vrrp("VI_1", 51, priority, f"{VIP}/24", more=group)
            + configs.vrrp("VI_6", 51, priority, "fe80::51/64", f"{VIP6}/64", more=group)
            + configs.web_service("web", VIP) + configs.web_service("web6", VIP6))


class Echo:
    """A connection on which each answer is known, byte by byte."""

    def __init__(self, lab, address, number):
        self.socket = lab.socket("client", traffic.family_of(address), socket.SOCK_STREAM)
        self.socket.settimeout(10 * PATIENCE)
        self.socket.connect((address, 80))
        self.address, self.number, self.asked = address, number, 0
        self.node = self.ask().split()[1]

    def ask(self):
        self.asked += 1
        path = f"/echo/{self.number}/{self.asked}/" + "x" * (self.number % 700)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: tandem\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(path.encode() + b"\n"):
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionResetError("closed before it answered")
            answer += piece
        return answer.split(b"\r\n\r\n", 1)[1].decode()

    def trouble(self):
        """None if it answers as it did, from the node that it was made at."""
        try:
            expected = f"node {self.node} "
            answer = self.ask()
            return None if answer.startswith(expected) else f"{self.address}: {answer[:20]!r}"
        except OSError as error:
            return f"{self.address} at {self.node}: {error!r}"


class Download(threading.Thread):
    """A long answer, compared with what it should be."""

    def __init__(self, lab, address, expected):
        super().__init__()
        self.socket = lab.socket("client", traffic.family_of(address), socket.SOCK_STREAM)
        self.socket.settimeout(20 * PATIENCE)
        self.socket.connect((address, 80))
        self.socket.sendall(b"GET /data HTTP/1.1\r\nHost: tandem\r\nConnection: close\r\n\r\n")
        self.expected, self.trouble = expected, "did not end"
        self.start()

    def run(self):
        got = b""
        try:
            while piece := self.socket.recv(1 << 18):
                got += piece
            body = got.split(b"\r\n\r\n", 1)[1]
            self.trouble = None if body == self.expected else f"{len(body)} bytes, and not the same"
        except OSError as error:
            self.trouble = f"{error!r} after {len(got)} bytes"


class LocalSockets(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pair.make_key(cls.lab)
        cls.data = os.urandom(DATA_BYTES)
        cls.pair = pair.Pair(cls.lab, config, nginx=True)
        cls.a, cls.b = cls.pair.a, cls.pair.b
        for node in plan.GATEWAYS:
            (cls.lab.run_dir(node) / "nginx" / "data").write_bytes(cls.data)

    def setUp(self):
        self.pair.bring_home(ROUTERS, ())
        for node in (self.a, self.b):
            wait_until("the sync link is up",
                       lambda node=node: node.ctl("sync", check=False).returncode == 0, 30)
        self.connections = []
        self.addCleanup(self.close)

    def close(self):
        for connection in self.connections:
            connection.socket.close()
        self.connections = []

    def open(self, node):
        """Connections to both addresses, which that node has to answer, and the peer knows of."""
        for address in (VIP, VIP6):
            wait_until(f"{node.node} answers at {address}",
                       lambda address=address: traffic.must_answer(self.lab, address))
            for _ in range(EACH):
                made = Echo(self.lab, address, len(self.connections))
                self.assertEqual(made.node, node.node)
                self.connections.append(made)
        for name in ROUTERS:
            wait_until("they are counted",
                       lambda name=name: node.router(name)["sockets"]["here"] >= EACH)

    def survive(self, event):
        troubles = [t for t in (c.trouble() for c in self.connections) if t]
        tap.note(f"{event}: {len(troubles)} of {len(self.connections)} broken")
        self.assertEqual(troubles[:5], [], event)

    def wait_active(self, node):
        for name in ROUTERS:
            node.wait_for("Active", name)

    def test_moves(self):
        """Failover and the way back: each connection goes on where it is, new ones at the Active."""
        self.open(self.a)
        downloads = [Download(self.lab, address, self.data) for address in (VIP, VIP6)]
        self.survive("before")
        self.a.ctl("failover")
        self.wait_active(self.b)
        self.survive("failover")
        self.assertGreater(self.b.packets("tx/to-peer"), 2 * EACH)
        self.assertGreater(self.a.packets("pass/socket"), 2 * EACH)
        for name in ROUTERS:
            self.assertTrue(self.a.router(name)["sockets"]["draining"])
            self.assertGreaterEqual(self.b.router(name)["sockets"]["there"], EACH)
        self.open(self.b)
        self.a.ctl("failover", "--back")
        self.wait_active(self.a)
        self.survive("failover --back")
        for download in downloads:
            download.join()
            self.assertIsNone(download.trouble)
        self.close()
        for name, address in zip(ROUTERS, (VIP, VIP6)):
            wait_until(f"node b has let {address} go", lambda name=name, address=address: (
                not self.b.router(name)["sockets"]["draining"] and not self.b.kernel_has(address)))

    def test_crash(self):
        """A crash of tandemd alone, its start, and a restart: kernel and Nginx live, and so do connections."""
        self.open(self.a)
        for name in ROUTERS:
            wait_until("node b knows of them",
                       lambda name=name: self.b.router(name)["sockets"]["there"] >= EACH)
        self.a.kill()
        self.wait_active(self.b)
        self.survive("SIGKILL")
        self.assertIsNone(self.b.router()["sockets"]["at_most_seconds"])
        self.a.start()
        self.wait_active(self.a)
        self.survive("return")
        self.a.stop()
        self.wait_active(self.b)
        self.survive("stop")
        self.a.start()
        self.wait_active(self.a)
        self.survive("start")

    def test_wait(self):
        """failover --wait returns when no connection is left, and not before."""
        self.open(self.a)
        waiting = threading.Thread(target=lambda: self.a.ctl("failover", "--wait"))
        waiting.start()
        self.wait_active(self.b)
        self.survive("failover --wait")
        self.assertTrue(waiting.is_alive())
        self.close()
        waiting.join(30 * PATIENCE)
        self.assertFalse(waiting.is_alive())
        for address in (VIP, VIP6):
            wait_until(f"node a has let {address} go",
                       lambda address=address: not self.a.kernel_has(address))

    def test_reset(self):
        """What belongs to no socket of either node is reset as soon as the other drains no more."""
        self.open(self.a)
        self.a.ctl("failover")
        self.wait_active(self.b)
        self.survive("failover")
        self.close()
        for name in ROUTERS:
            wait_until("node a drains no more",
                       lambda name=name: not self.a.router(name)["sockets"]["draining"])
        self.assertEqual(Echo(self.lab, VIP, 1).node, "b")


if __name__ == "__main__":
    tap.main()
