#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a pair of gateways has to do on each kernel, over the links that are named: test_kernels.py
runs it in virtual machines. Nothing in here is fast, and nothing is timed.

    client --- front --- a, b: tandemd --- back --- s1, s2: Nginx, UDP echo

`front` is a veth cable, or a bond of two. Node a is at home for VI_1 and VI_6, node b for VI_2.

    kernels/pair.py veth active-backup 802.3ad+vlan
"""

import json
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tandemlab import bond, configs, plan, services, tap, topology, traffic, wire  # noqa: E402
from tandemlab.backends import DNS, Backend  # noqa: E402
from tandemlab.nginx import Nginx, get  # noqa: E402
from tandemlab.process import Process  # noqa: E402
from tandemlab.shell import wait_until  # noqa: E402
from tandemlab.tandem import Tandem, binary  # noqa: E402

NODES = ("client", "switch", "a", "b", "s1", "s2")
BACKENDS = ("s1", "s2")
SERVICES = {
    "nat": ("192.0.2.102", "2001:db8:1::102"),
    "dsr": ("192.0.2.103", "2001:db8:1::103"),
    "tunnel": ("192.0.2.104", "2001:db8:1::104"),
    "fullnat": ("192.0.2.105", "2001:db8:1::105"),
}
VIP, VIP6 = plan.VIPS[0], plan.VIPS6[0]
GATEWAY, GATEWAY6 = "198.51.100.100", "2001:db8:2::100"  # by which backends send
AT_HOME = ("VI_1", "VI_6", "VI_3", "VI_7")  # on node a; VI_2 is on node b
# Adverts as a machine can keep them that is slow, and has neighbours.
INTERVAL = "1s"


def config(node, front, xdp_mode):
    first, second = (150, 100) if node == "a" else (100, 150)
    own = plan.cable(node, "eth1")
    in_v4 = [VIP] + [v4 for v4, _ in SERVICES.values()]
    in_v6 = [VIP6] + [v6 for _, v6 in SERVICES.values()]
    text = (configs.head(node) + "\n[flows]\nsize = 10000\nsize_ipv6 = 10000\n"
            + configs.interface(front, f'xdp_mode = "{xdp_mode}"\n')
            + configs.interface("eth1", f'xdp_mode = "{xdp_mode}"\n'))
    for name, vrid, priority, interface, addresses in (
            ("VI_1", 51, first, front, [f"{a}/24" for a in in_v4]),
            ("VI_2", 52, second, front, ["192.0.2.101/24"]),
            ("VI_6", 51, first, front, ["fe80::51/64"] + [f"{a}/64" for a in in_v6]),
            ("VI_3", 53, first, "eth1", [f"{GATEWAY}/24"]),
            ("VI_7", 53, first, "eth1", ["fe80::53/64", f"{GATEWAY6}/64"])):
        text += configs.vrrp(name, vrid, priority, *addresses, interval=INTERVAL,
                             interface=interface)
    for address in (VIP, plan.VIPS[1], VIP6):
        text += configs.web_service(f"web {address}", address)
    for mode, addresses in SERVICES.items():
        for address in addresses:
            own_address = own.v6 if ":" in address else own.v4
            backends = [plan.cable(s).v6 if ":" in address else plan.cable(s).v4 for s in BACKENDS]
            for name, port, protocol in (("web", 80, "tcp"), ("dns", DNS, "udp")):
                text += services.service(f"{name} {address}", address, mode, port, protocol, backends,
                                         more=f'sources = ["{own_address}"]' if mode == "fullnat" else "")
    return text


class Gateways(tap.LabCase):
    link = None  # "veth", or a mode of a bond, then "+vlan" and "+generic"

    @classmethod
    def setUpClass(cls):
        words = cls.link.split("+")
        cls.xdp_mode = "generic" if "generic" in words else "native"
        cls.lab = topology.Lab("kernels", NODES)
        tap.keep_tidy(cls.lab)
        cls.lab.up()
        cls.bonds = {node: bond.Bond(cls.lab, node, words[0], "vlan" in words)
                     for node in plan.GATEWAYS} if words[0] != "veth" else {}
        cls.front = cls.bonds["a"].device if cls.bonds else "eth0"
        for node in BACKENDS:
            Backend(cls.lab, node)
        services.take_virtual_addresses(cls.lab, *SERVICES["dsr"], *SERVICES["tunnel"],
                                        nodes=BACKENDS)
        for node in BACKENDS:
            for family, default, via in (("-4", "0.0.0.0/0", GATEWAY), ("-6", "::/0", GATEWAY6)):
                cls.lab.exec(node, "ip", family, "route", "flush", "table", "50")
                cls.lab.exec(node, "ip", family, "route", "add", default, "via", via, "table", "50")
        services.TunnelEnds(cls.lab, nodes=BACKENDS)
        for node in plan.GATEWAYS:
            Nginx(cls.lab, node)
        cls.nodes = {node: Tandem(cls.lab, node, config(node, cls.front, cls.xdp_mode), start=False)
                     for node in plan.GATEWAYS}
        cls.a, cls.b = cls.nodes["a"], cls.nodes["b"]

    def shortDescription(self):
        return f"{self.link}: {super().shortDescription()}"

    def setUp(self):
        for node in self.nodes.values():
            if not node.running():
                node.launch()
        for node in self.nodes.values():
            node.wait_ready()
        for home, away, names in ((self.a, self.b, AT_HOME), (self.b, self.a, ("VI_2",))):
            for name in names:
                home.wait_for("Active", name, timeout=20)
                away.wait_for("Backup", name)

    def programs(self, node):
        """The XDP program on each device of a node that has one, as the kernel says."""
        links = json.loads(self.lab.exec(node, "ip", "-j", "-d", "link", "show").stdout)
        return {link["ifname"]: link["xdp"]["prog"].get("name", "?")
                for link in links if link.get("xdp", {}).get("prog")}

    def answered_by(self, address):
        return get(self.lab, "client", traffic.url(address))

    def addresses(self):
        return [(mode, address) for mode, both in SERVICES.items() for address in both]

    # ---- the tests, in the order of their names ----------------------------
    def test_1_attached(self):
        """The steering program is attached on both interfaces of both nodes"""
        for node in plan.GATEWAYS:
            found = self.programs(node)
            tap.note(f"node {node}: {found}")
            device = "bond0" if self.bonds else "eth0"
            self.assertIn(device, found)
            self.assertIn("eth1", found)

    def test_2_addresses(self):
        """Virtual addresses of both families answer, each where it is at home"""
        for address, node in ((VIP, "a"), (plan.VIPS[1], "b"), (VIP6, "a")):
            with self.subTest(address):
                wait_until(f"{address} answers",
                           lambda: self.answered_by(address) == f"node {node}")

    def test_3_services(self):
        """Services of every mode and both families are answered by both backends, TCP and UDP"""
        for mode, address in self.addresses():
            with self.subTest(f"{mode}, {address}"):
                answers = traffic.who_answers(self.lab, address, 6)
                self.assertEqual(sorted(answers, key=str), list(BACKENDS), answers)
                wait_until(f"UDP of {mode} {address}",
                           lambda: traffic.ask_udp(self.lab, address, DNS, b"hello", timeout=0.5))

    def test_4_crash(self):
        """SIGKILL of the Active: the other takes over, nobody answers twice, services go on"""
        mac_a, mac_b = plan.front_mac("a"), plan.front_mac("b")
        with wire.Capture(self.lab, "client", "eth0",
                          lambda frame: not frame.outgoing and frame.is_from(VIP)) as capture:
            ping = Process(self.lab, "client", "ping", ["ping", "-n", "-i", "0.2", VIP])
            wait_until("node a answers", lambda: capture.frames)
            self.a.kill()
            self.b.wait_for("Active", "VI_1", timeout=20)
            wait_until("node b answers", lambda: capture.frames[-1].src == mac_b)
            for name in AT_HOME:
                self.b.wait_for("Active", name)
            for mode, address in self.addresses():
                with self.subTest(f"{mode}, {address}"):
                    answers = traffic.who_answers(self.lab, address, 2)
                    self.assertEqual(answers[None], 0, answers)
            ping.kill()
        order = [frame.src for frame in capture.frames]
        changes = [order[0]] + [after for before, after in zip(order, order[1:]) if before != after]
        self.assertEqual(changes, [mac_a, mac_b])

    def test_5_doctor(self):
        """The doctor has no error, and the checked configuration none"""
        done = self.lab.exec("a", binary("tandemctl"), "doctor", "-c", "/run/tandem/tandem.toml",
                             "--listen", 0, "--json", check=False, timeout=120)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        found = json.loads(done.stdout)
        for finding in found:
            if finding["severity"] == "warning":
                tap.note(f"doctor warns: {finding['check']}: {finding.get('text', finding)}")
        self.assertEqual([f for f in found if f["severity"] == "error"], [])
        status, said = self.a.check()
        self.assertEqual(status, 0, said)

    def pins(self, node):
        return set(self.lab.exec(node, "find", "/sys/fs/bpf", "-type", "f",
                                 "!", "-name", "*.debug").stdout.split())

    def test_6_stop(self):
        """A node that ends leaves no program or filter behind, but its flows, and the other is Active"""
        maps = {pin for pin in self.pins("a") if "td_steps" not in pin}
        self.a.stop()
        self.assertEqual(self.programs("a"), {})
        for device in self.programs("b"):
            shown = self.lab.exec("a", "tc", "filter", "show", "dev", device, "egress", check=False)
            self.assertNotIn("td_", shown.stdout)
        self.assertLessEqual(self.pins("a"), maps)
        self.b.wait_for("Active", "VI_1", timeout=20)
        wait_until("node b answers", lambda: self.answered_by(VIP) == "node b")
        self.lab.exec("a", binary("tandemd"), "-c", "/run/tandem/tandem.toml", "--clean-up")
        self.assertEqual(self.pins("a"), set())


class GatewaysWithBonds(Gateways):
    def test_3b_port_pulled(self):
        """A port of the bond goes, comes back, and the other goes: no request is lost"""
        for pulled, address in (("p0", SERVICES["nat"][0]), ("p1", SERVICES["dsr"][1])):
            result = {}
            load = threading.Thread(target=lambda: result.update(
                traffic.who_answers(self.lab, address, 60)))
            kept = traffic.Connections().open(self.lab, address, 4)
            load.start()
            self.bonds["a"].pull(pulled)
            load.join()
            self.assertEqual(sorted(result, key=str), list(BACKENDS), result)
            self.assertEqual(kept.broken(), 0)
            kept.close()
            self.bonds["a"].plug(pulled)
            wait_until(f"{pulled} is back in the bond", lambda: self.port_works(pulled), timeout=20)
        self.assertEqual(self.a.state("VI_1"), "Active")

    def port_works(self, port):
        shown = json.loads(self.lab.exec("a", "ip", "-j", "-d", "link", "show", port).stdout)[0]
        return shown["linkinfo"]["info_slave_data"]["mii_status"] == "UP"


def main():
    links = sys.argv[1:] or ["veth"]
    del sys.argv[1:]
    for number, link in enumerate(links):
        # The loader goes by name.
        name = f"Gateways{number:02}"
        base = Gateways if link.startswith("veth") else GatewaysWithBonds
        globals()[name] = type(name, (base,), {"link": link, "__module__": __name__})
    del globals()["Gateways"], globals()["GatewaysWithBonds"]
    tap.main()


if __name__ == "__main__":
    main()
