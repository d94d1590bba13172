#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A SYN flood of spoofed sources takes nothing from those who were there, nor from the next ones.

    lab_flood (203.0.113.128/25, spoofed) and a client --- front --- a, b: tandemd --- s1..s4

Backends do not answer the spoofed clients: they have a blackhole for them. The pace is what the
machine can do: generator, bridge, both nodes and backends share its cores.
"""

import json
import subprocess
import threading
import time

from tandemlab import configs, plan, services, tap, traffic
from tandemlab.backends import Backend
from tandemlab.pair import Pair
from tandemlab.process import Process
from tandemlab.shell import build_dir

VIP = plan.VIPS[0]
SPOOFED = "203.0.113.128/25"
SECONDS = 20
FLOWS = 100_000  # small enough to be full soon


def config(node):
    return (configs.node(node, ("eth0", "eth1"))
            + f"[flows]\nsize = {FLOWS}\nsize_ipv6 = 1000\n"
            + configs.vrrp("VI_1", 51, 150 if node == "a" else 100, f"{VIP}/24")
            + services.service("web", VIP, "nat")
            + services.service("direct", VIP, "dsr", 8080))


def resident(pid):
    """Kilobytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class Flood(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in plan.BACKENDS:
            Backend(cls.lab, node)
            cls.lab.exec(node, "ip", "route", "add", "blackhole", SPOOFED)
            cls.lab.exec(node, "ip", "route", "add", "blackhole", SPOOFED, "table", "50")
        services.take_virtual_addresses(cls.lab, VIP)
        cls.pair = Pair(cls.lab, config)
        cls.pair.bring_home(second=())
        for port in (80, 8080):
            traffic.must_answer(cls.lab, VIP, port)

    def flood(self, port):
        program = build_dir() / "tests" / "lab" / "lab_flood"
        return Process(self.lab, "client", "flood",
                       [program, "eth0", plan.front_mac("a"), VIP, port, SECONDS],
                       stdout=subprocess.PIPE)

    def try_new(self, port, flood):
        """New connections, one after another, as long as the flood lasts: (good, failed)."""
        good = failed = 0
        while flood.running():
            try:
                traffic.Connection(self.lab, VIP, port, timeout=8).close()
                good += 1
            except OSError:
                failed += 1
            time.sleep(0.1)
        return good, failed

    def check(self, port):
        a, b = self.pair.a, self.pair.b
        settled = traffic.Connections().open(self.lab, VIP, 50, port)
        before = {node: node.transitions() for node in (a, b)}
        memory = resident(a.process.pid)
        flood = self.flood(port)
        news = []
        trying = threading.Thread(target=lambda: news.append(self.try_new(port, flood)))
        trying.start()
        rounds = 0
        while flood.running():
            self.assertEqual(settled.broken(), 0)
            rounds += 1
            time.sleep(0.5)
        trying.join()
        good, failed = news[0]
        sent = json.loads(flood.popen.stdout.read())
        rate = sent["sent"] / sent["seconds"]
        took = {reason: count for reason, count in a.status()["packets"].items()
                if reason in ("punt/miss", "tx/hashed", "tx/forward")}
        tap.note(f"{rate / 1000:.0f} k SYN/s for {sent['seconds']:.0f} s; 50 connections were used "
                 f"{rounds} times; {good} new ones succeeded, {failed} failed; {took}")
        self.assertEqual(settled.broken(), 0)
        self.assertEqual({node: node.transitions() for node in (a, b)}, before)
        self.assertGreater(good, 0)
        self.assertLessEqual(failed, good // 10)
        self.assertLess(resident(a.process.pid), memory + 20_000)
        tables = a.ask("services")["flow_tables"]["ipv4"]
        self.assertLessEqual(tables["flows"], FLOWS)
        self.assertTrue(a.ask("services")["counts"]["agree"])
        settled.close()

    def test_nat(self):
        """nat: established connections lose nothing, adverts keep their rhythm, new ones succeed."""
        self.check(80)

    def test_dsr(self):
        """dsr: the same."""
        self.check(8080)


if __name__ == "__main__":
    tap.main()
