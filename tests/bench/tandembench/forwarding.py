# SPDX-License-Identifier: Apache-2.0
"""e2e/requests: HTTP requests a second through node a, each on a connection of its own.

wrk on the client, four backends with Nginx. In each round Tandem's modes, nftables DNAT and Nginx
`stream` on the same node take turns; between them nothing else changes. Client, gateway, backends
and the bridge between them share the machine's processors: what is left for the gateway's own work
is a part of it, and so ratios are smaller than they would be on machines of their own.
"""

import time

from tandemlab import configs, plan, services, traffic
from tandemlab.backends import PORT, Backend
from tandemlab.process import Process
from tandemlab.shell import LabError, wait_until
from tandemlab.tandem import Tandem

from .rows import row

ROUNDS = 5
SECONDS = 2
CONNECTIONS = 32
VIP = plan.VIPS[0]
MODES = ("dsr", "nat", "fullnat", "tunnel")

NFTABLES = """
table ip tandem_bench {{
  chain prerouting {{
    type nat hook prerouting priority -100
    ip daddr {vip} tcp dport 80 dnat ip to numgen inc mod 4 map {{ {map} }}
  }}
}}
"""
STREAM = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
user root;
worker_processes auto;
pid /run/nginx/stream.pid;
error_log stderr;
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
stream {{
    upstream backends {{ least_conn; {servers} }}
    server {{ listen {vip}:80 reuseport backlog=4096; proxy_pass backends; }}
}}
"""


class Tandems:
    """Tandem with one service, in this mode."""

    def __init__(self, lab, mode):
        self.lab, self.mode = lab, mode

    def start(self):
        self.tandem = Tandem(self.lab, "a", configs.node("a", ("eth0", "eth1"))
                             + configs.vrrp("VI_1", 51, 150, f"{VIP}/24")
                             + services.service("web", VIP, self.mode))
        self.tandem.wait_for("Active")

    def stop(self):
        self.tandem.stop()


class WithAddress:
    """What runs on the node itself; the address is the kernel's."""

    def __init__(self, lab):
        self.lab = lab

    def start(self):
        self.lab.exec("a", "ip", "address", "add", f"{VIP}/24", "dev", "eth0")
        self.lab.exec("a", "arping", "-q", "-U", "-c", "2", "-w", "1", "-I", "eth0", VIP,
                      check=False)

    def stop(self):
        self.lab.exec("a", "ip", "address", "del", f"{VIP}/24", "dev", "eth0")


class Nftables(WithAddress):
    def start(self):
        super().start()
        listed = ", ".join(f"{i} : {address} . {PORT}"
                           for i, address in enumerate(services.BACKENDS4))
        rules = NFTABLES.format(vip=VIP, map=listed)
        self.lab.exec("a", "nft", "-f", "-", stdin=rules)

    def stop(self):
        self.lab.exec("a", "nft", "delete", "table", "ip", "tandem_bench")
        super().stop()


class Stream(WithAddress):
    def start(self):
        super().start()
        servers = " ".join(f"server {address}:{PORT};" for address in services.BACKENDS4)
        file = self.lab.run_dir("a") / "nginx" / "stream.conf"
        file.write_text(STREAM.format(vip=VIP, servers=servers))
        self.process = Process(self.lab, "a", "stream", [
            "nginx", "-p", "/run/nginx", "-e", "stderr", "-c", "/run/nginx/stream.conf"])

    def stop(self):
        self.process.stop()
        super().stop()


def measure(options, lab):
    for node in plan.BACKENDS:
        Backend(lab, node)
    ends = services.TunnelEnds(lab)
    subjects = {f"tandem/{mode}": Tandems(lab, mode) for mode in MODES}
    subjects |= {"nftables": Nftables(lab), "nginx-stream": Stream(lab)}
    rates = {name: [] for name in subjects}
    for _ in range(options.rounds or ROUNDS):
        for name, subject in subjects.items():
            rates[name].append(requests_a_second(lab, name, subject))
    ends.stop()
    rows = [row(f"e2e/requests/{name}", rates[f"tandem/{name}"], "1/s", rates[reference],
                reference)
            for name in MODES for reference in ("nftables", "nginx-stream")]
    return rows + [row(f"e2e/requests/{name}", rates[name], "1/s")
                   for name in ("nftables", "nginx-stream")]


def requests_a_second(lab, name, subject):
    direct = name.endswith(("dsr", "tunnel"))
    for node in plan.BACKENDS:  # who has the address for dsr must not have it for nat
        lab.exec(node, "ip", "address", "replace" if direct else "del", f"{VIP}/32", "dev", "lo",
                 check=direct)
    subject.start()
    try:
        wait_until(f"{name} forwards", lambda: traffic.must_answer(lab, VIP))
        time.sleep(0.2)
        requests, failed, said = traffic.load(lab, VIP, SECONDS, CONNECTIONS)
        if failed:
            raise LabError(f"{name}: {failed} of {requests} requests failed:\n{said}")
        return requests / SECONDS
    finally:
        subject.stop()
