# SPDX-License-Identifier: Apache-2.0
"""Group xdp: what the steering program adds to an empty one, in nanoseconds a packet.

A row's median is that of the differences of two runs which followed each other (see xdp_bench.cpp),
its minimum the difference of the two programs' minima; the reference is the empty program alone: a
ratio of 1 means that steering costs as much again.
"""

import statistics

from . import machine, programs
from .rows import Row

TARGETS = ("tests/bench/xdp_bench", "tests/bench/xdp_flow_bench")


def measure(options):
    cpu, rounds = machine.quietest_cpu(), options.rounds or 15
    results = programs.ask("xdp_bench", cpu, rounds) | programs.ask("xdp_flow_bench", cpu, rounds)
    rows = []
    for name, figures in sorted(results.items()):
        full, empty = figures["steering"], figures["empty"]
        rows.append(Row(f"xdp/{name}", min(full) - min(empty),
                        statistics.median(a - b for a, b in zip(full, empty)), "ns",
                        statistics.median(empty), "an empty program"))
    return rows
