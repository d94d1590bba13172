#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A pair is scraped, and its HTTP server is abused.

    client --- front --- a: tandemd, Nginx; b: the same --- back --- s1..s4: Nginx

VI_1 and VI_6 (IPv6) are at home on node a, VI_2 on node b; "api" on VI_1's
address goes to the backends.
"""

import re
import shutil
import socket
import subprocess
import time

from tandemlab import configs, http, plan, services, tap, traffic
from tandemlab.backends import Backend
from tandemlab.nginx import get
from tandemlab.pair import Pair
from tandemlab.shell import wait_until

FIRST, SECOND = plan.VIPS[:2]
SIXTH = plan.VIPS6[0]
API = 81
CHECK = 'check = { http = "/", interval = "100ms", timeout = "80ms", port = 8080 }'
NGINX = """
[nginx]
stub_status = "http://127.0.0.1:10080/nginx_status"
interval = "100ms"
"""


def config(node):
    first = node == "a"
    return (configs.node(node, ("eth0", "eth1")) + NGINX + configs.nginx_check("100ms")
            + configs.vrrp("VI_1", 51, 150 if first else 100, f"{FIRST}/24")
            + configs.vrrp("VI_2", 52, 100 if first else 150, f"{SECOND}/24")
            + configs.vrrp("VI_6", 51, 150 if first else 100, "fe80::51/64", f"{SIXTH}/64")
            + configs.web_service("web", FIRST)
            + configs.web_service("web6", SIXTH)
            + services.service("api", FIRST, "nat", API, more=CHECK))


class Metrics(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.backends = {node: Backend(cls.lab, node) for node in plan.BACKENDS}
        cls.pair = Pair(cls.lab, config, nginx=True)

    def setUp(self):
        self.pair.bring_home()
        wait_until("all backends are up", lambda: self.scrape().all(
            "tandem_service_backends", service="api", state="up") == [4])

    def scrape(self, node="a"):
        """The metrics of now: the last document made serves for a while (docs/metrics.md)."""
        time.sleep(0.5)
        return http.Scrape(self.lab, node)

    def test_promtool(self):
        """promtool finds no fault with what a node exports."""
        if shutil.which("promtool") is None:
            self.skipTest("promtool is not installed")
        for node in plan.GATEWAYS:
            done = subprocess.run(["promtool", "check", "metrics"], input=self.scrape(node).text,
                                  capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_vrrp(self):
        """States, leases and transitions are those of `tandemctl vrrp`, also after a failover."""
        before = {node: self.pair.nodes[node].transitions() for node in plan.GATEWAYS}
        self.pair.a.ctl("failover", "VI_1")
        self.pair.b.wait_for("Active", "VI_1")
        self.pair.a.wait_for("Backup", "VI_1")
        for node, state, held in (("a", "backup", 0), ("b", "active", 1)):
            sent_before = self.pair.nodes[node].router()["adverts"]["sent"]
            seen, router = self.scrape(node), self.pair.nodes[node].router()
            self.assertEqual(seen.one("tandem_vrrp_state", router="VI_1", state=state), 1)
            self.assertEqual(sum(seen.all("tandem_vrrp_state", router="VI_1")), 1)
            self.assertEqual(seen.one("tandem_vrrp_address_held", address=FIRST), held)
            self.assertEqual(seen.one("tandem_vrrp_lease_remaining_seconds", router="VI_1") > 0, held)
            self.assertEqual(seen.one("tandem_vrrp_transitions_total", router="VI_1"),
                             router["transitions"])
            self.assertEqual(router["transitions"], before[node] + 1)
            self.assertEqual(seen.one("tandem_vrrp_handed_over", router="VI_1"), 1 - held)
            self.assertEqual(seen.one("tandem_vrrp_priority", router="VI_1"),
                             router["priority"]["effective"])
            sent = seen.one("tandem_vrrp_adverts_sent_total", router="VI_1")
            self.assertTrue(sent_before <= sent <= router["adverts"]["sent"], sent)
            self.assertGreater(seen.one("tandem_vrrp_lateness_seconds_count"), 0)

    def test_services(self):
        """Connections are counted at the backends that have them, and all counts agree."""
        connections = traffic.Connections()
        self.addCleanup(connections.close)
        connections.open(self.lab, FIRST, 20, API)
        seen = self.scrape()
        self.assertEqual(seen.one("tandem_service_connections", service="api"), 20)
        self.assertEqual(sorted(seen.all("tandem_backend_connections", service="api")), [5] * 4)
        self.assertEqual(seen.one("tandem_flow_counts", where="table"), 20)
        self.assertEqual(seen.one("tandem_flow_count_mismatch"), 0)
        self.assertGreaterEqual(seen.one("tandem_flow_table_flows", family="ipv4"), 20)
        rows = {f'{b["address"]}:{b["port"]}': b
                for b in self.pair.a.ask("backends", "api")["backends"]}
        for backend, row in rows.items():
            for name, key in (("picks_total", "picks"), ("weight", "weight"), ("flows", "total")):
                self.assertEqual(seen.one(f"tandem_backend_{name}", backend=backend), row[key])
            for name, key in (("packets", "packets_in"), ("bytes", "bytes_in")):
                self.assertEqual(
                    seen.one(f"tandem_backend_{name}_total", backend=backend, direction="in"),
                    row[key])
            self.assertEqual(seen.one("tandem_backend_state", backend=backend, state="up"), 1)
            self.assertGreater(seen.one("tandem_backend_check_runs_total", backend=backend), 0)

    def test_own_services(self):
        """What the node's own Nginx gets and answers is counted by service, in both families."""
        def counted():
            return {s["name"]: (s["packets_in"], s["bytes_in"], s["packets_out"], s["bytes_out"])
                    for s in self.pair.a.ask("services")["services"]}

        self.pair.a.wait_for("Active", "VI_6")
        for name, other, host in (("web", "web6", FIRST), ("web6", "web", f"[{SIXTH}]")):
            page = f"http://{host}/"
            wait_until("it answers", lambda: get(self.lab, "client", page) == "node a")
            before = counted()
            for _ in range(5):
                self.assertEqual(get(self.lab, "client", page), "node a")
            after = counted()
            for was, now in zip(before[name], after[name]):
                self.assertGreaterEqual(now, was + 5 * 3)  # of each connection SYN, data, FIN
            self.assertLess(after[other][0], before[other][0] + 5 * 3)  # late ones at most
            seen = self.scrape()
            for direction, (packets, octets) in (("in", after[name][:2]), ("out", after[name][2:])):
                self.assertGreaterEqual(seen.one("tandem_service_packets_total", service=name,
                                                 direction=direction), packets)
                self.assertGreaterEqual(seen.one("tandem_service_bytes_total", service=name,
                                                 direction=direction), octets)

    def test_backend_down(self):
        """A backend that fails its checks is down here too, and its failures are counted."""
        self.backends["s1"].stop()
        self.addCleanup(self.backends["s1"].start)
        backend = f"{plan.cable('s1').v4}:8080"
        wait_until("s1 is down", lambda: self.scrape().one(
            "tandem_backend_state", backend=backend, state="down") == 1)
        self.assertGreater(
            self.scrape().one("tandem_backend_check_failures_total", backend=backend), 0)

    def test_nginx(self):
        """The figures of the node's own Nginx are those of its stub_status."""
        for _ in range(5):
            self.assertEqual(get(self.lab, "client", f"http://{FIRST}/"), "node a")
        before = self.scrape().one("tandem_nginx_requests_total")
        wait_until("Nginx is asked again",
                   lambda: self.scrape().one("tandem_nginx_requests_total") > before)
        text = get(self.lab, "a", "http://127.0.0.1:10080/nginx_status")
        requests = int(re.search(r"\d+ \d+ (\d+)", text).group(1))
        self.assertAlmostEqual(self.scrape().one("tandem_nginx_requests_total"), requests, delta=50)
        self.pair.nginx["a"].stop()
        self.addCleanup(self.pair.nginx["a"].start)
        wait_until("it is missed", lambda: self.scrape().one("tandem_nginx_up") == 0)
        self.assertNotIn("tandem_nginx_requests_total", self.scrape().names())

    def test_status(self):
        """/status has what tandemctl prints, and the page of the other node may read it."""
        seen = http.status(self.lab, "a")
        self.assertEqual(seen["status"]["node"], "node-a")
        self.assertEqual([r["name"] for r in seen["vrrp"]["routers"]], ["VI_1", "VI_2", "VI_6"])
        self.assertEqual([s["name"] for s in seen["services"]["services"]], ["web", "web6", "api"])
        self.assertEqual(len(seen["backends"]["backends"]), 4)
        self.assertEqual(seen["events"]["events"], self.pair.a.ask("events")["events"][-50:])
        head = http.ask(self.lab, "a", b"HEAD /status HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertNotIn(b"Access-Control-Allow-Origin", head, "there is no peer_http")

    def test_reload(self):
        """A reload that is refused is seen."""
        good = config("a")
        self.addCleanup(lambda: (self.pair.a.write(good), self.pair.a.ctl("reload")))
        self.pair.a.write(good + "\nnonsense = 1\n")
        self.assertNotEqual(self.pair.a.ctl("reload", check=False).returncode, 0)
        self.assertEqual(self.scrape().one("tandem_reload_good"), 0)
        self.assertEqual(self.scrape().one("tandem_reloads_total", result="refused"), 1)
        self.pair.a.write(good)
        self.pair.a.ctl("reload")
        self.assertEqual(self.scrape().one("tandem_reload_good"), 1)

    def test_hostile(self):
        """Garbage, huge headers, slow and silent clients by the thousand change nothing."""
        transitions = [node.transitions(name) for node in self.pair.nodes.values()
                       for name in ("VI_1", "VI_2")]
        for data in (bytes(range(256)) * 300, b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000,
                     b"\r\n" * 10_000, b"POST /status HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
                     b"GET /../../etc/passwd HTTP/1.1\r\nConnection: close\r\n\r\n"):
            self.assertNotIn(b" 200 ", http.ask(self.lab, "a", data)[:20])
        clients = []
        self.addCleanup(lambda: [client.close() for client in clients])
        for i in range(1000):
            clients.append(http.connect(self.lab, "a"))
            if i % 2:
                clients[-1].send(b"GET /metr")
        deaf = [http.connect(self.lab, "a") for _ in range(20)]
        clients += deaf
        for client in deaf:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.send(b"GET /metrics HTTP/1.1\r\n\r\n" * 50)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            self.assertEqual(traffic.who_answers(self.lab, FIRST, 4, API).total(), 4)
            self.assertEqual(self.scrape().one("tandem_vrrp_state", router="VI_1", state="active"), 1)
        self.assertEqual(
            [node.transitions(name) for node in self.pair.nodes.values()
             for name in ("VI_1", "VI_2")], transitions)
        self.assertGreater(self.scrape().one("tandem_http_connections_evicted_total"), 900)


if __name__ == "__main__":
    tap.main()
