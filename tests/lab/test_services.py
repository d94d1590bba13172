#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Services forward to backends in every mode, both families, TCP and UDP.

    client --- front --- a: tandemd --- back --- s1..s4: Nginx, UDP echo
                 '------------------------------'  answers of dsr and tunnel

One address for each mode, so that a mode's services are of one kind; the backends have those of dsr
and tunnel on lo.
"""

import collections

from tandemlab import configs, plan, services, tap, traffic
from tandemlab.backends import BIG, DNS, Backend
from tandemlab.tandem import Tandem

# What each mode listens on. In a tunnel, a packet of either family goes in one of either family.
ADDRESSES = {
    "nat": ("192.0.2.100", "2001:db8:1::100"),
    "fullnat": ("192.0.2.101", "2001:db8:1::101"),
    "dsr": ("192.0.2.102", "2001:db8:1::102"),
    "tunnel": ("192.0.2.103", "2001:db8:1::103"),
    "tunnel in the other family": ("192.0.2.104", "2001:db8:1::104"),
}
REQUESTS = 9000


def config():
    blocks, in_v4, in_v6 = [], [], []
    for mode, addresses in ADDRESSES.items():
        for address in addresses:
            (in_v6 if ":" in address else in_v4).append(address)
            backends = None
            if mode.endswith("family"):
                backends = services.BACKENDS4 if ":" in address else services.BACKENDS6
            for name, port, protocol in (("web", 80, "tcp"), ("dns", DNS, "udp")):
                blocks.append(services.service(f"{name} {address}", address, mode.split()[0], port,
                                               protocol, backends))
    return (configs.node("a", ("eth0", "eth1"))
            + configs.vrrp("VI_1", 51, 150, *(f"{a}/24" for a in in_v4))
            + configs.vrrp("VI_6", 51, 150, "fe80::51/64", *(f"{a}/64" for a in in_v6))
            + "".join(blocks))


class Modes(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in plan.BACKENDS:
            Backend(cls.lab, node)
        services.take_virtual_addresses(
            cls.lab, *(a for mode in ("dsr", "tunnel", "tunnel in the other family")
                       for a in ADDRESSES[mode]))
        services.TunnelEnds(cls.lab)
        cls.tandem = Tandem(cls.lab, "a", config())
        for name in ("VI_1", "VI_6"):
            cls.tandem.wait_for("Active", name)
        for addresses in ADDRESSES.values():
            for address in addresses:
                traffic.must_answer(cls.lab, address)

    def each(self, check):
        for mode, addresses in ADDRESSES.items():
            for address in addresses:
                with self.subTest(f"{mode}, {address}"):
                    check(mode, address)

    def test_even(self):
        """Connections one after another go to all four backends, evenly."""
        def check(_, address):
            self.assertEqual(traffic.who_answers(self.lab, address, 40),
                             collections.Counter(s1=10, s2=10, s3=10, s4=10))

        self.each(check)

    def test_caller(self):
        """Backends see the client's address, but with fullnat one of the service's sources."""
        def check(mode, address):
            client = plan.cable("client")
            if mode == "fullnat":
                expected = services.SOURCE6 if ":" in address else services.SOURCE4
            else:
                expected = client.v6 if ":" in address else client.v4
            connection = traffic.Connection(self.lab, address)
            self.assertEqual(connection.ask().split()[1], expected)
            connection.close()

        self.each(check)

    def test_load(self):
        """9,000 requests in each mode, a new connection for each: none fails."""
        def check(mode, address):
            requests = 0
            for _ in range(10):
                done, failed, text = traffic.load(self.lab, address, 2)
                self.assertEqual(failed, 0, text)
                requests += done
                if requests >= REQUESTS:
                    break
            tap.note(f"{mode} {address}: {requests} requests")
            self.assertGreaterEqual(requests, REQUESTS)

        self.each(check)

    def test_kept_alive(self):
        """Connections that stay open carry many requests: none fails."""
        def check(_, address):
            requests, failed, text = traffic.load(self.lab, address, 1, close=False)
            self.assertEqual(failed, 0, text)
            self.assertGreater(requests, 100)

        self.each(check)

    def test_bulk(self):
        """A mebibyte gets through in each direction."""
        def check(_, address):
            done = self.lab.exec("client", "curl", "-s", "--max-time", "10", "-o", "/dev/null",
                                 "-w", "%{size_download}", traffic.url(address, path="/big"),
                                 check=False)
            self.assertEqual(done.stdout, str(BIG))
            connection = traffic.Connection(self.lab, address, timeout=10)
            self.assertEqual(connection.send_bytes(BIG), "HTTP/1.1 200 OK")
            connection.close()

        self.each(check)

    def test_udp(self):
        """UDP datagrams are answered, by each of the backends in turn."""
        def check(_, address):
            answers = [traffic.ask_udp(self.lab, address, DNS, b"x" * 100) for _ in range(8)]
            self.assertEqual({a and a[1] for a in answers}, {b"x" * 100})
            # Datagrams of tests before may count yet: a backend has one fewer then, another one more.
            shares = collections.Counter(a[0] for a in answers)
            self.assertEqual(sorted(shares), sorted(plan.BACKENDS))
            self.assertLessEqual(max(shares.values()), 3)

        self.each(check)

    def test_fragments(self):
        """A UDP datagram of 4,000 bytes, in fragments, arrives whole and is answered."""
        def check(_, address):
            if configs.PORT == "af_packet" and "." in address:
                return  # DPDK's driver has the kernel join IPv4 fragments, and drops what is too long
            data = bytes(range(250)) * 16
            answer = traffic.ask_udp(self.lab, address, DNS, data)
            self.assertIsNotNone(answer)
            self.assertEqual(answer[1], data)

        self.each(check)


if __name__ == "__main__":
    tap.main()
