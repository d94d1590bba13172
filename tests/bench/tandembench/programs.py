# SPDX-License-Identifier: Apache-2.0
"""Building what a benchmark needs, and running the programs of tests/bench."""

import json
import subprocess
import sys

from tandemlab.shell import CHECKOUT, LabError, build_dir

from . import machine

DAEMON = ("src/tandemd", "src/tandemctl", "tests/lab/lab_probe")


def build(targets):
    """Builds these of the build directory, which gets all features; the output is on stderr."""
    words = [CHECKOUT / "tools/build", "test", "--directory", build_dir(), *targets]
    if subprocess.run(words, stdout=sys.stderr, stdin=subprocess.DEVNULL).returncode != 0:
        raise LabError("the programs could not be built")


def path(name):
    return build_dir() / "tests" / "bench" / name


def ask(name, *arguments, cpu=None):
    """Runs a program of tests/bench, pinned to a processor, and gives the JSON that it prints."""
    words = [path(name), *arguments]
    if cpu is not None:
        words = ["taskset", "-c", cpu, *words]
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise LabError(f"{name} ended with status {done.returncode}")
    return json.loads(done.stdout)


def times(name, rounds, *more):
    """Runs a program of Google Benchmark's: the processor times of each benchmark, by name, in
    nanoseconds."""
    report = ask(name, "--benchmark_format=json", f"--benchmark_repetitions={rounds}",
                 "--benchmark_enable_random_interleaving=true", "--benchmark_min_time=0.05", *more,
                 cpu=machine.quietest_cpu())
    found = {}
    for run in report["benchmarks"]:
        if run["run_type"] == "iteration":
            if run.get("error_occurred"):
                raise LabError(f"{name}: {run['name']}: {run['error_message']}")
            found.setdefault(run["run_name"], []).append(run["cpu_time"])
    return found
