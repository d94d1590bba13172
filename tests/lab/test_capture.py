#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tandemctl capture shows what tcpdump cannot: packets that XDP forwards or drops, and why.

    client --- front --- a: tandemd --- back --- s1..s4
"""

import json
import signal
import subprocess
import threading
import time

from scapy.all import IP, TCP, Ether, Raw

from tandemlab import configs, pcapng, plan, services, tap, traffic, wire
from tandemlab.backends import Backend
from tandemlab.process import Process
from tandemlab.tandem import SOCKET, Tandem, binary

VIP = plan.VIPS[0]


class Capture(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in plan.BACKENDS:
            Backend(cls.lab, node)
        cls.tandem = Tandem(cls.lab, "a", configs.node("a", ("eth0", "eth1"))
                            + configs.vrrp("VI_1", 51, 150, f"{VIP}/24")
                            + services.service("web", VIP, "nat"))
        cls.tandem.wait_for("Active")
        traffic.must_answer(cls.lab, VIP)

    def capture(self, meanwhile, *words):
        """What tandemctl says of it, and the packets as pcapng.read() gives them."""
        answers = []
        command = threading.Thread(target=lambda: answers.append(
            self.tandem.ask("capture", "/run/tandem/x.pcapng", "--seconds", "1", *words)))
        command.start()
        time.sleep(0.3)
        meanwhile()
        command.join()
        return answers[0], pcapng.read(self.lab.run_dir("a") / "tandem" / "x.pcapng")

    def test_forwarded(self):
        """A request through nat: as it came and as it left, in both directions."""
        told, packets = self.capture(lambda: traffic.who_answers(self.lab, VIP, 1), "tcp")
        self.assertEqual(told["lost"], 0)
        seen = {(device, why, p[IP].src, p[IP].dst, p[TCP].dport) for device, why, p in packets
                if why != "tx/reply"}
        client = plan.front_v4("client")
        self.assertIn(("eth0", "tx/forward", client, VIP, 80), seen)
        self.assertTrue(any(("eth1", "tx/forward", client, backend, 8080) in seen
                            for backend in services.BACKENDS4), seen)
        self.assertTrue(any((device, why, p[IP].src) == ("eth0", "tx/reply", VIP)
                            for device, why, p in packets))
        _, why, first = packets[0]
        # XDP hands it to the data thread, whose frames are not captured; a worker decides itself.
        known = "punt/miss" if configs.ENGINE == "xdp" else "tx/forward"
        self.assertEqual((why, str(first[TCP].flags)), (known, "S"))

    def test_dropped(self):
        """A fragment that cannot be placed is there, with the reason."""
        def send():
            sender = wire.Sender(self.lab)
            sender.send(Ether(src=plan.front_mac("client"), dst=plan.front_mac("a"))
                        / IP(src="192.0.2.10", dst=VIP, proto=17, id=4711, frag=64)
                        / Raw(bytes(64)))
            sender.close()

        told, packets = self.capture(send, "ip[6:2] & 0x1fff != 0")
        self.assertEqual(told["packets"], 1)
        self.assertEqual([packet[:2] for packet in packets], [("eth0", "drop/fragment-unplaced")])

    def test_count(self):
        """It ends with the packet that is the last one wanted."""
        told, packets = self.capture(lambda: traffic.who_answers(self.lab, VIP, 3), "--count", "4")
        self.assertEqual(told["packets"], 4)
        self.assertLess(told["seconds"], 1)

    def test_interrupted(self):
        """Ctrl-C ends it, and it tells what it has."""
        command = Process(self.lab, "a", "capture", [
            binary("tandemctl"), "-s", SOCKET, "capture", "/run/tandem/y.pcapng", "--json", "--seconds", "60"], stdout=subprocess.PIPE)
        time.sleep(0.3)
        traffic.who_answers(self.lab, VIP, 1)
        command.signal(signal.SIGINT)
        told = json.loads(command.popen.communicate(timeout=5)[0])
        self.assertEqual(command.popen.returncode, 0)
        packets = pcapng.read(self.lab.run_dir("a") / "tandem" / "y.pcapng")
        self.assertGreater(told["packets"], 3)
        self.assertGreaterEqual(len(packets), told["packets"])

    def test_refused(self):
        """A bad filter and a file that cannot be written are refused, in plain words."""
        for words, expected in ((("/run/tandem/x.pcapng", "tcp porty"), "syntax error"),
                                (("/proc/nowhere/x", "tcp"), "cannot write /proc/nowhere/x"),):
            done = self.tandem.ctl("capture", *words, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(expected, done.stderr)

    def test_private(self):
        """What it writes is a new file, for its owner alone, also where others may write."""
        shared = self.lab.run_dir("a") / "tandem" / "shared"
        shared.mkdir()
        shared.chmod(0o1777)
        (shared / "link").symlink_to("/run/tandem/target")
        (shared / "theirs").write_text("before")
        self.lab.exec("a", "chown", "65534", "/run/tandem/shared/theirs")
        for name in ("link", "theirs"):
            done = self.tandem.ctl("capture", f"/run/tandem/shared/{name}", "--seconds", "1", check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("exists", done.stderr)
        self.assertEqual((shared / "theirs").read_text(), "before")
        self.assertFalse((self.lab.run_dir("a") / "tandem" / "target").exists())
        self.tandem.ctl("capture", "/run/tandem/shared/new", "--seconds", "1")
        self.assertEqual((shared / "new").stat().st_mode & 0o777, 0o600)


if __name__ == "__main__":
    tap.main()
