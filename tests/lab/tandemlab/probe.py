# SPDX-License-Identifier: Apache-2.0
"""The 1 ms probe (lab_probe, see tests/lab/probe.cpp), run from the client."""

import json
import signal
import subprocess
import time

from .process import Process
from .shell import LabError, build_dir


class Probe:
    """Probes `address` every millisecond from its making until finish()."""

    def __init__(self, lab, address, node="client"):
        program = build_dir() / "tests" / "lab" / "lab_probe"
        if not program.exists():
            raise LabError(f"{program} is missing: build first (`ninja -C build`)")
        lab.exec(node, "ping", "-c", "1", "-W", "1", address, check=False)  # fills the ARP cache
        self.process = Process(lab, node, "probe", [program, address, "0"],
                               stdout=subprocess.PIPE)
        time.sleep(0.3)  # long enough to have answers from before whatever is tried

    def finish(self):
        self.process.signal(signal.SIGTERM)
        output, _ = self.process.popen.communicate(timeout=10)
        if self.process.popen.returncode != 0:
            raise LabError(f"lab_probe failed: {self.process.tail()}")
        return Report(json.loads(output))


class Report:
    """What the probe saw. Times of the report count from its start, `at` is time.monotonic()."""

    def __init__(self, fields):
        self.fields = fields
        self.sent = fields["sent"]
        self.answered = fields["answered"]
        self.gaps = fields["gaps"]
        self.longest_gap_ms = fields["longest_gap_ms"]
        self.longest_silence_ms = fields["longest_silence_ms"]
        self.answerers = fields["answerers"]

    def first_answer(self, mac):
        """time.monotonic() of the first answer from this MAC, or None."""
        for stretch in self.answerers:
            if stretch["mac"] == mac:
                return self._at(stretch["first_ms"])
        return None

    def last_answer(self, mac):
        for stretch in reversed(self.answerers):
            if stretch["mac"] == mac:
                return self._at(stretch["last_ms"])
        return None

    def _at(self, ms):
        return self.fields["start_monotonic_ns"] / 1e9 + ms / 1e3

    def __str__(self):
        gaps = ", ".join(f"{gap['length_ms']:.1f} ms at {gap['start_ms']:.0f} ms"
                         f" ({gap['missed']} missed)" for gap in self.gaps[:10])
        return (f"{self.answered} of {self.sent} answered; gaps: {gaps or 'none'}; longest silence "
                f"{self.longest_silence_ms:.1f} ms")
