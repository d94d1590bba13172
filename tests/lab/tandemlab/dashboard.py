# SPDX-License-Identifier: Apache-2.0
"""A pair whose pages are looked at: HTTP on the front addresses, services with and without backends,
one of them with 1,000."""

from . import configs, plan, services

PORT = 8080        # of the service "api"
HTTP = 9105
FLEET = 1000


def url(node):
    return f"http://{plan.front_v4(node)}:{HTTP}/"


def fleet_service():
    """UDP, so that a datagram is a flow. Two of its backends nobody answers for."""
    hosts = [plan.cable(node).v4 for node in plan.BACKENDS]
    listed = "\n".join(
        f'  {{ address = "{"198.51.100.99" if number in (40, 41) else hosts[number % 4]}", '
        f'port = {8000 + number}, weight = {60 + number * 7 % 41} }},' for number in range(FLEET))
    return f"""
[[service]]
name = "fleet"
address = "{plan.VIPS[0]}"
protocol = "udp"
port = 443
forward = "nat"
backends = [
{listed}
]
"""


def config(name, fleet=False):
    other = "b" if name == "a" else "a"
    text = configs.dual_master(name).replace("[node]\n", f"""[node]
http = "{plan.front_v4(name)}:{HTTP}"
peer_http = "{url(other).rstrip("/")}"
""", 1).replace("\n[[interface]]", '\n[[interface]]\nname = "eth1"\n\n[[interface]]', 1)
    text += services.service("api", plan.VIPS[0], "nat", PORT, weights=[100, 100, 100, 200])
    text += services.service("dns", plan.VIPS[1], "nat", 53, "udp", backend_port=53)
    return text + (fleet_service() if fleet else "")
