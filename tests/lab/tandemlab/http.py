# SPDX-License-Identifier: Apache-2.0
"""What a node serves by HTTP, and clients of it that mean no good."""

import json
import re
import socket

PORT = 9105


def connect(lab, node, timeout=10.0):
    opened = lab.socket(node, socket.AF_INET, socket.SOCK_STREAM)
    opened.settimeout(timeout)
    opened.connect(("127.0.0.1", PORT))
    return opened


def ask(lab, node, data):
    """All that comes back for these bytes until the node closes, or resets, the connection."""
    with connect(lab, node) as opened:
        answer = b""
        try:
            opened.sendall(data)
            while chunk := opened.recv(1 << 20):
                answer += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass
        return answer


def get(lab, node, path):
    """The text of a document."""
    answer = ask(lab, node, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    return body.decode()


def status(lab, node):
    return json.loads(get(lab, node, "/status"))


class Scrape:
    """The samples of one scrape."""

    LINE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$', re.MULTILINE)
    LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

    def __init__(self, lab, node):
        self.text = get(lab, node, "/metrics")
        self.samples = [(name, dict(self.LABEL.findall(labels)), float(value))
                        for name, labels, value in self.LINE.findall(self.text)]

    def names(self):
        return {name for name, _, _ in self.samples}

    def all(self, name, **labels):
        return [value for found, has, value in self.samples
                if found == name and labels.items() <= has.items()]

    def one(self, name, **labels):
        values = self.all(name, **labels)
        assert len(values) == 1, f"{name} {labels}: {values}"
        return values[0]
