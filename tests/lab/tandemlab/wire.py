# SPDX-License-Identifier: Apache-2.0
"""What goes over the wires of the lab: frames taken, frames sent."""

import socket
import struct
import threading
import time

ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
VRRP = 112


def mac_text(octets):
    return ":".join(f"{octet:02x}" for octet in octets)


class Frame:
    """A frame as captured: `at` is time.monotonic(), `outgoing` whether the node itself sent it."""

    def __init__(self, at, data, outgoing):
        self.at, self.data, self.outgoing = at, data, outgoing
        self.dst, self.src = mac_text(data[0:6]), mac_text(data[6:12])
        self.ethertype = int.from_bytes(data[12:14], "big")

    def is_advert(self):
        if self.ethertype == 0x0800:
            return len(self.data) > 23 and self.data[23] == VRRP
        return self.ethertype == 0x86DD and len(self.data) > 20 and self.data[20] == VRRP

    @property
    def advert(self):
        """The VRRP message of an advert: version and type, VRID, priority, ..."""
        return self.data[14 + (self.data[14] & 0xF) * 4:] if self.ethertype == 0x0800 \
            else self.data[54:]

    def is_to(self, address):
        """An IPv4 packet, or an IPv6 one, whose destination is `address`."""
        if self.ethertype == 0x0800:
            return ":" not in address and self.data[30:34] == socket.inet_aton(address)
        return self.ethertype == 0x86DD and ":" in address \
            and self.data[38:54] == socket.inet_pton(socket.AF_INET6, address)

    def is_arp_reply_for(self, address):
        return self.ethertype == 0x0806 and self.data[20:22] == b"\0\2" \
            and self.data[28:32] == socket.inet_aton(address)

    def is_gratuitous_arp(self, address):
        packed = socket.inet_aton(address)
        return self.ethertype == 0x0806 and self.data[28:32] == packed == self.data[38:42]

    def is_neighbour_advert_for(self, address):
        return self.ethertype == 0x86DD and self.data[20] == 58 and self.data[54] == 136 \
            and self.data[62:78] == socket.inet_pton(socket.AF_INET6, address)

    def is_from(self, address):
        """A packet whose source is `address`."""
        if self.ethertype == 0x0800:
            return ":" not in address and self.data[26:30] == socket.inet_aton(address)
        return self.ethertype == 0x86DD and ":" in address \
            and self.data[22:38] == socket.inet_pton(socket.AF_INET6, address)

    @property
    def answered_mac(self):
        """The MAC that an ARP reply or a neighbour advertisement tells."""
        if self.ethertype == 0x0806:
            return mac_text(self.data[22:28])
        return mac_text(self.data[80:86]) if len(self.data) >= 86 else self.src

    def is_neighbour_answer_for(self, address):
        """An answer to "who has `address`?", of either family, but not an announcement."""
        if ":" in address:  # solicited flag (RFC 4861, 4.4)
            return self.is_neighbour_advert_for(address) and bool(self.data[58] & 0x40)
        return self.is_arp_reply_for(address) and not self.is_gratuitous_arp(address)


def ahead_of_monotonic():
    """How far time.time() is ahead of time.monotonic(), by those of some readings that nothing came
    between."""
    readings = [(time.monotonic(), time.time(), time.monotonic()) for _ in range(5)]
    before, real, after = min(readings, key=lambda reading: reading[2] - reading[0])
    return real - (before + after) / 2


def monotonic_of(control):
    """time.monotonic() at which the kernel stamped a frame: Python itself may be late."""
    for _, kind, data in control:
        if kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return seconds + nanoseconds / 1e9 - ahead_of_monotonic()
    return time.monotonic()


class Capture:
    """Takes the frames of a node's device, those chosen by `wanted`, until close().

    A frame that XDP drops is not seen by the node's own kernel, and so not here either.
    """

    def __init__(self, lab, node, device="eth0", wanted=lambda frame: True):
        self.frames = []
        self._wanted = wanted
        self._socket = lab.socket(node, socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self._socket.bind((device, ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.settimeout(0.1)
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._closing:
            try:
                data, control, _, address = self._socket.recvmsg(4096, 64)
            except TimeoutError:
                continue
            if len(data) >= 14:
                frame = Frame(monotonic_of(control), data, address[2] == socket.PACKET_OUTGOING)
                if self._wanted(frame):
                    self.frames.append(frame)

    def close(self):
        """Ends the capture and gives its frames, in order."""
        if not self._closing:
            self._closing = True
            self._thread.join()
            self._socket.close()
        return self.frames

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Sender:
    """Sends whole frames out of a node's device."""

    def __init__(self, lab, node="client", device="eth0"):
        self._socket = lab.socket(node, socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.bind((device, 0))

    def send(self, frame):
        self._socket.send(bytes(frame))

    def close(self):
        self._socket.close()


class Stream:
    """Sends one frame again and again, `rate` times a second, until close()."""

    def __init__(self, lab, frame, rate, node="client", device="eth0"):
        self._frame, self._pause = bytes(frame), 1.0 / rate
        self._sender = Sender(lab, node, device)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._closing.wait(self._pause):
            self._sender.send(self._frame)

    def close(self):
        if not self._closing.is_set():
            self._closing.set()
            self._thread.join()
            self._sender.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
