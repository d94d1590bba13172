# SPDX-License-Identifier: Apache-2.0
"""Group xdp: what the steering program adds to an empty one, in nanoseconds a packet.

A row's figure is the difference of two runs that followed each other (see xdp_bench.cpp), its
reference the empty program alone: a ratio of 1 means that steering costs as much again.
"""

from . import machine, programs
from .rows import row

TARGETS = ("tests/bench/xdp_bench",)


def measure(options):
    results = programs.ask("xdp_bench", machine.quietest_cpu(), options.rounds or 15)
    rows = []
    for name, figures in sorted(results.items()):
        above = [full - empty for full, empty in zip(figures["steering"], figures["empty"])]
        rows.append(row(f"xdp/{name}", above, "ns", figures["empty"], "an empty program"))
    return rows
