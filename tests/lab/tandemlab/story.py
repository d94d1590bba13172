# SPDX-License-Identifier: Apache-2.0
"""What tools/demo shows: a pair in dual master, a crash, and what a client notices of it."""

import argparse
import sys
import time

from . import configs, plan, tap
from .neighbours import NeighbourWatch
from .nginx import Nginx, get
from .probe import Probe
from .shell import CHECKOUT, LabError, wait_until
from .tandem import Tandem
from .topology import Lab

INTERVAL = "100ms"
VIP_1, VIP_2 = plan.VIPS


class Story:
    def __init__(self, lab):
        self.lab = lab
        self.nodes, self.nginx = {}, {}
        self.started = time.monotonic()

    def heading(self, text):
        print(f"\n== {text}", flush=True)

    def say(self, text=""):
        print(text, flush=True)

    def show_vrrp(self, node):
        self.say(f"\n$ tools/lab exec {node} tandemctl vrrp")
        self.say(self.nodes[node].ctl("vrrp").stdout.rstrip())

    def show_http(self, *expected):
        for address, node in zip(plan.VIPS, expected):
            answer = wait_until(f"HTTP on {address} is answered by node {node}",
                                lambda: get(self.lab, "client", f"http://{address}/"))
            self.say(f"client$ curl http://{address}/   ->   {answer}")
            if answer != f"node {node}":
                raise LabError(f"http://{address}/ was answered by {answer}, not by node {node}")

    def set_the_stage(self):
        self.heading("Two gateways, a client, four backends, each in a network namespace")
        self.say("""
                  client 192.0.2.10
                    |
    ============= front ==============
        |                         |
     node a  192.0.2.2         node b  192.0.2.3
     at home: 192.0.2.100      at home: 192.0.2.101
        |                         |
    ============= back ===============
      s1      s2      s3      s4
""")
        for node in plan.GATEWAYS:
            self.nginx[node] = Nginx(self.lab, node)
            self.nodes[node] = Tandem(self.lab, node, configs.dual_master(node, INTERVAL),
                                      start=False)
        for node in self.nodes.values():
            node.launch()
        for node in self.nodes.values():
            node.wait_ready()
        engine = self.nodes["a"].status()["engine"]
        self.say(f"tandemd and Nginx run on both nodes (engine: {engine}); each node checks its "
                 "Nginx and backs\nthe other one up.")

    def both_at_home(self):
        self.nodes["a"].wait_for("Active", "VI_1")
        self.nodes["b"].wait_for("Active", "VI_2")
        self.nodes["a"].wait_for("Backup", "VI_2")
        self.nodes["b"].wait_for("Backup", "VI_1")

    def dual_master(self):
        self.heading("Each node is Active for one address, and its own Nginx answers there")
        self.both_at_home()
        for node in plan.GATEWAYS:
            self.show_vrrp(node)
        self.say()
        self.show_http("a", "b")

    def crash(self):
        self.heading("tandemd on node a is killed with SIGKILL")
        router = self.nodes["b"].router("VI_1")
        self.say(f"A client probes {VIP_1} every millisecond. Node b takes over when it has heard "
                 "no advert\nfor its Active_Down_Interval, "
                 f"{router['timers']['active_down_interval_ms']:.0f} ms here: adverts come every "
                 f"{INTERVAL}, three may be missed.")
        probe = Probe(self.lab, VIP_1)
        watch = NeighbourWatch(self.lab, VIP_1)
        self.nodes["a"].kill()
        self.nodes["b"].wait_for("Active", "VI_1")
        time.sleep(1)
        report, arp = probe.finish(), watch.close()
        first = report.first_answer(plan.front_mac("b"))
        late = [mac for at, mac in arp if mac == plan.front_mac("a") and first and at > first]
        if first is None:
            raise LabError(f"node b never answered for {VIP_1}: {report}")
        missed = sum(gap["missed"] for gap in report.gaps)
        self.say(f"\n  {VIP_1} was away for {report.longest_gap_ms:.0f} ms: "
                 f"{missed} of {report.sent} probes were not answered.")
        self.say("  (Until node a's lease ended, its kernel went on answering without its daemon.)")
        self.say(f"  Node a's kernel {self.still_has('a')} {VIP_1}, as nobody was left to remove "
                 "it. But XDP lets\n  nothing through to it any more: of "
                 f"{sum(1 for at, _ in arp if at > first)} ARP answers since node b's first, node a "
                 f"gave {len(late)}.")
        if late:
            raise LabError("node a answers for an address that node b has")
        self.say()
        self.show_http("b", "b")
        self.show_vrrp("b")

    def still_has(self, node):
        return "still lists" if self.nodes[node].kernel_has(VIP_1) else "no longer lists"

    def home_again(self):
        self.heading("tandemd on node a is started again")
        probe = Probe(self.lab, VIP_1)
        self.nodes["a"].start()
        self.both_at_home()
        time.sleep(0.5)
        report = probe.finish()
        if report.gaps:
            self.say(f"The address is back; the move cost {report.longest_gap_ms:.0f} ms.")
        else:
            self.say(f"The address is back; none of {report.sent} probes was lost.")
        self.show_http("a", "b")
        self.say("\n$ tools/lab exec b tandemctl events")
        self.say(self.nodes["b"].ctl("events").stdout.rstrip())

    def farewell(self, keep):
        self.heading(f"That was it, in {time.monotonic() - self.started:.0f} s")
        if not keep:
            self.say("""What to try next:

  tools/demo --keep             the same, and the lab stays to look around in
  build/src/tandemctl doctor    what this machine lacks for being a gateway, and how to fix it
  tools/package                 a Debian package to install; docs/getting-started.md goes on there""")
            return
        option = "" if self.lab.prefix == "tandem" else f" --prefix {self.lab.prefix}"
        self.say(f"""The lab is still there. What to try next:

  tools/lab{option} exec a tandemctl top        who is Active, backends, connections; q ends it
  tools/lab{option} exec a tandemctl failover   gives node a's address to node b
  tools/lab{option} exec a sh                   looks around; /run/tandem/tandem.toml is the configuration

`tools/lab{option} status` shows the whole lab, and `tools/lab{option} down` ends it.""")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the lab running")
    parser.add_argument("--engine", choices=("xdp", "dpdk"), default=configs.ENGINE,
                        help="what moves packets (default: xdp)")
    parser.add_argument("--prefix", default="tandem", help="name of the lab (default: tandem)")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    configs.ENGINE = options.engine
    lab = Lab(options.prefix)
    if lab.is_up():
        print(f"(taking down the lab {lab.prefix!r} of an earlier run)")
        lab.down()
    finished = []
    tap.keep_tidy(lab, unless=lambda: finished and options.keep)
    lab.up()
    story = Story(lab)
    story.set_the_stage()
    story.dual_master()
    story.crash()
    story.home_again()
    story.farewell(options.keep)
    finished.append(True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except LabError as error:
        sys.exit(f"demo: {error}\ndemo: run from {CHECKOUT}")
