#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tandemctl top on a terminal that an emulator (pyte) shows, against a daemon that is only its
documents, with 1,000 backends. Prints TAP. Usage: top_terminal_test.py TANDEMCTL"""
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

try:
    import pyte
except ImportError as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lab"))
from tandemlab import tap  # noqa: E402

TANDEMCTL = sys.argv.pop(1)
BACKENDS = 1000
PATIENCE = 10  # seconds, for what takes milliseconds


def traffic(count):
    return {"packets_in": count, "bytes_in": 100 * count, "packets_out": count,
            "bytes_out": 1000 * count}


def backend(number, count):
    state = "down" if number == BACKENDS - 1 else "up"
    return {"service": "api", "address": f"198.51.100.{number % 250}", "port": 8000 + number,
            "state": state, "why": "check: HTTP 200", "for_seconds": 60.0, "slow_start": None, "active": number,
            "max_connections": 0, "weight": 1, "new_per_second": 0.0, **traffic(count)}


def documents(count):
    service = {"name": "api", "address": "192.0.2.100", "port": 8080, "protocol": "tcp",
               "forward": "nat", "scheduler": "least_conn", "lease": True,
               "backends": {"up": BACKENDS - 1, "draining": 0, "down": 1},
               "flows": {"active": 7, "total": 9}, "new_per_second": 1.0, "refused": 0,
               **traffic(count)}
    router = {"name": "VI_1", "state": "Active", "for_seconds": 60.0,
              "priority": {"effective": 150}, "lease_ms": 2500.0, "peer": None, "transitions": 1,
              "cause": "started", "warnings": [], "addresses": [{"address": "192.0.2.100/24"}]}
    return {
        "status": {"node": "node-a", "version": "1", "engine": "xdp", "uptime_seconds": 60.0,
                   "packets": {"tx/forward": count, "drop/no-backend": count},
                   "adverts": {"dropped": {"ttl": 0}}, "warnings": []},
        "vrrp": {"routers": [router]},
        "services": {"services": [service],
                     "counts": {"active_in_table": 7, "active_in_schedulers": 7, "agree": True}},
        "backends": {"backends": [backend(number, count) for number in range(BACKENDS)]},
        "events": {"events": [{"kind": "notice", "time": "T", "text": "an \x1b[31mevent"}],
                   "last_sequence": 1, "missed": 0},
    }


class Daemon:
    """Answers on a control socket. Its counters go up by 1,000 with each question."""

    def __init__(self, path):
        self.path, self.count = path, 0
        self.start()

    def start(self):
        self.listener = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener.bind(self.path)
        self.listener.listen()
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with contextlib.suppress(OSError), connection.makefile("rw") as file:
            for line in file:
                self.count += 1000
                answer = documents(self.count)[json.loads(line)["command"]]
                file.write(json.dumps({"ok": True, "result": answer}) + "\n")
                file.flush()


class Screen:
    """tandemctl top on a terminal of its own."""

    def __init__(self, path, *words, columns=120, rows=20, locale="C.UTF-8"):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.controller, self.terminal = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self.terminal)
        self.process = subprocess.Popen(
            [TANDEMCTL, "-s", path, "top", "--interval", "100ms", *words],
            stdin=self.terminal, stdout=self.terminal, stderr=self.terminal, start_new_session=True,
            env={"TERM": "xterm", "LC_ALL": locale})

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.controller, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, timeout):
        if select.select([self.controller], [], [], timeout)[0]:
            data = os.read(self.controller, 1 << 16)
            self.raw += data
            self.stream.feed(data)

    def until(self, what, condition):
        """Waits for a screen of that kind, and gives its lines."""
        deadline = time.monotonic() + PATIENCE
        while not condition(self.lines()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not seen: {what}; but\n" + "\n".join(self.lines()))
            self.read(0.1)
        return self.lines()

    def until_seen(self, *texts):
        return self.until(texts, lambda lines: all(text in "\n".join(lines) for text in texts))

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def press(self, keys):
        os.write(self.controller, keys.encode())

    def end(self):
        """Its exit status, once it ends by itself."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read(0.05)
        self.read(0)
        return self.process.poll()

    def restored(self):
        """Whether the terminal is as it was."""
        return (termios.tcgetattr(self.terminal) == self.before
                and self.raw.rstrip().endswith(b"\x1b[?7h\x1b[?25h\x1b[?1049l"))

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.controller)
        os.close(self.terminal)


