#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the machine of test_cards.py does. Lines that begin with "set_link" are for QEMU's monitor.

    client (namespace) --- front [tandemd, root namespace] back --- backend (namespace)
    192.0.2.10             192.0.2.2           198.51.100.2         198.51.100.21
"""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tandemlab.cards import inside, run, take  # noqa: E402

BINARIES = pathlib.Path(os.environ["TANDEM_BUILD"]) / "src"
PLACE = pathlib.Path("/run/tandem")
SERVICES = [(mode, vip, end) for mode, v4, v6 in (("nat", "192.0.2.100", "2001:db8:1::100"),
                                                  ("fullnat", "192.0.2.101", "2001:db8:1::101"))
            for vip, end in ((v4, "198.51.100.21"), (v6, "2001:db8:2::21"))]
PATIENCE = 90


def config():
    text = f"""[node]
name = "node"
control_socket = "{PLACE}/control.sock"
http = "off"
[flows]
size = 10000
size_ipv6 = 10000
[[interface]]
name = "front"
[[interface]]
name = "back"
[[vrrp]]
name = "VI_1"
interface = "front"
vrid = 51
advert_interval = "1s"
addresses = ["192.0.2.100/24", "192.0.2.101/24"]
[[vrrp]]
name = "VI_6"
interface = "front"
vrid = 51
advert_interval = "1s"
addresses = ["fe80::51/64", "2001:db8:1::100/64", "2001:db8:1::101/64"]
"""
    for mode, vip, end in SERVICES:
        source = "2001:db8:2::2" if ":" in vip else "198.51.100.2"
        more = f'sources = ["{source}"]' if mode == "fullnat" else ""
        text += f"""[[service]]
name = "{vip}"
address = "{vip}"
protocol = "tcp"
port = 80
forward = "{mode}"
{more}
backends = [{{ address = "{end}", port = 8080 }}]
"""
    return text


def serve():
    with inside("backend"):
        server = socket.create_server(("", 8080), family=socket.AF_INET6, dualstack_ipv6=True)
    def accept():
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"backend")
    threading.Thread(target=accept, daemon=True).start()


def answers(vip):
    with inside("client"):
        client = socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET)
    with client, contextlib.suppress(OSError):
        client.settimeout(5)
        client.connect((vip, 80))
        return client.recv(99) == b"backend"
    return False


def within(seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


def say(good, what):
    print(f"{'' if good else 'not '}ok {what}", flush=True)
    if not good:
        for words in (("status",), ("backends",), ("events",)):
            print(run(BINARIES / "tandemctl", "-s", PLACE / "control.sock", *words, check=False).stdout)
        print((PLACE / "log").read_text()[-2000:], flush=True)


def serves(what):
    """Each service answers, and goes on to."""
    failed = [f"{mode} {vip}" for mode, vip, _ in SERVICES
              if not within(PATIENCE, lambda: answers(vip))
              or sum(answers(vip) for _ in range(10)) < 10]
    say(not failed, f"{what}: services answer" + (f"; not {', '.join(failed)}" if failed else ""))


def set_up():
    PLACE.mkdir(exist_ok=True)
    run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    take("02:00:00:00:00:00", "front", "192.0.2.2/24", "2001:db8:1::2/64")
    take("02:00:00:00:01:00", "back", "198.51.100.2/24", "2001:db8:2::2/64")
    take("02:00:00:00:00:01", "eth0", "192.0.2.10/24", "2001:db8:1::10/64", namespace="client")
    take("02:00:00:00:01:01", "eth0", "198.51.100.21/24", "2001:db8:2::21/64", namespace="backend")
    run("ip", "-n", "backend", "route", "add", "default", "via", "198.51.100.2")
    run("ip", "-n", "backend", "-6", "route", "add", "default", "via", "2001:db8:2::2")
    # Neighbours and their links are made up: no card of theirs finishes a checksum.
    for namespace in ("client", "backend"):
        run("ip", "netns", "exec", namespace, "ethtool", "-K", "eth0", "tx", "off", check=False)
    serve()
    (PLACE / "tandem.toml").write_text(config())


def main():
    set_up()
    with (PLACE / "log").open("wb") as log:
        daemon = subprocess.Popen([BINARIES / "tandemd", "-c", PLACE / "tandem.toml"], stdout=log,
                                  stderr=log)
    serves("at first")
    status = run(BINARIES / "tandemctl", "-s", PLACE / "control.sock", "status").stdout
    print("\n".join(line for line in status.splitlines() if "XDP" in line or "native" in line
                    or "generic" in line), flush=True)
    for side in ("front", "back"):
        print(f"set_link {side}-0 off", flush=True)
        within(PATIENCE, lambda: not answers("192.0.2.100"))
        print(f"set_link {side}-0 on", flush=True)
        serves(f"the cable of {side} was out")
        run("ip", "link", "set", side, "down")
        time.sleep(2)
        run("ip", "link", "set", side, "up")
        for words in (("-6", "address", "replace", "2001:db8:1::2/64" if side == "front"
                       else "2001:db8:2::2/64", "dev", side, "nodad"),):
            run("ip", *words)
        serves(f"{side} was set down")
    daemon.terminate()
    say(daemon.wait(60) == 0, "it ends by itself")


if __name__ == "__main__":
    sys.exit(main())
