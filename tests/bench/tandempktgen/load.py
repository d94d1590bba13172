# SPDX-License-Identifier: Apache-2.0
"""What is to be sent: so many frames a second of so many flows, to one address and port.

Sizes are those of frames as they are on the wire, with their FCS of 4 bytes: 64 is the shortest, as
in RFC 2544. What else a frame takes there are 20 bytes of preamble and gap.
"""

import dataclasses
import ipaddress
import re

from tandemlab.shell import LabError

KINDS = ("udp", "syn", "mixed")
FCS = 4
GAP = 20  # of a frame on the wire: preamble, start, and 12 bytes of nothing
SHORTEST, LONGEST = 64, 1518
# The simple IMIX: of 12 frames 7, 4 and 1 of these sizes. In an order in which no size clusters.
IMIX = (64, 594, 64, 64, 594, 64, 594, 64, 64, 594, 64, 1518)
FIRST_PORT, PORTS = 1024, 60000  # of a client
SHORTEST_NETWORK = 8  # bits
PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.I)

MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.I)


@dataclasses.dataclass(frozen=True)
class Load:
    interface: str  # or the address of a PCI device that DPDK has
    address: str
    port: int
    kind: str = "udp"
    flows: int = 1000  # not of syn: each begins one
    sizes: tuple = (SHORTEST,)  # in turn
    rate: int = 0  # frames a second; 0: as many as can be
    seconds: float = 10
    network: ipaddress.IPv4Network = ipaddress.ip_network("203.0.113.0/24")
    mac: str = ""  # of the next hop
    source_mac: str = ""
    cpus: tuple = ()  # that make it; none: any one

    @property
    def is_pci(self):
        return bool(PCI.fullmatch(self.interface))

    @property
    def is_mixed_size(self):
        return len(set(self.sizes)) > 1

    @property
    def size(self):
        """As it is asked for and told."""
        return "imix" if self.sizes == IMIX else self.sizes[0]

    def to(self, mac, source_mac):
        for option, address in (("mac", mac), ("source-mac", source_mac)):
            if not MAC.fullmatch(address):
                raise LabError(f"--{option} {address}: expected a MAC address such as "
                               "02:00:00:00:00:01")
        return dataclasses.replace(self, mac=mac, source_mac=source_mac)


def sizes_of(text):
    """The sizes that --size stands for."""
    if text == "imix":
        return IMIX
    if not text.isdigit() or not SHORTEST <= int(text) <= LONGEST:
        raise LabError(f"--size {text}: expected {SHORTEST} to {LONGEST} bytes, FCS included, or imix")
    return (int(text),)


def network_of(text):
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or network.version != 4 or network.prefixlen < SHORTEST_NETWORK:
        raise LabError(f"--network {text}: expected an IPv4 network such as 203.0.113.0/24, of "
                       f"{SHORTEST_NETWORK} to 32 bits")
    return network


def target_of(text):
    """Address and port."""
    address, _, port = text.rpartition(":")
    try:
        if ipaddress.ip_address(address).version == 4 and 0 < int(port) < 65536:
            return address, int(port)
    except ValueError:
        pass
    raise LabError(f"{text}: expected ADDRESS:PORT of IPv4, such as 192.0.2.100:80")


def cpus_of(text):
    if not text:
        return ()
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise LabError(f"--cpus {text}: expected numbers, such as 2,3")
    return tuple(int(word) for word in text.split(","))


def check(load):
    """Refuses what nobody can send."""
    most = PORTS * load.network.num_addresses
    if load.kind != "syn" and not 1 <= load.flows <= most:
        raise LabError(f"--flows {load.flows}: expected 1 to {most:,} with {load.network}, {PORTS:,} "
                       "for each address of the clients' network")
    if load.rate < 0:
        raise LabError(f"--rate {load.rate}: expected frames a second, or 0 for as many as can be")
    if load.seconds <= 0:
        raise LabError(f"--seconds {load.seconds:g}: expected more than 0")
    return load


def line_rate(sizes, bits_per_second=10_000_000_000):
    """Frames a second that a wire has room for."""
    return bits_per_second / (8 * (sum(sizes) / len(sizes) + GAP))
