#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The far end of a tunnel, for kernels without ipip, sit and ip6_tunnel modules.

Packets of either family in packets of either family (RFC 2003, RFC 4213, RFC 2473) come from raw
sockets; what is inside enters the kernel through a TUN device.
"""

import fcntl
import os
import selectors
import socket
import struct
import subprocess

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
IPV4_INSIDE, IPV6_INSIDE = 4, 41


def open_device(name):
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", name, "up"], check=True)
    return device


def main():
    device = open_device("inside")
    selector = selectors.DefaultSelector()
    for family in (socket.AF_INET, socket.AF_INET6):
        for protocol in (IPV4_INSIDE, IPV6_INSIDE):
            outside = socket.socket(family, socket.SOCK_RAW, protocol)
            outside.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            selector.register(outside, selectors.EVENT_READ, family)
    while True:
        for key, _ in selector.select():
            packet = key.fileobj.recv(65535)
            if key.data == socket.AF_INET:  # which alone shows its header
                packet = packet[(packet[0] & 15) * 4:]
            os.write(device, packet)


if __name__ == "__main__":
    main()
