# SPDX-License-Identifier: Apache-2.0
"""Backends on s1..s4, each answering with its own name: Nginx on ports 80 and 8080, a UDP echo on
ports 53 and 8080.

    GET /      "s1 ADDRESS PORT" of the caller
    GET /big   a mebibyte

Run as a program, this file is one such UDP echo: `backends.py NAME`.
"""

import pathlib
import selectors
import socket
import struct
import sys

PORT = 8080  # where the port of nat and fullnat backends differs from the service's
DNS = 53
BIG = 1 << 20

NGINX = """\
daemon off;
user root;
worker_processes 1;
pid {home}/nginx.pid;
error_log stderr;
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    default_type text/plain;
    keepalive_timeout 600s;
    keepalive_requests 1000000;
    client_max_body_size 16m;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server {{
        listen 80;
        listen [::]:80;
        listen 8080;
        listen [::]:8080;
        root {home};
        location = / {{ return 200 "{node} $remote_addr $remote_port\\n"; }}
        location = /big {{ }}
    }}
}}
"""


def echo(name):
    """Answers each datagram from the address that it was sent to, which a tunnel's end needs."""
    selector = selectors.DefaultSelector()
    for family, level, option, wanted in (
            (socket.AF_INET, socket.IPPROTO_IP, 8, socket.IPPROTO_IP),  # IP_PKTINFO
            (socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, socket.IPPROTO_IPV6)):
        for port in (DNS, PORT):
            opened = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                opened.setsockopt(level, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(level, option, 1)
            opened.bind(("", port))
            selector.register(opened, selectors.EVENT_READ, wanted)
    while True:
        for key, _ in selector.select():
            data, control, _, caller = key.fileobj.recvmsg(65535, 256)
            answer_from = []
            for level, kind, info in control:
                if level == socket.IPPROTO_IP:  # in_pktinfo: interface, local address, destination
                    answer_from = [(level, kind, struct.pack("i4s4x", 0, info[8:12]))]
                elif level == socket.IPPROTO_IPV6:
                    answer_from = [(level, kind, info[:16] + bytes(4))]
            key.fileobj.sendmsg([name.encode(), b" ", data], answer_from, 0, caller)


class Backend:
    """Starts both on a node of the lab."""

    def __init__(self, lab, node):
        self.lab, self.node = lab, node
        self.home = pathlib.Path(lab.directory) / node
        self.home.mkdir(exist_ok=True)
        (self.home / "nginx.conf").write_text(NGINX.format(home=self.home, node=node))
        (self.home / "big").write_bytes(bytes(BIG))
        self.start()

    def start(self):
        from .nginx import get
        from .process import Process
        from .shell import wait_until

        self.nginx = Process(self.lab, self.node, "nginx", [
            "nginx", "-p", self.home, "-e", "stderr", "-c", self.home / "nginx.conf"])
        self.echo = Process(self.lab, self.node, "echo",
                            ["/usr/bin/python3", __file__, self.node])
        wait_until(f"the backend on {self.node} answers",
                   lambda: get(self.lab, self.node, f"http://127.0.0.1:{PORT}/"))

    def stop(self):
        self.nginx.stop()
        self.echo.kill()


if __name__ == "__main__":
    echo(sys.argv[1])
