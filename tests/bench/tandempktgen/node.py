# SPDX-License-Identifier: Apache-2.0
"""The node that is measured: what its processors did, and which of its counters tell of frames that
were lost. It is asked by commands with a prefix, `ssh root@gw1`, say."""

import re

from tandemlab.shell import run

from . import network

# Of `ethtool -S`: drivers have names of their own.
LOSSES = re.compile(r"drop|discard|miss|no_buf|nobuf|no_dma|alloc_fail|full|err", re.I)


def parse_cpu_times(text):
    """Of /proc/stat: busy and all ticks of each processor."""
    times = {}
    for cpu, figures in re.findall(r"^cpu(\d+) (.*)$", text, re.M):
        ticks = [int(word) for word in figures.split()[:8]]  # guests' are in those of users
        times[int(cpu)] = (sum(ticks) - ticks[3] - ticks[4], sum(ticks))  # without idle, I/O wait
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


def since(before, after):
    """How busy each processor was, in per cent, and which losses were counted."""
    busy = {}
    for cpu, (was_busy, was_all) in before[0].items():
        is_busy, is_all = after[0].get(cpu, (was_busy, was_all))
        busy[cpu] = round(100 * (is_busy - was_busy) / max(is_all - was_all, 1))
    losses = {name: count - before[1].get(name, 0) for name, count in after[1].items()}
    return busy, {name: count for name, count in losses.items() if count > 0}
