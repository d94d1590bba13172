#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A pair of gateways on kernels of Debian's releases, with libxdp of each, in virtual machines.

    tests/lab/test_kernels.py trixie            all cells of that kernel's row: an hour or more
    tests/lab/test_kernels.py trixie --short    this machine's libxdp and a veth cable
    tests/lab/test_kernels.py trixie --libxdp sid --link active-backup

kernels/pair.py is what runs in there. docs/kernels.md has the table that comes of it.
"""

import argparse
import pathlib
import re
import signal
import sys

from tandemlab import debian, machine
from tandemlab.shell import LabError

PAIR = pathlib.Path(__file__).resolve().parent / "kernels" / "pair.py"
# Native, and as it is where a driver has no XDP.
LINKS = ("veth", "veth+generic", "active-backup", "802.3ad", "balance-xor", "active-backup+vlan",
         "802.3ad+vlan", "active-backup+generic")
LINK_SECONDS = 1800


class Tally:
    """The TAP of all machines, numbered on."""

    def __init__(self):
        self.number, self.failed = 0, 0

    def line(self, good, title):
        self.number += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {title}", flush=True)

    def take(self, where, text):
        case = re.match(r"(not )?ok \d+ - (.*)", text)
        if case:
            self.line(not case[1], f"{where}, {case[2]}")
        elif not re.match(r"TAP version|1\.\.", text):
            print("# " + text.rstrip().removeprefix("# "), flush=True)


def try_cell(tally, release, libxdp, links):
    where = f"{release}'s kernel, libxdp of {libxdp or debian.own_release()}"
    before = tally.number
    try:
        with machine.Machine(release, libxdp) as there:
            where = f"Linux {there.kernel.version}, libxdp of {libxdp or debian.own_release()}"
            status, _ = there.run([PAIR, *links], check=False, timeout=LINK_SECONDS * len(links),
                                  environment=machine.environment(),
                                  echo=lambda text: tally.take(where, text))
            if status not in (0, 1) or tally.number == before:
                tally.line(False, f"{where}: ended with status {status}")
                print("# " + there.said().replace("\n", "\n# "), flush=True)
    except LabError as error:
        tally.line(False, f"{where}: the machine")
        print("# " + str(error).replace("\n", "\n# "), flush=True)


def newer_libxdps():
    """Releases after this machine's own; None is its own."""
    return (None,) + debian.RELEASES[debian.RELEASES.index(debian.own_release()) + 1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel", choices=debian.RELEASES)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--libxdp", choices=debian.RELEASES)
    parser.add_argument("--link", action="append")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # takes the machine away
    reason = machine.why_not()
    if not reason and debian.own_release() not in debian.RELEASES:
        reason = f"the release {debian.own_release()} of this machine is not known here"
    if reason:
        print(f"1..0 # SKIP {reason}")
        return
    tally = Tally()
    if options.short or options.link or options.libxdp:
        own = options.libxdp in (None, debian.own_release())
        try_cell(tally, options.kernel, None if own else options.libxdp, options.link or ["veth"])
    else:
        for libxdp in newer_libxdps():
            try_cell(tally, options.kernel, libxdp, LINKS[:2] if libxdp else LINKS)
    print(f"1..{tally.number}")
    sys.exit(tally.failed > 0)


if __name__ == "__main__":
    main()
