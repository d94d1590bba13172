# SPDX-License-Identifier: Apache-2.0
"""Who answers for an address: ARP and IPv6 neighbour solicitations, asked by hand."""

import socket
import struct
import time

from . import plan
from .wire import Capture, Stream


def arp_request(address, node="client"):
    """A broadcast "who has `address`?" from a node."""
    me = plan.cable(node)
    mac = bytes.fromhex(me.mac.replace(":", ""))
    return b"\xff" * 6 + mac + struct.pack(
        "!HHHBBH6s4s6s4s", 0x0806, 1, 0x0800, 6, 4, 1,
        mac, socket.inet_aton(me.v4), bytes(6), socket.inet_aton(address))


def neighbour_solicitation(address, node="client"):
    """The IPv6 question, to the solicited-node group (RFC 4861, 4.3)."""
    me = plan.cable(node)
    mac = bytes.fromhex(me.mac.replace(":", ""))
    target = socket.inet_pton(socket.AF_INET6, address)
    source = socket.inet_pton(socket.AF_INET6, me.v6)
    group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + target[13:]
    body = struct.pack("!BBHI16sBB6s", 135, 0, 0, 0, target, 1, 1, mac)
    pseudo = source + group + struct.pack("!II", len(body), 58) + body
    total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
    total = (total & 0xFFFF) + (total >> 16)
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    body = body[:2] + struct.pack("!H", total) + body[4:]
    header = struct.pack("!IHBB16s16s", 6 << 28, len(body), 58, 255, source, group)
    return b"\x33\x33" + group[12:] + mac + b"\x86\xdd" + header + body


class NeighbourWatch:
    """Asks who has an address, `rate` times a second, and notes every answer with MAC and time."""

    def __init__(self, lab, address, rate=200, node="client"):
        make = neighbour_solicitation if ":" in address else arp_request
        self._capture = Capture(lab, node,
                                wanted=lambda frame: frame.is_neighbour_answer_for(address))
        self._questions = Stream(lab, make(address, node), rate, node)

    def close(self):
        """Ends it and gives the answers as [(time.monotonic(), the MAC told)]."""
        self._questions.close()
        time.sleep(0.1)
        frames = self._capture.close()
        return [(frame.at, frame.answered_mac) for frame in frames]


def who_has(lab, address, seconds=0.5, rate=50):
    """The MACs that answer for an address within a while."""
    watch = NeighbourWatch(lab, address, rate)
    time.sleep(seconds)
    return {mac for _, mac in watch.close()}
