# SPDX-License-Identifier: Apache-2.0
"""What forwards to backends on node a: Tandem in each mode, nftables, Nginx `stream`.

Each serves TCP and UDP of port 80 of one address; start() and stop() leave nothing else changed.
"""

import dataclasses

from tandemlab import configs, plan, services
from tandemlab.backends import PORT
from tandemlab.process import Process
from tandemlab.tandem import Tandem

FLOWS = 8_000_000  # that Tandem has room for
FLOW_PAGES = 150  # huge ones, for as many and for packets
MODES = ("dsr", "nat", "fullnat", "tunnel")


@dataclasses.dataclass(frozen=True)
class Wiring:
    """Between which devices of node a, and from which address to which backends."""

    address: str
    bits: int
    devices: tuple  # the client's, the backends'
    backends: tuple
    sources: tuple  # of fullnat


# The lab's own, over bridges. Eight sources, so that no port comes again while a backend remembers
# its last connection.
LAB = Wiring(plan.VIPS[0], 24, ("eth0", "eth1"), tuple(services.BACKENDS4),
             (services.SOURCE4, *(f"198.51.100.{host}" for host in range(231, 238))))

NFTABLES = """
table ip tandem_bench {{
  chain prerouting {{
    type nat hook prerouting priority -100
    ip daddr {vip} meta l4proto {{ tcp, udp }} th dport 80 \\
      dnat ip to numgen inc mod 4 map {{ {map} }}
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
    server {{ listen {vip}:80 udp reuseport; proxy_pass backends; }}
}}
"""


class Tandems:
    """Tandem with one service for each protocol, in this mode."""

    def __init__(self, lab, wiring, mode, engine="xdp"):
        self.lab, self.wiring, self.mode, self.engine = lab, wiring, mode, engine

    def start(self):
        w, more = self.wiring, ""
        if self.mode == "fullnat":
            more = "sources = [" + ", ".join(f'"{source}"' for source in w.sources) + "]"
            for source in w.sources[1:]:
                self.lab.exec("a", "ip", "address", "replace", f"{source}/{w.bits}",
                              "dev", w.devices[1])
        self.tandem = Tandem(
            self.lab, "a", configs.node("a", w.devices, engine=self.engine)
            + f"[flows]\nsize = {FLOWS}\nnew_per_second = 10000000\n"
            + configs.vrrp("VI_1", 51, 150, f"{w.address}/{w.bits}", interface=w.devices[0])
            + "".join(services.service(protocol, w.address, self.mode, protocol=protocol,
                                       backends=w.backends, more=more)
                      for protocol in ("tcp", "udp")))
        self.tandem.wait_for("Active")

    def stop(self):
        self.tandem.stop()


class WithAddress:
    """What runs on the node itself; the address is the kernel's."""

    def __init__(self, lab, wiring):
        self.lab, self.wiring = lab, wiring

    def _address(self, what):
        self.lab.exec("a", "ip", "address", what, f"{self.wiring.address}/{self.wiring.bits}",
                      "dev", self.wiring.devices[0])

    def start(self):
        self._address("add")
        self.lab.exec("a", "arping", "-q", "-U", "-c", "2", "-w", "1", "-I",
                      self.wiring.devices[0], self.wiring.address, check=False)

    def stop(self):
        self._address("del")


class Nftables(WithAddress):
    def start(self):
        super().start()
        listed = ", ".join(f"{i} : {address} . {PORT}"
                           for i, address in enumerate(self.wiring.backends))
        rules = NFTABLES.format(vip=self.wiring.address, map=listed)
        self.lab.exec("a", "nft", "-f", "-", stdin=rules)

    def stop(self):
        self.lab.exec("a", "nft", "delete", "table", "ip", "tandem_bench")
        super().stop()


class Stream(WithAddress):
    def start(self):
        super().start()
        servers = " ".join(f"server {address}:{PORT};" for address in self.wiring.backends)
        file = self.lab.run_dir("a") / "nginx" / "stream.conf"
        file.write_text(STREAM.format(vip=self.wiring.address, servers=servers))
        self.process = Process(self.lab, "a", "stream", [
            "nginx", "-p", "/run/nginx", "-e", "stderr", "-c", "/run/nginx/stream.conf"])

    def stop(self):
        self.process.stop()
        super().stop()


def all_of(lab, wiring):
    """By name, in the order in which they take turns."""
    subjects = {f"tandem/{mode}": Tandems(lab, wiring, mode) for mode in MODES}
    return subjects | {"nftables": Nftables(lab, wiring), "nginx-stream": Stream(lab, wiring)}
