#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What tools/pktgen and tools/rfc2544 make of words, texts and figures, without sending anything."""

import collections
import ipaddress
import pathlib
import sys
import unittest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT / "tests" / "lab"), str(CHECKOUT / "tests" / "bench")]

from tandemlab import tap  # noqa: E402
from tandemlab.shell import LabError  # noqa: E402
from tandempktgen import bpf, frames, kernel, load as loads, node, search, testpmd  # noqa: E402

NETWORK = ipaddress.ip_network("203.0.113.0/24")


def a_load(**more):
    return loads.Load("eth2", "192.0.2.100", 80, mac="02:00:00:00:00:02",
                      source_mac="02:00:00:00:00:01", **more)


class Loads(unittest.TestCase):
    def test_wire(self):
        """The most frames a second of 10GbE: 14.88 million of 64 bytes, 3.27 million of IMIX."""
        self.assertEqual(round(loads.line_rate((64,))), 14880952)
        self.assertEqual(round(loads.line_rate((1518,))), 812744)
        self.assertEqual(sorted(loads.IMIX), [64] * 7 + [594] * 4 + [1518])
        self.assertEqual(round(loads.line_rate(loads.IMIX)), 3273680)

    def test_refused(self):
        """What nobody can send is refused, and it is said what was expected."""
        for wrong, expected in ((lambda: loads.sizes_of("63"), "64 to 1518"),
                                (lambda: loads.sizes_of("big"), "imix"),
                                (lambda: loads.network_of("2001:db8::/64"), "IPv4 network"),
                                (lambda: loads.network_of("10.0.0.0/4"), "8 to 32 bits"),
                                (lambda: loads.target_of("[2001:db8::1]:80"), "of IPv4"),
                                (lambda: loads.target_of("192.0.2.1:70000"), "ADDRESS:PORT"),
                                (lambda: loads.cpus_of("1-3"), "such as 2,3"),
                                (lambda: a_load().to("02:00", "02:00"), "a MAC address"),
                                (lambda: loads.check(a_load(flows=0)), "expected 1 to 15,360,000"),
                                (lambda: loads.check(a_load(rate=-1)), "frames a second"),
                                (lambda: loads.check(a_load(seconds=0)), "more than 0")):
            with self.assertRaisesRegex(LabError, expected):
                wrong()

    def test_shares(self):
        """Processors share a rate to the frame."""
        self.assertEqual(bpf.rates_of(a_load(rate=10, cpus=(1, 2, 3))), [4, 3, 3])
        self.assertEqual(bpf.rates_of(a_load(cpus=(1, 2))), [0, 0])
        with self.assertRaisesRegex(LabError, "too little"):
            bpf.rates_of(a_load(rate=1, cpus=(1, 2)))


class KernelPktgen(unittest.TestCase):
    def test_script(self):
        """What is written to /proc/net/pktgen, in order."""
        lines = kernel.script(a_load(flows=1000, rate=500, sizes=(512,)), (2, 3))
        self.assertEqual(lines[0], ("pgctrl", "reset", False))
        self.assertEqual(lines[1], ("kpktgend_2", "add_device eth2@2", False))
        self.assertEqual([line.text for line in lines if line.file == "eth2@3"], [
            "count 0", "pkt_size 508", "dst_mac 02:00:00:00:00:02", "src_mac 02:00:00:00:00:01",
            "dst_min 192.0.2.100", "dst_max 192.0.2.100", "src_min 203.0.113.0",
            "src_max 203.0.113.124", "udp_src_min 1024", "udp_src_max 1032", "udp_dst_min 80",
            "udp_dst_max 80", "flag NO_TIMESTAMP", "queue_map_min 1", "queue_map_max 1", "delay 0",
            "ratep 250"])

    def test_flows(self):
        """So many flows are addresses times ports, which come in all pairs."""
        for flows in (1, 7, 250, 1000, 100_000, 1_000_000, 59_999):
            addresses, ports = kernel.flow_grid(a_load(flows=flows))
            self.assertEqual(addresses * ports, flows)
            if flows <= 1000:
                met = {(i % addresses, i % ports) for i in range(flows)}
                self.assertEqual(len(met), flows)

    def test_clones(self):
        """A single flow's packet is sent again, where the driver lets it be."""
        self.assertEqual(kernel.script(a_load(flows=1), (0,))[-1],
                         ("eth2@0", "clone_skb 1000", True))

    def test_refused(self):
        """What it cannot make is refused in a sentence."""
        for load, expected in ((a_load(kind="syn"), "datagrams alone"),
                               (a_load(kind="mixed"), "datagrams alone"),
                               (a_load(sizes=loads.IMIX), "one size"),
                               (a_load(flows=1_000_003), "cannot make 1000003 flows")):
            self.assertIn(expected, kernel.why_not_this(load))
        self.assertIsNone(kernel.why_not_this(a_load()))

    def test_parse(self):
        """Frames and seconds of what a device's file tells."""
        text = ("Current:\n     pkts-sofar: 123456  errors: 7\n"
                "     started: 5000000us  stopped: 7500000us idle: 0us\nResult: OK: ...\n")
        self.assertEqual(kernel.parse(text), (123456, 2.5))
        with self.assertRaises(LabError):
            kernel.parse("Result: Idle")


