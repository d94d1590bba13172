#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Connections to a virtual address that Nginx's stream {} or the node itself answers: keepalived and
Nginx on their files, then Tandem on its import of both, with that Nginx.

    client, s1 (not allowed) --- front --- a: Active, Nginx --- back --- s2, s3: Nginx

Each connection ends alike: at the same backend, or refused.
"""

import collections

from tandemlab import plan, tap
from tandemlab.backends import PORT, Backend
from tandemlab.keepalived import Keepalived
from tandemlab.process import Process
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem, binary, has_address

VIP = plan.VIPS[0]
OWN = plan.front_v4("a")
SOURCE = plan.cable("a", "eth1").v4
S2, S3 = (plan.cable(node).v4 for node in ("s2", "s3"))
HOME = "/run/nginx"

KEEPALIVED = f"""
vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 110
    virtual_ipaddress {{
        {VIP}/24
    }}
}}
"""

# A real_server that is the node itself. keepalived hands it to IPVS, which the lab's kernel may not
# have; IPVS delivers such packets on the node.
SERVERS = f"""
virtual_server {VIP} 8088 {{
    delay_loop 2
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server {OWN} 8088 {{
        weight 1
    }}
}}
virtual_server {VIP} 8089 {{
    delay_loop 2
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 127.0.0.1 8089 {{
        weight 1
    }}
}}
"""

NGINX = f"""\
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
user root;
worker_processes 1;
pid {HOME}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
stream {{
    limit_conn_zone $binary_remote_addr zone=clients:1m;
    upstream both {{ server {S2}:{PORT}; server {S3}:{PORT}; }}
    server {{
        listen 5001;
        allow {plan.front_v4("client")};
        deny all;
        proxy_pass {S2}:{PORT};
    }}
    server {{ listen 5002; proxy_pass 127.0.0.1:9001; }}
    server {{ listen 5003; proxy_pass {OWN}:9002; }}
    server {{ listen 5004; proxy_pass both; }}
    server {{ listen 5005-5006; proxy_pass {S3}:{PORT}; }}
    server {{ listen 5007; proxy_bind {SOURCE}; proxy_pass {S2}:{PORT}; }}
    server {{ listen 5008; limit_conn clients 1; proxy_pass {S3}:{PORT}; }}
}}
http {{
    access_log off;
    default_type text/plain;
    client_body_temp_path {HOME}/body;
    proxy_temp_path {HOME}/proxy;
    fastcgi_temp_path {HOME}/fastcgi;
    uwsgi_temp_path {HOME}/uwsgi;
    scgi_temp_path {HOME}/scgi;
    server {{ location / {{ return 200 "by default\\n"; }} }}
    server {{ listen 127.0.0.1:9001; location / {{ return 200 "loopback\\n"; }} }}
    server {{ listen {OWN}:9002; location / {{ return 200 "own\\n"; }} }}
    server {{ listen 8088; listen 8089; location / {{ return 200 "here\\n"; }} }}
}}
"""
PORTS = (80, 5001, 5002, 5003, 5004, 5005, 5006, 5007, 5008, 8088, 8089)


class Stream(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in ("s2", "s3"):
            Backend(cls.lab, node)
        (cls.lab.run_dir("a") / "nginx" / "nginx.conf").write_text(NGINX)
        cls.nginx = Process(cls.lab, "a", "nginx", [
            "nginx", "-p", HOME, "-e", "stderr", "-c", f"{HOME}/nginx.conf"])

    def asked(self, node, port):
        """Who answers: the first word."""
        done = self.lab.exec(node, "curl", "-s", "-f", "--noproxy", "*", "--max-time", 3,
                             f"http://{VIP}:{port}/", check=False)
        return done.stdout.split()[0] if done.returncode == 0 else "nobody"

    def ends(self):
        """Where the connections of each client and port end, four of each."""
        return {(node, port): dict(collections.Counter(self.asked(node, port) for _ in range(4)))
                for node in ("client", "s1") for port in PORTS}

    def limited(self):
        """Who answers while the client holds the one connection that it may have."""
        holding = Process(self.lab, "client", "holding", [
            "/usr/bin/python3", "-c",
            f"import socket, time; held = socket.create_connection(('{VIP}', 5008)); time.sleep(60)"])
        wait_until("the connection is there", lambda: f"{VIP}:5008" in self.lab.exec(
            "client", "ss", "-Htn", "state", "established").stdout)
        try:
            return self.asked("client", 5008)
        finally:
            holding.kill()

    def play(self, keepalived_conf, forwarded):
        """`forwarded`: ports whose connections do not pass Nginx any more."""
        keepalived = Keepalived(self.lab, "a", heading=keepalived_conf)
        keepalived.wait_for("MASTER")
        wait_until("Nginx answers", lambda: self.asked("client", 80) == "by")
        before, before_limited = self.ends(), self.limited()
        self.assertEqual(before["client", 5001], {"s2": 4})
        self.assertEqual(before["s1", 5001], {"nobody": 4})
        self.assertEqual(before_limited, "nobody")
        keepalived.stop()
        wait_until("the address is gone", lambda: not has_address(self.lab, "a", VIP))

        directory = self.lab.run_dir("a") / "keepalived"
        (directory / "keepalived.conf").write_text(keepalived_conf + SERVERS)
        done = self.lab.exec("a", binary("tandemctl"), "import", "/run/keepalived/keepalived.conf",
                             "--nginx", f"{HOME}/nginx.conf", check=False)
        self.assertIn(done.returncode, (0, 4), done.stderr)
        tandem = Tandem(self.lab, "a", done.stdout)
        try:
            tandem.wait_for("Active")
            services = tandem.ask("services")["services"]
            self.assertEqual({service["port"] for service in services}, set(PORTS))
            self.assertEqual({service["port"] for service in services
                              if service["forward"] != "local"}, forwarded)
            for port in forwarded:
                wait_until(f"a backend is up behind {port}",
                           lambda: self.asked("client", port) != "nobody", timeout=20)
            self.assertEqual((self.ends(), self.limited()), (before, before_limited))
        finally:
            tandem.stop()

    def test_stream(self):
        """What Nginx refuses, sends to itself or spreads ends where it did"""
        self.play(KEEPALIVED, {5007})

    def test_source(self):
        """The same where a source is known, and Tandem passes on what it can without Nginx"""
        self.play(KEEPALIVED.replace("    virtual_ip", f"    mcast_src_ip {OWN}\n    virtual_ip"),
                  {5004, 5005, 5006, 5007})


if __name__ == "__main__":
    tap.main()
