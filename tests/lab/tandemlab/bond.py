# SPDX-License-Identifier: Apache-2.0
"""A gateway's cable to the front, made anew as a bond of two, with or without a VLAN on it.

    node a: [bond0.100 -] bond0 -+- p0 --- front-a0 -+ [LAG, but for active-backup -] switch
                                 '- p1 --- front-a1 -'

The rest of the switch has no tags: its ports are in VLAN 100 then, untagged.
"""

from . import plan

MODES = ("active-backup", "802.3ad", "balance-xor")
VLAN = 100
PORTS = ("p0", "p1")


class Bond:
    """`device` is the one with the node's addresses."""

    def __init__(self, lab, node, mode, tagged=False):
        self.lab, self.node = lab, node
        cable = plan.cable(node)
        lab.exec(node, "ip", "link", "delete", cable.device)
        self._make(node, "bond0", mode)
        uplinks = []
        for port in PORTS:
            lab.plug(cable, port, self.switch_port(port))
            self._join(node, port, "bond0")
            uplinks.append(self.switch_port(port))
        if mode != "active-backup":
            self._make("switch", cable.port, mode)
            for uplink in uplinks:
                self._join("switch", uplink, cable.port)
            uplinks = [cable.port]
            lab.exec("switch", "ip", "link", "set", cable.port, "master", cable.network.name, "up")
        self.device = "bond0"
        lab.exec(node, "ip", "link", "set", "bond0", "up")
        if tagged:
            self._tag(uplinks, cable.network.name)
        lab.add_addresses(cable, self.device)

    def switch_port(self, port):
        return f"front-{self.node}{port[1:]}"

    def _make(self, node, name, mode):
        more = ("lacp_rate", "fast", "xmit_hash_policy", "layer2") if mode == "802.3ad" else ()
        self.lab.exec(node, "ip", "link", "add", name, "type", "bond", "mode", mode,
                      "miimon", 100, *more)

    def _join(self, node, port, bond):
        self.lab.exec(node, "ip", "link", "set", port, "down")
        self.lab.exec(node, "ip", "link", "set", port, "nomaster")
        self.lab.exec(node, "ip", "link", "set", port, "master", bond)
        self.lab.exec(node, "ip", "link", "set", port, "up")

    def _tag(self, uplinks, bridge):
        self.lab.exec("switch", "ip", "link", "set", bridge, "type", "bridge", "vlan_default_pvid",
                      VLAN, "vlan_filtering", 1)
        for uplink in uplinks:
            self.lab.exec("switch", "bridge", "vlan", "add", "dev", uplink, "vid", VLAN)
        self.device = f"bond0.{VLAN}"
        self.lab.exec(self.node, "ip", "link", "add", "link", "bond0", "name", self.device,
                      "type", "vlan", "id", VLAN)
        self.lab.exec(self.node, "ip", "link", "set", self.device, "up")

    def pull(self, port):
        """Its carrier is gone on both ends."""
        self.lab.exec("switch", "ip", "link", "set", self.switch_port(port), "down")

    def plug(self, port):
        self.lab.exec("switch", "ip", "link", "set", self.switch_port(port), "up")
