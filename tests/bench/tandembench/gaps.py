# SPDX-License-Identifier: Apache-2.0
"""vrrp/advert-gap/busy: adverts every 10 ms from a host that has no processor to spare.

Sixteen busy loops share two processors with both gateways. Three pairs take turns: Tandem,
keepalived as it is by default, and keepalived with vrrp_rt_priority, each for the same time.
"""

import time

from tandemlab.process import Process

from . import adverts, machine, pairs
from .rows import percentile, row

LOOPS = 16
CPUS = 2
ROUNDS = 3
PERCENTILES = (50, 90, 99, 99.9)


def measure(options, lab):
    rounds = options.rounds or ROUNDS
    subjects = {"tandem": pairs.TandemPair(lab), "keepalived": pairs.KeepalivedPair(lab),
                "keepalived-rt": pairs.KeepalivedPair(lab, real_time=True)}
    seen = {name: [] for name in subjects}
    with machine.only(machine.cpus()[:CPUS]):
        for _ in range(rounds):
            for name, pair in subjects.items():
                seen[name].append(listen(lab, pair, options.seconds / rounds))
    return [*gap_rows(seen), takeover_row(seen)]


def listen(lab, pair, seconds):
    pair.start()
    time.sleep(1)  # both at home: the change of hands is over
    loops = [Process(lab, "client", "busy", ["sh", "-c", "while :; do :; done"])
             for _ in range(LOOPS)]
    try:
        time.sleep(0.5)
        capture = adverts.Capture(lab)
        time.sleep(seconds)
        return capture.finish()
    finally:
        for loop in loops:
            loop.kill()
        pair.stop()


def gap_rows(seen):
    rows = []
    gaps = {name: [adverts.gaps(heard) for heard in rounds] for name, rounds in seen.items()}
    figures = {f"p{percent:g}": lambda of_round, p=percent: percentile(of_round, p)
               for percent in PERCENTILES}
    figures["max"] = max
    for label, figure in figures.items():
        values = {name: [figure(of_round) for of_round in rounds] for name, rounds in gaps.items()}
        rows.append(row(f"vrrp/advert-gap/busy/{label}", values["tandem"], "ms",
                        values["keepalived"], "keepalived"))
        rows.append(row(f"vrrp/advert-gap/busy/{label}/real-time-peer", values["tandem"], "ms",
                        values["keepalived-rt"], "keepalived, vrrp_rt_priority 50"))
    return rows


def takeover_row(seen):
    counts = {name: [adverts.takeovers(heard) for heard in rounds]
              for name, rounds in seen.items()}
    total = {name: sum(of_rounds) for name, of_rounds in counts.items()}
    return row("vrrp/advert-gap/busy/takeovers", [total["tandem"]], "count",
               [total["keepalived"]],
               f"keepalived; with vrrp_rt_priority 50: {total['keepalived-rt']}")
