# SPDX-License-Identifier: Apache-2.0
"""Reads pcapng files (draft-ietf-opsawg-pcapng); scapy's reader knows no comments but its own."""

import struct

from scapy.all import Ether

INTERFACE, PACKET = 1, 6
COMMENT, NAME = 1, 2


def options(data):
    """{code: value} of a block's options."""
    found = {}
    while len(data) >= 4:
        code, length = struct.unpack_from("=HH", data)
        if code == 0:
            break
        found[code] = data[4:4 + length]
        data = data[4 + (length + 3) // 4 * 4:]
    return found


def read(path):
    """[(device, comment, packet)] in the order of the file."""
    data, packets, devices = path.read_bytes(), [], []
    while data:
        kind, length = struct.unpack_from("=II", data)
        body, (again,) = data[8:length - 4], struct.unpack_from("=I", data, length - 4)
        if again != length:
            raise ValueError(f"{path}: a block says {length} bytes before and {again} behind")
        if kind == INTERFACE:
            devices.append(options(body[8:])[NAME].decode())
        elif kind == PACKET:
            interface, _, _, captured, _ = struct.unpack_from("=5I", body)
            more = options(body[20 + (captured + 3) // 4 * 4:])
            packets.append((devices[interface], more[COMMENT].decode(),
                            Ether(body[20:20 + captured])))
        data = data[length:]
    return packets
