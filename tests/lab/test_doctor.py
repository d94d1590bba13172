#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What breaks a node is found by `tandemctl doctor`, and the command that it prints fixes it.

    client, b: what should not speak here --- front --- a: tandemd, and the doctor

Settings that belong to the whole host (fs.file-max, ...) are left alone here; the unit tests have
trees of their own for them.
"""

import json
import time

from scapy.all import IP, Ether
from scapy.layers.vrrp import VRRPv3

from tandemlab import configs, plan, tap, wire
from tandemlab.keepalived import Keepalived, instance
from tandemlab.nginx import Nginx
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem, binary

VIP, VIP6 = plan.VIPS[0], plan.VIPS6[0]
BAD = ("error", "warning")
# Of the machine that runs the lab, whatever it is.
OF_THE_HOST = {"clock-source", "cpu-governor", "file-max", "syn-backlog", "kernel-jit"}

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")

CONFIG = configs.node("a") + configs.vrrp("VI_1", 51, 150, f"{VIP}/24") \
    + configs.web_service("web", VIP)


class Doctor:
    """The doctor on node a."""

    def __init__(self, lab):
        self.lab = lab

    def run(self, *words, listen=0):
        return self.lab.exec("a", binary("tandemctl"), "doctor", "-c", "/run/tandem/tandem.toml",
                             "--listen", listen, *words, check=False)

    def findings(self, check=None, listen=0):
        done = self.run("--json", listen=listen)
        if done.returncode not in (0, 1):
            raise AssertionError(f"status {done.returncode}: {done.stderr}")
        found = [f for f in json.loads(done.stdout) if f["check"] not in OF_THE_HOST]
        bad = any(f["severity"] in BAD for f in json.loads(done.stdout))
        assert done.returncode == int(bad), done.returncode
        return [f for f in found if check in (None, f["check"])]

    def worst(self, check, listen=0):
        """The worst finding of a check; None if it was not looked at."""
        return worst_of(self.findings(listen=listen), check)

    def carry_out(self, finding):
        self.lab.exec("a", "sh", "-ec", finding["fix"])


def worst_of(findings, check):
    order = ("error", "warning", "note", "ok")
    found = sorted((f for f in findings if f["check"] == check),
                   key=lambda f: order.index(f["severity"]))
    return found[0] if found else None


class Healthy(tap.LabCase):
    def test_a_good_node(self):
        """A node with Nginx has no error and no warning, running or not."""
        doctor = Doctor(self.lab)
        self.lab.exec("a", "ethtool", "-L", "eth0", "rx", "2", "tx", "2", check=False)
        nginx = Nginx(self.lab, "a")
        tandem = Tandem(self.lab, "a", CONFIG)
        try:
            tandem.wait_for("Active")
            self.assertEqual([f for f in doctor.findings(listen=1) if f["severity"] in BAD], [])
            self.assertIn("0 errors", doctor.run().stdout)
        finally:
            tandem.stop()
        bad = [f["check"] for f in doctor.findings() if f["severity"] in BAD]
        nginx.stop()
        self.assertEqual(bad, ["daemon-running"])


class Broken(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.doctor = Doctor(cls.lab)
        (cls.lab.run_dir("a") / "tandem" / "tandem.toml").write_text(CONFIG)

    def fixes(self, *cases):
        """Breaks things by commands, sees each found, runs what is printed, sees them gone."""
        for _, _, breaking in cases:
            self.lab.exec("a", "sh", "-ec", breaking)
        before = self.doctor.findings()
        for check, severity, _ in cases:
            found = worst_of(before, check)
            with self.subTest(check):
                self.assertEqual((found or {}).get("severity"), severity, found)
                self.doctor.carry_out(found)
        after = self.doctor.findings()
        for check, _, _ in cases:
            with self.subTest(f"{check}, fixed"):
                self.assertIn((worst_of(after, check) or {"severity": "ok"})["severity"],
                              ("ok", "note"))

    def test_settings(self):
        """Low sysctls, strict paths, too few queues, no bpffs, a down link, shared files."""
        self.fixes(
            ("somaxconn", "warning", "sysctl -w net.core.somaxconn=128"),
            ("rp-filter", "note", "sysctl -w net.ipv4.conf.eth0.rp_filter=1"),
            ("interface-queues", "warning", "ethtool -L eth0 rx 2; ethtool -L eth0 rx 1"),
            ("kernel-bpffs", "error", "umount /sys/fs/bpf"),
            ("config-permissions", "error", "chmod o+w /run/tandem/tandem.toml"),
            ("address-leftover", "error", f"ip address add {VIP}/24 dev eth0"),
            ("interface-up", "error", "ip link set dev eth0 down"),
            ("ungated-interface", "warning", "ip link add eth7 type veth peer name eth8;"
             " ip address add 192.0.2.7/25 dev eth7; ip link set eth7 up"))
        self.lab.exec("a", "ip", "link", "del", "eth7")

    def test_vlan_offload(self):
        """A NIC that takes off the tags which XDP is to read is found."""
        tagged = CONFIG.replace('name = "eth0"\n', 'name = "eth0"\ndevice = "eth0"\nvlan = [7]\n')
        file = self.lab.run_dir("a") / "tandem" / "tandem.toml"
        file.write_text(tagged)
        try:
            self.fixes(("interface-vlan", "error", "ethtool -K eth0 rxvlan on"))
        finally:
            file.write_text(CONFIG)

    def test_firewall(self):
        """Rules that drop the service, or protocol 112, are found; the printed rule opens them."""
        table = "nft add table inet f; nft add chain inet f in " \
                "'{ type filter hook input priority 0; policy accept; }';"
        try:
            self.fixes(("firewall-service", "error",
                        table + "nft add rule inet f in tcp dport 80 drop"),
                       ("firewall-vrrp", "note", "nft add rule inet f in meta l4proto 112 drop"))
            self.assertIsNone(self.doctor.worst("firewall-vrrp"))
        finally:
            self.lab.exec("a", "nft", "delete", "table", "inet", "f")

    def test_keepalived(self):
        """A keepalived on the same node is found, with the address that it would take."""
        keepalived = Keepalived(self.lab, "a", [instance("VI_1", 51, 100, f"{VIP}/24")])
        wait_until("it has the address", lambda: f" {VIP}/24 " in self.lab.exec(
            "a", "ip", "address", "show", "dev", "eth0").stdout)
        found = self.doctor.worst("other-vrrp-daemon")
        held = self.doctor.worst("address-leftover", listen=1)
        keepalived.process.stop()
        self.assertEqual((held["severity"], held["fix"]), ("note", None), "it is keepalived's")
        self.assertIn("keepalived", held["what"])
        self.assertEqual(found["severity"], "error")
        self.assertIn(VIP, found["what"])
        self.assertEqual(self.doctor.worst("other-vrrp-daemon")["severity"], "ok")

    def test_without_root(self):
        """Who may not try what the kernel can do is told so, and nothing of the kernel."""
        if self.lab.exec("a", *NOBODY, "test", "-x", binary("tandemctl"),
                         check=False).returncode != 0:
            self.skipTest("tandemctl is not everybody's to run here")
        done = self.lab.exec("a", *NOBODY, binary("tandemctl"), "doctor", "--json",
                             "--listen", 0, check=False)
        found = json.loads(done.stdout)
        for check in ("kernel-program", "kernel-features", "kernel-af-xdp", "kernel-egress"):
            finding = worst_of(found, check)
            self.assertEqual((finding["severity"], finding["what"]),
                             ("note", "needs root, cannot tell"))

    def test_fix(self):
        """--fix fixes what is safe, says so, and has nothing to do the second time."""
        self.lab.exec("a", "sysctl", "-w", "net.core.somaxconn=128", "net.ipv4.ip_nonlocal_bind=0")
        self.lab.exec("a", "umount", "/sys/fs/bpf")
        first = self.doctor.run("--fix").stdout
        for line in ("net.core.somaxconn = 4096", "net.ipv4.ip_nonlocal_bind = 1",
                     "mounted a BPF file system at /sys/fs/bpf", "/etc/sysctl.d/90-tandem.conf"):
            self.assertIn(line, first)
        second = json.loads(self.doctor.run("--fix", "--json").stdout)
        self.assertEqual(second["done"], [])
        for check in ("somaxconn", "kernel-bpffs"):
            self.assertEqual(worst_of(second["findings"], check)["severity"], "ok")

    def test_usage(self):
        """A wrong command line is told from a sick node by its status."""
        self.assertEqual(self.doctor.run("--repair").returncode, 2)


def advert(source, priority=90, addresses=(VIP,), vrid=51):
    return Ether(src=plan.front_mac("client"), dst="01:00:5e:00:00:12") / IP(
        src=source, dst="224.0.0.18", ttl=255, proto=112) / VRRPv3(
            version=3, vrid=vrid, priority=priority, adv=10, addrlist=list(addresses))


class Strangers(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.doctor = Doctor(cls.lab)
        (cls.lab.run_dir("a") / "tandem" / "tandem.toml").write_text(CONFIG)

    def test_rogue_without_a_daemon(self):
        """Two senders with the VRID, and a stranger with another, are heard by the doctor."""
        with wire.Stream(self.lab, advert("192.0.2.3"), 10), \
                wire.Stream(self.lab, advert("192.0.2.9"), 10), \
                wire.Stream(self.lab, advert("192.0.2.8", vrid=7), 10):
            found = self.doctor.findings(listen=1)
        speakers = [f for f in found if f["check"] == "vrrp-speakers"]
        self.assertEqual([(f["severity"], f["what"]) for f in speakers],
                         [("error", "adverts of several senders: 192.0.2.3 and 192.0.2.9")])
        self.assertTrue(any(f["check"] == "vrrp-foreign" and "VRID 7" in f["what"] for f in found))
        self.assertEqual(self.doctor.worst("vrrp-speakers", listen=1)["severity"], "ok")

    def test_rogue_beside_a_daemon(self):
        """A speaker that does not yield to the Active is found through the daemon."""
        tandem = Tandem(self.lab, "a", CONFIG)
        try:
            tandem.wait_for("Active")
            with wire.Stream(self.lab, advert("192.0.2.9", addresses=(VIP, "192.0.2.102")), 10):
                time.sleep(0.3)
                found = self.doctor.findings(listen=1)
            speakers = [f for f in found if f["check"] == "vrrp-speakers"]
            self.assertEqual(speakers[0]["severity"], "error", speakers)
            self.assertIn("192.0.2.9 goes on sending adverts", speakers[0]["what"])
            self.assertIn("192.0.2.9 advertises other addresses than this node has",
                          [f["what"] for f in found if f["check"] == "vrrp-peer"])
            self.assertEqual(self.doctor.worst("vrrp-speakers", listen=1)["severity"], "ok")
        finally:
            tandem.stop()

    def test_split_brain(self):
        """Of two nodes that are both Active neither shall lose the address by hand."""
        tandem = Tandem(self.lab, "a", CONFIG)
        try:
            tandem.wait_for("Active")
            rival = Keepalived(self.lab, "b", [instance("VI_1", 51, 100, f"{VIP}/24", version=2)])
            try:
                wait_until("both are", lambda: f" {VIP}/24 " in self.lab.exec(
                    "b", "ip", "address", "show", "dev", "eth0").stdout)
                found = self.doctor.worst("address-conflict", listen=2)
            finally:
                rival.process.stop()
            self.assertEqual(found["severity"], "error")
            self.assertIn(plan.front_mac("b"), found["what"])
            self.assertNotIn("address del", found["fix"])
            self.assertIn("tandemctl vrrp", found["fix"])
        finally:
            tandem.stop()

    def test_second_owner(self):
        """A host that has an address of the node's, virtual or not, is found by its answer."""
        own = plan.cable("a")
        wrong = (f"{VIP}/32", f"{own.v4}/32", f"{VIP6}/128", f"{own.v6}/128")
        tandem = Tandem(self.lab, "a", CONFIG + configs.vrrp("VI_6", 51, 150, "fe80::51/64",
                                                             f"{VIP6}/64"))
        try:
            tandem.wait_for("Active")
            tandem.wait_for("Active", name="VI_6")
            for address in wrong:
                self.lab.exec("client", "ip", "address", "add", address, "dev", "eth0", "nodad")
            found = self.doctor.findings(listen=1)
            for address in wrong:
                self.lab.exec("client", "ip", "address", "del", address, "dev", "eth0")
            for check, where in (("address-conflict", {VIP, VIP6}),
                                 ("address-own", {own.v4, own.v6})):
                bad = [f for f in found if f["check"] == check and f["severity"] == "error"]
                self.assertEqual({f["subject"] for f in bad}, where)
                for finding in bad:
                    self.assertIn(plan.front_mac("client"), finding["what"])
            self.assertEqual(self.doctor.worst("address-conflict", listen=1)["severity"], "ok")
        finally:
            tandem.stop()


if __name__ == "__main__":
    tap.main()
