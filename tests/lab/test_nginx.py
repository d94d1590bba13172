#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The dual-master pair and the nginx.conf that configs/ ships, with TLS on the virtual addresses.

    client --- front --- a, b: tandemd, Nginx --- back --- s1..s4: the applications
"""

import collections
import threading
import time

from tandemlab import plan, tap, traffic
from tandemlab.backends import Backend
from tandemlab.nginx import get
from tandemlab.shell import wait_until
from tandemlab.shipped import ShippedNginx, make_tls, quick
from tandemlab.tandem import Tandem

VIP = plan.VIPS[0]
NAME = "www.example.net"


class HandOff(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in plan.BACKENDS:
            Backend(cls.lab, node)
        tls = make_tls(cls.lab.directory / "tls")
        cls.certificate = tls / "tandem.crt"
        cls.nginx = {node: ShippedNginx(cls.lab, node, tls) for node in plan.GATEWAYS}
        cls.nodes = {node: Tandem(cls.lab, node, quick(f"node-{node}.toml"))
                     for node in plan.GATEWAYS}

    def setUp(self):
        self.nodes["a"].wait_for("Active", "VI_1")
        self.nodes["b"].wait_for("Active", "VI_2")

    def https(self, address, path="/"):
        """The body of an answer over TLS, whose certificate the client verifies; else None."""
        done = self.lab.exec("client", "curl", "-s", "-f", "--max-time", "2", "--noproxy", "*",
                             "--cacert", self.certificate, "--resolve", f"{NAME}:443:{address}",
                             f"https://{NAME}{path}", check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    def test_configuration(self):
        """`nginx -t` finds nothing wrong with the nginx.conf that ships."""
        status, said = self.nginx["a"].test()
        self.assertEqual(status, 0, said)
        newer = 'the "listen ... http2" directive is deprecated'  # 1.22 does not have the new one
        self.assertEqual([line for line in said.splitlines() if "warn" in line and newer not in line],
                         [])

    def test_tls_on_both(self):
        """TLS is served on both addresses, and least_conn spreads requests over the applications."""
        for address in plan.VIPS:
            answers = collections.Counter(self.https(address).split()[0] for _ in range(8))
            self.assertEqual(answers, {node: 2 for node in plan.BACKENDS})

    def test_redirect(self):
        """Plain HTTP is told to come back by TLS."""
        done = self.lab.exec("client", "curl", "-s", "-o", "/dev/null", "--noproxy", "*",
                             "-w", "%{http_code} %{redirect_url}", f"http://{VIP}/x?y=1")
        self.assertEqual(done.stdout, f"301 https://{VIP}/x?y=1")

    def test_client_address(self):
        """Nginx sees the client's own address, not one of Tandem's."""
        self.https(VIP, "/seen-by-its-log")
        self.nginx["a"].signal("reopen")  # writes what is in the log's buffer
        log = self.lab.run_dir("a") / "nginx-logs" / "access.log"
        line = wait_until("the request is in the access log", lambda: next(
            (line for line in log.read_text().splitlines() if "/seen-by-its-log" in line), None))
        self.assertEqual(line.split()[0], plan.front_v4("client"))

    def test_loopback_only(self):
        """Health and status answer on the node itself, and not to clients."""
        status = get(self.lab, "a", "http://127.0.0.1:10080/nginx_status")
        self.assertIn("Active connections", status)
        self.assertIsNone(get(self.lab, "client", f"http://{VIP}:10080/nginx_status"))

    def test_nginx_stops(self):
        """Without Nginx the check fails and the address moves; with it, it comes home."""
        self.nginx["a"].stop()
        try:
            self.nodes["b"].wait_for("Active", "VI_1")
            self.assertEqual(self.nodes["a"].priority(), 90)
            self.assertIsNotNone(self.https(VIP))
        finally:
            self.nginx["a"].start()
        self.nodes["a"].wait_for("Active", "VI_1")
        self.assertIsNotNone(self.https(VIP))

    def test_reload(self):
        """A reload of Nginx under load, a connection for each request: none fails."""
        before = self.nginx["a"].workers()
        loading = threading.Timer(0.5, self.nginx["a"].signal, ("reload",))
        loading.start()
        requests, failed, text = traffic.load(self.lab, VIP, 2, connections=8, scheme="https")
        loading.join()
        self.assertEqual(failed, 0, text)
        self.assertGreater(requests, 50)
        tap.note(f"{requests} requests over TLS, a reload among them")
        wait_until("the old workers are gone", lambda: not before & self.nginx["a"].workers())

    def session(self, *words):
        """A TLS session by openssl: what s_client printed."""
        return self.lab.exec("client", "openssl", "s_client", "-connect", f"{VIP}:443",
                             "-servername", NAME, "-CAfile", self.certificate, "-ign_eof", *words,
                             check=False, stdin="GET / HTTP/1.0\r\n\r\n").stdout

    def test_session_resumes(self):
        """A TLS session of node a is resumed at node b after a failover."""
        kept = self.lab.directory / "session"
        self.assertIn("New, TLS", self.session("-sess_out", kept))
        self.nodes["a"].ctl("failover", "VI_1")
        try:
            self.nodes["b"].wait_for("Active", "VI_1")
            self.assertIn("Reused, TLS", self.session("-sess_in", kept))
        finally:
            self.nodes["a"].ctl("failover", "--back")
        self.setUp()

    def test_drained(self):
        """After a failover a node serves nobody, and Nginx can end without anybody noticing."""
        self.nodes["a"].ctl("failover")
        try:
            self.nodes["b"].wait_for("Active", "VI_1")
            wait_until("node a's Nginx has no connection but the one that asks", lambda: (
                "Active connections: 1" in get(
                    self.lab, "a", "http://127.0.0.1:10080/nginx_status")))
            self.nginx["a"].stop()
            self.assertIsNotNone(self.https(VIP))
        finally:
            self.nginx["a"].start()
            time.sleep(0.5)  # its check has passed again
            self.nodes["a"].ctl("failover", "--back")
        self.setUp()


if __name__ == "__main__":
    tap.main()
