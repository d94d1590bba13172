# SPDX-License-Identifier: Apache-2.0
"""Who is plugged in where, under which addresses. Documentation ranges only (RFC 5737, RFC 3849)."""

import dataclasses

NODES = ("client", "switch", "a", "b", "s1", "s2", "s3", "s4", "router", "far")
GATEWAYS = ("a", "b")
ROUTERS = GATEWAYS + ("router",)
BACKENDS = ("s1", "s2", "s3", "s4")


@dataclasses.dataclass(frozen=True)
class Network:
    name: str  # also the name of its bridge in the switch
    v4: str  # all but the last octet
    v6: str  # all but the host number
    number: int  # in the MAC addresses


FRONT = Network("front", "192.0.2.", "2001:db8:1::", 1)
BACK = Network("back", "198.51.100.", "2001:db8:2::", 2)
FAR = Network("far", "203.0.113.", "2001:db8:3::", 3)
NETWORKS = (FRONT, BACK, FAR)


@dataclasses.dataclass(frozen=True)
class Cable:
    """A veth pair from a device of a node to a port of the switch."""

    node: str
    device: str
    network: Network
    host: int

    @property
    def port(self):
        return f"{self.network.name}-{self.node}"

    @property
    def mac(self):
        return f"02:00:00:00:{self.network.number:02x}:{self.host:02x}"

    @property
    def v4(self):
        return f"{self.network.v4}{self.host}"

    @property
    def v6(self):  # the host number is written with the same digits as in IPv4
        return f"{self.network.v6}{self.host}"


CABLES = (
    Cable("client", "eth0", FRONT, 10),
    Cable("a", "eth0", FRONT, 2),
    Cable("b", "eth0", FRONT, 3),
    Cable("a", "eth1", BACK, 2),
    Cable("b", "eth1", BACK, 3),
    Cable("s1", "eth0", BACK, 21),
    Cable("s2", "eth0", BACK, 22),
    Cable("s3", "eth0", BACK, 23),
    Cable("s4", "eth0", BACK, 24),
    Cable("s1", "eth1", FRONT, 21),
    Cable("s2", "eth1", FRONT, 22),
    Cable("s3", "eth1", FRONT, 23),
    Cable("s4", "eth1", FRONT, 24),
    Cable("router", "eth0", FRONT, 1),
    Cable("router", "eth1", FAR, 1),
    Cable("far", "eth0", FAR, 10),
)


def cable(node, device="eth0"):
    return next(c for c in CABLES if (c.node, c.device) == (node, device))


def front_v4(node):
    return cable(node).v4


def front_mac(node):
    return cable(node).mac


def link_local(node, device="eth0"):
    """The link-local address that the kernel derives from the device's MAC (modified EUI-64)."""
    octets = [int(part, 16) for part in cable(node, device).mac.split(":")]
    octets[0] ^= 2
    high, low = octets[:3] + [0xFF], [0xFE] + octets[3:]
    eui = high + low
    groups = [f"{eui[i] << 8 | eui[i + 1]:x}" for i in range(0, 8, 2)]
    return "fe80::" + ":".join(groups)


# Virtual addresses: the first is at home on node a, the second on node b.
VIPS = ("192.0.2.100", "192.0.2.101")
VIPS6 = ("2001:db8:1::100", "2001:db8:1::101")
