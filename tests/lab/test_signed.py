#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Signed adverts: a pair that knows its own, whoever else sends.

    attacker (client) --- front --- a: priority 150, b: priority 100; one virtual router

What signatures are is computed here by Python's hmac (tandemlab/signature.py).
"""

import time

from scapy.all import IP, Ether
from scapy.layers.vrrp import VRRPv3

from tandemlab import configs, plan, signature, tap, wire
from tandemlab.probe import Probe
from tandemlab.shell import wait_until
from tandemlab.signature import Keys
from tandemlab.tandem import Tandem

VRID = 51
A, B, CLIENT = (plan.front_v4(node) for node in ("a", "b", "client"))


class Signed:
    """The cases; each class below runs them in its own format."""

    version, addresses, interval = 3, (f"{plan.VIPS[0]}/24",), "100ms"
    extra = {"a": "", "b": ""}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = Keys(cls.lab, plan.GATEWAYS)

    def config(self, node, auth=None):
        auth = Keys.auth() if auth is None else auth
        return configs.node(node) + configs.vrrp(
            "VI_1", VRID, 150 if node == "a" else 100, *self.addresses, version=self.version,
            interval=self.interval, more=f"{auth}\n{self.extra[node]}")

    def start(self, a=None, b=None):
        """A pair that has settled; what each has for auth."""
        self.a, self.b = (Tandem(self.lab, node, self.config(node, auth))
                          for node, auth in (("a", a), ("b", b)))
        self.addCleanup(lambda: [node.stop() for node in (self.a, self.b) if node.running()])
        self.a.wait_for("Active", timeout=20)
        self.b.wait_for("Backup", timeout=20)
        self.moved = {node: node.transitions() for node in (self.a, self.b)}

    def reload(self, node, auth):
        node.write(self.config(node.node, auth))
        node.ctl("reload")

    def hears_more(self, count=3, reason=None):
        """Waits until the Backup took that many adverts more, or dropped them for a reason."""
        def figure():
            return (self.b.dropped(reason, "VI_1") if reason
                    else self.b.router()["adverts"]["received"])
        before = figure()
        wait_until(f"node b {'drops' if reason else 'takes'} adverts",
                   lambda: figure() >= before + count, timeout=30)

    def assert_nothing_moved(self):
        for node, transitions in self.moved.items():
            self.assertEqual(node.transitions(), transitions, node.router()["cause"])

    def keys_on_the_wire(self):
        """The numbers of the keys that the Active's next adverts are signed with."""
        with wire.Capture(self.lab, "client", wanted=wire.Frame.is_advert) as adverts:
            self.hears_more()
        return {signature.key_of(frame.advert, self.source(), self.keys.secrets)
                for frame in adverts.frames}

    def source(self):
        return A if "." in self.addresses[0] else plan.link_local("a")

    def test_known_answers(self):
        """Adverts are what another program makes of the secret; a takeover, and a resignation."""
        self.start()
        with wire.Capture(self.lab, "client", wanted=wire.Frame.is_advert) as adverts:
            self.hears_more()
            self.a.stop()
            self.b.wait_for("Active")
        frames = [f for f in adverts.frames if f.src == plan.front_mac("a")]
        if frames:  # none where they are unicast
            self.assertEqual({signature.key_of(f.advert, self.source(), self.keys.secrets)
                              for f in frames}, {1})
            self.assertEqual(frames[-1].advert[2], 0, "the last one was to resign")
        self.assertEqual(self.b.router()["auth"]["received_unsigned"], 0)

    def test_rotation(self):
        """From one key to the next, node by node, and nothing moves."""
        self.start()
        steps = [Keys.auth((1, 2)), Keys.auth((1, 2), active=2), Keys.auth((2,))]
        for auth in steps:
            for node in (self.b, self.a):
                self.reload(node, auth)
                self.hears_more()
        self.assertEqual(self.b.router()["auth"]["peer_key"], 2)
        self.assert_nothing_moved()

    def test_migration(self):
        """From unsigned adverts to enforced signatures, node by node, and nothing moves."""
        self.start("", "")
        for mode in ("receive-only", "permissive", "enforce"):
            for node in (self.b, self.a):
                self.reload(node, Keys.auth(mode=mode))
                self.hears_more()
        self.assertEqual(self.b.router()["auth"]["mode"], "enforce")
        self.assert_nothing_moved()

    def test_without_keys(self):
        """A node without keys takes signed adverts as it takes others, and says that they are."""
        self.start(Keys.auth(mode="permissive"), "")
        self.hears_more(10)
        self.assert_nothing_moved()
        self.assertTrue(any("signs its adverts" in warning for warning in self.b.status()["warnings"]))


