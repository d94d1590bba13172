#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A SYN flood of spoofed sources takes nothing from those who were there, nor from the next ones.

    lab_load (203.0.113.128/25, spoofed) and a client --- front --- a, b: tandemd --- s1..s4

Backends do not answer the spoofed clients: they have a blackhole for them. The pace is what the
machine can do: generator, bridge, both nodes and backends share its cores. But a worker of the dpdk
engine is meant to have a core for itself; without, it is flooded at a pace that it can keep.
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
RATE = 0 if configs.ENGINE == "xdp" else 100_000  # SYNs a second; 0: as many as can be
PORTS = (80, 8080)  # nat, which is flooded, and dsr


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
        for port in PORTS:
            traffic.must_answer(cls.lab, VIP, port)

    def flood(self, port):
        program = build_dir() / "tests" / "lab" / "lab_load"
        return Process(self.lab, "client", "flood",
                       [program, "--device", "eth0", "--mac", plan.front_mac("a"),
                        "--address", VIP, "--port", port, "--kind", "syn", "--rate", RATE,
                        "--seconds", SECONDS],
                       stdout=subprocess.PIPE)

    def try_new(self, port, flood, results):
        """New connections, one after another, as long as the flood lasts: (good, failed)."""
        good = failed = 0
        while flood.running():
            try:
                traffic.Connection(self.lab, VIP, port, timeout=8).close()
                good += 1
            except OSError:
                failed += 1
            time.sleep(0.1)
        results[port] = good, failed

    def test_flood(self):
        """Established connections lose nothing, adverts keep their rhythm, new ones succeed."""
        a, b = self.pair.a, self.pair.b
        settled = traffic.Connections()
        for port in PORTS:
            settled.open(self.lab, VIP, 30, port)
        before = {node: node.transitions() for node in (a, b)}
        memory = resident(a.process.pid)
        flood = self.flood(PORTS[0])
        results = {}
        trying = [threading.Thread(target=self.try_new, args=(port, flood, results))
                  for port in PORTS]
        for thread in trying:
            thread.start()
        rounds = 0
        while flood.running():
            self.assertEqual(settled.broken(), 0)
            rounds += 1
            time.sleep(0.5)
        for thread in trying:
            thread.join()
        sent = json.loads(flood.popen.stdout.read())
        packets = a.status()["packets"]
        tap.note(f"{sent['sent'] / sent['seconds'] / 1000:.0f} k SYN/s for {sent['seconds']:.0f} s: "
                 f"{packets['punt/miss']} admitted, {packets['tx/hashed']} by hash; "
                 f"{len(settled.all)} connections were used {rounds} times")
        for port, (good, failed) in results.items():
            tap.note(f"port {port}: {good} new connections succeeded, {failed} failed")
            self.assertGreater(good, 0)
            self.assertLessEqual(failed, good // 10)
        self.assertEqual(settled.broken(), 0)
        self.assertEqual({node: node.transitions() for node in (a, b)}, before)
        self.assertLess(resident(a.process.pid), memory + 20_000)
        services_now = a.ask("services")
        self.assertLessEqual(services_now["flow_tables"]["ipv4"]["flows"], FLOWS)
        self.assertTrue(services_now["counts"]["agree"])
        settled.close()


if __name__ == "__main__":
    tap.main()
