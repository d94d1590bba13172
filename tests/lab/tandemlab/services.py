# SPDX-License-Identifier: Apache-2.0
"""[[service]] blocks for the backends on s1..s4, and a client that uses them."""

import collections
import re

from . import plan
from .backends import PORT

BACKENDS4 = [plan.cable(node).v4 for node in plan.BACKENDS]
BACKENDS6 = [plan.cable(node).v6 for node in plan.BACKENDS]


def service(name, address, forward, port=80, protocol="tcp", backends=None, backend_port=None,
            weights=None, more=""):
    """One service. `more`: further lines of TOML."""
    if backends is None:
        backends = BACKENDS6 if ":" in address else BACKENDS4
    if backend_port is None:
        backend_port = PORT if forward in ("nat", "fullnat") else port
    listed = ",\n".join(
        f'  {{ address = "{backend}", port = {backend_port}, '
        f'weight = {weights[i] if weights else 1} }}' for i, backend in enumerate(backends))
    return f"""
[[service]]
name = "{name}"
address = "{address}"
protocol = "{protocol}"
port = {port}
forward = "{forward}"
{more}
backends = [
{listed},
]
"""


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def who_answers(lab, address, requests, port=80, timeout=2):
    """Requests over as many connections: a Counter of the backends that answered, None for none."""
    url = f"http://{bracketed(address)}:{port}/?[1-{requests}]"
    done = lab.exec("client", "curl", "-s", "--globoff" if ":" in address else "-s", "--no-keepalive",
                    "-H", "Connection: close", "--max-time", str(timeout + requests // 50),
                    url if ":" not in address else f"http://{bracketed(address)}:{port}/",
                    check=False)
    names = [line.split()[0] for line in done.stdout.splitlines() if line]
    answers = collections.Counter(names)
    if len(names) < requests:
        answers[None] = requests - len(names)
    return answers


def failed_of_wrk(text):
    """(requests, failed) from wrk's report."""
    requests = int(re.search(r"(\d+) requests in", text).group(1))
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    other = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    failed = sum(map(int, errors.groups())) if errors else 0
    return requests, failed + (int(other.group(1)) if other else 0)