class Top(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.path = f"{self.directory.name}/socket"
        self.daemon = Daemon(self.path)
        self.addCleanup(self.daemon.stop)

    def start(self, *words, **options):
        screen = Screen(self.path, *words, **options)
        self.addCleanup(screen.close)
        return screen

    def test_pages(self):
        """Tab shows page after page, with rates once there are two samples."""
        screen = self.start()
        lines = screen.until_seen("[services]", "live", "VI_1", "counts equal flows")
        self.assertTrue(lines[0].startswith("node-a"))
        screen.until("a rate", lambda lines: "packets/s" in lines[1] and "in -" not in lines[1])
        screen.press("\t")
        screen.until_seen("[backends]", "198.51.100.0:8000", "rows 1 to ", "of 1000")
        screen.press("\t\t")
        screen.until_seen("[events]", "an ?[31mevent")
        screen.press("\t")
        screen.until_seen("[drops]", "drop/no-backend")
        screen.press("\x1b[Z\x1b[Z")
        screen.until_seen("[vrrp]", "CHANGES")
        screen.press("q")
        self.assertEqual(screen.end(), 0)
        self.assertTrue(screen.restored())

    def test_thousand(self):
        """1,000 backends are scrolled, sorted and filtered; a frame is no longer than the screen."""
        screen = self.start("backends")
        screen.until_seen("rows 1 to 11 of 1000")
        screen.press("\x1b[6~")
        screen.until_seen("rows 12 to 22 of 1000")
        screen.press("\x1b[F\x1b[A")
        screen.until_seen("rows 989 to 999 of 1000")
        screen.press("\x1b[Hs")
        screen.until("the busiest first", lambda lines: "sorted by active" in lines[6]
                     and lines[8].startswith("198.51.100.249:8999"))
        screen.press("/:8123\r")
        screen.until("the one row", lambda lines: "filter: :8123" in lines[6]
                     and lines[8].startswith("198.51.100.123:8123") and not lines[9]
                     and lines[-1].startswith("q quit"))
        frames = screen.raw.split(b"\x1b[H")
        self.assertLess(max(len(frame) for frame in frames[1:]), 120 * 20 * 4)

    def test_resize(self):
        """A frame fits the terminal, also when it has become another."""
        screen = self.start("backends")
        screen.until_seen("rows 1 to 11 of 1000")
        screen.resize(60, 12)
        screen.until_seen("rows 1 to 3 of 1000")
        screen.resize(200, 50)
        screen.until_seen("rows 1 to 41 of 1000")

    def test_signals(self):
        """SIGINT, SIGTERM, SIGHUP and SIGQUIT end it, and the terminal is as before."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            with self.subTest(number.name):
                screen = self.start()
                screen.until_seen("[services]")
                self.assertFalse(screen.restored())
                screen.process.send_signal(number)
                self.assertEqual(screen.end(), 0)
                self.assertTrue(screen.restored())

    def test_suspend(self):
        """Ctrl-Z gives the terminal back until it goes on."""
        screen = self.start()
        screen.until_seen("[services]")
        screen.process.send_signal(signal.SIGTSTP)
        stat = pathlib.Path(f"/proc/{screen.process.pid}/stat")
        screen.until("stopped", lambda _: stat.read_text().rpartition(")")[2].split()[0] == "T")
        screen.read(0.1)
        self.assertTrue(screen.restored())
        screen.process.send_signal(signal.SIGCONT)
        screen.press("\t")
        screen.until_seen("[backends]")

    def test_restart(self):
        """A daemon that went is missed and waited for; keys are heard meanwhile."""
        screen = self.start()
        screen.until_seen("[services]")
        self.daemon.stop()
        screen.until_seen("OLD FIGURES", "no answer from tandemd")
        screen.press("\t\t")
        screen.until_seen("OLD FIGURES", "[vrrp]")
        self.daemon.start()
        screen.until("new figures", lambda lines: "OLD FIGURES" not in "\n".join(lines))

    def test_ascii(self):
        """Without UTF-8 bars are of ASCII."""
        for locale, full in (("C", "##########"), ("C.UTF-8", "██████████")):
            screen = self.start("backends", locale=locale)
            screen.until_seen("rows 1 to ")
            screen.press("s")
            screen.until_seen("sorted by active", full)

    def test_no_terminal(self):
        """Without a terminal it prints one frame with all rows, or JSON, or why it can't."""
        def top(*words, socket_path=self.path):
            return subprocess.run([TANDEMCTL, "-s", socket_path, *words, "--interval", "100ms"],
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL)

        done = top("top", "backends")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sum(line.startswith("198.51.100.") for line in done.stdout.splitlines()),
                         BACKENDS)
        self.assertNotIn("\x1b", done.stdout)
        document = json.loads(top("--json", "top", "--once").stdout)
        self.assertEqual(len(document["backends"]), BACKENDS)
        self.assertGreater(document["backends"][0]["per_second"]["packets_in"], 0)
        self.assertEqual(document["events"][0]["kind"], "notice")
        self.assertEqual(top("top", socket_path="/nowhere").returncode, 3)
        self.assertEqual(top("top", "nothing").returncode, 2)


if __name__ == "__main__":
    tap.main()
