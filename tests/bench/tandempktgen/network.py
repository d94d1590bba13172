# SPDX-License-Identifier: Apache-2.0
"""What the kernel tells of interfaces and neighbours."""

import json

from tandemlab.shell import LabError, run


def link(interface, prefix=()):
    """All of an interface. `prefix` is words to put before the command, if another machine or
    namespace is asked."""
    done = run([*prefix, "ip", "-j", "-s", "link", "show", "dev", interface], check=False)
    if done.returncode != 0:
        raise LabError(f"interface {interface}: {done.stderr.strip()}")
    found, = json.loads(done.stdout)
    return found


def mac_of(interface):
    return link(interface)["address"]


def next_hop(interface, address):
    """The MAC address that packets to an address are sent to."""
    run(["ping", "-c", "1", "-W", "1", "-I", interface, address], check=False)
    route, = json.loads(run(["ip", "-j", "route", "get", address, "oif", interface]).stdout)
    via = route.get("gateway", address)
    for neighbour in json.loads(run(["ip", "-j", "neigh", "show", via, "dev", interface]).stdout):
        if "lladdr" in neighbour:
            return neighbour["lladdr"]
    raise LabError(f"{via} does not answer on {interface}; --mac tells its MAC address")


def received(interface):
    """Frames that came by an interface, as its driver counts them."""
    return link(interface)["stats64"]["rx"]["packets"]


def sent(interface):
    return link(interface)["stats64"]["tx"]["packets"]
