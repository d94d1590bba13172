#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Debian package on a host with systemd: installed, started, watched, upgraded, removed.

    client --- front --- a: a host of its own (tandemlab/host.py), Active for 192.0.2.100
"""

import json
import pathlib
import platform
import re
import shutil
import time

from tandemlab import configs, plan, services, tap
from tandemlab.backends import PORT
from tandemlab.host import Host
from tandemlab.keepalived import Keepalived
from tandemlab.one_thread import Stopped
from tandemlab.shell import CHECKOUT, build_dir, run, wait_until
from tandemlab.tandem import Tandem

UNIT = "tandemd.service"
CONFIG = "/etc/tandem/tandem.toml"
NOTIFY = """\
#!/bin/sh
# What scripts of operators do.
exec >/var/tmp/notified 2>&1
echo "$1 $2"
touch /var/tmp/of-nobody && chown nobody /var/tmp/of-nobody && echo chown
setpriv --reuid=nobody --clear-groups id -un
sleep 100 & kill $! && echo kill
touch /etc/tandem/written && echo etc
mount -t tmpfs tmpfs /mnt 2>/dev/null || echo no mount
echo done
"""

NGINX_CONF = """\
pid /run/nginx.pid;
events {}
http {
    server {
        listen 80;
        location / { return 200 "here\\n"; }
    }
    server {
        listen 127.0.0.1:10080;
        location = /health { return 200 "ok\\n"; }
        location = /nginx_status { stub_status; }
    }
}
"""


def config(more=""):
    return (configs.node("a") + configs.vrrp("VI_1", 51, 150, f"{plan.VIPS[0]}/24", more=more)
            + configs.web_service("web", plan.VIPS[0]))


class Package(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = Host(cls.lab, "a")
        cls.made = run([CHECKOUT / "tools/package", "--build", build_dir(),
                        "--output", cls.lab.directory], timeout=900).stdout.strip()
        shutil.copy(cls.made, cls.host.path("/root/tandem.deb"))
        cls.before = cls.names_of_ours()
        cls.host.exec("dpkg", "-i", "/root/tandem.deb")

    @classmethod
    def names_of_ours(cls):
        return set(cls.host.exec("find", "/etc", "/usr", "/var", "/run", "-xdev",
                                 "-path", "/var/cache", "-prune", "-o",
                                 "-name", "*tandem*", "-print").stdout.split())

    def write(self, name, text, mode=0o644):
        path = pathlib.Path(self.host.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def drop_in(self, text):
        self.write(f"/etc/systemd/system/{UNIT}.d/test.conf", text)
        self.host.exec("systemctl", "daemon-reload")

    def start(self, text):
        self.write(CONFIG, text)
        self.host.exec("systemctl", "restart", UNIT)
        wait_until("the node is Active", lambda: self.status_text() == "Active for VI_1")

    def status_text(self):
        return self.host.show(UNIT, "StatusText")["StatusText"]

    def tearDown(self):
        # Without a peer that takes over, an orderly stop waits for 5 s.
        self.host.exec("systemctl", "kill", "--signal=KILL", UNIT, check=False)
        self.host.exec("systemctl", "stop", UNIT, check=False)
        self.host.exec("systemctl", "reset-failed", UNIT, check=False)
        self.drop_in("")

    # ---- what it brings ---------------------------------------------------
    def test_contents(self):
        """It starts nothing; unit, manual pages and examples are in good order."""
        self.assertEqual(self.host.show(UNIT, "ActiveState", "UnitFileState"),
                         {"ActiveState": "inactive", "UnitFileState": "disabled"})
        self.assertEqual(self.host.exec("systemd-analyze", "verify", UNIT).stderr, "")
        listed = self.host.exec("dpkg", "-L", "tandem").stdout.split()
        # mandoc unpacks what it finds with ".gz" behind its name.
        pages = [name.removesuffix(".gz") for name in listed
                 if "/man/" in name and name.endswith(".gz")]
        self.assertEqual({pathlib.Path(page).name for page in pages},
                         {"tandem-replay.1", "tandem.toml.5", "tandemctl.8", "tandemd.8"})
        for page in pages:
            self.host.exec("mandoc", "-T", "lint", "-W", "warning", page)
        examples = {pathlib.Path(name).name for name in listed if name.endswith(".toml")}
        ours = {path.name for path in (CHECKOUT / "configs").glob("*.toml")}
        self.assertEqual(examples, ours - {"benchmark.toml"})
        self.host.exec("tandemd", "-c", "/usr/share/doc/tandem/examples/node-a.toml", "--check")
        self.assertIn("/etc/tandem", listed)
        self.host.exec("systemd-tmpfiles", "--create", "tandem.conf")
        self.assertIn("drwx------", self.host.exec("ls", "-ld", "/var/backups/tandem").stdout)
        self.host.exec("sysctl", "-p", "/usr/lib/sysctl.d/60-tandem.conf")

    def test_version(self):
        """The package is of this release; the daemon tells its version, features and libraries."""
        release = platform.freedesktop_os_release()
        version = self.host.exec("dpkg-query", "-W", "-f", "${Version}", "tandem").stdout
        upstream, _, behind = version.partition("-1~")
        self.assertEqual(behind, "deb" + release["VERSION_ID"])
        said = self.host.exec("tandemd", "--version").stdout.splitlines()
        self.assertEqual(said[:2], [f"tandemd {upstream}", "features: with dpdk, with metrics"])
        self.assertRegex(said[2], r"^libraries: libbpf \d+\.\d+, libxdp \d[\d.]+, DPDK \d\d\.\d\d")
        self.assertEqual(self.host.exec("tandem-replay", "--version").stdout.splitlines()[1:],
                         said[1:])

    def test_good_order(self):
        """lintian, which knows Debian's policy, finds neither an error nor a warning."""
        said = run(["lintian", "--allow-root", "--tag-display-limit", "0", "--fail-on",
                    "error,warning", self.made], check=False)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)

    def test_pages(self):
        """Each page that a program, the unit or an example names is in it, as are their links."""
        documents = pathlib.Path(self.host.path("/usr/share/doc/tandem"))
        texts = self.host.exec(
            "grep", "-rhoaE", r"docs/[a-z0-9/-]+\.md", "/usr/sbin/tandemd", "/usr/sbin/tandemctl",
            "/usr/bin/tandem-replay", "/usr/share/doc/tandem/examples",
            self.host.show(UNIT, "FragmentPath")["FragmentPath"]).stdout.split()
        self.assertIn("docs/doctor.md", texts)
        for name in set(texts):
            self.assertTrue((documents / name).is_file(), name)
        for page in documents.glob("docs/**/*.md"):
            for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
                if "/docs/" in str((page.parent / link).resolve()):
                    self.assertTrue((page.parent / link).exists(), f"{page.name}: {link}")

    def test_manual_is_complete(self):
        """tandemctl(8) has each command of `tandemctl --help`."""
        listed = self.host.exec("tandemctl", "--help").stdout.partition("Commands:\n")[2]
        names = re.findall(r"^  (\S+)", listed.partition("\n\n")[0], re.MULTILINE)
        page = self.host.exec("sh", "-c", "zcat /usr/share/man/man8/tandemctl.8.gz").stdout
        page = page.replace(r"\-", "-")  # as roff writes it
        self.assertEqual([line.split()[1] for line in page.splitlines()
                          if line.startswith(".Ss ")], names)

    # ---- the unit -----------------------------------------------------------
    def test_runs(self):
        """Within its sandbox the daemon has all it needs, also after it was killed."""
        self.start(config())
        self.host.exec("systemctl", "kill", "--signal=KILL", UNIT)
        wait_until("systemd has started it again",
                   lambda: self.host.show(UNIT, "NRestarts")["NRestarts"] == "1")
        wait_until("the node is Active", lambda: self.status_text() == "Active for VI_1")
        status = json.loads(self.host.exec("tandemctl", "status", "--json").stdout)
        self.assertEqual(status["warnings"], [])
        self.assertTrue(status["vrrp_thread"]["realtime"] and status["vrrp_thread"]["memory_locked"],
                        status["vrrp_thread"])

    def test_strict(self):
        """The strict drop-in among the examples is not too strict, also after it was killed."""
        self.drop_in((CHECKOUT / "configs/systemd/strict.conf").read_text())
        self.test_runs()

    def test_commands(self):
        """A notify command may do what such commands do; what it may not, it is told."""
        self.write("/etc/tandem/notify", NOTIFY, 0o755)
        self.start(config('notify = { active = ["/etc/tandem/notify"] }'))
        log = pathlib.Path(self.host.path("/var/tmp/notified"))
        wait_until("the command is done", lambda: log.exists() and "done" in log.read_text())
        said = log.read_text().splitlines()
        self.assertEqual(
            said, ["master VI_1", "chown", "nobody", "kill", "etc", "no mount", "done"])
        pathlib.Path(self.host.path("/etc/tandem/written")).unlink()
        pathlib.Path(self.host.path("/etc/tandem/notify")).unlink()

    def test_reload(self):
        """`systemctl reload` applies a good configuration, and fails with a bad one."""
        self.start(config())
        self.write(CONFIG, config().replace("priority = 150", "priority = 140"))
        self.host.exec("systemctl", "reload", UNIT)
        routers = json.loads(self.host.exec("tandemctl", "vrrp", "--json").stdout)["routers"]
        self.assertEqual(routers[0]["priority"]["effective"], 140)
        self.write(CONFIG, config().replace("vrid = 51", "vrid = 256"))
        self.assertNotEqual(self.host.exec("systemctl", "reload", UNIT, check=False).returncode, 0)
        self.assertRegex(self.host.journal(UNIT), r"tandem.toml:\d+:\d+: vrid: 256")
        trouble = self.host.exec("journalctl", "--no-pager", "-o", "cat", "-u", UNIT,
                                 "-p", "warning").stdout
        self.assertRegex(trouble, r"tandem.toml:\d+:\d+: vrid: 256")
        self.assertNotIn("Initialize -> Backup", trouble)
        self.assertEqual(self.host.show(UNIT, "ActiveState", "SubState", "NRestarts"),
                         {"ActiveState": "active", "SubState": "running", "NRestarts": "0"})

    def test_watchdog(self):
        """The VRRP thread stands still: systemd ends the daemon and starts it again."""
        self.drop_in("[Service]\nWatchdogSec=600ms\n")
        self.start(config())
        time.sleep(1.5)
        self.assertEqual(self.host.show(UNIT, "NRestarts")["NRestarts"], "0")
        daemon = next(pid for pid in self.lab.pids("a") if
                      pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "tandemd")
        with Stopped(daemon, "vrrp"):
            wait_until("systemd ends it", lambda: "Watchdog timeout" in self.host.journal(UNIT))
        wait_until("the node is Active", lambda: self.status_text() == "Active for VI_1")

    def test_upgrade(self):
        """An upgrade restarts a daemon that runs, and starts none that does not."""
        self.host.exec("dpkg", "-i", "/root/tandem.deb")
        self.assertEqual(self.host.show(UNIT, "ActiveState")["ActiveState"], "inactive")
        self.start(config())
        before = self.host.show(UNIT, "MainPID")
        self.host.exec("dpkg", "-i", "/root/tandem.deb")
        wait_until("the node is Active", lambda: self.status_text() == "Active for VI_1")
        self.assertNotEqual(self.host.show(UNIT, "MainPID"), before)

    def test_operator(self):
        """What the operator set stays over an upgrade: a drained backend, a weight, a handover."""
        backends = [plan.cable(node, "eth1").v4 for node in ("s1", "s2")]
        api = services.service("api", plan.VIPS[0], "nat", 8080, backends=backends)
        peer = Tandem(self.lab, "b", configs.node("b") + configs.vrrp(
            "VI_1", 51, 100, f"{plan.VIPS[0]}/24") + api)
        self.addCleanup(peer.stop)
        self.start(config() + api)
        peer.wait_for("Backup")
        for words in (("drain", "api", f"{backends[0]}:{PORT}"),
                      ("weight", "api", f"{backends[1]}:{PORT}", "7"), ("failover", "VI_1")):
            self.host.exec("tandemctl", *words)
        peer.wait_for("Active")
        before = self.operators()
        self.assertEqual(before, ("draining", 7, True))
        self.host.exec("dpkg", "-i", "/root/tandem.deb")
        wait_until("the node is Backup", lambda: self.status_text() == "Backup for VI_1")
        self.assertEqual(self.operators(), before)
        self.host.exec("tandemctl", "failover", "VI_1", "--back")
        wait_until("the node is Active", lambda: self.status_text() == "Active for VI_1")

    def operators(self):
        """The first backend's state, the second one's weight, whether the address is handed over."""
        def ask(*words):
            return json.loads(self.host.exec("tandemctl", *words, "--json").stdout)

        first, second = ask("backends", "api")["backends"]
        return first["state"], second["weight"], ask("vrrp")["routers"][0]["handed_over"]

    # ---- docs/migrating.md --------------------------------------------------
    def page_commands(self):
        """What the page has an operator type, in its order; and to go back."""
        steps, _, rest = (CHECKOUT / "docs/migrating.md").read_text().partition("## An example")
        self.assertTrue(rest)
        steps, _, back = steps.partition("To go back at any time:")
        typed = re.findall(r"^    ((?:tandemctl|tandemd|systemctl) .*)$", steps, re.MULTILINE)
        return typed, re.findall(r"`(systemctl [^`]*)`", back)

    def say(self, command):
        return self.host.exec(*command.split(), check=False)

    def test_migrating(self):
        """The page's commands, as they stand there: a node moves in beside keepalived, and back"""
        check = "exec curl -s -f -o /dev/null http://127.0.0.1:10080/health"
        for script, line in (("check-nginx", check), ("notify", 'echo "$@" >>/var/tmp/told')):
            self.write(f"/etc/keepalived/{script}", f"#!/bin/sh\n{line}\n", 0o755)
        conf, peer_conf = ((CHECKOUT / f"tests/unit/ctl/import/golden/dual-master-{node}.conf")
                           .read_text() for node in plan.GATEWAYS)
        self.write("/etc/keepalived/keepalived.conf", conf)
        self.write("/etc/nginx/nginx.conf", NGINX_CONF)
        self.host.exec("systemctl", "start", "nginx")
        # Without scripts: they are not there, nor is an Nginx.
        peer_conf = re.sub(r"track_script \{[^}]*\}|notify.*", "", peer_conf)
        peer = Keepalived(self.lab, "b", heading=peer_conf)
        self.addCleanup(peer.stop)
        commands, back = self.page_commands()
        self.assertEqual([words.split()[1] for words in commands],
                         ["import", "-c", "disable", "enable", "vrrp", "events"])
        self.assertEqual(len(back), 2)
        try:
            self.host.exec("systemctl", "enable", "--now", "keepalived")
            peer.wait_for("BACKUP", "VI_1")
            wait_until("the address is a's", self.has_vip)
            for command in commands:
                done = self.say(command)
                self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
                if command.endswith("--now tandemd"):
                    wait_until("it is Active for VI_1",
                               lambda: "Active for VI_1" in self.status_text(), timeout=30)
            peer.wait_for("BACKUP", "VI_1")
            self.assertEqual(peer.state("VI_2"), "MASTER")
            status = json.loads(self.host.exec("tandemctl", "status", "--json").stdout)
            for why in ("authentication", "interval_mismatch", "version"):
                self.assertEqual(status["adverts"]["dropped"][why], 0, why)
            for command, state in (("tandemctl failover", "MASTER"), ("tandemctl reload", "MASTER"),
                                   ("tandemctl failover --back", "BACKUP")):
                done = self.say(command)
                self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
                peer.wait_for(state, "VI_1", timeout=30)
            for command in back:
                self.assertEqual(self.say(command).returncode, 0, command)
            wait_until("keepalived has it again", self.has_vip, timeout=30)
            self.assertEqual(self.host.show(UNIT, "UnitFileState")["UnitFileState"], "disabled")
        finally:
            self.say("systemctl disable --now keepalived")
            self.say("systemctl disable --now tandemd")
            self.say("systemctl stop nginx")

    def has_vip(self):
        return f"{plan.VIPS[0]}/" in self.host.exec("ip", "address", "show", "eth0").stdout

    # ---- completion -------------------------------------------------------
    def complete(self, *words):
        """What bash offers for the last of the words."""
        script = """
            . /usr/share/bash-completion/completions/tandemctl
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
            "_$1"
            printf '%s\\n' "${COMPREPLY[@]}"
        """
        return self.host.exec("bash", "-c", script, "bash", *words).stdout.split()

    def test_completion(self):
        """bash completes commands, options, and names of the node that runs."""
        self.start(config())
        self.assertEqual(self.complete("tandemctl", "rel"), ["reload"])
        self.assertEqual(self.complete("tandemctl", "failover", "--ba"), ["--back"])
        self.assertEqual(self.complete("tandemctl", "--js"), ["--json"])
        self.assertEqual(self.complete("tandemctl", "failover", ""), ["VI_1"])
        self.assertEqual(self.complete("tandemctl", "-s", "/run/tandem/control.sock", "services",
                                       "w"), ["web"])
        self.assertEqual(self.complete("tandemd", "--che"), ["--check"])

    # ---- the end ------------------------------------------------------------
    def test_removed(self):
        """Removed and purged, it leaves nothing but the administrator's files."""
        self.start(config())
        self.host.exec("systemctl", "enable", UNIT)
        self.host.exec("systemctl", "kill", "--signal=SIGKILL", UNIT)
        self.host.exec("systemctl", "stop", UNIT)
        self.assertIn("xdp", self.host.exec("ip", "link", "show", "eth0").stdout)
        try:
            self.host.exec("dpkg", "-r", "tandem")
            self.assertNotIn("xdp", self.host.exec("ip", "link", "show", "eth0").stdout)
            self.assertFalse(pathlib.Path(self.host.path("/sys/fs/bpf/tandem")).exists())
            self.assertTrue(pathlib.Path(self.host.path(CONFIG)).exists())
            self.host.exec("dpkg", "-P", "tandem")
            self.assertTrue(pathlib.Path(self.host.path(CONFIG)).exists())
            pathlib.Path(self.host.path(CONFIG)).unlink()
            pathlib.Path(self.host.path("/etc/tandem")).rmdir()
            left = {name for name in self.names_of_ours() - self.before
                    if not name.startswith(f"/etc/systemd/system/{UNIT}.d")}
            self.assertEqual(left, set())
        finally:
            self.host.exec("dpkg", "-i", "/root/tandem.deb")


if __name__ == "__main__":
    tap.main()
