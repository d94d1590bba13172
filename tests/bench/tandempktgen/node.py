# SPDX-License-Identifier: Apache-2.0
"""The node that is measured: what its processors did, and which of its counters tell of frames that
were lost. It is asked by commands with a prefix, `ssh root@gw1`, say."""

import re

from tandemlab.shell import run

from . import network

# Of `ethtool -S`: drivers have names of their own.
LOSSES = re.compile(r"drop|discard|missed|no_buf|nobuf|out_of_buffer|no_dma|alloc_fail|full|"
                    r"(?<!int)err", re.I)
TICKS = 100  # a second, in /proc/stat


def parse_cpu_times(text):
    """Of /proc/stat: each processor's ticks that were not idle."""
    times = {}
    for cpu, figures in re.findall(r"^cpu(\d+) (.*)$", text, re.M):
        ticks = [int(word) for word in figures.split()[:8]]  # guests' are in those of users
        times[int(cpu)] = sum(ticks) - ticks[3] - ticks[4]  # idle, I/O wait
    return times


def parse_losses(text):
    """Of `ethtool -S`, the counters of frames that were lost."""
    return {name: int(count) for name, count in re.findall(r"^\s*(\S.*?): (\d+)\s*$", text, re.M)
            if LOSSES.search(name)}


class Node:
    def __init__(self, prefix, ports):
        self.prefix, self.ports = tuple(prefix), ports

    def look(self):
        """All counters, to be given to since() later."""
        times = parse_cpu_times(run([*self.prefix, "cat", "/proc/stat"]).stdout)
        losses = {}
        for port in self.ports:
            stats = network.link(port, self.prefix)["stats64"]
            for way in ("rx", "tx"):
                losses |= {f"{port} {way} {name}": count for name, count in stats[way].items()
                           if name not in ("bytes", "packets", "multicast")}
            own = run([*self.prefix, "ethtool", "-S", port], check=False)  # not every driver has any
            losses |= {f"{port} {name}": count for name, count in parse_losses(own.stdout).items()}
        return times, losses


def since(before, after, seconds):
    """How busy each processor was in the seconds of a trial, in per cent, and which losses were
    counted. The time between two looks is longer, but there is nothing to do in the rest of it."""
    busy = {cpu: min(round(100 * (after[0].get(cpu, was) - was) / TICKS / seconds), 100)
            for cpu, was in before[0].items()}
    losses = {name: count - before[1].get(name, 0) for name, count in after[1].items()}
    return busy, {name: count for name, count in losses.items() if count > 0}
