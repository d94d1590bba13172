# SPDX-License-Identifier: Apache-2.0
"""Configuration files for the lab's nodes, put together from blocks of TOML."""

import os

# "xdp" or "dpdk": what the nodes of the lab run.
ENGINE = os.environ.get("TANDEM_ENGINE", "xdp")
# "af_packet": the nodes' ports are DPDK's own; their devices are called wire0, wire1, and what has
# the devices' addresses are TAP devices (topology.py).
PORT = os.environ.get("TANDEM_PORT", "")

# Each of the lab's nodes has one worker, which gives its CPU away whenever it can.
DPDK = """engine = "dpdk"

[dpdk]
memory_mb = 64
huge_pages = "/run/huge"
"""
DPDK_PAGES = 2 * (64 + 48) // 2  # for buffers and flow tables of two nodes, of 2 MB each

NGINX_CHECK = """
[[check]]
name = "nginx"
http = "http://127.0.0.1:10080/health"
interval = "{interval}"
timeout = "200ms"
fall = 3
rise = 2
"""


def head(name, engine=None):
    """[node], and what its engine needs."""
    return f'[node]\nname = "node-{name}"\n' + (DPDK if (engine or ENGINE) == "dpdk" else "")


def wire(interface):
    """The device behind an interface of a node."""
    return interface.replace("eth", "wire") if PORT else interface


def interface(name, more="", device=None):
    """`device`: to be named where it would be found anyway."""
    text = f'\n[[interface]]\nname = "{name}"\n'
    if PORT:
        text += f'driver = "{PORT}"\n'
    if PORT or device:
        text += f'device = "{wire(device or name)}"\n'
    return text + more


def node(name, interfaces=("eth0",), xdp_mode="auto", engine=None):
    return head(name, engine) + "".join(interface(i, f'xdp_mode = "{xdp_mode}"\n')
                                        for i in interfaces)


def nginx_check(interval="500ms"):
    return NGINX_CHECK.format(interval=interval)


def vrrp(name, vrid, priority, *addresses, interval="100ms", version=3, interface="eth0",
         more=""):
    """One virtual router. `more`: further lines of TOML."""
    listed = ", ".join(f'{{ address = "{address}" }}' for address in addresses)
    return f"""
[[vrrp]]
name = "{name}"
interface = "{interface}"
vrid = {vrid}
version = {version}
priority = {priority}
advert_interval = "{interval}"
addresses = [{listed}]
{more}
"""


def web_service(name, address):
    """HTTP on a virtual address goes to the node's own Nginx."""
    return f"""
[[service]]
name = "{name}"
address = "{address}"
protocol = "tcp"
port = 80
forward = "local"
"""


def dual_master(name, interval="100ms", check_interval="500ms", check=True, more=""):
    """The pair the whole project is about: each node is at home for one of two addresses.

    VI_1 192.0.2.100 prefers node a, VI_2 192.0.2.101 prefers node b. A failing Nginx takes 60
    from the priority, which brings the 150 of the preferred node below the other's 100.
    """
    first, second = (150, 100) if name == "a" else (100, 150)
    more_lines = more
    if check:
        more_lines += '\ntrack = [{ check = "nginx", weight = -60 }]'
    return (node(name)
            + (nginx_check(check_interval) if check else "")
            + vrrp("VI_1", 51, first, "192.0.2.100/24", interval=interval, more=more_lines)
            + vrrp("VI_2", 52, second, "192.0.2.101/24", interval=interval, more=more_lines)
            + web_service("web-1", "192.0.2.100")
            + web_service("web-2", "192.0.2.101"))
