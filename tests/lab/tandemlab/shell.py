# SPDX-License-Identifier: Apache-2.0
"""Running commands, and waiting for something to become true."""

import os
import pathlib
import subprocess
import time

# By how much to multiply how long is waited for something: an emulated machine is slow (machine.py).
PATIENCE = float(os.environ.get("TANDEM_PATIENCE", 1))
CHECKOUT = pathlib.Path(__file__).resolve().parents[3]


class LabError(Exception):
    """Something about the lab does not work; the text is for whoever runs it."""


def build_dir():
    """Where Meson built: $TANDEM_BUILD, else build/ of the checkout."""
    return pathlib.Path(os.environ.get("TANDEM_BUILD", CHECKOUT / "build")).resolve()


def run(argv, check=True, timeout=60, stdin=None):
    """Runs a command to its end and gives its CompletedProcess; a failure is a LabError."""
    argv = [str(word) for word in argv]
    done = subprocess.run(argv, capture_output=True, text=True, input=stdin,
                          timeout=timeout * PATIENCE)
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise LabError(f"`{' '.join(argv)}` ended with status {done.returncode}: {said}")
    return done


def wait_until(what, condition, timeout=10.0, every=0.02):
    """Polls `condition` until it gives something true, and gives that.

    After `timeout` seconds it is a LabError that says `what` did not happen. For the last poll's
    sake a condition may raise LabError or AssertionError: it then counts as "not yet".
    """
    timeout *= PATIENCE
    deadline = time.monotonic() + timeout
    trouble = ""
    while True:
        try:
            result = condition()
            if result:
                return result
        except (LabError, AssertionError, OSError) as error:
            trouble = f" ({error})"
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout:g} s in vain: {what}{trouble}")
        time.sleep(every)
