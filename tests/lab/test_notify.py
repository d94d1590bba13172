#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Notify commands tell of each change of state, and of the end.

    client --- front --- a: Active for VI_1 and VI_6, b: Backup
"""

from tandemlab import configs, plan, tap
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem

SCRIPT = """#!/bin/sh
echo "$@ $TANDEM_STATE" >>/run/tandem/told
"""


class Notify(tap.LabCase):
    def setUp(self):
        for node in plan.GATEWAYS:
            directory = self.lab.run_dir(node) / "tandem"
            (directory / "told").unlink(missing_ok=True)
            (directory / "tell").write_text(SCRIPT)
            (directory / "tell").chmod(0o755)
        self.a, self.b = (Tandem(self.lab, node, self.config(node)) for node in plan.GATEWAYS)
        self.addCleanup(lambda: [node.stop() for node in (self.a, self.b) if node.running()])
        for name in ("VI_1", "VI_6"):
            self.a.wait_for("Active", name)
            self.b.wait_for("Backup", name)

    @staticmethod
    def config(node):
        tell = ", ".join(f'{change} = ["/run/tandem/tell", "{change}"]'
                         for change in ("active", "stop", "any"))
        priority, more = 150 if node == "a" else 100, f"notify = {{ {tell} }}"
        return (configs.node(node)
                + configs.vrrp("VI_1", 51, priority, f"{plan.VIPS[0]}/24", more=more)
                + configs.vrrp("VI_6", 51, priority, "fe80::51/64", more=more))

    def told(self, node, name):
        """What the commands for a virtual router were told, in order."""
        path = self.lab.run_dir(node.node) / "tandem" / "told"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if f" {name} " in line]

    def test_changes(self):
        """The command of the change comes first, then the one for any, up to the end."""
        for name in ("VI_1", "VI_6"):
            active = [f"active master {name} Active", f"any master {name} Active"]
            wait_until("node a told that it is Active",
                       lambda n=name, lines=active: self.told(self.a, n)[-2:] == lines)
        self.a.stop()
        for name in ("VI_1", "VI_6"):
            self.assertEqual(self.told(self.a, name)[-2:],
                             [f"stop stop {name} Initialize", f"any stop {name} Initialize"])
            self.b.wait_for("Active", name)
        self.b.stop()  # an Active whom nobody follows, and so both
        for name in ("VI_1", "VI_6"):
            self.assertEqual(self.told(self.b, name), [
                f"any backup {name} Backup", f"active master {name} Active",
                f"any master {name} Active", f"stop stop {name} Initialize",
                f"any stop {name} Initialize"])

    def test_end_of_a_backup(self):
        """A Backup tells of its end, too."""
        self.b.stop()
        for name in ("VI_1", "VI_6"):
            self.assertEqual(self.told(self.b, name), [
                f"any backup {name} Backup", f"stop stop {name} Initialize",
                f"any stop {name} Initialize"])


if __name__ == "__main__":
    tap.main()
