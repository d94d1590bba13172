# SPDX-License-Identifier: Apache-2.0
"""FRR's vrrpd as a node. It wants a macvlan device with the virtual MAC for each virtual router."""

import json

from .process import Process
from .shell import LabError, wait_until

DIRECTORY = "/run/frr"
PROGRAMS = "/usr/lib/frr"


def virtual_link_local(vrid):
    """What the kernel gives a device with the IPv6 virtual MAC (RFC 9568, 7.3) as link-local."""
    return f"fe80::200:5eff:fe00:{0x200 | vrid:x}"


class Frr:
    """`v6` begins with the link-local address of the virtual MAC: virtual_link_local(vrid)."""

    def __init__(self, lab, node, vrid, priority, v4=(), v6=(), interval_ms=1000):
        self.lab, self.node, self.vrid = lab, node, vrid
        directory = lab.run_dir(node) / "frr"
        directory.chmod(0o777)  # FRR's daemons become the user frr
        for family, addresses, number in (("4", v4, 1), ("6", v6, 2)):
            if addresses:
                self._add_macvlan(family, addresses, number)
        lines = ["hostname lab", "interface eth0",
                 f" vrrp {vrid} version 3",
                 f" vrrp {vrid} priority {priority}",
                 f" vrrp {vrid} advertisement-interval {interval_ms}"]
        lines += [f" vrrp {vrid} ip {address}" for address in v4]
        lines += [f" vrrp {vrid} ipv6 {address}" for address in v6]
        (directory / "vrrpd.conf").write_text("\n".join(lines) + "\n")
        (directory / "zebra.conf").write_text("hostname lab\n")
        self.zebra = self._start("zebra")
        wait_until("zebra's socket", (directory / "zserv.api").exists)
        self.vrrpd = self._start("vrrpd")
        wait_until("vrrpd answers", self.status)

    def _add_macvlan(self, family, addresses, number):
        device = f"vrrp{family}-{self.vrid}"
        self.lab.exec(self.node, "ip", "link", "add", device, "link", "eth0",
                      "address", f"00:00:5e:00:{number:02x}:{self.vrid:02x}",
                      "type", "macvlan", "mode", "bridge")
        if family == "6":
            self.lab.exec(self.node, "sysctl", "-q", "-w",
                          f"net.ipv6.conf.{device}.accept_dad=0")
        for address in addresses:
            if address == virtual_link_local(self.vrid):
                continue  # the kernel adds it by itself
            length = 24 if family == "4" else 64
            self.lab.exec(self.node, "ip", "address", "add", f"{address}/{length}", "dev", device,
                          *([] if family == "4" else ["nodad"]))
        self.lab.exec(self.node, "ip", "link", "set", device, "up")

    def _start(self, name):
        return Process(self.lab, self.node, name, [
            f"{PROGRAMS}/{name}", "-f", f"{DIRECTORY}/{name}.conf", "-i", f"{DIRECTORY}/{name}.pid",
            "-z", f"{DIRECTORY}/zserv.api", "--vty_socket", DIRECTORY,
            "-A", "127.0.0.1", "-P", "0", "--log", "stdout"])

    def status(self):
        done = self.lab.exec(self.node, "vtysh", "--vty_socket", DIRECTORY, "-d", "vrrpd",
                             "-c", "show vrrp json", check=False)
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            raise LabError(f"vrrpd on {self.node}: {done.stdout}{done.stderr}") from None

    def state(self, family="v4"):
        """FRR's word: "Initialize", "Backup" or "Master"."""
        return self.status()[0][family]["status"]

    def wait_for(self, state, family="v4", timeout=15.0):
        wait_until(f"FRR on {self.node} is {state} for {family}",
                   lambda: self.state(family) == state, timeout)

    def stop(self):
        self.vrrpd.stop()
        self.zebra.stop()
        for family in "46":
            self.lab.exec(self.node, "ip", "link", "delete", f"vrrp{family}-{self.vrid}",
                          check=False)
