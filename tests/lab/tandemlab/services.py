# SPDX-License-Identifier: Apache-2.0
"""[[service]] blocks for the backends on s1..s4, and what those need besides: virtual addresses
of their own and tunnels' ends."""

import pathlib

from . import plan
from .backends import PORT
from .process import Process
from .shell import wait_until

BACKENDS4 = [plan.cable(node).v4 for node in plan.BACKENDS]
BACKENDS6 = [plan.cable(node).v6 for node in plan.BACKENDS]
SOURCE4, SOURCE6 = plan.cable("a", "eth1").v4, plan.cable("a", "eth1").v6


def service(name, address, forward, port=80, protocol="tcp", backends=None, backend_port=None,
            weights=None, more=""):
    """One service. `more`: further lines of TOML."""
    if backends is None:
        backends = BACKENDS6 if ":" in address else BACKENDS4
    if backend_port is None:
        backend_port = PORT if forward in ("nat", "fullnat") else port
    if forward == "fullnat" and "sources" not in more:
        more += f'\nsources = ["{SOURCE6 if ":" in address else SOURCE4}"]'
    listed = "\n".join(
        f'  {{ address = "{backend}", port = {backend_port}, '
        f'weight = {weights[i] if weights else 1} }},' for i, backend in enumerate(backends))
    return f"""
[[service]]
name = "{name}"
address = "{address}"
protocol = "{protocol}"
port = {port}
forward = "{forward}"
{more}
backends = [
{listed}
]
"""


def take_virtual_addresses(lab, *addresses, nodes=plan.BACKENDS):
    """Backends take the addresses as their own, and tell nobody (dsr and tunnel)."""
    for node in nodes:
        for address in addresses:
            lab.exec(node, "ip", "address", "replace", address, "dev", "lo")


class TunnelEnds:
    """What comes to the backends in tunnels is unpacked."""

    def __init__(self, lab, nodes=plan.BACKENDS):
        program = pathlib.Path(__file__).with_name("tunnel_end.py")
        self.ends = []
        for node in nodes:
            self.ends.append(Process(lab, node, "tunnel", ["/usr/bin/python3", program]))
        for node in nodes:
            wait_until(f"the tunnel's end on {node} is up",
                       lambda: "UP" in lab.exec(node, "ip", "link", "show", "inside").stdout)

    def stop(self):
        for end in self.ends:
            end.kill()
