# SPDX-License-Identifier: Apache-2.0
"""Group dpdk: what a worker of the dpdk engine takes for a packet, by its whole loop over a port in
memory (dpdk_bench.cpp).

dpdk/established/MODE/FLOWS: nanoseconds a packet of an established flow; beside testpmd's macswap on
a port of the same kind, which makes nothing of what it receives, and beside the same loop without
prefetch.
dpdk/floor: the same loop where only MAC addresses are exchanged, with the frames that the others get.
dpdk/cycles/MODE/FLOWS: the same in cycles of the time-stamp counter.
dpdk/admit/MODE: connections a second, by SYNs alone.
dpdk/workers/2/FLOWS: packets a second of two workers beside those of one; `floor` is the loop that
only exchanges MAC addresses. Where that one does not double either, the machine's cores are in each
other's way; what many flows lose beyond few is what the shared cache and the memory take.
"""

import re
import statistics
import subprocess

from tandemlab import hugepages
from tandemlab.shell import LabError

from . import machine, programs
from .rows import Row, row

TARGETS = ("tests/bench/dpdk_bench",)
ROUNDS = 5
PAGES = 620  # tables of ten million flows, and buffers
# What two workers share, by the flows they have.
LIMITS = {"floor": "no table: the machine's cores alone", "1k": "the table is in each core's cache",
          "1M": "the table is in memory, by one shared cache"}
TESTPMD_SECONDS = 3
TESTPMD_PAGES = 80


def measure(options):
    rounds, cpu = options.rounds or ROUNDS, machine.quietest_cpu()
    with hugepages.more(PAGES):
        results = programs.ask("dpdk_bench", cpu, rounds)
    with hugepages.more(TESTPMD_PAGES):
        macswap = [testpmd(cpu) for _ in range(rounds)]
    rows = [row("dpdk/testpmd/macswap", macswap, "ns")]
    floors = []
    for name, figures in results.items():
        if not name.startswith("established/"):
            continue
        floors += figures["floor"]
        rows.append(row(f"dpdk/{name}", figures["prefetch"], "ns", macswap, "testpmd macswap"))
        rows.append(row(f"dpdk/{name}", figures["prefetch"], "ns", figures["blind"],
                        "without prefetch"))
        rows.append(row(f"dpdk/cycles/{name.removeprefix('established/')}", figures["cycles"],
                        "cycles"))
    rows.insert(1, row("dpdk/floor", floors, "ns", macswap, "testpmd macswap"))
    for name, times in results.items():
        if name.startswith("admit/"):
            rates = [1e9 / time for time in times]
            rows.append(Row(f"dpdk/{name}", min(rates), statistics.median(rates), "1/s"))
    for name, limit in LIMITS.items():
        pair = results[f"workers/{name}"]
        rows.append(row(f"dpdk/workers/2/{name}", pair["two"], "1/s", pair["one"],
                        f"1 worker; {limit}"))
    return rows


def testpmd(cpu):
    """Nanoseconds that DPDK's own program takes for a packet, if it does next to nothing with it."""
    other = next((c for c in machine.cpus() if c != cpu), cpu)
    argv = ["dpdk-testpmd", "-l", f"{other},{cpu}", "--main-lcore", other, "--in-memory", "--no-pci",
            "-m", "128", "--vdev", "net_null0,size=60", "--", "--forward-mode=macswap",
            "--auto-start", "--stats-period", "1", "--nb-cores=1", "--total-num-mbufs=8192",
            "--burst=32", "--no-mlockall"]
    done = subprocess.run(["timeout", "-s", "INT", str(TESTPMD_SECONDS + 2)]
                          + [str(word) for word in argv], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
    rates = [int(rate) for rate in re.findall(r"Rx-pps:\s+(\d+)", done.stdout) if int(rate) > 0]
    if not rates:
        raise LabError(f"testpmd told no rate:\n{done.stdout[-1000:]}")
    return 1e9 / statistics.median(rates)
