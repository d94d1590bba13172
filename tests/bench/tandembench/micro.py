# SPDX-License-Identifier: Apache-2.0
"""Group vrrp/advert: what one advert takes in user space, in nanoseconds (vrrp_bench.cpp)."""

from . import programs
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
    times = programs.times("vrrp_bench", options.rounds or 9)
    return [row(f"vrrp/advert/{name}", times[benchmark], "ns", times[reference], against)
            for name, benchmark, (reference, against) in FIGURES]
