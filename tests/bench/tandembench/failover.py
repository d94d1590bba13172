# SPDX-License-Identifier: Apache-2.0
"""vrrp/failover: how long an address is away at 10 ms adverts, one row for each way to lose a node.

`probe` is what a client notices: a probe every millisecond, from the first lost one to the next
answered. `wire` is from the last advert of the old Active to the first of the new one. When only
keepalived dies its kernel goes on answering for the address, beside the node that took over: the
probe then misses nothing, and the wire tells. A cut link is the same for both.
"""

import time

from tandemlab import plan
from tandemlab.probe import Probe
from tandemlab.shell import wait_until

from . import adverts, pairs
from .rows import row

ROUNDS = 7
ROUTER = (4, 51)
VIP = plan.VIPS[0]
# A planned handover of Tandem's is compared to what keepalived does when it is told to end.
REFERENCE_WAY = {"failover": "sigterm"}


def measure(options, lab):
    subjects = (pairs.TandemPair(lab), pairs.KeepalivedPair(lab))
    probes = {pair.name: {way: [] for way in pair.ways} for pair in subjects}
    wires = {pair.name: {way: [] for way in pair.ways} for pair in subjects}
    for _ in range(options.rounds or ROUNDS):
        for pair in subjects:
            for way in pair.ways:
                gap, silence = lose(lab, pair, way)
                probes[pair.name][way].append(gap)
                wires[pair.name][way].append(silence)
            pair.stop()
    rows = []
    for way in pairs.TandemPair.ways:
        reference = REFERENCE_WAY.get(way, way)
        against = f"keepalived, {reference}"
        for view, figures in (("probe", probes), ("wire", wires)):
            rows.append(row(f"vrrp/failover/{way}/{view}", figures["tandem"][way], "ms",
                            figures["keepalived"][reference], against))
    return rows


def lose(lab, pair, way):
    """One failover from node a: (probe's gap, silence on the wire) in milliseconds."""
    pair.start()
    time.sleep(0.3)  # announcements done, neighbour caches settled
    capture = adverts.Capture(lab)
    probe = Probe(lab, VIP)
    try:
        pair.go(way)
        wait_until(f"node b of {pair.name} took over after {way}", pair.taken_over)
        time.sleep(0.3)
    finally:
        report = probe.finish()
        pairs.mend(lab, "a")
    heard = capture.finish()
    if way == "failover":
        pair.pair.a.ctl("failover", "--back")
    return report.longest_gap_ms, adverts.handover(
        heard, ROUTER, plan.front_mac("a"), plan.front_mac("b"))
