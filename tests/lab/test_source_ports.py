#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Ports of fullnat and the node's own: net.ipv4.ip_local_port_range is changed while connections have
ports, onto these; the backend is one and the same, and so is the address that both come from.

    client --- front --- a: tandemd --- back --- s1: Nginx
"""

import time

from tandemlab import configs, plan, services, tap, traffic
from tandemlab.backends import PORT, Backend
from tandemlab.nginx import get
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem

VIP, VIP6 = plan.VIPS[0], plan.VIPS6[0]
S1 = plan.cable("s1")
CHECK = 'check = { tcp = true, interval = "200ms", timeout = "1s", fall = 2, rise = 1 }\n'
RANGE, RESERVED = "ip_local_port_range", "ip_local_reserved_ports"


OTHER, OTHER6 = "198.51.100.200", "2001:db8:2::200"


def config(sources=(services.SOURCE4,), sources6=(services.SOURCE6,)):
    text = (configs.node("a", ("eth0", "eth1"))
            + configs.vrrp("VI_1", 51, 150, f"{VIP}/24")
            + configs.vrrp("VI_6", 51, 150, "fe80::51/64", f"{VIP6}/64"))
    for name, address, backend, listed in (("web", VIP, S1.v4, sources),
                                           ("web6", VIP6, S1.v6, sources6)):
        listed = ", ".join(f'"{source}"' for source in listed)
        text += services.service(name, address, "fullnat", backends=[backend],
                                 more=f"{CHECK}sources = [{listed}]")
    return text


class SourcePorts(tap.LabCase):
    def setUp(self):
        super().setUp()
        Backend(self.lab, "s1")
        self.before = self.setting(RANGE)
        self.a = Tandem(self.lab, "a", config())
        self.addCleanup(self.stop)
        for name in ("VI_1", "VI_6"):
            self.a.wait_for("Active", name)
        for address in (VIP, VIP6):
            wait_until(f"{address} answers", lambda: traffic.who_answers(self.lab, address, 1)["s1"])

    def stop(self):
        if self.a.running():
            self.a.stop()
        self.set_range(*self.before.split())

    def setting(self, name):
        return self.lab.exec("a", "sysctl", "-n", f"net.ipv4.{name}").stdout.strip()

    def set_range(self, first, last):
        self.lab.exec("a", "sysctl", "-q", "-w", f"net.ipv4.{RANGE}={first} {last}")

    def connections(self, count):
        """As many of each family, and the first and last port that they leave by."""
        kept = traffic.Connections()
        for address in (VIP, VIP6):
            kept.open(self.lab, address, count)
        flows = self.a.ask("flows", "-n", "1000")["flows"]
        ports = [flow["source_port"] for flow in flows if flow["state"] == "established"]
        self.assertGreaterEqual(len(ports), 2 * count)
        return kept, min(ports), max(ports)

    def own(self, count):
        """How many connections of the node's own to its backend work, of each family."""
        return [traffic.who_answers(self.lab, address, count, PORT, node="a")["s1"]
                for address in (S1.v4, S1.v6)]

    def checks_pass(self):
        """None fails for as long as it takes to find a backend down."""
        time.sleep(4)
        self.assertEqual([(b["state"], b["why"]) for b in self.a.ask("backends")["backends"]],
                         [("up", "check: connected")] * 2)
        self.assertEqual([e for e in self.a.events("backend") if e["state"] == "down"], [])

    def warnings(self):
        return [w for w in self.a.status()["warnings"] if w.startswith("fullnat")]

    def test_1_moved(self):
        """The range is moved onto ports that connections have: neither loses anything."""
        self.assertEqual((self.setting(RESERVED), self.warnings()), ("", []))
        kept, first, last = self.connections(40)
        self.set_range(first, last + 200)
        wait_until("the ports are reserved", lambda: self.setting(RESERVED) != "")
        self.assertEqual(self.own(60), [60, 60])
        for address in (VIP, VIP6):
            self.assertEqual(traffic.who_answers(self.lab, address, 20)["s1"], 20)
        self.checks_pass()
        self.assertIn("was moved onto", self.warnings()[0])
        self.assertEqual(kept.broken(), 0)
        self.set_range(*self.before.split())
        wait_until("the ports are the kernel's again", lambda: self.setting(RESERVED) == "")
        self.assertEqual(self.warnings(), [])
        kept.close()
        self.a.stop()

    def test_2_none_left(self):
        """The range is no more than what connections have: they go on, checks and new ones, too."""
        kept, first, last = self.connections(40)
        self.set_range(first, last)
        wait_until("the ports are reserved", lambda: self.setting(RESERVED) != "")
        self.checks_pass()
        for address in (VIP, VIP6):
            self.assertEqual(traffic.who_answers(self.lab, address, 20)["s1"], 20)
        self.assertIn("make it wider", self.warnings()[-1])
        self.assertEqual(kept.broken(), 0)
        kept.close()
        self.a.stop()
        self.assertEqual(self.setting(RESERVED), "")

    def test_3_all(self):
        """The range is all that there is: a part of it is reserved while the daemon runs."""
        self.set_range(1024, 65535)
        wait_until("a part is reserved",
                   lambda: self.setting(RESERVED).endswith("49152-65535"))
        kept, _, _ = self.connections(40)
        self.assertEqual(self.own(60), [60, 60])
        self.checks_pass()
        self.assertEqual(kept.broken(), 0)
        kept.close()
        self.a.stop()
        self.assertEqual(self.setting(RESERVED), "")

    def test_other_sources(self):
        """After a restart with other source addresses, more or fewer of them, it connects from those."""
        for address, length in ((OTHER, 24), (OTHER6, 64)):
            self.lab.exec("a", "ip", "address", "add", f"{address}/{length}", "dev", "eth1",
                          *(("nodad",) if ":" in address else ()))
        both, both6 = (services.SOURCE4, OTHER), (services.SOURCE6, OTHER6)
        for sources, sources6 in (((OTHER,), (OTHER6,)), (both, both6), ((OTHER,), (OTHER6,)),
                                  ((services.SOURCE4,), both6)):
            self.a.stop()
            self.a.write(config(sources, sources6))
            self.a.start()
            for address, wanted in ((VIP, sources), (VIP6, sources6)):
                wait_until(f"{address} is served from {wanted}", lambda: self.seen(address) in wanted)

    def seen(self, address):
        """Whom the backend takes for the client; None without an answer."""
        host = f"[{address}]" if ":" in address else address
        answer = get(self.lab, "client", f"http://{host}/")
        return answer.split()[1] if answer else None


if __name__ == "__main__":
    tap.main()