class Testpmd(unittest.TestCase):
    def test_parse(self):
        """Frames sent by the port that does not read the capture, not the sum of both."""
        port = "RX-packets: 5  RX-dropped: 0  RX-total: 5\r\n  TX-packets: {}  TX-dropped: 0\r\n"
        self.assertEqual(testpmd.parse(port.format(7) + port.format(1000) + port.format(1007)), 1000)
        with self.assertRaises(LabError):
            testpmd.parse("Telling cores to stop...")

    def test_memory(self):
        """A hundred thousand flows take 290 MB and a million 2.4 GB of huge pages."""
        self.assertEqual(testpmd.memory_of(a_load(flows=100_000)), 290)
        self.assertEqual(testpmd.memory_of(a_load(flows=1_000_000)), 2383)

    def test_device(self):
        """An interface is taken by AF_XDP, a PCI device as it is."""
        words = testpmd.words_of(a_load(), "f.pcap", (0, 1))
        self.assertIn("net_af_xdp0,iface=eth2", words)
        card = loads.Load("0000:03:00.0", "192.0.2.100", 80)
        words = testpmd.words_of(card, "f.pcap", (1, 0))
        self.assertEqual(words[words.index("-a") + 1], "0000:03:00.0")
        self.assertEqual(words[1:5], ["-l", "0,1", "--main-lcore", "1"])


class Frames(unittest.TestCase):
    def test_mixture(self):
        """All flows, IMIX's sizes in their proportion, a tenth SYNs."""
        made = list(frames.frames(a_load(flows=1000, kind="mixed", sizes=loads.IMIX)))
        self.assertEqual(len({frame[26:36] for frame in made}), 1000)
        sizes = collections.Counter(len(frame) + 4 for frame in made)
        self.assertEqual(sizes, {64: len(made) * 7 // 12, 594: len(made) // 3, 1518: len(made) // 12})
        self.assertEqual(sum(frame[47] == frames.SYN for frame in made), len(made) // 10)


def node_with(limit, tried):
    """A trial of one second with a node that lets `limit` frames a second through; the generator
    makes 1,000,000 at most."""
    def trial(rate):
        tried.append(rate)
        sent = min(rate or 1_000_000, 1_000_000)
        return search.Trial(rate, sent, min(sent, limit), 1.0)
    return trial


class Search(unittest.TestCase):
    def test_halving(self):
        """The rate is found as exactly as was asked for, wherever it is."""
        for limit in (11_000, 123_456, 654_321, 999_000):
            tried = []
            found = search.no_drop_rate(node_with(limit, tried), resolution=0.001)
            self.assertLessEqual(found.best.asked, limit)
            self.assertGreater(found.worse.asked or 1_000_000, limit)
            self.assertLess(limit - found.best.asked, 2000)
            self.assertEqual(found.trials, len(tried))
            self.assertLess(len(tried), 20)

    def test_generator(self):
        """Without loss at the most that can be sent, there is nothing to search."""
        found = search.no_drop_rate(node_with(2_000_000, []))
        self.assertEqual((found.best.sent, found.worse, found.trials), (1_000_000, None, 1))

    def test_nothing(self):
        """A node that always loses has no such rate."""
        found = search.no_drop_rate(node_with(0, []))
        self.assertIsNone(found.best)
        self.assertLess(found.worse.asked, 20_000)

    def test_tolerance(self):
        """What may be lost may be lost."""
        trial = node_with(900_000, [])
        self.assertEqual(search.no_drop_rate(trial, tolerated=0.1).trials, 1)
        self.assertGreater(search.no_drop_rate(trial, tolerated=0.0999).trials, 1)
        self.assertFalse(search.Trial(5, 0, 0, 1.0).good(1))

    def test_confirmation(self):
        """A rate that loses in a longer trial gives way to the next lower one."""
        best = search.Trial(100_000, 100_000, 100_000, 1.0)
        tried = []
        found = search.confirm(node_with(98_500, tried), search.Found(best, None, 3))
        self.assertEqual(tried, [100_000, 99_000, 98_010])
        self.assertEqual((found.best.asked, found.worse.asked, found.trials), (98_010, 99_000, 6))
        self.assertIsNone(search.confirm(node_with(0, []), search.Found(best, None, 1)).best)

    def test_warm_up(self):
        """So many frames that hardly a flow is left out."""
        frames_needed = search.frames_to_meet(1000)
        missed = 1000 * (1 - 1 / 1000) ** frames_needed
        self.assertLess(missed, 0.06)


class Node(unittest.TestCase):
    def test_cpu_times(self):
        """Busy is all but idle and I/O wait; guests are in the users' time already."""
        text = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 10 1 20 60 5 0 4 0 7 0\ncpu12 1 0 0 1 0 0 0 0 0 0\n"
        self.assertEqual(node.parse_cpu_times(text), {0: 35, 12: 1})

    def test_losses(self):
        """Of a driver's own counters those of lost frames, under its names for them."""
        text = ("NIC statistics:\n     rx_packets: 10\n     rx_missed_errors: 3\n"
                "     rx-0.rx_dropped: 0\n     fdir_miss: 9\n     tx_interrupts: 9\n"
                "     port.rx_discards: 1\n     rx_no_dma_resources: 2\n")
        self.assertEqual(node.parse_losses(text),
                         {"rx_missed_errors": 3, "rx-0.rx_dropped": 0, "port.rx_discards": 1,
                          "rx_no_dma_resources": 2})

    def test_since(self):
        """What rose between two looks."""
        before = ({0: 10, 1: 0, 2: 0}, {"eth0 rx dropped": 5, "eth0 rx_missed": 1})
        after = ({0: 110, 1: 0, 2: 240}, {"eth0 rx dropped": 5, "eth0 rx_missed": 4})
        self.assertEqual(node.since(before, after, 2), ({0: 50, 1: 0, 2: 100},
                                                        {"eth0 rx_missed": 3}))


if __name__ == "__main__":
    tap.main()
