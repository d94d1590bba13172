# SPDX-License-Identifier: Apache-2.0
"""Network cards of a virtual machine, as what runs inside of it takes them."""

import contextlib
import ctypes
import json
import subprocess


def run(*words, check=True):
    return subprocess.run([str(word) for word in words], check=check, capture_output=True, text=True)


def device_of(mac):
    for link in json.loads(run("ip", "-j", "link").stdout):
        if link["address"] == mac:
            return link["ifname"]
    raise LookupError(f"no device has {mac}")


def take(mac, name, *addresses, namespace=None):
    """Gives a card its name and addresses, in a new network namespace if one is named."""
    device = device_of(mac)
    inside = ("-n", namespace) if namespace else ()
    run("ip", "link", "set", device, "down")
    if namespace:
        run("ip", "netns", "add", namespace)
        run("ip", "link", "set", device, "netns", namespace, "name", name)
    else:
        run("ip", "link", "set", device, "name", name)
    run("ip", *inside, "link", "set", name, "up")
    for address in addresses:
        run("ip", *inside, "address", "add", address, "dev", name,
            *(("nodad",) if ":" in address else ()))


@contextlib.contextmanager
def inside(namespace):
    """This thread is in it meanwhile."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as home, \
            open(f"/run/netns/{namespace}", "rb") as there:
        libc.setns(there.fileno(), 0)
        try:
            yield
        finally:
            libc.setns(home.fileno(), 0)
