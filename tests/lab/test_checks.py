#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks move priorities, and notify commands tell the world.

    client --- front --- a (Nginx, 150), b (Nginx, 100); adverts every 100 ms, checks every 200 ms
"""

import pathlib
import time

from tandemlab import configs, plan, tap
from tandemlab.nginx import Nginx, get
from tandemlab.pair import Pair
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem

VIP = plan.VIPS[0]


def write_script(lab, node, name, text):
    """An executable of the node's /run/tandem; gives its path inside the node."""
    path = lab.run_dir(node) / "tandem" / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return f"/run/tandem/{name}"


def command_lines(lab, node):
    lines = []
    for pid in lab.pids(node):
        try:
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        lines.append(b" ".join(words).decode().strip())
    return lines


class NginxCheck(tap.LabCase):
    def test_moves_and_returns(self):
        """Nginx stopped: its address moves to the other node; started again: it comes home."""
        pair = Pair(self.lab, lambda node: configs.dual_master(node, check_interval="200ms"),
                    nginx=True)
        pair.bring_home()
        started = time.monotonic()
        pair.nginx["a"].stop()
        pair.b.wait_for("Active", "VI_1")
        tap.note(f"moved {time.monotonic() - started:.2f} s after Nginx had stopped "
                 "(fall x interval is 0.6 s, Active_Down_Interval 0.36 s)")
        self.assertEqual(pair.a.priority("VI_1"), 90)
        self.assertIn("nginx", pair.a.router("VI_1")["priority"]["explanation"])
        wait_until("node b's Nginx answers",
                   lambda: get(self.lab, "client", f"http://{VIP}/") == "node b")
        pair.nginx["a"].start()
        pair.a.wait_for("Active", "VI_1")
        self.assertEqual(pair.a.priority("VI_1"), 150)
        wait_until("node a's Nginx answers",
                   lambda: get(self.lab, "client", f"http://{VIP}/") == "node a")
        pair.stop()


class Commands(tap.LabCase):
    def tearDown(self):
        if self.tandem.running():
            self.tandem.stop()

    def start(self, check, track, more=""):
        self.tandem = Tandem(self.lab, "a", configs.node("a") + check + configs.vrrp(
            "VI_1", 51, 150, f"{VIP}/24", more=f"track = [{track}]\n{more}"))

    def test_hanging_command(self):
        """A check command that hangs is killed with its children, and counts as failed."""
        script = write_script(self.lab, "a", "hang", "sleep 4242 & sleep 4242\n")
        self.start(f"""
[[check]]
name = "hang"
command = ["{script}"]
interval = "300ms"
timeout = "100ms"
fall = 2
""", '{ check = "hang" }')
        self.tandem.wait_for("Fault")
        most = 0
        for _ in range(20):  # several runs of the check
            most = max(most, sum("sleep 4242" in line for line in command_lines(self.lab, "a")))
            time.sleep(0.1)
        self.assertLessEqual(most, 2, "commands of earlier runs are still there")
        self.tandem.stop()
        self.assertEqual([line for line in command_lines(self.lab, "a") if "4242" in line], [])

    def test_unsafe_command(self):
        """A check command that others than root may write is refused."""
        script = write_script(self.lab, "a", "unsafe", "touch /run/tandem/it-ran\n")
        (self.lab.run_dir("a") / "tandem" / "unsafe").chmod(0o777)
        self.tandem = Tandem(self.lab, "a", configs.node("a") + f"""
[[check]]
name = "unsafe"
command = ["{script}"]
""" + configs.vrrp("VI_1", 51, 150, f"{VIP}/24", more='track = [{ check = "unsafe" }]'),
                             start=False)
        status, said = self.tandem.check()
        self.assertEqual(status, 1, said)
        self.assertIn("can be written by other users", said)
        self.assertFalse((self.lab.run_dir("a") / "tandem" / "it-ran").exists())

    def test_notify(self):
        """Notify commands are told each state once, in order, as keepalived calls them."""
        told = self.lab.run_dir("a") / "tandem" / "told"
        # The first run is slow: the later ones must wait their turn.
        script = write_script(self.lab, "a", "notify",
                              'test -e /run/tandem/told || sleep 0.5\n'
                              'echo "$@" >>/run/tandem/told\n')
        nginx = Nginx(self.lab, "a")
        words = f'["{script}"]'
        self.start(configs.nginx_check("100ms"), '{ check = "nginx" }',
                   f"notify = {{ active = {words}, backup = {words}, fault = {words} }}")
        self.tandem.wait_for("Active")
        nginx.stop()
        self.tandem.wait_for("Fault")
        nginx.start()
        self.tandem.wait_for("Active")
        expected = ["backup VI_1", "master VI_1", "fault VI_1", "backup VI_1", "master VI_1"]
        wait_until("all was told", lambda: len(told.read_text().splitlines()) >= len(expected))
        self.assertEqual(told.read_text().splitlines(), expected)
        nginx.stop()


if __name__ == "__main__":
    tap.main()
