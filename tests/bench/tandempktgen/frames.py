# SPDX-License-Identifier: Apache-2.0
"""The frames of a load, one after the other, and a capture file of them."""

import ipaddress
import itertools
import random
import socket
import struct

from . import load as loads

SYN, ACK = 0x02, 0x10
SYNS = 10  # of mixed: one in so many
MOST_CLIENTS = 20_000  # of SYNs, before they come round again
PCAP_HEADER = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)


def checksum(data):
    """RFC 1071; data of an even length."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def frame(load, flow, size, flags):
    """One of a flow; `flags` of TCP, or None for a datagram. `size` as on the wire, but the FCS is
    for the card to put there."""
    hosts = load.network.num_addresses
    source = (load.network.network_address + flow % hosts).packed
    ports = struct.pack("!HH", loads.FIRST_PORT + flow // hosts % loads.PORTS, load.port)
    target = ipaddress.ip_address(load.address).packed
    length = size - loads.FCS - 14
    protocol = socket.IPPROTO_UDP if flags is None else socket.IPPROTO_TCP
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, protocol, 0, source, target)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    if flags is None:
        l4 = ports + struct.pack("!HH", length - 20, 0)  # without a checksum
    else:
        l4 = ports + struct.pack("!IIBBHHH", 0, 0, 5 << 4, flags, 0xff00, 0, 0)
        pseudo = source + target + struct.pack("!HH", protocol, length - 20)
        l4 = l4[:16] + struct.pack("!H", checksum(pseudo + l4)) + l4[18:]  # what follows is 0
    macs = bytes.fromhex((load.mac + load.source_mac).replace(":", ""))
    return (macs + b"\x08\x00" + ip + l4).ljust(size - loads.FCS, b"\0")


def count(load):
    """So many, until all flows, sizes and kinds have had their turn."""
    if load.kind == "syn":
        flows = min(load.network.num_addresses * loads.PORTS, MOST_CLIENTS)
    else:
        flows = load.flows
    turns = len(load.sizes) * (SYNS if load.kind == "mixed" else 1)
    return -(-flows // turns) * turns


def frames(load):
    """All of them, in an order of flows that is random, and the same each time."""
    total = count(load)
    order = [i % (total if load.kind == "syn" else load.flows) for i in range(total)]
    random.Random(1).shuffle(order)
    sizes = itertools.cycle(load.sizes)
    for i, flow in enumerate(order):
        flags = {"udp": None, "syn": SYN, "mixed": ACK if i % SYNS else SYN}[load.kind]
        yield frame(load, flow, next(sizes), flags)


def write_capture(path, load):
    with open(path, "wb") as file:
        file.write(PCAP_HEADER)
        for data in frames(load):
            file.write(struct.pack("<IIII", 0, 0, len(data), len(data)) + data)
