#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What both ends of a connection say, and the servers' end.

A question is 16 bytes: the connection's number and how many were answered before it. The answer
repeats them, with the server's name, its own count of questions on this socket and 216 bytes that
follow from the question. So a client sees a byte that is wrong, missing or twice, and an answer of
another server or socket.

Run as a program, this file is a server: `exchange.py NAME PORT`.
"""

import select
import socket
import struct
import sys

QUESTION = struct.Struct("!QQ")
ANSWER = struct.Struct("!QQQ16s216s")
PATTERN = bytes(range(256)) * 2


def question(number, count):
    return QUESTION.pack(number, count)


def answer(name, number, count, counted):
    start = (number * 7 + count) % 256
    return ANSWER.pack(number, count, counted, name, PATTERN[start:start + 216])


class Server:
    def __init__(self, name, port):
        self.name = name.encode()[:16].ljust(16, b"\0")
        self.poll = select.epoll()
        self.listening, self.open = {}, {}
        for family in (socket.AF_INET, socket.AF_INET6):
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(("", port))
            listener.listen(4096)
            listener.setblocking(False)
            self.listening[listener.fileno()] = listener
            self.poll.register(listener, select.EPOLLIN)

    def run(self):
        while True:
            for number, _ in self.poll.poll():
                if number in self.listening:
                    self.accept(self.listening[number])
                elif not self.serve(*self.open[number]):
                    self.open.pop(number)[0].close()

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            self.open[connection.fileno()] = (connection, [0, b""])
            self.poll.register(connection, select.EPOLLIN)

    def serve(self, connection, state):
        """False: it is over."""
        try:
            data = connection.recv(65536)
            if not data:
                return False
            waiting = state[1] + data
            while len(waiting) >= QUESTION.size:
                number, count = QUESTION.unpack_from(waiting)
                waiting = waiting[QUESTION.size:]
                connection.sendall(answer(self.name, number, count, state[0]))
                state[0] += 1
            state[1] = waiting
            return True
        except OSError:
            return False


if __name__ == "__main__":
    Server(sys.argv[1], int(sys.argv[2])).run()
