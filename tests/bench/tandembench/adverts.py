# SPDX-License-Identifier: Apache-2.0
"""Adverts as they arrive at a third host on the front network, with the kernel's time stamps.

The third host, because XDP takes the peer's adverts before a capture on the peer could see them.
The socket is only read at the end of a measurement: until then the kernel keeps the frames, so the
capture needs no processor and a late reader spoils no time.
"""

import collections
import dataclasses
import socket
import struct

from tandemlab import wire
from tandemlab.shell import LabError

ETH_P_ALL = 3
BUFFER_BYTES = 256 << 20
SOL_PACKET, PACKET_STATISTICS = 263, 6


@dataclasses.dataclass(frozen=True)
class Advert:
    at: float  # seconds of the kernel's clock
    sender: str  # MAC
    router: tuple  # (4 or 6, VRID)
    priority: int


class Capture:
    def __init__(self, lab, node="client", device="eth0"):
        self._socket = lab.socket(node, socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, wire.SO_RCVBUFFORCE, BUFFER_BYTES)
        self._socket.setsockopt(socket.SOL_SOCKET, wire.SO_TIMESTAMPNS, 1)
        self._socket.bind((device, ETH_P_ALL))

    def finish(self):
        """The adverts since the capture began, in order."""
        adverts = []
        self._socket.setblocking(False)
        while True:
            try:
                data, control, _, address = self._socket.recvmsg(4608, 64)
            except BlockingIOError:
                break
            frame = wire.Frame(0, data, address[2] == socket.PACKET_OUTGOING)
            if not frame.outgoing and frame.is_advert():
                adverts.append(_advert(frame, control))
        statistics = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self._socket.close()
        lost = struct.unpack("II", statistics)[1]
        if lost:
            raise LabError(f"the capture lost {lost} frames: measure for a shorter time")
        return adverts


def _advert(frame, control):
    at = next(struct.unpack("qq", data[:16]) for _, kind, data in control
              if kind == wire.SO_TIMESTAMPNS)
    family = 4 if frame.ethertype == 0x0800 else 6
    message = frame.advert
    return Advert(at[0] + at[1] / 1e9, frame.src, (family, message[1]), message[2])


def gaps(adverts):
    """Milliseconds from each advert of a virtual router to its next, whichever node sends it.

    A node that was taken over from does not come back with one long gap: takeovers() counts it.
    """
    last, found = {}, []
    for advert in adverts:
        if advert.router in last:
            found.append((advert.at - last[advert.router]) * 1e3)
        last[advert.router] = advert.at
    return found


def takeovers(adverts):
    """How often a virtual router was suddenly advertised by another node."""
    senders = collections.defaultdict(list)
    for advert in adverts:
        if not senders[advert.router] or senders[advert.router][-1] != advert.sender:
            senders[advert.router].append(advert.sender)
    return sum(len(of_router) - 1 for of_router in senders.values())


def handover(adverts, router, old, new):
    """Milliseconds from the last advert of `old` before the first of `new` to that one."""
    first = next(a.at for a in adverts if a.router == router and a.sender == new)
    last = max(a.at for a in adverts
               if a.router == router and a.sender == old and a.at < first)
    return (first - last) * 1e3
