# SPDX-License-Identifier: Apache-2.0
"""Group sched: what a new flow takes in user space, on one processor.

sched/pick/BACKENDS: ending one flow and picking a backend for another by least connections, equal
weights; sched/pick/distinct/BACKENDS: as many weights as backends. Beside the same with 4 backends,
and beside a scan of all of them (balance_bench.cpp).
sched/insert, sched/sweep: the flow table with so many flows (flow_bench.cpp).
sched/admit/MODE/BACKENDS: all that the data thread's core does for a first packet, with a table of
up to a million flows (admission_bench.cpp).
"""

from . import programs
from .rows import Row, row

PICK = ("tests/bench/balance_bench",)
TABLE = ("tests/bench/flow_bench",)
ADMIT = ("tests/bench/admission_bench",)
ROUNDS = 9
BACKENDS = (4, 100, 1000, 10000)
WEIGHTS = {"": "equal", "distinct/": "distinct"}
FLOWS = {"1k": 1 << 10, "100k": 1 << 17, "1M": 1 << 20, "8M": 1 << 23}
SWEEP_ROUND = 20e9  # nanoseconds in which the data thread sees the whole table once
BUCKETS = 16_000_000 * 3 // 8  # of the largest table


def measure_pick(options):
    times = programs.times("balance_bench", options.rounds or ROUNDS,
                           "--benchmark_filter=pick/least_conn|scan")
    rows = []
    for path, weights in WEIGHTS.items():
        of = {n: times[f"pick/least_conn/{weights}/{n}"] for n in BACKENDS}
        for n in BACKENDS:
            name = f"sched/pick/{path}{n}"
            rows.append(row(name, of[n], "ns", of[4], "4 backends"))
            rows.append(row(name, of[n], "ns", times[f"scan/{n}"], "a scan of all"))
    return rows


def measure_table(options):
    times = programs.times("flow_bench", options.rounds or 5,
                           "--benchmark_filter=insert|sweep|map_update")
    rows = []
    for family in ("ipv4", "ipv6"):
        rows += [row(f"sched/insert/{family}/{name}", times[f"insert/{family}/{n}"], "ns",
                     times[f"map_update/{n}"], "bpf_map_update_elem, LRU hash")
                 for name, n in FLOWS.items()]
        shares = [time * BUCKETS / SWEEP_ROUND * 100
                  for time in times[f"sweep/{family}/{FLOWS['8M']}"]]
        rows.append(Row(f"sched/sweep/{family}/16M", min(shares), sorted(shares)[len(shares) // 2],
                        "% of a core"))
    return rows


def measure_admit(options):
    times = programs.times("admission_bench", options.rounds or ROUNDS)
    return [row("sched/" + name, of, "ns", times["system_call"], "a system call that does nothing")
            for name, of in sorted(times.items()) if name.startswith("admit/")]
