# SPDX-License-Identifier: Apache-2.0
"""Clients' connections that ask something about once a second, each, and check every byte that comes.

All of them are one thread's, which lives in the client's network namespace. What others want done
with them it does between two answers.
"""

import collections
import ctypes
import dataclasses
import errno
import heapq
import random
import select
import socket
import threading
import time

from tandemlab.shell import PATIENCE, LabError

from . import exchange

CLONE_NEWNET = 0x40000000
OPENING = 200  # connections that are being made at the same time


class Connection:
    def __init__(self, kind, number, address):
        self.kind, self.number, self.address = kind, number, address
        self.socket = None
        self.dead = ""  # why
        self.forget()

    def forget(self):
        self.server, self.count, self.buffer = None, 0, b""
        self.asked = None  # when; None: no answer is waited for
        self.ready = False  # connected
        self.longest = 0.0

    @property
    def good(self):
        return self.ready and not self.dead


@dataclasses.dataclass
class Row:
    """How the connections of one kind stand since the last `begin`."""

    total: int = 0
    survivors: int = 0
    longest: float = 0.0  # seconds from a question to its answer, of survivors
    ends: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # of the others


class Connections:
    """`targets`: of each kind the addresses that its connections are made to, in turn."""

    def __init__(self, lab, node, targets, count, port, interval=1.0):
        self.lab, self.node, self.port, self.interval = lab, node, port, interval
        kinds = [(kind, address) for kind, addresses in targets.items() for address in addresses]
        self.all = [Connection(*[(kind, n, address) for kind, address in [kinds[n % len(kinds)]]][0])
                    for n in range(count)]
        self.kinds = list(targets)
        self.poll = select.epoll()
        self.by_descriptor = {}
        self.due = []  # (when, number)
        self.to_open = collections.deque()
        self.opening = 0
        self.wanted = collections.deque()
        self.waker, self.woken = socket.socketpair()
        self.woken.setblocking(False)
        self.poll.register(self.woken, select.EPOLLIN)
        self.over = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    # ---- for the thread that plays the events
    def open(self, timeout=60):
        """Makes those that are not there, and waits until each has had an answer."""
        self._do(self._open_missing)
        deadline = time.monotonic() + timeout * PATIENCE
        while self._do(lambda: any(c.server is None for c in self.all)):
            if time.monotonic() > deadline:
                waiting = self._do(lambda: collections.Counter(
                    (c.address, c.dead) for c in self.all if c.server is None))
                raise LabError(f"connections could not be made: {dict(waiting)}")
            time.sleep(0.05)

    def turn_over(self, count):
        """Ends so many of them, and makes others in their place."""
        def end():
            for connection in random.sample([c for c in self.all if c.good], count):
                self._end(connection, "ended")
        self._do(end)
        self.open()

    def begin(self):
        def forget():
            for connection in self.all:
                connection.longest = 0.0
        self._do(forget)

    def settle(self, timeout=20, doomed=(), doomed_timeout=4):
        """Waits until each that lives has answered a question that was asked from now on; who does not
        is dead. For `doomed` kinds it does not wait that long."""
        now = time.monotonic()

        def waiting(but=()):
            return [c for c in self.all
                    if c.good and c.kind not in but and not self._answered_since(c, now)]
        while self._do(waiting) and time.monotonic() < now + doomed_timeout * PATIENCE:
            time.sleep(0.05)
        while self._do(lambda: waiting(doomed)) and time.monotonic() < now + timeout * PATIENCE:
            time.sleep(0.05)

        def end():
            for connection in waiting():
                self._end(connection, "silent")
        self._do(end)

    def rows(self):
        def count():
            rows = {kind: Row() for kind in self.kinds}
            for connection in self.all:
                row = rows[connection.kind]
                row.total += 1
                if connection.good:
                    row.survivors += 1
                    row.longest = max(row.longest, connection.longest)
                else:
                    row.ends[connection.dead or "never made"] += 1
            return rows
        return self._do(count)

    def close(self):
        self.over = True
        self.waker.send(b"x")
        self.thread.join()
        for connection in self.all:
            if connection.socket:
                connection.socket.close()

    def _do(self, what):
        done, result = threading.Event(), []

        def carry_out():
            result.append(what())
            done.set()
        self.wanted.append(carry_out)
        self.waker.send(b"x")
        if not done.wait(60):
            raise LabError("the connections' thread stands still")
        return result[0]

    # ---- the connections' thread
    def _run(self):
        libc = ctypes.CDLL(None, use_errno=True)
        with open(self.lab.namespace(self.node), "rb") as handle:
            if libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        while not self.over:
            wait = max(0.0, self.due[0][0] - time.monotonic()) if self.due else 1.0
            for descriptor, _ in self.poll.poll(min(wait, 1.0)):
                if descriptor == self.woken.fileno():
                    self.woken.recv(4096)
                elif descriptor in self.by_descriptor:
                    self._take(self.by_descriptor[descriptor])
            while self.wanted:
                self.wanted.popleft()()
            while self.to_open and self.opening < OPENING:
                self._connect(self.to_open.popleft())
            now = time.monotonic()
            while self.due and self.due[0][0] <= now:
                connection = self.all[heapq.heappop(self.due)[1]]
                if connection.good and connection.asked is None:
                    self._ask(connection)

    def _open_missing(self):
        for connection in self.all:
            if connection.good:
                continue
            connection.dead = ""
            connection.forget()
            self.to_open.append(connection)

    def _connect(self, connection):
        family = socket.AF_INET6 if ":" in connection.address else socket.AF_INET
        opened = connection.socket = socket.socket(family, socket.SOCK_STREAM)
        opened.setblocking(False)
        self.opening += 1
        self.by_descriptor[opened.fileno()] = connection
        error = opened.connect_ex((connection.address, self.port))
        if error not in (0, errno.EINPROGRESS):
            self._end(connection, errno.errorcode.get(error, str(error)))
        else:
            self.poll.register(opened, select.EPOLLOUT)

    def _take(self, connection):
        try:
            if not connection.ready:
                error = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    raise OSError(error, "connect")
                self.opening -= 1
                connection.ready = True
                self.poll.modify(connection.socket, select.EPOLLIN)
                return self._ask(connection)
            data = connection.socket.recv(4096)
            if not data:
                return self._end(connection, "closed")
            connection.buffer += data
            if len(connection.buffer) >= exchange.ANSWER.size:
                self._check(connection)
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(connection, "reset" if error.errno == errno.ECONNRESET
                      else errno.errorcode.get(error.errno, str(error)))

    def _ask(self, connection):
        connection.asked = time.monotonic()
        try:
            connection.socket.sendall(exchange.question(connection.number, connection.count))
        except OSError as error:
            self._end(connection, errno.errorcode.get(error.errno, str(error)))

    def _check(self, connection):
        got, connection.buffer = connection.buffer, b""
        name = exchange.ANSWER.unpack_from(got)[3]
        wanted = exchange.answer(connection.server or name, connection.number, connection.count,
                                 connection.count)
        if got != wanted:
            return self._end(connection, "wrong bytes")
        now = time.monotonic()
        connection.server = name
        connection.longest = max(connection.longest, now - connection.asked)
        connection.last_asked, connection.asked = connection.asked, None
        connection.count += 1
        heapq.heappush(self.due, (now + self.interval * random.uniform(0.5, 1.5), connection.number))

    def _end(self, connection, why):
        if connection.dead:
            return
        connection.dead = why
        self.opening -= 0 if connection.ready else 1
        self.by_descriptor.pop(connection.socket.fileno(), None)
        connection.socket.close()

    @staticmethod
    def _answered_since(connection, moment):
        return connection.server is not None and getattr(connection, "last_asked", 0) >= moment
