#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Connections outlive the node that they were made at: both nodes have the same flows.

    client --- front --- a: tandemd --- back --- s1..s4: Nginx
                 |       b: tandemd -----'         |
                 '---------------------------------'  answers of dsr and tunnel

Least connections decides, so no hash could lead the other node to the same backends. The gateway of
the nat backends is a virtual address that moves together with the services'.
"""

import collections
import contextlib
import select
import socket
import threading
import time

from tandemlab import configs, pair, plan, services, tap, traffic
from tandemlab.backends import PORT, Backend
from tandemlab.shell import PATIENCE, wait_until

MODES = {"nat": "192.0.2.100", "dsr": "192.0.2.102", "tunnel": "192.0.2.103", "fullnat": "192.0.2.104"}
DSR6 = "2001:db8:1::102"
AT_B = "192.0.2.105"  # at home on node b
GATEWAY = "198.51.100.100"
SOURCE = "198.51.100.101"  # of fullnat
EACH = 40  # connections
CHECK = 'check = { tcp = true, interval = "1s", timeout = "800ms", fall = 2, rise = 3 }\n'


def sync_block(lab, node):
    own, other = plan.cable(node, "eth1"), plan.cable("b" if node == "a" else "a", "eth1")
    return f"""
[sync]
listen = "{own.v4}:9106"
peer = "{other.v4}:9106"
key_file = "/run/tandem/sync.key"
hold = "1s"  # this machine may stand still for longer than the default
"""


def config(lab, node):
    priority = 150 if node == "a" else 100
    group = 'sync_group = "all"'
    blocks = [services.service(mode, address, mode, more=CHECK + (
        f'sources = ["{SOURCE}"]' if mode == "fullnat" else ""))
              for mode, address in MODES.items()]
    blocks.append(services.service("dsr6", DSR6, "dsr", more=CHECK))
    return (configs.node(node, ("eth0", "eth1"))
            + sync_block(lab, node)
            + configs.vrrp("VI_1", 51, priority, *(f"{a}/24" for a in MODES.values()), more=group)
            + configs.vrrp("VI_6", 51, priority, "fe80::51/64", f"{DSR6}/64", more=group)
            + configs.vrrp("VI_B", 52, priority, f"{GATEWAY}/24", f"{SOURCE}/24", interface="eth1", more=group)
            + "".join(blocks))


class Opening(traffic.Connection):
    """A connection that is being opened."""

    def __init__(self, lab, address):
        self.address = address
        self.socket = lab.socket("client", traffic.family_of(address), socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.connect_ex((address, 80))

    def is_open(self):
        """A backend has answered, so that the client believes in it."""
        waiting = select.poll()
        waiting.register(self.socket, select.POLLOUT)
        return bool(waiting.poll(20_000)) and self.socket.getsockopt(
            socket.SOL_SOCKET, socket.SO_ERROR) == 0

    def trouble(self):
        """Why it does not answer a request; empty if it does."""
        self.socket.settimeout(10 * PATIENCE)
        try:
            self.ask()
        except OSError as error:
            return f"{self.address}: {error!r}"
        return ""


class Sync(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in plan.BACKENDS:
            Backend(cls.lab, node)
            cls.lab.exec(node, "ip", "route", "replace", f"{plan.FRONT.v4}0/24", "via", GATEWAY,
                         "table", "50")  # what is from a backend's own address
        services.take_virtual_addresses(cls.lab, MODES["dsr"], MODES["tunnel"], DSR6)
        services.TunnelEnds(cls.lab)
        pair.make_key(cls.lab)
        cls.pair = pair.Pair(cls.lab, lambda node: config(cls.lab, node))
        cls.a, cls.b = cls.pair.a, cls.pair.b

    def setUp(self):
        self.pair.bring_home(("VI_1", "VI_6", "VI_B"), ())
        self.wait_in_sync()
        self.connections = traffic.Connections()
        self.addCleanup(lambda: self.connections.close())

    def is_in_sync(self, node):
        return node.ctl("sync", check=False).returncode == 0

    def wait_in_sync(self):
        for node in (self.a, self.b):
            wait_until("both nodes have the same flows",
                       lambda node=node: self.is_in_sync(node), 30)

    def open(self):
        for address in (*MODES.values(), DSR6):
            wait_until(f"{address} answers",
                       lambda address=address: traffic.who_answers(self.lab, address, 1)[None] == 0)
            self.connections.open(self.lab, address, EACH)

    def survive(self, event):
        broken = collections.Counter()
        for address in (*MODES.values(), DSR6):
            of_address = traffic.Connections()
            of_address.all = [c for c in self.connections.all if c.address == address]
            broken[address] = of_address.broken(timeout=10)  # slow is not broken
        tap.note(f"{event}: {broken.total()} of {len(self.connections.all)} broken")
        self.assertEqual(broken.total(), 0, f"{event}: {dict(broken)}")

    def test_moves(self):
        """A planned move, the way back, a crash and the return: no connection notices."""
        self.open()
        self.survive("before")
        with self.connections.talking():
            self.a.ctl("failover")
            self.b.wait_for("Active", "VI_1")
        self.survive("failover")
        with self.connections.talking():
            self.a.ctl("failover", "--back")
            self.a.wait_for("Active", "VI_1")
        self.survive("failover --back")
        self.wait_in_sync()  # a crash waits for nothing
        with self.connections.talking():
            self.a.kill()
            self.b.wait_for("Active", "VI_1")
        self.survive("SIGKILL")
        with self.connections.talking():
            self.a.start()
            self.a.wait_for("Active", "VI_1")
        self.survive("return")

    def test_before_forward(self):
        """A crash right at connection set-up: what was opened by a service that waits for the peer is kept."""
        def waiting(node):  # for longer than this machine may stand still
            return config(self.lab, node).replace(CHECK, CHECK + 'sync = "before-forward"\n')

        with self.other_config(waiting):
            addresses = (*MODES.values(), DSR6)
            for address in addresses:
                wait_until(f"{address} answers",
                           lambda address=address: traffic.who_answers(self.lab, address, 1)[None] == 0)
            self.wait_in_sync()
            for crash in range(3):
                openings = self.open_until(addresses, self.a.kill)
                self.b.wait_for("Active", "VI_1")
                opened = [opening for opening in openings if opening.is_open()]
                troubles = [text for text in (one.trouble() for one in opened) if text]
                tap.note(f"SIGKILL: of {len(openings)} openings {len(opened)} succeeded, "
                         f"{len(troubles)} of them broke")
                for one in openings:
                    one.close()
                self.assertEqual(troubles, [])
                self.assertGreater(len(opened), 100)
                self.a.start()
                self.a.wait_for("Active", "VI_1")
                self.wait_in_sync()
            # What did not wait says so.
            self.b.stop()
            wait_until("node a is alone", lambda: not self.is_in_sync(self.a))
            before = self.before_forward("nat")
            self.connections.open(self.lab, MODES["nat"], 1)
            after = self.before_forward("nat")
            self.assertEqual(after["unacknowledged"]["away"], before["unacknowledged"]["away"] + 1)
            self.assertEqual(after["acknowledged"], before["acknowledged"])
            self.b.start()
            self.wait_in_sync()
            self.connections.open(self.lab, MODES["nat"], 1)
            self.assertEqual(self.before_forward("nat")["acknowledged"], before["acknowledged"] + 1)

    def before_forward(self, service):
        rows = self.a.ask("services")["services"]
        return next(row["before_forward"] for row in rows if row["name"] == service)

    def open_until(self, addresses, event):
        """Begins connections one after the other, without waiting for them, and in their midst the event."""
        openings, going = [], threading.Event()

        def open_all():
            while not going.is_set():
                openings.extend(Opening(self.lab, address) for address in addresses)
                time.sleep(0.002)
        opener = threading.Thread(target=open_all)
        opener.start()
        try:
            wait_until("connections are being opened", lambda: len(openings) >= 200, 60)
            event()
        finally:
            going.set()
            opener.join()
        return openings

    def test_restart(self):
        """An orderly stop and a start: no connection notices."""
        self.open()
        with self.connections.talking():
            self.a.stop()
            self.b.wait_for("Active", "VI_1")
        self.survive("stop")
        with self.connections.talking():
            self.a.start()
            self.a.wait_for("Active", "VI_1")
        self.survive("start")

    def test_alone(self):
        """A restart without a peer breaks no connection, whatever `node.stop` says."""
        self.b.stop()
        self.open()
        self.restart_alone("a restart alone")
        with self.connections.talking():
            self.a.kill()
            self.a.start()
            self.a.wait_for("Active", "VI_1")
        self.survive("SIGKILL and a start alone")
        try:
            self.a.write(config(self.lab, "a").replace('name = "a"', 'name = "a"\nstop = "in-place"'))
            self.a.ctl("reload")
            self.restart_alone("a restart alone, in place")
        finally:
            self.a.write(config(self.lab, "a"))
            self.a.ctl("reload")

    def restart_alone(self, event):
        with self.connections.talking():
            self.a.stop()
            self.a.start()
            self.a.wait_for("Active", "VI_1")
        self.survive(event)

    def test_gate(self):
        """A node that came back leaves the lower Active be until it has all flows, and says so."""
        self.open()
        self.a.stop()
        self.b.wait_for("Active", "VI_1")
        with self.cut_sync_link():
            self.a.start()
            wait_until("node a hears the lower Active", lambda: self.a.router()["waits_for_flows"])
            time.sleep(1)  # ten advert intervals
            self.assertEqual(self.a.state(), "Backup")
            self.assertIn("service 'nat': not connected", "\n".join(self.a.router()["warnings"]))
            refused = self.b.ctl("failover", check=False)
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertIn("nothing was handed over", refused.stderr)
            self.assertEqual(self.b.state(), "Active")
        self.a.wait_for("Active", "VI_1", 30)
        self.assertFalse(self.a.router()["waits_for_flows"])
        self.survive("a return while the sync link was cut")

    def test_link_cut(self):
        """A node whose link was cut takes nothing home before its backends are up: no connection notices."""
        self.open()
        for device in ("eth1", "eth0"):
            self.wait_in_sync()  # a cut waits for nothing
            port = plan.cable("a", device).port
            self.lab.exec("switch", "ip", "link", "set", port, "down")
            try:
                self.b.wait_for("Active", "VI_1")
                time.sleep(4)  # all checks of node a fail
                self.survive(f"{device} cut")
            finally:
                self.lab.exec("switch", "ip", "link", "set", port, "up")
            self.a.wait_for("Active", "VI_1", 40)
            for address in (*MODES.values(), DSR6):
                self.assertEqual(traffic.who_answers(self.lab, address, 4)[None], 0, address)
            self.survive(f"{device} back")

    def backend(self, node, endpoint, service="nat"):
        return next(b for b in node.ask("backends", service)["backends"]
                    if f'{b["address"]}:{b["port"]}' == endpoint)

    def test_operator(self):
        """What the operator sets on one node, both do; also what is set while one is away."""
        drained, weighed = (f"{address}:{PORT}" for address in services.BACKENDS4[:2])
        weights = lambda node: self.backend(node, weighed)["weight"]
        states = lambda node: self.backend(node, drained)["state"]
        self.b.ctl("drain", "nat", drained)
        self.a.ctl("weight", "nat", weighed, "7")
        wait_until("node a drains it", lambda: states(self.a) == "draining")
        wait_until("node b has the weight", lambda: weights(self.b) == 7)
        self.assertEqual(self.backend(self.a, drained)["why"], "drained by the operator on node-b")
        self.assertEqual(self.backend(self.a, drained)["drained_on"], "node-b")
        self.assertEqual(self.backend(self.b, weighed)["weight_set_on"], "node-a")
        self.assertIn("7 (set on node-a; file: 1)", self.b.ctl("backends", "nat").stdout)
        answers = traffic.who_answers(self.lab, MODES["nat"], 20)
        self.assertNotIn("s1", answers)
        self.assertEqual(answers[None], 0)
        wait_until("both say that they have the same", lambda: all(
            node.ask("sync")["settings_equal"] for node in (self.a, self.b)))
        # What was undone while the other node was away is not brought back by it.
        self.b.stop()
        self.a.ctl("undrain", "nat", drained)
        self.b.start()
        wait_until("node b has heard of it", lambda: self.is_in_sync(self.b)
                   and self.b.ask("sync")["settings_equal"], 30)
        self.assertEqual((states(self.a), states(self.b)), ("up", "up"))
        # A node that was started anew, without what it kept, gets all from the other one.
        self.b.stop()
        (self.lab.run_dir("b") / "tandem" / "operator.json").unlink()
        self.b.start()
        wait_until("node b has the weight again", lambda: weights(self.b) == 7, 30)
        self.b.ctl("weight", "nat", weighed, "1")
        wait_until("node a has the file's weight", lambda: weights(self.a) == 1)

    def test_operator_with_other_files(self):
        """A setting of what is not configured waits for the reload that brings it; a weight for its file."""
        weighed = f"{services.BACKENDS4[1]}:{PORT}"
        more = services.service("more", MODES["nat"], "nat", 8080)
        other = services.service("nat", MODES["nat"], "nat", more=CHECK, weights=[2, 2, 2, 2])
        ours = services.service("nat", MODES["nat"], "nat", more=CHECK)
        try:
            self.a.write(config(self.lab, "a") + more)
            self.a.ctl("reload")
            self.b.write(config(self.lab, "b").replace(ours, other))
            self.b.ctl("reload")
            self.a.ctl("drain", "more", weighed)
            self.a.ctl("weight", "nat", weighed, "7")
            wait_until("node b tells of the weight", lambda: "the weight 7 of" in "\n".join(
                self.b.ask("status")["warnings"]))
            self.assertEqual(self.backend(self.b, weighed)["weight"], 2)
            self.b.write(config(self.lab, "b") + more)
            self.b.ctl("reload")
            self.assertEqual(self.backend(self.b, weighed)["weight"], 7)
            self.assertEqual(self.backend(self.b, weighed, "more")["why"],
                             "drained by the operator on node-a")
            self.assertNotIn("the weight", "\n".join(self.b.ask("status")["warnings"]))
            # A weight that the file changed since is newer, on each node when its file is read.
            for node in (self.a, self.b):
                node.write(config(self.lab, node.node).replace(ours, other) + more)
                node.ctl("reload")
                self.assertEqual(self.backend(node, weighed)["weight"], 2)
            self.a.ctl("undrain", "more", weighed)
            wait_until("node b has heard of it", lambda: self.backend(
                self.b, weighed, "more")["drained_on"] is None)
        finally:
            for node in (self.a, self.b):
                node.write(config(self.lab, node.node))
                node.ctl("reload")

    @contextlib.contextmanager
    def other_config(self, text_of):
        """Both nodes run with text_of(node)."""
        for node in (self.a, self.b):
            node.write(text_of(node.node))
            node.ctl("reload")
        try:
            yield
        finally:
            for node in (self.a, self.b):
                node.write(config(self.lab, node.node))
                node.ctl("reload")

    def test_affinity(self):
        """A client that is held comes to the same backend after a move, and after the way back."""
        def held(node):
            return config(self.lab, node).replace(CHECK, CHECK + 'affinity = "10m"\n')

        def backends():
            return {address: set(traffic.who_answers(self.lab, address, 3))
                    for address in (*MODES.values(), DSR6)}

        with self.other_config(held):
            wait_until("all services answer",
                       lambda: not any(None in names for names in backends().values()))
            before = backends()
            self.assertEqual({len(names) for names in before.values()}, {1}, before)
            self.wait_in_sync()
            for move, taker in ((("failover",), self.b), (("failover", "--back"), self.a)):
                self.a.ctl(*move)
                taker.wait_for("Active", "VI_1")
                self.assertEqual(backends(), before, move)

    def test_counts_of_both(self):
        """Least connections goes by the connections that the other node has with the servers."""
        def more(node):
            return (config(self.lab, node)
                    + configs.vrrp("VI_2", 53, 150 if node == "b" else 100, f"{AT_B}/24")
                    + services.service("twin", AT_B, "dsr", more=CHECK))
        services.take_virtual_addresses(self.lab, AT_B)
        first = [f"{address}:80" for address in services.BACKENDS4[:2]]
        with self.other_config(more):
            self.b.wait_for("Active", "VI_2")
            wait_until("the service answers",
                       lambda: traffic.who_answers(self.lab, AT_B, 1)[None] == 0)
            for backend in first:
                self.b.ctl("drain", "twin", backend)
            self.connections.open(self.lab, AT_B, 8)
            self.assertEqual({c.backend for c in self.connections.all}, {"s3", "s4"})
            rows = lambda: {f'{b["address"]}:{b["port"]}': b["server"]
                            for b in self.a.ask("backends", "dsr")["backends"]}
            wait_until("node a has them", lambda: sorted(
                row["peers"] for row in rows().values()) == [0, 0, 4, 4])
            at_a = traffic.Connections()
            self.addCleanup(at_a.close)
            at_a.open(self.lab, MODES["dsr"], 8)
            self.assertEqual(collections.Counter(c.backend for c in at_a.all),
                             {"s1": 4, "s2": 4})
            self.assertTrue(self.a.ask("services")["counts"]["agree"])
            for backend in first:
                self.b.ctl("undrain", "twin", backend)

    @contextlib.contextmanager
    def cut_sync_link(self):
        self.lab.exec("a", "nft", "-f", "-", stdin="""table inet cut {
            chain in { type filter hook input priority 0; tcp sport 9106 drop; tcp dport 9106 drop; }
            chain out { type filter hook output priority 0; tcp sport 9106 drop; tcp dport 9106 drop; }
        }""")
        try:
            yield
        finally:
            self.lab.exec("a", "nft", "delete", "table", "inet", "cut")

    def test_status(self):
        """Without the other node, status, sync and their exit status say so."""
        self.b.stop()
        wait_until("node a is not in sync any more", lambda: not self.is_in_sync(self.a))
        said = "\n".join(self.a.ask("status")["warnings"])
        self.assertIn("sync: no session with the other node", said)
        self.b.start()
        self.wait_in_sync()
        self.assertNotIn("sync:", "\n".join(self.a.ask("status")["warnings"]))


if __name__ == "__main__":
    tap.main()
