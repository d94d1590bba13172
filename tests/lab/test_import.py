#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A pair in dual master moves in from keepalived, node by node.

    client --- front --- a: VI_1 150, VI_2 100; b: VI_1 100, VI_2 150; each with an Nginx

The files are those of docs/migrating.md, with their scripts in /run/keepalived and an address that
adverts do not name:

    both keepalived  ->  a imported, b keepalived on its own file  ->  both imported
"""

import json
import pathlib

from tandemlab import neighbours, plan, tap
from tandemlab.backends import Backend
from tandemlab.keepalived import Keepalived
from tandemlab.nginx import Nginx, get
from tandemlab.shell import CHECKOUT, wait_until
from tandemlab.tandem import Tandem, binary, has_address

VIPS = {"VI_1": plan.VIPS[0], "VI_2": plan.VIPS[1]}
EXCLUDED = "192.0.2.110"  # moves with VI_1
GOLDEN = CHECKOUT / "tests" / "unit" / "ctl" / "import" / "golden"
SOURCE = "/run/keepalived/keepalived.conf"
SCRIPTS = {
    "check-nginx": "exec curl -s -f --max-time 1 http://127.0.0.1:10080/health",
    "notify": 'echo "$@" >>/run/keepalived/told',
}


def keepalived_conf(node):
    text = (GOLDEN / f"dual-master-{node}.conf").read_text()
    text = text.replace("/etc/keepalived/", "/run/keepalived/")
    text = text.replace("fall 2", "fall 1").replace("rise 2", "rise 1")
    first = text.index("virtual_ipaddress")
    return f"{text[:first]}virtual_ipaddress_excluded {{\n {EXCLUDED}/24\n }}\n{text[first:]}"


def write_scripts(lab, node):
    for name, line in SCRIPTS.items():
        script = lab.run_dir(node) / "keepalived" / name
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)


class Migration(tap.LabCase):
    def setUp(self):
        self.nginx = {node: Nginx(self.lab, node) for node in plan.GATEWAYS}
        self.daemons = {}
        for node in plan.GATEWAYS:
            write_scripts(self.lab, node)
            self.daemons[node] = Keepalived(self.lab, node, heading=keepalived_conf(node))

    def tearDown(self):
        for program in list(self.daemons.values()) + list(self.nginx.values()):
            program.stop()

    def move_in(self, node):
        """What docs/migrating.md has an operator do on a node."""
        output = "/run/tandem/tandem.toml"
        done = self.lab.exec(node, binary("tandemctl"), "import", SOURCE, "-o", output,
                             "--force", check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        text = (self.lab.run_dir(node) / "tandem" / "tandem.toml").read_text()
        tandem = Tandem(self.lab, node, text, start=False)
        self.assertEqual(tandem.check(), (0, ""))
        self.daemons[node].stop()
        self.told(node).unlink(missing_ok=True)
        tandem.start()
        self.daemons[node] = tandem

    def told(self, node):
        return self.lab.run_dir(node) / "keepalived" / "told"

    def wait_at(self, where, **nodes):
        """Until each virtual router is where it should be, and the client is served from there."""
        for router, node in nodes.items():
            address = VIPS[router]
            other = "b" if node == "a" else "a"
            wait_until(f"{router} is on {node} alone: {where}",
                       lambda: has_address(self.lab, node, address)
                       and not has_address(self.lab, other, address), timeout=15)
            wait_until(f"{router} is served from {node}: {where}",
                       lambda: get(self.lab, "client", f"http://{address}/") == f"node {node}")
        owner = plan.front_mac(nodes["VI_1"])
        self.assertEqual(neighbours.who_has(self.lab, EXCLUDED, seconds=0.2), {owner}, where)
        self.assertEqual(get(self.lab, "client", f"http://{EXCLUDED}/"), f"node {nodes['VI_1']}")

    def fail_over(self, where):
        """Nginx stops on a, and all goes to b; it comes back, and so does VI_1."""
        self.nginx["a"].stop()
        self.wait_at(f"{where}, without Nginx on a", VI_1="b", VI_2="b")
        self.nginx["a"].start()
        self.wait_at(f"{where}, with Nginx again", VI_1="a", VI_2="b")

    def test_migration(self):
        """A client is served in each state of a migration, and Nginx's failure moves its address in each"""
        self.wait_at("both keepalived", VI_1="a", VI_2="b")
        wait_until("keepalived has told", lambda: self.told("a").read_text().count("MASTER") == 1)
        words = self.told("a").read_text()
        self.assertIn("INSTANCE VI_1 MASTER 150\n", words)
        self.assertIn("to-master VI_1\n", words)

        self.move_in("a")
        self.wait_at("a imported, b keepalived", VI_1="a", VI_2="b")
        self.fail_over("a imported, b keepalived")
        self.nginx["b"].stop()
        self.wait_at("b keepalived without Nginx", VI_1="a", VI_2="a")
        self.nginx["b"].start()

        self.move_in("b")
        self.wait_at("both imported", VI_1="a", VI_2="b")
        self.fail_over("both imported")
        self.assertEqual(self.daemons["a"].dropped("authentication"), 0)
        taken = ["to-master VI_1", "INSTANCE VI_1 MASTER 150"]
        expected = ["INSTANCE VI_1 BACKUP 150"] + taken + 2 * (["INSTANCE VI_1 BACKUP 90"] + taken)

        def heard():
            lines = self.told("a").read_text().splitlines()
            return [line for line in lines if "VI_1" in line]

        wait_until("all was told", lambda: len(heard()) >= len(expected))
        self.assertEqual(heard(), expected, "not in keepalived's words")


