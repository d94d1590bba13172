# SPDX-License-Identifier: Apache-2.0
"""What goes over the wires of the lab: captures, frames sent by hand, and who answers ARP."""

import socket
import struct
import threading
import time

from . import plan

ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
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

    def is_neighbour_answer_for(self, address):
        """An answer to "who has `address`?", of either family, but not an announcement."""
        if ":" in address:  # solicited flag (RFC 4861, 4.4)
            return self.is_neighbour_advert_for(address) and bool(self.data[58] & 0x40)
        return self.is_arp_reply_for(address) and not self.is_gratuitous_arp(address)


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
        self._socket.settimeout(0.1)
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._closing:
            try:
                data, address = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            if len(data) >= 14:
                frame = Frame(time.monotonic(), data, address[2] == socket.PACKET_OUTGOING)
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
        self.address = address
        make = neighbour_solicitation if ":" in address else arp_request
        self._question = make(address, node)
        self._capture = Capture(lab, node,
                                wanted=lambda frame: frame.is_neighbour_answer_for(address))
        self._sender = Sender(lab, node)
        self._pause = 1.0 / rate
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self):
        while not self._closing.wait(self._pause):
            self._sender.send(self._question)

    def close(self):
        """Ends it and gives the answers as [(time.monotonic(), MAC)]."""
        self._closing.set()
        self._thread.join()
        time.sleep(0.1)
        frames = self._capture.close()
        self._sender.close()
        return [(frame.at, frame.src) for frame in frames]

    def answerers(self):
        return {frame.src for frame in self._capture.frames}


def who_has(lab, address, seconds=0.5, rate=50):
    """The MACs that answer for an address within a while."""
    watch = NeighbourWatch(lab, address, rate)
    time.sleep(seconds)
    return {mac for _, mac in watch.close()}
