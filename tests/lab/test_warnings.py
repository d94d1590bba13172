#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is wrong is a warning of `tandemctl status` while it lasts, and none is left afterwards.

    client --- front --- a: Active for VI_1, b: Backup --- back --- s1..s4: Nginx

"api" on the virtual address goes to the backends. Adverts every 100 ms.
"""

from scapy.all import Ether, IP
from scapy.layers.vrrp import VRRPv3

from tandemlab import configs, plan, services, tap, wire
from tandemlab.backends import PORT, Backend
from tandemlab.shell import build_dir, wait_until
from tandemlab.tandem import Tandem

VIP = plan.VIPS[0]
CHECK = 'check = { http = "/", interval = "100ms", timeout = "80ms", fall = 2, rise = 1 }'
AUTH = 'password = "sesame"'


def config(node, more="", vip=VIP, priority=None, version=3):
    """`more`: of the virtual router."""
    priority = priority or (150 if node == "a" else 100)
    return (configs.node(node, ("eth0", "eth1"))
            + configs.vrrp("VI_1", 51, priority, f"{vip}/24", version=version, more=more,
                           interval="100ms" if version == 3 else "1s")
            + services.service("api", vip, "nat", PORT, more=CHECK))


class Warnings(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.backends = {node: Backend(cls.lab, node) for node in plan.BACKENDS}
        cls.a, cls.b = (Tandem(cls.lab, node, config(node)) for node in plan.GATEWAYS)

    def wait_for_warning(self, node, *words, timeout=15):
        wait_until(f"a warning on {node.node} has {words}", lambda: any(
            all(word in warning for word in words) for warning in node.status()["warnings"]), timeout)

    def setUp(self):
        for node in (self.a, self.b):
            self.reconfigure(node, config(node.node))
        self.wait_until_well()
        self.a.wait_for("Active", timeout=60)

    def wait_until_well(self):
        """As a script would wait, and none is left."""
        for node in (self.a, self.b):
            done = node.ctl("status", "--wait", "90", check=False)  # losses are told for a minute
            self.assertEqual(done.returncode, 0, done.stdout)

    def reconfigure(self, node, text):
        node.write(text)
        node.ctl("reload")

    def test_exit_codes(self):
        """--exit-code tells of warnings, the command without it only of the answer."""
        self.assertEqual(self.a.ctl("status", "--exit-code").returncode, 0)
        self.a.ctl("drain", "api")
        self.wait_for_warning(self.a, "service api: none of its 4 backends", "drained")
        self.assertEqual(self.a.ctl("status").returncode, 0)
        for words in (("--exit-code",), ("--wait", "1")):
            self.assertEqual(self.a.ctl("status", *words, check=False).returncode, 1)
        self.a.ctl("undrain", "api")
        self.wait_until_well()

    def test_no_backend(self):
        """A service of which no backend is up."""
        for backend in self.backends.values():
            backend.stop()
        for node in (self.a, self.b):
            self.wait_for_warning(node, "service api: none of its 4 backends takes new connections")
        for backend in self.backends.values():
            backend.start()
        self.wait_until_well()

    def test_two_active(self):
        """A lower Active that does not yield, since it hears nothing."""
        self.lab.exec("switch", "nft", "-f", "-", stdin="""
            table bridge deaf {
              chain in {
                type filter hook forward priority 0;
                oifname "front-b" meta l4proto 112 drop;
              }
            }
            """)
        self.wait_for_warning(self.a, "VI_1: two nodes are Active", plan.front_v4("b"))
        self.lab.exec("switch", "nft", "delete", "table", "bridge", "deaf")
        self.wait_until_well()

    def test_dropped_adverts(self):
        """Another version, another password: each node tells whose adverts it drops, and why."""
        self.reconfigure(self.b, config("b", version=2))
        self.wait_for_warning(self.a, f"adverts of {plan.front_v4('b')} are dropped (version")
        self.reconfigure(self.a, config("a", version=2, more=AUTH))
        self.wait_for_warning(self.a, "(authentication", "same password")
        self.wait_for_warning(self.b, "(authentication", "same password")
        self.reconfigure(self.b, config("b", version=2, more=AUTH))
        self.wait_until_well()

    def test_own_adverts(self):
        """Adverts from this node's own address come from elsewhere."""
        frame = (Ether(src=plan.front_mac("client"), dst="01:00:5e:00:00:12")
                 / IP(src=plan.front_v4("a"), dst="224.0.0.18", ttl=255, proto=112)
                 / VRRPv3(version=3, type=1, vrid=51, priority=150, adv=10, addrlist=[VIP]))
        with wire.Stream(self.lab, frame, 10):
            self.wait_for_warning(self.a, f"adverts of {plan.front_v4('a')} are dropped (own",
                                  "a loop in the network")
        self.wait_until_well()

    def test_program_gone(self):
        """Another XDP program stands where the node's own was."""
        pin = "/sys/fs/bpf/other"
        self.lab.exec("b", "bpftool", "prog", "load", build_dir() / "tests/lab/load.bpf.o", pin,
                      "type", "xdp")
        self.lab.exec("b", "ip", "link", "set", "dev", "eth0", "xdp", "off")
        self.lab.exec("b", "bpftool", "net", "attach", "xdp", "pinned", pin, "dev", "eth0",
                      "overwrite")
        self.wait_for_warning(self.b, "eth0", "the virtual routers of eth0 are in Fault")
        self.lab.exec("b", "bpftool", "net", "detach", "xdp", "dev", "eth0")
        self.lab.exec("b", "rm", pin)
        self.wait_until_well()

    def test_no_peer(self):
        """Adverts to the group, where peers are named."""
        self.reconfigure(self.b, config(
            "b", f'unicast_peers = ["{plan.front_v4("client")}"]'))
        self.wait_for_warning(self.b, "(not_a_peer", "unicast_peers")
        self.reconfigure(self.b, config("b"))
        self.wait_until_well()

    def test_equal_priorities(self):
        """Who is Active is up to chance."""
        self.reconfigure(self.b, config("b", priority=150))
        self.wait_for_warning(self.b, "has the same priority, 150")
        self.reconfigure(self.b, config("b"))
        self.wait_until_well()

    def test_other_addresses(self):
        """The VRID is used for another address."""
        self.reconfigure(self.b, config("b", vip=plan.VIPS[1]))
        self.wait_for_warning(self.b, "names other addresses", "VRID 51 is taken")
        self.reconfigure(self.b, config("b"))
        self.wait_until_well()

    def test_address_taken(self):
        """Something removes the virtual address time and again."""
        for _ in range(3):
            wait_until("the address is there", lambda: self.a.kernel_has(VIP))
            self.lab.exec("a", "ip", "address", "del", f"{VIP}/24", "dev", "eth0")
        self.wait_for_warning(self.a, f"removes {VIP}/24 on eth0 time and again")
        wait_until("nothing is left of it after a minute",
                   lambda: not self.a.status()["warnings"], timeout=90)

    def test_refused_reload(self):
        """The file has a mistake: what runs is not what it says."""
        self.a.write(config("a").replace("vrid = 51", "vrid = 300"))
        self.assertNotEqual(self.a.ctl("reload", check=False).returncode, 0)
        self.wait_for_warning(self.a, "the last reload was refused", "vrid")
        self.reconfigure(self.a, config("a"))
        self.wait_until_well()

    def test_notify(self):
        """A notify command that fails, until one succeeds."""
        for program in ("false", "true"):
            self.reconfigure(self.a, config(
                "a", f'notify = {{ backup = ["/bin/{program}"] }}'))
            self.a.ctl("failover", "VI_1")
            self.a.wait_for("Backup")
            if program == "false":
                self.wait_for_warning(self.a, "VI_1: the notify command for backup failed")
            self.a.ctl("failover", "VI_1", "--back")
            self.a.wait_for("Active")
        self.wait_until_well()

    def test_fault(self):
        """An interface without a link."""
        self.lab.exec("switch", "ip", "link", "set", "front-a", "down")
        self.wait_for_warning(self.a, "VI_1: is in Fault")
        self.lab.exec("switch", "ip", "link", "set", "front-a", "up")
        self.wait_until_well()


if __name__ == "__main__":
    tap.main()
