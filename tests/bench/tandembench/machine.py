# SPDX-License-Identifier: Apache-2.0
"""The machine that figures come from, and its processors."""

import contextlib
import datetime
import os
import pathlib
import platform


def line():
    """One line to print above figures: without it they mean nothing."""
    cpu = "unknown processor"
    for text in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            cpu = text.split(":", 1)[1].strip()
            break
    load = os.getloadavg()[0]
    now = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z")
    return (f"Linux {platform.release()}, {cpu}, {len(cpus())} cores, load {load:.1f} at the "
            f"start, {now}")


def cpus():
    return sorted(os.sched_getaffinity(0))


def quietest_cpu():
    """The last one: interrupts and other processes tend to be on the first."""
    return cpus()[-1]


@contextlib.contextmanager
def only(chosen):
    """Within it, processes that are started run on the chosen processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
