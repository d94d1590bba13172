#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mac = "virtual": the address is answered with the virtual MAC, by XDP, on the Active alone.

    client --- switch --- a: Active, b: Backup; VRID 51 in both families
"""

import statistics
import time

from tandemlab import configs, neighbours, plan, tap, wire
from tandemlab.nginx import get
from tandemlab.pair import Pair
from tandemlab.probe import Probe

VIP, VIP6 = plan.VIPS[0], plan.VIPS6[0]
VMAC, VMAC6 = "00:00:5e:00:01:33", "00:00:5e:00:02:33"


def config(node, xdp_mode):
    priority = 150 if node == "a" else 100
    virtual = 'mac = "virtual"'
    return (configs.node(node, xdp_mode=xdp_mode)
            + configs.vrrp("VI_1", 51, priority, f"{VIP}/24", interval="10ms", more=virtual)
            + configs.vrrp("VI_6", 51, priority, "fe80::51/64", f"{VIP6}/64", interval="10ms",
                           more=virtual)
            + configs.web_service("web", VIP))


class Answers:
    """Who answers, and who does not: in both modes of XDP."""

    xdp_mode = ""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pair = Pair(cls.lab, lambda node: config(node, cls.xdp_mode), nginx=True)

    def setUp(self):
        self.pair.bring_home(first=("VI_1", "VI_6"), second=())

    def test_answers(self):
        """ARP and neighbour solicitations are answered with the virtual MAC, counted by XDP."""
        before = {reason: self.pair.a.packets(reason) for reason in ("tx/arp-reply", "tx/na")}
        self.assertEqual(neighbours.who_has(self.lab, VIP), {VMAC})
        self.assertEqual(neighbours.who_has(self.lab, VIP6), {VMAC6})
        for reason, count in before.items():
            self.assertGreater(self.pair.a.packets(reason), count, reason)

    def test_questions(self):
        """Who is asked in the address's name learns the virtual MAC, too."""
        client = plan.cable("client")
        for vip, mac, asked in ((VIP, VMAC, client.v4), (VIP6, VMAC6, client.v6)):
            self.lab.exec("client", "ip", "neighbour", "flush", "dev", "eth0")
            self.lab.exec("a", "ip", "neighbour", "flush", "dev", "eth0")
            self.lab.exec("a", "ping", "-c", "1", "-W", "1", "-I", vip, asked, check=False)
            learned = self.lab.exec("client", "ip", "neighbour", "show", vip).stdout
            self.assertIn(f"lladdr {mac}", learned)

    def test_backup_silent(self):
        """The Backup answers nothing for the address, and takes no frame to the virtual MAC."""
        def from_b(frame):
            return not frame.outgoing and (
                frame.is_neighbour_answer_for(VIP) or frame.is_neighbour_answer_for(VIP6)
                or frame.is_from(VIP) or frame.is_from(VIP6))

        def into_b(frame):
            return not frame.outgoing and frame.dst in (VMAC, VMAC6)

        # Broadcasts reach both nodes; for the frames to the virtual MAC the switch would have to
        # have forgotten where it is, so they are sent to node b's port.
        frame = bytes.fromhex((VMAC + plan.front_mac("client")).replace(":", "")) + bytes(60)
        with wire.Capture(self.lab, "switch", "front-b", from_b) as answers, \
                wire.Capture(self.lab, "b", "eth0", into_b) as taken:
            neighbours.who_has(self.lab, VIP)
            neighbours.who_has(self.lab, VIP6)
            with wire.Stream(self.lab, frame, 100, "switch", "front-b"):
                time.sleep(0.5)
        self.assertEqual(len(answers.close()), 0)
        self.assertEqual(len(taken.close()), 0)
        self.assertGreater(self.pair.b.packets("drop/no-lease-vmac"), 20)


class NativeXdp(Answers, tap.LabCase):
    xdp_mode = "native"


class GenericXdp(Answers, tap.LabCase):
    """Traffic too. A veth tells a frame to the virtual MAC for somebody else's before native XDP
    sees it, and does not look again (veth_xdp_rcv_skb; a NIC's driver makes its skb afterwards):
    on the lab's devices only generic XDP can hand such frames to the kernel."""

    xdp_mode = "generic"

    def test_traffic(self):
        """Traffic to the virtual MAC reaches the kernel and Nginx, and is answered."""
        self.lab.exec("client", "ip", "neighbour", "flush", "dev", "eth0")
        self.assertEqual(get(self.lab, "client", f"http://{VIP}/"), "node a")
        self.assertEqual(get(self.lab, "client", f"http://[{VIP6}]/"), "node a")
        used = self.lab.exec("client", "ip", "neighbour", "show", VIP).stdout
        self.assertIn(VMAC, used)

    def test_failover(self):
        """After a SIGKILL the other node answers with the same virtual MAC within 40 ms."""
        costs = []
        for _ in range(3):
            self.setUp()
            probe = Probe(self.lab, VIP)
            self.pair.a.kill()
            self.pair.b.wait_for("Active")
            time.sleep(0.3)
            report = probe.finish()
            tap.note(str(report))
            costs.append(sum(gap["missed"] for gap in report.gaps))
            self.assertEqual(neighbours.who_has(self.lab, VIP), {VMAC})
            self.pair.a.start()
        self.assertLessEqual(statistics.median(costs), 40)


if __name__ == "__main__":
    tap.main()
