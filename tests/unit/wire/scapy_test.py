#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the codec with scapy's: frames that we emit with frames that scapy builds, and what we
parse with what scapy sent. Prints TAP. Usage: scapy_test.py CODEC_TOOL"""
import hashlib
import hmac
import ipaddress
import logging
import struct
import subprocess
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)
try:
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import (ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6)
    from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
    from scapy.layers.vrrp import VRRP, VRRPv3
    from scapy.packet import Raw
    from scapy.utils import checksum
except ImportError as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)

NODE = "02:00:00:00:00:0a"
SOURCE4, GROUP4, PEER4 = "192.0.2.2", "224.0.0.18", "192.0.2.3"
SOURCE6, GROUP6 = "fe80::2", "ff02::12"
VIPS4 = ["192.0.2.100", "192.0.2.101"]
VIPS6 = ["fe80::100", "2001:db8::100"]


def password(text):
    """The two 32-bit words that hold a version 2 password."""
    padded = text.encode().ljust(8, b"\0")
    return {"authtype": 1, "auth1": int.from_bytes(padded[:4], "big"),
            "auth2": int.from_bytes(padded[4:], "big")}


def ipv4(destination=GROUP4, **fields):
    fields = {"ttl": 255, "tos": 0xC0, "id": 0, "flags": "DF", "proto": 112} | fields
    return IP(src=SOURCE4, dst=destination, **fields)


def ipv6(source=SOURCE6, **fields):
    fields = {"hlim": 255, "tc": 0xC0, "nh": 112} | fields
    return IPv6(src=source, dst=GROUP6, **fields)


def v2(**fields):
    return VRRP(**{"vrid": 51, "priority": 150, "adv": 1, "addrlist": VIPS4} | fields)


def v3(vips, **fields):
    return VRRPv3(**{"vrid": 51, "priority": 150, "adv": 100, "addrlist": vips} | fields)


def message_only(message):
    """A version 3 message whose checksum leaves out the pseudo-header (RFC 9568, 5.2.8)."""
    fields = {name: value for name, value in message.fields.items() if name != "chksum"}
    plain = bytes(ipv4() / VRRPv3(**fields, chksum=0))[20:]
    return VRRPv3(**fields, chksum=checksum(plain))


SECRET = bytes(range(32))
SEQUENCE = 0x6b49d20080000001


def signed(packet, key=7, sequence=SEQUENCE, secret=SECRET, kind=1, change=lambda packet: packet):
    """packet with the trailer of draft-cassen-vrrp-auth-hmac, its checksum made right. change: what
    becomes of it between the signature and the checksum."""
    v6 = IPv6 in packet
    message = bytes(packet[VRRPv3] if VRRPv3 in packet else packet[VRRP])
    source = ipaddress.ip_address(packet.src).packed
    trailer = struct.pack("!BBHQ", kind, key, 0, sequence)
    origin = struct.pack("!BBBx16s", 6 if v6 else 4, message[0] >> 4, message[1], source)
    covered = message[:6] + bytes(2) + message[8:] + trailer
    code = hmac.new(secret, origin + covered + bytes(16), hashlib.sha256).digest()[:16]
    payload = bytearray(change(message + trailer + code))
    if v6:  # as the kernel of a sender has it: over all that IP carries
        payload[6:8] = bytes(2)
        pseudo = (source + ipaddress.ip_address(packet.dst).packed
                  + struct.pack("!IxxxB", len(payload), 112))
        payload[6:8] = struct.pack("!H", checksum(pseudo + bytes(payload)))
        return IPv6(src=packet.src, dst=packet.dst, hlim=packet.hlim, tc=packet.tc,
                    nh=112) / Raw(bytes(payload))
    return IP(src=packet.src, dst=packet.dst, ttl=packet.ttl, tos=packet.tos, id=packet.id,
              flags=packet.flags, proto=112) / Raw(bytes(payload))


def shorter(payload):
    return payload[:-1]


def tagged(destination_mac, payload, tags):
    ether = Ether(src=NODE, dst=destination_mac)
    return bytes([ether / payload,
                  ether / Dot1Q(vlan=100) / payload,
                  ether / Dot1AD(vlan=7) / Dot1Q(vlan=100) / payload][tags])


def neighbour_advertisement():
    return (IPv6(src=VIPS6[1], dst="ff02::1", hlim=255, tc=0xC0)
            / ICMPv6ND_NA(R=1, S=0, O=1, tgt=VIPS6[1])
            / ICMPv6NDOptDstLLAddr(lladdr="00:00:5e:00:02:33"))


def gratuitous_arp():
    return ARP(op=1, hwsrc="00:00:5e:00:01:33", psrc=VIPS4[0], hwdst="00:00:00:00:00:00",
               pdst=VIPS4[0])


EMITTED = {
    "v2": ("01:00:5e:00:00:12", lambda: ipv4() / v2()),
    "v2-password": ("01:00:5e:00:00:12", lambda: ipv4() / v2(**password("secret"))),
    "v3": ("01:00:5e:00:00:12", lambda: ipv4() / v3(VIPS4)),
    "v3-unicast": ("01:00:5e:00:02:03", lambda: ipv4(PEER4) / v3(VIPS4)),
    "v6": ("33:33:00:00:00:12", lambda: ipv6() / v3(VIPS6)),
    "v2-signed": ("01:00:5e:00:00:12", lambda: signed(ipv4() / v2())),
    "v3-signed": ("01:00:5e:00:00:12", lambda: signed(ipv4() / v3(VIPS4))),
    "v3-unicast-signed": ("01:00:5e:00:02:03", lambda: signed(ipv4(PEER4) / v3(VIPS4))),
    "v6-signed": ("33:33:00:00:00:12", lambda: signed(ipv6() / v3(VIPS6))),
    "garp": ("ff:ff:ff:ff:ff:ff", gratuitous_arp),
    "na": ("33:33:00:00:00:01", neighbour_advertisement),
}

OK4 = "192.0.2.100 192.0.2.101"
OK6 = "fe80::100 2001:db8::100"
# What scapy sends, and what the codec must make of it.
PARSED = [
    ("version 2", lambda: ipv4() / v2(), f"ok 2 51 150 1000 message - {OK4}"),
    ("version 2 with a password", lambda: ipv4() / v2(**password("secret")),
     f"ok 2 51 150 1000 message 7365637265740000 {OK4}"),
    ("version 2 with another authentication", lambda: ipv4() / v2(authtype=2), "authentication"),
    ("version 3", lambda: ipv4() / v3(VIPS4), f"ok 3 51 150 1000 pseudo-header - {OK4}"),
    ("version 3 to a peer", lambda: ipv4(PEER4) / v3(VIPS4),
     f"ok 3 51 150 1000 pseudo-header - {OK4}"),
    ("version 3 with a message-only checksum", lambda: ipv4() / message_only(v3(VIPS4)),
     f"ok 3 51 150 1000 message - {OK4}"),
    ("version 3 with reserved bits", lambda: ipv4() / v3(VIPS4, res=15),
     f"ok 3 51 150 1000 pseudo-header - {OK4}"),
    ("version 3 at 10 ms", lambda: ipv4() / v3(VIPS4, adv=1),
     f"ok 3 51 150 10 pseudo-header - {OK4}"),
    ("version 3 with IPv4 options", lambda: ipv4(options=[b"\x94\x04\x00\x00"]) / v3(VIPS4),
     f"ok 3 51 150 1000 pseudo-header - {OK4}"),
    ("priority 0", lambda: ipv4() / v3(VIPS4, priority=0),
     f"ok 3 51 0 1000 pseudo-header - {OK4}"),
    ("IPv6", lambda: ipv6() / v3(VIPS6), f"ok 3 51 150 1000 pseudo-header - {OK6}"),
    ("IPv6 from a global address", lambda: ipv6("2001:db8::2") / v3(VIPS6), "not_link_local"),
    ("IPv6 with hop limit 254", lambda: ipv6(hlim=254) / v3(VIPS6), "ttl"),
    ("TTL 254", lambda: ipv4(ttl=254) / v3(VIPS4), "ttl"),
    ("count 0", lambda: ipv4() / v3([], ipcount=0), "count_zero"),
    ("interval 0", lambda: ipv4() / v3(VIPS4, adv=0), "interval_zero"),
    ("type 2", lambda: ipv4() / v3(VIPS4, type=2), "type"),
    ("version 4", lambda: ipv4() / v3(VIPS4, version=4), "version"),
    ("more addresses announced than sent", lambda: ipv4() / v3(VIPS4, ipcount=3), "truncated"),
    ("bad checksum", lambda: ipv4() / v3(VIPS4, chksum=0x1234), "checksum"),
    ("bad IPv4 header checksum", lambda: ipv4(chksum=0x1234) / v3(VIPS4), "checksum"),
    ("a fragment", lambda: ipv4(flags="MF") / v3(VIPS4), "not_vrrp"),
    ("another protocol", lambda: ipv4(proto=17) / Raw(bytes(16)), "not_vrrp"),
    ("the limited broadcast address", lambda: ipv4("255.255.255.255") / v3(VIPS4), "not_vrrp"),
]

# What is signed here, and what the codec must make of it.
VERIFIED = [
    ("version 2", lambda: signed(ipv4() / v2()), "7"),
    ("version 2 with a password", lambda: signed(ipv4() / v2(**password("secret"))), "7"),
    ("version 3", lambda: signed(ipv4() / v3(VIPS4)), "7"),
    ("version 3 to a peer", lambda: signed(ipv4(PEER4) / v3(VIPS4)), "7"),
    ("version 3 to a peer behind routers", lambda: signed(ipv4(PEER4, ttl=60) / v3(VIPS4)), "7"),
    ("version 3 with reserved bits", lambda: signed(ipv4() / v3(VIPS4, res=15)), "7"),
    ("IPv6", lambda: signed(ipv6() / v3(VIPS6)), "7"),
    ("IPv6 with one address", lambda: signed(ipv6() / v3(VIPS6[:1])), "7"),
    ("the highest key and sequence",
     lambda: signed(ipv6() / v3(VIPS6), key=255, sequence=2 ** 64 - 1), "255"),
    ("another secret", lambda: signed(ipv4() / v3(VIPS4), secret=bytes(32)), "wrong"),
    ("no signature", lambda: ipv4() / v3(VIPS4), "unsigned"),
    ("a signature that is cut short", lambda: signed(ipv4() / v3(VIPS4), change=shorter),
     "unsigned"),
]


def run(tool, command, text=""):
    done = subprocess.run([tool, command], input=text, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def results(tool):
    """(name, ours, scapy's) of every comparison."""
    emitted = dict(line.split() for line in run(tool, "emit"))
    for name, (mac, build) in EMITTED.items():
        for tags in range(3):
            yield (f"emits {name} with {tags} tags", emitted.get(f"{name}/{tags}"),
                   tagged(mac, build(), tags).hex())
    packets = [bytes(build()).hex() for _, build, _ in PARSED]
    parsed = run(tool, "parse", "\n".join(packets) + "\n")
    for (name, _, expected), seen in zip(PARSED, parsed, strict=True):
        yield f"parses {name}", seen, expected
    packets = [bytes(build()).hex() for _, build, _ in VERIFIED]
    verified = run(tool, "verify", "\n".join(packets) + "\n")
    for (name, _, expected), seen in zip(VERIFIED, verified, strict=True):
        yield f"verifies {name}", seen, expected


def main():
    compared = list(results(sys.argv[1]))
    print(f"1..{len(compared)}")
    for number, (name, ours, expected) in enumerate(compared, 1):
        print(f"{'ok' if ours == expected else 'not ok'} {number} - {name}")
        if ours != expected:
            print(f"# ours     {ours}\n# expected {expected}")


main()
