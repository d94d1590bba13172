#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What runs inside of a virtual machine (machine.py) and does what it is told.

Each line that comes by the port "agent" is a command in JSON, {"argv": [...], "environment": {...},
"timeout": seconds}; one runs at a time. What it prints goes back as it comes, {"text": ...}, and its
exit status at the end, {"status": ...}.
"""

import json
import os
import pathlib
import signal
import subprocess
import threading

PORTS = pathlib.Path("/sys/class/virtio-ports")


def open_port():
    for port in PORTS.iterdir():
        if (port / "name").read_text().strip() == "agent":
            return open(f"/dev/{port.name}", "r+b", buffering=0)
    raise SystemExit("agent: the machine has no such port")


def main():
    port = open_port()

    def say(**words):
        data = json.dumps(words).encode() + b"\n"
        while data:
            data = data[port.write(data):]

    def carry_out(argv, environment, timeout):
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, start_new_session=True,
                                   env=dict(os.environ, **environment))
        late = threading.Timer(timeout, lambda: os.killpg(process.pid, signal.SIGKILL))
        late.start()
        for line in process.stdout:
            say(text=line.decode(errors="replace"))
        status = process.wait()
        late.cancel()
        return status

    say(ready=True)
    pending = b""
    while True:
        pending += port.read(4096) or b""
        while b"\n" in pending:
            line, _, pending = pending.partition(b"\n")
            try:
                status = carry_out(**json.loads(line))
            except OSError as error:
                say(text=f"{error}\n")
                status = 127
            say(status=status)


if __name__ == "__main__":
    main()
