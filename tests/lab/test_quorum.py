#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Backups and quorums, a service that moves its address, and one-packet scheduling.

    client --- front --- a: tandemd, b: tandemd --- back --- s1..s4: Nginx, UDP echo

"web" has s1 and s2, and s3 as a backup; VI_1, at home on node a, tracks "near", which is checked at
another port on node a than on node b.
"""

import collections

from tandemlab import configs, plan, services, tap, traffic
from tandemlab.backends import DNS, Backend
from tandemlab.pair import Pair
from tandemlab.shell import wait_until

VIP = plan.VIPS[0]
ADDRESSES = services.BACKENDS4
CHECK = '{{ http = "/", interval = "100ms", timeout = "80ms", fall = 2, rise = 2, port = {port} }}'


def config(node):
    first = node == "a"
    web = services.service(
        "web", VIP, "nat", 81, backends=ADDRESSES[:3],
        more=f'check = {CHECK.format(port=8080)}\nquorum = 2\n'
             f'notify = {{ down = ["/usr/bin/env"] }}')
    web = web.replace(f'"{ADDRESSES[2]}", port = 8080, weight = 1',
                      f'"{ADDRESSES[2]}", port = 8080, weight = 1, backup = true')
    near = services.service("near", VIP, "dsr", 8080, backends=ADDRESSES[3:],
                            more=f'check = {CHECK.format(port=80 if first else 8080)}')
    dns = services.service("dns", VIP, "dsr", DNS, "udp", more="one_packet = true")
    router = configs.vrrp("VI_1", 51, 150 if first else 100, f"{VIP}/24")
    return (configs.node(node, ("eth0", "eth1"))
            + router + 'track = [{ service = "near", weight = -60 }]\n'
            + web + near + dns)


class Quorum(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.backends = {node: Backend(cls.lab, node) for node in plan.BACKENDS}
        services.take_virtual_addresses(cls.lab, VIP)
        cls.pair = Pair(cls.lab, config)

    def setUp(self):
        self.pair.bring_home(second=())
        traffic.must_answer(self.lab, VIP, 81)

    def backend(self, i):
        return next(b for b in self.pair.nodes["a"].ask("backends", "web")["backends"]
                    if b["address"] == ADDRESSES[i])

    def refuse(self, node, port=8080):
        """Checks of the backend fail; what it serves stays up."""
        self.lab.exec(node, "nft", "add table inet closed; add chain inet closed input "
                      "{ type filter hook input priority 0 ; }; "
                      f"add rule inet closed input tcp dport {port} reject with tcp reset")
        self.addCleanup(lambda: self.lab.exec(node, "nft", "delete", "table", "inet", "closed"))

    def test_backup(self):
        """Below the quorum the backup alone gets new connections, and commands are told."""
        self.assertEqual(traffic.who_answers(self.lab, VIP, 10, 81),
                         collections.Counter(s1=5, s2=5))
        self.assertFalse(self.backend(2)["in_use"])
        self.refuse("s1")
        wait_until("the backup serves", lambda: self.backend(2)["in_use"])
        self.assertEqual(traffic.who_answers(self.lab, VIP, 10, 81), collections.Counter(s3=10))
        told = "service web: notify down: ok"
        wait_until("the command has run", lambda: told in [
            event["text"] for event in self.pair.nodes["a"].events("notice")])
        self.doCleanups()
        wait_until("the others serve again", lambda: not self.backend(2)["in_use"])
        self.assertEqual(traffic.who_answers(self.lab, VIP, 10, 81),
                         collections.Counter(s1=5, s2=5))

    def test_tracked(self):
        """A service without a backend that is up takes its address to the node that reaches one."""
        self.refuse("s4", 80)
        self.pair.nodes["b"].wait_for("Active")
        self.assertEqual(self.pair.nodes["a"].priority(), 90)
        self.assertEqual(traffic.who_answers(self.lab, VIP, 4, 8080), collections.Counter(s4=4))
        self.doCleanups()
        self.pair.nodes["a"].wait_for("Active", timeout=40)

    def test_one_packet(self):
        """Datagrams of one client and one port go to all backends in turn; no flow is kept."""
        asking = self.lab.socket("client", traffic.family_of(VIP), traffic.socket.SOCK_DGRAM)
        names = collections.Counter()
        with asking:
            asking.settimeout(2.0 * traffic.PATIENCE)
            asking.connect((VIP, DNS))
            for _ in range(40):
                asking.send(b"x")
                names[asking.recv(100).partition(b" ")[0].decode()] += 1
        self.assertEqual(names, collections.Counter(s1=10, s2=10, s3=10, s4=10))
        service = next(s for s in self.pair.nodes["a"].ask("services")["services"]
                       if s["name"] == "dns")
        self.assertEqual(service["flows"]["total"], 0)


if __name__ == "__main__":
    tap.main()
