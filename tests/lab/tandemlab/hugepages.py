# SPDX-License-Identifier: Apache-2.0
"""Huge pages for the time that somebody needs them: as many more as it takes, given back after it."""

import contextlib
import fcntl
import pathlib
import time

from .shell import LabError

NUMBER = pathlib.Path("/proc/sys/vm/nr_hugepages")
PAGE_MB = 2
GONE_SECONDS = 10


def _figure(name):
    for line in pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def free():
    """Pages that nobody has, nor has been promised."""
    return _figure("HugePages_Free") - _figure("HugePages_Rsvd")


def total():
    return int(NUMBER.read_text(encoding="ascii"))


@contextlib.contextmanager
def _in_turn():
    """Labs that run at once change the number one after the other."""
    with NUMBER.open(encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def add(pages):
    """Sets so many more aside, and says how many it got to give_back()."""
    with _in_turn():
        return _add(pages)


def _add(pages):
    before = total()
    pathlib.Path("/proc/sys/vm/compact_memory").write_text("1", encoding="ascii")
    NUMBER.write_text(str(before + pages), encoding="ascii")
    got = total() - before
    if got < pages:
        NUMBER.write_text(str(before), encoding="ascii")
        raise LabError(f"only {got} of {pages} more huge pages (of {PAGE_MB} MB each) could be had: "
                       "is so much memory free, in one piece?")
    return got


def give_back(pages):
    """Those of a process that is just ending are in use for a moment: the kernel would take as many
    that another lab counts on."""
    with _in_turn():
        end = time.monotonic() + GONE_SECONDS
        while free() < pages and time.monotonic() < end:
            time.sleep(0.05)
        NUMBER.write_text(str(max(total() - pages, 0)), encoding="ascii")


@contextlib.contextmanager
def more(pages):
    """So many more, within it."""
    got = add(pages)
    try:
        yield
    finally:
        give_back(got)
