# SPDX-License-Identifier: Apache-2.0
"""The pair that the connections go through: all modes on virtual addresses that move together.

    client --- front --- a: tandemd --- back --- s1..s4
                 |       b: tandemd -----'         |
                 '---------------------------------'  answers of dsr and tunnel

Least connections decides, so no hash could lead the other node to the same backends.
"""

import json
import pathlib
import shutil

from tandemlab import configs, pair, plan, services, wide_link
from tandemlab.process import Process
from tandemlab.shell import run, wait_until
from tandemlab.tandem import binary

PORT = 7000
HOSTS = {"nat": 100, "dsr": 102, "tunnel": 103, "fullnat": 104, "local": 105}
MODES = tuple(HOSTS)
GATEWAY, SOURCE = 100, 101  # hosts in the network of the backends: nat's gateway, fullnat's source
ROUTERS = ("VI_1", "VI_6", "VI_B", "VI_B6")
GOOD = "/run/tandem/good"  # a file: the node's check
CHECK = 'check = { tcp = true, interval = "1s", timeout = "800ms", fall = 2, rise = 3 }\n'


def addresses(mode):
    return [f"{network}{HOSTS[mode]}" for network in (plan.FRONT.v4, plan.FRONT.v6)]


def sync_block(node, links):
    def ends(name):
        addresses = [link.address(name) for link in links] or [plan.cable(name, "eth1").v4]
        return json.dumps([f"{address}:9106" for address in addresses])

    return f"""
[sync]
listen = {ends(node)}
peer = {ends("b" if node == "a" else "a")}
key_file = "/run/tandem/sync.key"
"""


def service_blocks(mode):
    for address in addresses(mode):
        name = mode + ("-6" if ":" in address else "")
        if mode == "local":
            yield configs.web_service(name, address).replace("port = 80", f"port = {PORT}")
            continue
        source = (plan.BACK.v6 if ":" in address else plan.BACK.v4) + str(SOURCE)
        yield services.service(name, address, mode, port=PORT, backend_port=PORT, more=CHECK + (
            f'sources = ["{source}"]' if mode == "fullnat" else ""))


def config(node, modes, links=()):
    priority = 150 if node == "a" else 100
    more = 'sync_group = "all"\ntrack = [{ check = "good", weight = -60 }]'

    def router(name, vrid, network, hosts, interface="eth0"):
        v4 = [f"{network.v4}{host}/24" for host in hosts]
        v6 = [f"fe80::{vrid}/64"] + [f"{network.v6}{host}/64" for host in hosts]
        return (configs.vrrp(name, vrid, priority, *v4, interface=interface, more=more)
                + configs.vrrp(name + "6" if vrid == 52 else "VI_6", vrid, priority, *v6,
                               interface=interface, more=more))

    return (configs.node(node, ("eth0", "eth1"))
            + f'\n[[check]]\nname = "good"\ncommand = ["/usr/bin/test", "-e", "{GOOD}"]\n'
              'interval = "500ms"\ntimeout = "400ms"\nfall = 2\nrise = 2\n'
            + sync_block(node, links)
            + router("VI_1", 51, plan.FRONT, [HOSTS[mode] for mode in modes])
            + router("VI_B", 52, plan.BACK, [GATEWAY, SOURCE], "eth1")
            + "".join(block for mode in modes for block in service_blocks(mode)))


class LedgerPair:
    """Starts everything. `conditions`: of each sync link (wide_link.Conditions); none: there is one, over
    the network of the backends. `program`: the tandemd to begin with."""

    def __init__(self, lab, modes=MODES, conditions=(), program=None):
        self.lab, self.modes = lab, modes
        self.links = [wide_link.WideLink(lab, one, n) for n, one in enumerate(conditions)]
        for node in plan.BACKENDS:
            lab.exec(node, "ip", "route", "replace", f"{plan.FRONT.v4}0/24", "via",
                     f"{plan.BACK.v4}{GATEWAY}", "table", "50")
            lab.exec(node, "ip", "-6", "route", "replace", f"{plan.FRONT.v6}/64", "via",
                     f"{plan.BACK.v6}{GATEWAY}", "table", "50")
        owned = [address for mode in ("dsr", "tunnel") if mode in modes for address in addresses(mode)]
        services.take_virtual_addresses(lab, *owned)
        if "tunnel" in modes:
            services.TunnelEnds(lab)
        server = pathlib.Path(__file__).with_name("exchange.py")
        for node in plan.BACKENDS + plan.GATEWAYS:
            Process(lab, node, "exchange", ["/usr/bin/python3", server, node, PORT])
        key, copy = (lab.run_dir(node) / "tandem" / "sync.key" for node in plan.GATEWAYS)
        run([binary("tandemctl"), "sync-key", key])
        shutil.copy(key, copy)
        for node in plan.GATEWAYS:
            self.set_good(node, True)
        self.pair = pair.Pair(lab, lambda node: config(node, modes, self.links), program=program)
        self.a, self.b = self.pair.a, self.pair.b

    def targets(self):
        return {mode: addresses(mode) for mode in self.modes}

    def set_good(self, node, good):
        file = self.lab.run_dir(node) / "tandem" / "good"
        file.touch() if good else file.unlink(missing_ok=True)

    def wait_at(self, node):
        for name in ROUTERS:
            node.wait_for("Active", name, timeout=pair.HOME_SECONDS + 20)

    def wait_in_sync(self):
        for node in (self.a, self.b):
            if node.running():
                wait_until(f"node {node.node} is in sync",
                           lambda node=node: node.ctl("sync", check=False).returncode == 0, 90)

    def bring_home(self):
        self.pair.bring_home(ROUTERS, ())
        self.wait_in_sync()
