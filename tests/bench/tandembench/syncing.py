# SPDX-License-Identifier: Apache-2.0
"""Group sync: flow synchronization with the other node (sync_bench.cpp). Both nodes are on this machine.

sync/event: a new flow, in processor time of the thread that sends, of the one that receives, and of
the data thread that applies it there. sync/lag/RATE: from the decision until the other node has the
flow, over a real link with TLS, at so many new flows a second; sync/threads/RATE: the processor time
of both sync threads then. sync/bulk/FLOWS: a new session with a node that has nothing, until all
is proved, one thread doing the work of all, and the processor time of each part. sync/admit: a first packet with [sync], beside the same without.
"""

from . import programs
from .rows import row

TARGETS = ("tests/bench/sync_bench",)
ROUNDS = 3
RATES = (20_000, 200_000)
BULKS = {"1M": 1_000_000, "16M": 16_000_000}


def rounds_of(options, *words):
    """The lists of figures of some runs, joined, by name."""
    joined = {}
    for _ in range(options.rounds or ROUNDS):
        for name, figures in programs.ask("sync_bench", *words).items():
            joined.setdefault(name, []).extend(figures)
    return joined


def measure(options):
    rows = []
    admit = rounds_of(options, "admit")
    rows.append(row("sync/admit", admit["with"], "ns", admit["without"], "without [sync]"))
    events = rounds_of(options, "events")
    rows += [row(f"sync/event/{part}", events[part], "ns", admit["without"], "a first packet")
             for part in ("send", "receive", "apply")]
    for rate in RATES:
        lag = rounds_of(options, "lag", rate)
        rows += [row(f"sync/lag/{rate}/{part}", lag[part], "ms") for part in ("p50", "p99", "most")]
        rows.append(row(f"sync/threads/{rate}", [100 * share for share in lag["sync_threads"]],
                        "% of a core"))
    for name, flows in BULKS.items():
        bulk = rounds_of(options, "bulk", flows)
        rows.append(row(f"sync/bulk/{name}", bulk["seconds"], "s"))
        rows += [row(f"sync/bulk/{name}/{part}", bulk[part], "s")
                 for part in ("sending", "receiving", "applying")]
    return rows
