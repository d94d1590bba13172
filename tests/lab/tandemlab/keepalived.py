# SPDX-License-Identifier: Apache-2.0
"""keepalived as a node: the reference that Tandem has to get along with."""

import os
import re
import signal

from .process import Process
from .shell import wait_until


def instance(name, vrid, priority, address, version=3, interval=1.0, interface="eth0",
             password=None, preempt=True):
    """One vrrp_instance block. `interval` is in seconds."""
    password_block = ""
    if password:  # its parser wants each of these on a line of its own
        password_block = (
            f"authentication {{\n        auth_type PASS\n        auth_pass {password}\n    }}")
    return f"""
vrrp_instance {name} {{
    state BACKUP
    version {version}
    interface {interface}
    virtual_router_id {vrid}
    priority {priority}
    advert_int {interval:g}
    {password_block}
    {"" if preempt else "nopreempt"}
    virtual_ipaddress {{ {address} }}
}}
"""


class Keepalived:
    """`instances` follow `heading`, which is all of a file without them."""

    def __init__(self, lab, node, instances=(), heading="global_defs {\n    router_id lab\n}\n"):
        self.lab, self.node, self.heading = lab, node, heading
        self._write(instances)
        self.process = Process(lab, node, "keepalived", [
            "keepalived", "-n", "-l", "-D", "--vrrp", "-f", "/run/keepalived/keepalived.conf",
            "-p", "/run/keepalived/keepalived.pid", "-r", "/run/keepalived/vrrp.pid"])
        wait_until(f"keepalived started on {node}", self.states)

    def _write(self, instances):
        path = self.lab.run_dir(self.node) / "keepalived" / "keepalived.conf"
        path.write_text(self.heading + "".join(instances))

    def reload(self, instances):
        self._write(instances)
        self.process.signal(signal.SIGHUP)

    def states(self):
        """The state last logged of each instance: {"VI_1": "MASTER"}."""
        return dict(re.findall(r"\((\w+)\) Entering (\w+) STATE", self.process.log()))

    def state(self, name="VI_1"):
        return self.states().get(name)

    def wait_for(self, state, name="VI_1", timeout=10.0):
        wait_until(f"keepalived on {self.node} has {name} in {state}",
                   lambda: self.state(name) == state, timeout)

    def stop(self):
        return self.process.stop()

    def kill(self):
        """A crash of the whole of it. Left alone, its parent would start the VRRP process again,
        and the VRRP process would resign when its parent ends."""
        if self.process.running():
            self.process.signal(signal.SIGSTOP)
            directory = self.lab.run_dir(self.node) / "keepalived"
            os.kill(int((directory / "vrrp.pid").read_text()), signal.SIGKILL)
            self.process.kill()
            for stale in directory.glob("*.pid"):  # else the next one may take it for running
                stale.unlink()
