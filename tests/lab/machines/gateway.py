#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What each machine of test_machines.py does: tandemd, and a server on the virtual addresses that
answers with the node's name. Both go on when this has ended.

    gateway.py a
"""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tandemlab.cards import take  # noqa: E402

BINARIES = pathlib.Path(os.environ["TANDEM_BUILD"]) / "src"
PLACE = pathlib.Path("/run/tandem")
OWN = {"a": ("192.0.2.2/24", "2001:db8:1::2/64", 150), "b": ("192.0.2.3/24", "2001:db8:1::3/64", 100)}
CONFIG = """[node]
name = "{name}"
control_socket = "{place}/control.sock"
http = "off"
[[interface]]
name = "front"
[[vrrp]]
name = "VI_1"
interface = "front"
vrid = 51
priority = {priority}
advert_interval = "1s"
addresses = ["192.0.2.100/24"]
[[vrrp]]
name = "VI_6"
interface = "front"
vrid = 51
priority = {priority}
advert_interval = "1s"
addresses = ["fe80::51/64", "2001:db8:1::100/64"]
"""
SERVER = """
import socket
server = socket.create_server(("", 80), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    connection, _ = server.accept()
    connection.sendall(b"{name}")
    connection.close()
"""


def up(name):
    v4, v6, priority = OWN[name]
    PLACE.mkdir(exist_ok=True)
    take(f"02:00:00:00:00:0{name}", "front", v4, v6)
    (PLACE / "tandem.toml").write_text(CONFIG.format(name=name, place=PLACE, priority=priority))
    with (PLACE / "log").open("wb") as log:
        for words in ((sys.executable, "-c", SERVER.format(name=name)),
                      (BINARIES / "tandemd", "-c", PLACE / "tandem.toml")):
            subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log,
                             stderr=log, start_new_session=True)


if __name__ == "__main__":
    up(sys.argv[1])
