# SPDX-License-Identifier: Apache-2.0
"""Stops one thread of a process, as nothing but a debugger can."""

import contextlib
import ctypes
import os
import pathlib
import threading

from .shell import LabError

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000  # __WALL: threads, too

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def find(pid, name):
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text(encoding="ascii").strip() == name:
            return int(task.name)
    raise LabError(f"process {pid} has no thread {name!r}")


class Stopped:
    """with Stopped(pid, "worker-0"): it stands still within."""

    def __init__(self, pid, name):
        self.thread = find(pid, name)
        self.done, self.stopped = threading.Event(), threading.Event()
        self.error = None
        # Who traces is a thread: the one that began has to end it.
        self.tracer = threading.Thread(target=self._trace)

    def _ptrace(self, request):
        if libc.ptrace(request, self.thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def _trace(self):
        try:
            self._ptrace(PTRACE_SEIZE)
            self._ptrace(PTRACE_INTERRUPT)
            os.waitpid(self.thread, WALL)
        except OSError as error:
            self.error = error
        self.stopped.set()
        self.done.wait()
        if self.error is None:
            with contextlib.suppress(ProcessLookupError):  # it was killed meanwhile
                self._ptrace(PTRACE_DETACH)

    def __enter__(self):
        self.tracer.start()
        self.stopped.wait()
        if self.error is not None:
            self.done.set()
            raise LabError(f"cannot stop a thread: {self.error}")
        return self

    def __exit__(self, *_):
        self.done.set()
        self.tracer.join()
