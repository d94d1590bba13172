# SPDX-License-Identifier: Apache-2.0
"""Signatures of adverts (draft-cassen-vrrp-auth-hmac), by Python's own hmac."""

import hashlib
import hmac
import ipaddress
import struct
import time

BYTES = 28


def now(offset=0.0):
    """The sequence of this moment."""
    return int((time.time() + offset) * 2 ** 32) & ~0xFFFF


def code(secret, source, message, trailer):
    """Of a message, and of the 12 bytes of its signature before the code."""
    source = ipaddress.ip_address(source)
    origin = struct.pack("!BBBx16s", source.version, message[0] >> 4, message[1], source.packed)
    covered = message[:6] + bytes(2) + message[8:] + trailer + bytes(16)
    return hmac.new(secret, origin + covered, hashlib.sha256).digest()[:16]


def sign(message, source, secret, key=1, sequence=None):
    """What stands behind the message."""
    trailer = struct.pack("!BBHQ", 1, key, 0, now() if sequence is None else sequence)
    return trailer + code(secret, source, message, trailer)


def key_of(message, source, secrets):
    """The number of the key that signed what an IP packet carries; None: no key that is known."""
    size = 8 + message[3] * ipaddress.ip_address(source).max_prefixlen // 8
    size += 8 if message[0] >> 4 == 2 else 0
    message, trailer = message[:size], message[size:]
    if len(trailer) != BYTES or trailer[0] != 1 or trailer[1] not in secrets:
        return None
    right = code(secrets[trailer[1]], source, message, trailer[:12])
    return trailer[1] if right == trailer[12:] else None


class Keys:
    """Files with secrets for both gateways: {1: b"...", 2: b"..."}, the second one as hex:."""

    def __init__(self, lab, gateways):
        self.secrets = {1: b"a secret of at least 32 characters", 2: bytes(range(32))}
        for node in gateways:
            for number, text in ((1, self.secrets[1]), (2, b"hex:" + self.secrets[2].hex().encode())):
                path = lab.run_dir(node) / "tandem" / f"vrrp-{number}.key"
                path.write_bytes(text + b"\n")
                path.chmod(0o600)

    @staticmethod
    def auth(keys=(1,), active=None, mode="enforce", more=""):
        """The key of [[vrrp]]."""
        listed = ", ".join(f'{{ id = {k}, file = "/run/tandem/vrrp-{k}.key" }}' for k in keys)
        return (f'auth = {{ keys = [{listed}], active_key = {active or keys[0]}, '
                f'mode = "{mode}"{more} }}')
