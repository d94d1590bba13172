# SPDX-License-Identifier: Apache-2.0
"""What clients do: requests, loads, datagrams, connections that stay."""

import collections
import contextlib
import re
import socket
import threading

from . import tap
from .shell import PATIENCE, LabError


def url(address, port=80, path="/", scheme="http"):
    host = f"[{address}]" if ":" in address else address
    return f"{scheme}://{host}:{port}{path}"


def who_answers(lab, address, requests, port=80, node="client"):
    """Requests over as many connections, one after another: a Counter of the backends that
    answered, with None for those that nobody did."""
    done = lab.exec(node, "curl", "-s", "-H", "Connection: close", "--max-time", 2 * PATIENCE,
                    "--noproxy", "*", url(address, port, f"/?[1-{requests}]"), check=False)
    names = [line.split()[0] for line in done.stdout.splitlines() if line]
    answers = collections.Counter(names)
    if len(names) < requests:
        answers[None] = requests - len(names)
    return answers


def load(lab, address, seconds, connections=16, close=True, path="/", node="client",
         scheme="http"):
    """wrk, a new connection for each request if `close`: (requests, failed, what it printed)."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "2s"]
    if close:
        words += ["-H", "Connection: close"]
    text = lab.exec(node, *words, url(address, {"http": 80, "https": 443}[scheme], path, scheme),
                    timeout=seconds + 20).stdout
    requests = int(re.search(r"(\d+) requests in", text).group(1))
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    other = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    failed = sum(map(int, errors.groups())) if errors else 0
    return requests, failed + (int(other.group(1)) if other else 0), text


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def ask_udp(lab, address, port, data, node="client", timeout=2.0):
    """Sends a datagram; gives (backend, the data that came back), or None."""
    asking = lab.socket(node, family_of(address), socket.SOCK_DGRAM)
    with asking:
        asking.settimeout(timeout * PATIENCE)
        asking.connect((address, port))
        asking.send(data)
        try:
            name, _, back = asking.recv(65535).partition(b" ")
        except OSError:
            return None
        return name.decode(), back


class Connection:
    """A TCP connection with HTTP on it. `backend`: who answered the first request."""

    def __init__(self, lab, address, port=80, node="client", timeout=3.0):
        self.address = address
        self.socket = lab.socket(node, family_of(address), socket.SOCK_STREAM)
        self.socket.settimeout(timeout * PATIENCE)
        try:
            self.socket.connect((address, port))
            self.backend = self.ask().split()[0]
        except OSError:
            self.socket.close()
            raise

    def ask(self):
        """Another request on it; the line that is answered."""
        self.socket.sendall(b"GET / HTTP/1.1\r\nHost: tandem\r\n\r\n")
        answer = b""
        while not answer.endswith(b"\n") or b"\r\n\r\n" not in answer or answer.endswith(b"\r\n"):
            piece = self.socket.recv(4096)
            if not piece:
                raise ConnectionResetError(f"{self.address}: closed before it answered")
            answer += piece
        return answer.split(b"\r\n\r\n", 1)[1].decode()

    def send_bytes(self, count):
        """A request with a body of `count` bytes; gives the line that is answered."""
        self.socket.sendall(b"POST / HTTP/1.1\r\nHost: tandem\r\nContent-Length: "
                            + str(count).encode() + b"\r\n\r\n" + bytes(count))
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = self.socket.recv(4096)
            if not piece:
                raise ConnectionResetError(f"{self.address}: closed before it answered")
            answer += piece
        return answer.split(b"\r\n", 1)[0].decode()

    def close(self):
        self.socket.close()


class Connections:
    """Connections that stay open."""

    def __init__(self):
        self.all = []

    def open(self, lab, address, count, port=80, node="client"):
        for _ in range(count):
            self.all.append(Connection(lab, address, port, node))
        return self

    def by_backend(self):
        return collections.Counter(connection.backend for connection in self.all)

    def close(self, backend=None):
        """All of them, or those of one backend; gives how many."""
        going = [c for c in self.all if backend in (None, c.backend)]
        for connection in going:
            connection.close()
        self.all = [c for c in self.all if c not in going]
        return len(going)

    @contextlib.contextmanager
    def talking(self, threads=10):
        """Meanwhile each of them asks, and asks again when it was answered; broken() tells which of
        them that broke."""
        ended = threading.Event()

        def talk(some):
            while not ended.wait(0.01):
                for connection in some:
                    with contextlib.suppress(OSError):
                        connection.ask()

        workers = [threading.Thread(target=talk, args=(self.all[i::threads],))
                   for i in range(threads)]
        for connection in self.all:
            connection.socket.settimeout(10 * PATIENCE)
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            ended.set()
            for worker in workers:
                worker.join()

    def broken(self, timeout=3.0):
        """How many of them no longer answer, or another backend does; says which, and why."""
        count = 0
        for connection in self.all:
            connection.socket.settimeout(timeout * PATIENCE)
            try:
                answered = connection.ask().split()[0]
                trouble = "" if answered == connection.backend else f"{answered} answered"
            except OSError as error:
                trouble = repr(error)
            if trouble:
                count += 1
                tap.note(f"{connection.address} at {connection.backend}: {trouble}")
        return count


def must_answer(lab, address, port=80):
    """One request that has to be answered; the backend's name."""
    try:
        connection = Connection(lab, address, port)
    except OSError as error:
        raise LabError(f"{address}:{port} did not answer: {error}") from None
    connection.close()
    return connection.backend
