# SPDX-License-Identifier: Apache-2.0
"""A program running inside a node."""

import os
import pathlib
import signal
import subprocess

from .shell import PATIENCE, LabError


class Process:
    """Started at once; what it prints goes to a log file in the node's directory."""

    def __init__(self, lab, node, name, argv, stdout=None, environment=None):
        self.lab, self.node, self.name = lab, node, name
        self.log_path = pathlib.Path(lab.directory) / node / f"{name}.log"
        self.log_path.parent.mkdir(exist_ok=True)
        with open(self.log_path, "ab") as log:
            self._log_start = log.tell()
            # nsenter becomes the program, so its process id is the program's.
            self.popen = subprocess.Popen(
                lab.enter(node) + [str(word) for word in argv],
                stdin=subprocess.DEVNULL, stdout=stdout or log, stderr=log,
                start_new_session=True, env=dict(os.environ, **(environment or {})))

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def log(self):
        """What it said: the file goes on from earlier processes of that name, this does not."""
        return self.log_path.read_bytes()[self._log_start:].decode(errors="replace")

    def signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        """SIGKILL: what a crash looks like to others."""
        if self.running():
            self.signal(signal.SIGKILL)
            self.popen.wait()

    def stop(self, timeout=10):
        """SIGTERM, and waits until it is gone. Gives its exit status."""
        if self.running():
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.popen.wait(timeout * PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
                raise LabError(f"{self.name} on {self.node} did not end within {timeout} s of "
                               f"SIGTERM; log: {self.log_path}") from None
        return self.popen.returncode

    def tail(self, lines=8):
        return "\n".join(self.log().splitlines()[-lines:])
