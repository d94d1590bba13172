# SPDX-License-Identifier: Apache-2.0
"""tandemd on a node, and what tandemctl says of it. The names of JSON keys are used only here."""

import json
import signal

from . import configs
from .process import Process
from .shell import LabError, build_dir, wait_until

SOCKET = "/run/tandem/control.sock"


def binary(name):
    path = build_dir() / "src" / name
    if not path.exists():
        raise LabError(f"{path} is missing: build first (`ninja -C build`)")
    return path


class Tandem:
    """A tandemd of a node. `config` is the text of its configuration file (see configs.py).
    `program`: another tandemd than that of the build."""

    def __init__(self, lab, node, config, start=True, program=None):
        self.lab, self.node = lab, node
        self.program = program
        self.process = None
        if configs.PORT:
            lab.give_ports(node)
        self.write(config)
        if start:
            self.start()

    # ---- the daemon -------------------------------------------------------
    @property
    def config_file(self):  # as the node sees it
        return "/run/tandem/tandem.toml"

    def write(self, config):
        (self.lab.run_dir(self.node) / "tandem" / "tandem.toml").write_text(config)

    def start(self):
        self.launch()
        self.wait_ready()

    def launch(self):
        self.process = Process(self.lab, self.node, "tandemd",
                               [self.program or binary("tandemd"), "-c", self.config_file])

    def wait_ready(self):
        """Until its control socket answers."""
        def answers():
            if not self.process.running():
                raise AssertionError("it ended: " + self.process.tail())
            return self.status()

        try:
            wait_until(f"tandemd answers on node {self.node}", answers, timeout=30)
        except LabError as error:
            raise LabError(f"{error}\n{self.process.tail()}") from None

    def kill(self):
        self.process.kill()

    def freeze(self):
        self.process.signal(signal.SIGSTOP)

    def thaw(self):
        self.process.signal(signal.SIGCONT)

    def stop(self):
        status = self.process.stop()
        if status != 0:
            raise LabError(f"tandemd on {self.node} ended with status {status}: "
                           f"{self.process.tail()}")

    def running(self):
        return self.process is not None and self.process.running()

    def check(self):
        """`tandemd --check` of the configuration: (exit status, what it printed)."""
        done = self.lab.exec(self.node, binary("tandemd"), "-c", self.config_file, "--check",
                             check=False)
        return done.returncode, done.stdout + done.stderr

    # ---- tandemctl --------------------------------------------------------
    def ctl(self, *words, check=True):
        return self.lab.exec(self.node, binary("tandemctl"), "-s", SOCKET, *words, check=check)

    def ask(self, *words):
        return json.loads(self.ctl(*words, "--json").stdout)

    def status(self):
        return self.ask("status")

    def events(self, kind=None):
        events = self.ask("events", "-n", "500")["events"]
        return [event for event in events if kind in (None, event["kind"])]

    def router(self, name="VI_1"):
        """What `tandemctl vrrp` says of one virtual router."""
        for router in self.ask("vrrp")["routers"]:
            if router["name"] == name:
                return router
        raise LabError(f"node {self.node} has no virtual router {name}")

    def state(self, name="VI_1"):
        """"Initialize", "Backup", "Active" or "Fault"."""
        return self.router(name)["state"].split()[0]

    def transitions(self, name="VI_1"):
        return self.router(name)["transitions"]

    def priority(self, name="VI_1"):
        return self.router(name)["priority"]["effective"]

    def dropped(self, reason, name=None):
        """Adverts dropped for a reason, by the node as a whole or by one virtual router."""
        if name is None:
            return self.status()["adverts"]["dropped"][reason]
        return self.router(name)["dropped"][reason]

    def packets(self, reason):
        """Packets that XDP gave this verdict: "drop/no-lease", "pass/local", ..."""
        return self.status()["packets"][reason]

    def wait_for(self, state, name="VI_1", timeout=10.0):
        wait_until(f"{name} is {state} on node {self.node}",
                   lambda: self.state(name) == state, timeout)

    # ---- the kernel -------------------------------------------------------
    def kernel_has(self, address):
        """Whether the node's kernel lists the address on any device."""
        return has_address(self.lab, self.node, address)


def has_address(lab, node, address):
    links = json.loads(lab.exec(node, "ip", "-j", "address", "show").stdout)
    return any(info.get("local") == address for link in links for info in link["addr_info"])