class Version2(Signed, tap.LabCase):
    version, interval = 2, "1s"


class Ipv6(Signed, tap.LabCase):
    addresses = ("fe80::100/64", f"{plan.VIPS6[0]}/64")


class Unicast(Signed, tap.LabCase):
    extra = {"a": f'unicast_peers = ["{B}"]', "b": f'unicast_peers = ["{A}"]'}


class Multicast(Signed, tap.LabCase):
    """Version 3, IPv4; and what an attacker can do, and a mistake."""

    def setUp(self):
        self.attacker = wire.Sender(self.lab)
        self.addCleanup(self.attacker.close)

    def forged(self, priority, secret=None, key=1, sequence=None, source=A):
        """A frame; without a secret not signed."""
        ip = IP(src=source, dst="224.0.0.18", ttl=255, proto=112)
        packet = ip / VRRPv3(version=3, type=1, vrid=VRID, priority=priority, adv=10,
                             addrlist=[plan.VIPS[0]])
        if secret is not None:
            packet = ip / bytes(packet[VRRPv3]) / signature.sign(
                bytes(packet[VRRPv3]), source, secret, key, sequence)
        return bytes(Ether(src=plan.front_mac("client"), dst="01:00:5e:00:00:12") / packet)

    def attack(self, reason, *frames):
        """Sends them until both, or the Backup alone where they are the Active's, dropped some."""
        before = self.b.dropped(reason, "VI_1")
        for _ in range(20):
            for frame in frames:
                self.attacker.send(frame)
            time.sleep(0.02)
        wait_until(f"node b drops {reason}",
                   lambda: self.b.dropped(reason, "VI_1") >= before + len(frames))
        self.assert_nothing_moved()

    def test_attacks(self):
        """Forged, replayed and unsigned adverts change nothing, each counted by its kind."""
        self.start()
        with wire.Capture(self.lab, "client", wanted=wire.Frame.is_advert) as taken:
            self.hears_more(5)
        probe = Probe(self.lab, plan.VIPS[0])
        secret, other = self.keys.secrets[1], b"another secret, of 32 characters"
        self.attack("unsigned", *(self.forged(p, source=s) for p in (0, 255) for s in (A, CLIENT)))
        self.attack("bad_signature", *(self.forged(p, other, source=CLIENT) for p in (0, 255)))
        self.attack("bad_signature",
                    *(self.forged(p, other, source=A) for p in (0, 255)))
        self.attack("unknown_key", self.forged(255, secret, key=9, source=CLIENT))
        self.attack("stale", self.forged(255, secret, sequence=signature.now(-60), source=CLIENT))
        # With its own MAC: else the switch would send what is for node a to it.
        mac = bytes.fromhex(plan.front_mac("client").replace(":", ""))
        self.attack("replay", *(f.data[:6] + mac + f.data[12:] for f in taken.frames))
        report = probe.finish()
        tap.note(str(report))
        self.assertEqual(set(a["mac"] for a in report.answerers), {plan.front_mac("a")})
        self.assertTrue(any("are dropped (bad_signature" in warning
                            for warning in self.b.status()["warnings"]))
        self.a.stop()  # the Backup still knows when to take over
        self.b.wait_for("Active")

    def test_rotation_under_traffic(self):
        """Of 1 ms probes none is missed while both nodes go from key to key."""
        self.start()
        probe = Probe(self.lab, plan.VIPS[0])
        for auth in (Keys.auth((1, 2)), Keys.auth((1, 2), active=2), Keys.auth((2,))):
            for node in (self.b, self.a):
                self.reload(node, auth)
                self.hears_more()
        report = probe.finish()
        tap.note(str(report))
        self.assertEqual(set(a["mac"] for a in report.answerers), {plan.front_mac("a")})
        self.assert_nothing_moved()
        self.assertEqual(self.keys_on_the_wire(), {2})

    def test_other_secret(self):
        """The nodes have different secrets: both warn, and none takes the other's word."""
        self.start()
        path = self.lab.run_dir("b") / "tandem" / "vrrp-1.key"
        right = path.read_bytes()
        self.addCleanup(lambda: path.write_bytes(right))
        path.write_bytes(b"a secret of at least 32 characters, but another\n")
        self.b.ctl("reload")  # the file is what it was, but for the secret
        for node, peer in ((self.a, B), (self.b, A)):
            wait_until("a warning tells", lambda n=node, p=peer: any(
                f"adverts of {p} are dropped (bad_signature" in w for w in n.status()["warnings"]))
        path.write_bytes(right)
        self.b.ctl("reload")
        self.b.wait_for("Backup")
        self.a.wait_for("Active")

    def test_bad_files(self):
        """A secret that is missing, short or open to others: the reload names the place."""
        self.start()
        path = self.lab.run_dir("a") / "tandem" / "bad.key"
        self.addCleanup(lambda: path.unlink(missing_ok=True))
        bad = Keys.auth().replace("vrrp-1.key", "bad.key")
        self.a.write(self.config("a", bad))
        line = next(n for n, text in enumerate(self.config("a", bad).splitlines(), 1)
                    if "bad.key" in text)
        for text, mode, why in ((None, 0, "No such file"), (b"short", 0o600, "5 bytes"),
                                (b"hex:0g" + b"00" * 31, 0o600, "hexadecimal"),
                                (bytes(100) + b"x" * 100, 0o600, "more than 64"),
                                (b"x" * 32, 0o644, "chmod 600")):
            if text is not None:
                path.write_bytes(text)
                path.chmod(mode)
            done = self.a.ctl("reload", check=False)
            said = done.stdout + done.stderr
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(f"tandem.toml:{line}:", said)
            self.assertIn(why, said)
            self.assertEqual(self.a.check()[0], 1)
        self.assert_nothing_moved()

    def test_peer_behind_a_router(self):
        """Unicast with a smaller TTL counts where signatures are enforced, and only there."""
        secret = self.keys.secrets[1]
        ip = IP(src=CLIENT, dst=B, ttl=60, proto=112)

        def advertise(until):
            deadline = time.monotonic() + 20
            while not until():
                self.assertLess(time.monotonic(), deadline, self.b.router())
                message = bytes((ip / VRRPv3(version=3, type=1, vrid=VRID, priority=200, adv=10,
                                             addrlist=[plan.VIPS[0]]))[VRRPv3])
                self.attacker.send(Ether(src=plan.front_mac("client"), dst=plan.front_mac("b"))
                                   / ip / message / signature.sign(message, CLIENT, secret))
                time.sleep(0.05)

        def config(mode):
            self.extra = {"b": f'unicast_peers = ["{CLIENT}"]'}
            return self.config("b", Keys.auth(mode=mode))

        self.addCleanup(lambda: setattr(self, "extra", Signed.extra))
        self.b = Tandem(self.lab, "b", config("permissive"))
        self.addCleanup(self.b.stop)
        self.b.wait_for("Active")
        advertise(lambda: self.b.dropped("ttl", "VI_1") > 5)
        self.assertEqual(self.b.state(), "Active")
        self.b.write(config("enforce"))
        self.b.ctl("reload")
        advertise(lambda: self.b.state() == "Backup")


if __name__ == "__main__":
    tap.main()
