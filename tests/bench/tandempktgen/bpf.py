# SPDX-License-Identifier: Apache-2.0
"""BPF live frames: an XDP program makes the frames, on pages of the kernel's own, and the driver
sends them (Linux 5.18; tests/lab/load.cpp). One process for each processor."""

import contextlib
import functools
import json
import subprocess

from tandembench import programs
from tandemlab.shell import LabError, build_dir

from . import load as loads

TARGET = "tests/lab/lab_load"


@functools.cache  # once is enough for a series of trials
def build():
    programs.build([TARGET])


def why_not(load):
    """Why it cannot send this; None if it can."""
    if load.is_pci:
        return f"{load.interface} is a PCI device, which is not the kernel's; testpmd has those"
    return None


def words_of(load, rate):
    sizes = ",".join(str(size - loads.FCS) for size in load.sizes)
    words = [build_dir() / TARGET, "--device", load.interface, "--mac", load.mac,
             "--source-mac", load.source_mac, "--address", load.address, "--port", load.port,
             "--kind", load.kind, "--flows", load.flows, "--rate", rate, "--seconds", load.seconds,
             "--network", load.network, "--sizes", sizes]
    return [str(word) for word in words]


def rates_of(load):
    """Each processor's share of the rate; none has 0, which would be as many as can be."""
    count = len(load.cpus) or 1
    if 0 < load.rate < count:
        raise LabError(f"--rate {load.rate}: too little for {count} processors to share")
    return [load.rate // count + (i < load.rate % count) for i in range(count)]


def send(load):
    """Frames, and the seconds that they took."""
    build()
    with contextlib.ExitStack() as running:
        processes = []
        for cpu, rate in zip(load.cpus or (None,), rates_of(load)):
            pinned = ["taskset", "-c", str(cpu)] if cpu is not None else []
            process = running.enter_context(subprocess.Popen(
                pinned + words_of(load, rate), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True))
            running.callback(process.kill)  # after an error; else it has ended
            processes.append(process)
        told = [process.communicate() for process in processes]
    for process, (_, error) in zip(processes, told):
        if process.returncode != 0:
            raise LabError(error.strip() or f"lab_load ended with status {process.returncode}")
    figures = [json.loads(output) for output, _ in told]
    return sum(f["sent"] for f in figures), max(f["seconds"] for f in figures)
