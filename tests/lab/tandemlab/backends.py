# SPDX-License-Identifier: Apache-2.0
"""Backends on s1..s4: HTTP and UDP on port 8080, each answering with its name and the caller.

Run as a program, this file is one such backend: `backends.py NAME`.
"""

import http.server
import socket
import socketserver
import sys
import threading

PORT = 8080


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open, as a load balancer's users do
    name = "?"

    def do_GET(self):
        host, port = self.client_address[:2]
        body = f"{self.name} {host.removeprefix('::ffff:')} {port}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        data, connection = self.request
        connection.sendto(Page.name.encode() + b" " + data, self.client_address)


class HttpServer(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6  # and IPv4, mapped
    daemon_threads = True


class UdpServer(socketserver.UDPServer):
    address_family = socket.AF_INET6


def serve(name):
    Page.name = name
    udp = UdpServer(("::", PORT), Echo)
    threading.Thread(target=udp.serve_forever, daemon=True).start()
    HttpServer(("::", PORT), Page).serve_forever()


class Backend:
    """Starts such a backend on a node of the lab."""

    def __init__(self, lab, node):
        from .nginx import get
        from .process import Process
        from .shell import wait_until

        self.process = Process(lab, node, "backend", ["/usr/bin/python3", __file__, node])
        wait_until(f"backend on {node} answers",
                   lambda: get(lab, node, f"http://127.0.0.1:{PORT}/"))

    def stop(self):
        self.process.kill()


if __name__ == "__main__":
    serve(sys.argv[1])
