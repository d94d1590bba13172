# SPDX-License-Identifier: Apache-2.0
"""Group vrrp/advert: what one advert takes in user space, in nanoseconds (vrrp_bench.cpp)."""

from . import machine, programs
from .rows import row

TARGETS = ("tests/bench/vrrp_bench",)

COPY = ("copy", "copying the packet")
SEND = ("send_call", "the system call that sends it")
# Name of the row, benchmark, reference.
FIGURES = (
    ("parse/ipv4", "parse/ipv4", COPY),
    ("parse/ipv6", "parse/ipv6", COPY),
    ("emit/ipv4", "emit_frame/ipv4", SEND),
    ("emit/ipv6", "emit_frame/ipv6", SEND),
    ("in/1", "receive/1", SEND),
    ("in/510", "receive/510", SEND),
    ("out/1", "send/1", SEND),
    ("out/510", "send/510", SEND),
)


def measure(options):
    report = programs.ask(
        "vrrp_bench", "--benchmark_format=json", f"--benchmark_repetitions={options.rounds or 9}",
        "--benchmark_enable_random_interleaving=true", "--benchmark_min_time=0.05",
        cpu=machine.quietest_cpu())
    times = {}
    for run in report["benchmarks"]:
        if run["run_type"] == "iteration":
            if run.get("error_occurred"):
                raise RuntimeError(f"vrrp_bench: {run['name']}: {run['error_message']}")
            times.setdefault(run["run_name"], []).append(run["cpu_time"])
    return [row(f"vrrp/advert/{name}", times[benchmark], "ns", times[reference], against)
            for name, benchmark, (reference, against) in FIGURES]
