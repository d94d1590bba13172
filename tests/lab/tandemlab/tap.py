# SPDX-License-Identifier: Apache-2.0
"""Runs unittest cases and prints them in TAP, each under the first line of its docstring.

A case class that derives from LabCase gets one lab for all its tests, in `cls.lab`.
"""

import atexit
import os
import pathlib
import signal
import sys
import time
import traceback
import unittest

from . import topology


class LabCase(unittest.TestCase):
    """One lab for the class, taken away at its end, also after a failure or a signal."""

    lab = None

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root (network namespaces)")
        file = pathlib.Path(sys.argv[0]).stem.removeprefix("test_").replace("_", "-")
        cls.lab = topology.Lab(f"test-{file}-{os.getpid()}")
        keep_tidy(cls.lab)
        cls.lab.up()

    @classmethod
    def tearDownClass(cls):
        if cls.lab is not None:
            cls.lab.down()


def keep_tidy(lab, unless=lambda: False):
    """Takes the lab down when this process ends, however it ends short of SIGKILL."""
    atexit.register(lambda: unless() or lab.down())
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def _line(self, good, test, directive="", part=""):
        self.number += 1
        title = (test.shortDescription() or str(test)).rstrip(".").replace("#", "no. ")
        print(f"{'ok' if good else 'not ok'} {self.number} - {title}{part}{directive}", flush=True)

    def _diagnose(self, text):
        for line in text.strip().splitlines():
            print(f"# {line}", flush=True)

    def _explain(self, text):
        """Why a test failed; meson shows only stderr of a TAP test that failed."""
        self._diagnose(text)
        print(text, file=sys.stderr, flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._line(True, test)
        self._diagnose(f"took {time.monotonic() - self.started:.1f} s")

    def addError(self, test, err):
        super().addError(test, err)
        self._line(False, test)
        self._explain(self.errors[-1][1])

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._line(False, test)
        self._explain(self.failures[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._line(False, test, part=f": {subtest._message}")
            self._explain("".join(traceback.format_exception(*err)))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line(True, test, f" # SKIP {reason}")

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self._line(True, test)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._line(False, test)


def note(text):
    """A line for whoever reads the log of a test: a figure that was measured, say."""
    print(f"# {text}", flush=True)


def main():
    """Runs the cases of the calling module; arguments choose by parts of test names."""
    loader = unittest.TestLoader()
    if sys.argv[1:]:
        loader.testNamePatterns = [f"*{word}*" for word in sys.argv[1:]]
    suite = loader.loadTestsFromModule(sys.modules["__main__"])
    print("TAP version 13")
    result = TapResult()
    suite.run(result)
    print(f"1..{result.number}")
    sys.exit(0 if result.wasSuccessful() else 1)
