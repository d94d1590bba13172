# SPDX-License-Identifier: Apache-2.0
"""DPDK's testpmd: it has the frames of a capture in memory (net_pcap, infinite_rx) and forwards them
to an interface (net_af_xdp) or to a card of DPDK's, on one processor, as fast as it can.

testpmd's own generators would not do: flowgen has addresses that cannot be set, txonly 128 clients
that it derives from the address it sends to. A rate is what it cannot hold: few drivers do.

While it sends, what comes by the interface is DPDK's, and so the kernel answers nobody there.
"""

import contextlib
import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time

from tandemlab import hugepages
from tandemlab.shell import LabError

from . import frames

PROMPT = b"testpmd> "
START_SECONDS, WORD_SECONDS, FILL_PER_SECOND = 20, 10, 100_000
OTHER_BUFFERS = 16_384  # in rings, and on their way
BUFFERS_A_MB = 430  # of 2,176 bytes and what each takes besides
BASE_MB = 20
PAGE_MB = hugepages.PAGE_MB


def why_not(load):
    """Why it cannot send this; None if it can."""
    if not shutil.which("dpdk-testpmd"):
        return "dpdk-testpmd is not there: `apt-get install dpdk-dev` (Debian, Ubuntu)"
    if load.rate:
        return "testpmd sends as fast as it can and holds no --rate"
    if len(load.cpus) > 1:
        return "testpmd sends by one processor here, not by --cpus of several"
    pages, free = pages_of(load), hugepages.free()
    if free < pages:
        more = pages - free + hugepages.total()
        return f"testpmd needs {pages} free huge pages of {PAGE_MB} MB for {frames.count(load):,} " \
               f"frames, and there are {free}: `sysctl -w vm.nr_hugepages={more}`"
    return None


def buffers_of(load):
    return frames.count(load) + OTHER_BUFFERS


def memory_of(load):
    """In MB."""
    return BASE_MB + buffers_of(load) // BUFFERS_A_MB


def pages_of(load):
    return -(-memory_of(load) // PAGE_MB) + 2


def words_of(load, capture, cpus):
    """The command; of `cpus` the first waits, the second forwards."""
    device = ["-a", load.interface] if load.is_pci \
        else ["--no-pci", "--vdev", f"net_af_xdp0,iface={load.interface}"]
    words = ["dpdk-testpmd", "-l", ",".join(map(str, sorted(set(cpus)))), "--main-lcore", cpus[0],
             "--in-memory", "--no-telemetry", "-m", memory_of(load), *device,
             "--vdev", f"net_pcap0,rx_pcap={capture},infinite_rx=1", "--",
             "-i", "--forward-mode=io", "--nb-cores=1", f"--total-num-mbufs={buffers_of(load)}",
             "--burst=32", "--no-mlockall", "--no-lsc-interrupt"]
    return [str(word) for word in words]


def cpus_for(load):
    there = sorted(os.sched_getaffinity(0))
    worker = load.cpus[0] if load.cpus else there[-1]
    main = next((cpu for cpu in there if cpu != worker), None)
    if main is None:
        raise LabError("testpmd needs a second processor, which does nothing")
    return main, worker


def parse(text):
    """Frames sent, of what it tells at `stop`: by the port that is not the capture's."""
    ports = re.findall(r"TX-packets: (\d+)\s+TX-dropped: (\d+)", text)
    if len(ports) < 2:  # each port's, and the sum
        raise LabError(f"testpmd told something unexpected:\n{text[-1000:]}")
    return max(int(port[0]) for port in ports[:-1])


class Session:
    """testpmd at a terminal of its own, without which it does not take commands."""

    def __init__(self, words):
        self.terminal, other = pty.openpty()
        self.said = b""
        self.process = subprocess.Popen(words, stdin=other, stdout=other, stderr=other,
                                        start_new_session=True)
        os.close(other)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()  # so that it takes its XDP program off the interface
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(WORD_SECONDS)
            self.process.kill()
        self.process.wait()
        os.close(self.terminal)

    def until(self, what, seconds):
        """What it says up to `what`."""
        deadline = time.monotonic() + seconds
        while what not in self.said:
            ready, _, _ = select.select([self.terminal], [], [], max(deadline - time.monotonic(), 0))
            data = b""
            if ready:
                with contextlib.suppress(OSError):  # the other end is closed
                    data = os.read(self.terminal, 65536)
            if not data:
                raise LabError("testpmd does not " + ("answer" if not ready else "go on")
                               + f", it said:\n{self._tail()}")
            self.said += data
        text, self.said = self.said.split(what, 1)
        return text.decode(errors="replace")

    def _tail(self):
        lines = self.said.decode(errors="replace").splitlines()
        return "\n".join(line.strip() for line in lines[-12:])

    def ask(self, words):
        os.write(self.terminal, words.encode() + b"\n")
        return self.until(PROMPT, WORD_SECONDS)

    def quit(self):
        os.write(self.terminal, b"quit\n")
        with contextlib.suppress(OSError):
            while os.read(self.terminal, 65536):
                pass
        self.process.wait()


def send(load):
    """Frames, and the seconds that they took."""
    with tempfile.TemporaryDirectory(prefix="pktgen-") as place:
        capture = os.path.join(place, "frames.pcap")
        frames.write_capture(capture, load)
        with Session(words_of(load, capture, cpus_for(load))) as session:
            session.until(PROMPT, START_SECONDS + frames.count(load) / FILL_PER_SECOND)
            start = time.monotonic()
            session.ask("start")
            time.sleep(load.seconds)
            seconds = time.monotonic() - start
            count = parse(session.ask("stop"))
            session.quit()
    return count, seconds
