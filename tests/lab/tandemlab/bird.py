# SPDX-License-Identifier: Apache-2.0
"""BIRD on a node, with a configuration of configs/bird/."""

import json

from . import plan
from .process import Process
from .shell import LabError, wait_until


class Bird:
    def __init__(self, lab, node, config):
        self.lab, self.node = lab, node
        # A gateway has a /run of its own; elsewhere paths are the same inside and outside.
        home = (lab.run_dir(node) if node in plan.GATEWAYS else lab.directory / node) / "bird"
        home.mkdir(parents=True)
        self.inside = "/run/bird" if node in plan.GATEWAYS else home
        (home / "bird.conf").write_text(config)
        self.start()

    def start(self):
        self.process = Process(self.lab, self.node, "bird", [
            "bird", "-f", "-c", f"{self.inside}/bird.conf", "-s", f"{self.inside}/bird.ctl",
            "-P", f"{self.inside}/bird.pid"])
        wait_until(f"BIRD answers on {self.node}", lambda: self.ask("show", "status"))

    def ask(self, *words):
        done = self.lab.exec(self.node, "birdc", "-s", f"{self.inside}/bird.ctl", *words, check=False)
        if done.returncode != 0:
            raise LabError(f"birdc on {self.node}: {done.stdout}{done.stderr}{self.process.tail()}")
        return done.stdout


def next_hops(lab, node, address):
    """The gateways of a host's route as the kernel has it."""
    routes = json.loads(lab.exec(node, "ip", "-j", "route", "show", address).stdout)
    return {hop["gateway"] for route in routes for hop in route.get("nexthops", [route])}