HELD = "192.0.2.150"
SERVERS = f"""
virtual_server {HELD} 80 {{
    delay_loop 5
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server {plan.cable("s1").v4} 8080 {{
        TCP_CHECK {{
        }}
    }}
    real_server {plan.cable("s2").v4} 8080 {{
        TCP_CHECK {{
        }}
    }}
}}
"""


class Held(tap.LabCase):
    def test_held(self):
        """A virtual server on an address that the node just has is served, also after a restart"""
        for node in ("s1", "s2"):
            Backend(self.lab, node)
        self.lab.exec("a", "ip", "address", "add", f"{HELD}/24", "dev", "eth0")
        (self.lab.run_dir("a") / "tandem" / "servers").write_text(SERVERS)
        done = self.lab.exec("a", binary("tandemctl"), "import", "/run/tandem/servers", check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("always holds it", done.stderr)
        tandem = Tandem(self.lab, "a", done.stdout, start=False)
        self.assertEqual(tandem.check(), (0, ""))
        for end in (tandem.stop, tandem.kill, tandem.stop):
            tandem.start()
            tandem.wait_for("Active", f"holds {HELD}")
            seen = set()
            wait_until("both backends answer", lambda: seen.add(
                (get(self.lab, "client", f"http://{HELD}/") or "nobody").split()[0])
                or {"s1", "s2"} <= seen)
            end()
            self.assertTrue(has_address(self.lab, "a", HELD), "it is the node's own")


class Damaged(tap.LabCase):
    def test_damaged(self):
        """What is no configuration leaves nothing behind; of another the rest is imported, and all is told"""
        directory = self.lab.run_dir("a") / "tandem"
        write_scripts(self.lab, "a")  # --check looks for them
        for name, text in (("unclosed", "vrrp_instance A {\n interface eth0\n"),
                           ("loop", "\ninclude /run/tandem/loop\n"),
                           ("template", "vrrp_instance A {\n priority {{ number }}\n}\n"),
                           ("vrid", keepalived_conf("a").replace("id 52", "id 51")),
                           ("fine", keepalived_conf("a"))):
            (directory / name).write_text(text)
        (directory / "kept.toml").write_text("as it was")

        def run(name, output, *more):
            return self.lab.exec("a", binary("tandemctl"), "import", f"/run/tandem/{name}", "-o",
                                 f"/run/tandem/{output}", *more, check=False)

        for name, line in (("loop", 2), ("template", 2)):
            for output in ("new.toml", "kept.toml"):
                done = run(name, output, "--force")
                self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                self.assertIn(f"/run/tandem/{name}:{line}: ", done.stderr)
        self.assertEqual(run("fine", "kept.toml").returncode, 1)
        self.assertIn("--force", run("fine", "kept.toml").stderr)
        self.assertEqual((directory / "kept.toml").read_text(), "as it was")
        self.assertEqual(sorted(path.name for path in directory.glob("*.toml*")), ["kept.toml"])

        for name, line in (("unclosed", 1), ("vrid", 44)):
            done = run(name, f"{name}.toml")
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn(f"/run/tandem/{name}:{line}: not carried over: ", done.stderr)
            checked = self.lab.exec("a", binary("tandemd"), "--check", f"/run/tandem/{name}.toml",
                                    check=False)
            self.assertEqual(checked.returncode, 0, checked.stdout)
        for files in (["/run/tandem/loop"], ["/run/tandem/vrid.toml", "/run/tandem/loop"]):
            checked = self.lab.exec("a", binary("tandemd"), "--check", *files, check=False)
            self.assertEqual(checked.returncode, len(files), "another file was checked")

        done = run("fine", "new.toml", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({note["kind"] for note in json.loads(done.stdout)["notes"]},
                         {"needs_no_setting"})
        self.assertEqual((directory / "new.toml").stat().st_mode & 0o777, 0o600)


if __name__ == "__main__":
    tap.main()
