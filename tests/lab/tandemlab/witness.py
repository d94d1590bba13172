# SPDX-License-Identifier: Apache-2.0
"""A witness of how long the machine itself stood still, as virtual machines do at times.

On each processor a thread of the highest priority wakes up every millisecond. Run as a program, this
file is one of them: `witness.py CPU`; at SIGTERM it prints its longest sleep in milliseconds.
"""

import os
import signal
import subprocess
import sys
import time


def watch(cpu):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    os.sched_setaffinity(0, {cpu})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
    longest = 0.0
    last = time.monotonic()
    try:
        while True:
            time.sleep(0.001)
            now = time.monotonic()
            longest, last = max(longest, now - last), now
    finally:
        print(longest * 1000, flush=True)


class Witness:
    def __init__(self):
        self.watching = [subprocess.Popen([sys.executable, __file__, str(cpu)],
                                          stdout=subprocess.PIPE, text=True)
                         for cpu in os.sched_getaffinity(0)]

    def longest(self):
        """Milliseconds, on any processor; ends the watch."""
        for process in self.watching:
            process.terminate()
        return max(float(process.communicate()[0] or 0) for process in self.watching)


if __name__ == "__main__":
    watch(int(sys.argv[1]))
