#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A node that has lost its configuration serves again after a restore.

    client --- front --- a: a host of its own (tandemlab/host.py), with Nginx and TLS on 192.0.2.100
"""

import pathlib
import shutil
import stat

from tandemlab import configs, plan, tap
from tandemlab.host import Host
from tandemlab.shell import wait_until
from tandemlab.tandem import binary

VIP = plan.VIPS[0]
CONFIG = "/etc/tandem/tandem.toml"
KEPT = ("/etc/tandem", "/etc/nginx", "/srv/tls")
NGINX = """\
events {}
http {
    access_log off;
    include conf.d/*.conf;
}
"""
SITE = """\
server {
    listen 443 ssl;
    ssl_certificate /srv/tls/node.pem;
    ssl_certificate_key /srv/tls/node.key;
    location / { return 200 "at home\\n"; }
}
"""


def config():
    return (configs.node("a", engine="xdp") + configs.vrrp("VI_1", 51, 150, f"{VIP}/24")
            + configs.web_service("web", VIP).replace("port = 80", "port = 443"))


class BackUp(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = Host(cls.lab, "a")
        for name in ("tandemd", "tandemctl"):
            shutil.copy(binary(name), cls.host.path(f"/usr/sbin/{name}"))
        for name in KEPT:
            shutil.rmtree(cls.host.path(name), ignore_errors=True)
        cls.write(CONFIG, config(), 0o640)
        cls.write("/etc/tandem/sync.key", "secret", 0o600)
        cls.write("/etc/nginx/nginx.conf", NGINX)
        cls.write("/etc/nginx/conf.d/site.conf", SITE)
        cls.write("/srv/tls/node.key", "", 0o600)
        cls.host.exec("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a",
                      "-keyout", "/srv/tls/node.key", "-out", "/srv/tls/node.pem")
        cls.host.exec("mkdir", "-p", "/run/tandem")

    @classmethod
    def write(cls, name, text, mode=0o644):
        path = pathlib.Path(cls.host.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def start(self):
        self.host.exec("systemd-run", "--unit=web", "nginx", "-g", "daemon off;")
        self.host.exec("systemd-run", "--unit=tandem", "tandemd")
        wait_until("the client is answered", lambda: self.answer() == "at home")

    def stop(self):
        self.host.exec("systemctl", "stop", "tandem", "web")

    def answer(self):
        return self.lab.exec("client", "curl", "-sk", "--noproxy", "*", "--max-time", "1",
                             f"https://{VIP}/", check=False).stdout.strip()

    def modes(self):
        return {name: stat.filemode(pathlib.Path(self.host.path(name)).stat().st_mode) for name in
                (CONFIG, "/etc/tandem/sync.key", "/srv/tls/node.key")}

    def test_wiped_and_restored(self):
        """A node is backed up, wiped, restored, and serves as before."""
        self.start()
        before = self.modes()
        archive = self.host.exec("tandemctl", "backup").stdout.split(":")[0]
        self.stop()
        for name in KEPT:
            shutil.rmtree(self.host.path(name))
        self.assertNotEqual(self.host.exec("nginx", "-t", check=False).returncode, 0)
        self.assertIn(f"create {CONFIG}",
                      self.host.exec("tandemctl", "restore", archive, "--dry-run").stdout)
        self.assertFalse(pathlib.Path(self.host.path(CONFIG)).exists())
        self.host.exec("tandemctl", "restore", archive)
        self.assertEqual(self.modes(), before)
        self.host.exec("tandemd", "--check")
        self.start()
        self.stop()

    def test_damaged(self):
        """A damaged archive is refused, and nothing is changed."""
        archive = self.host.exec("tandemctl", "backup", "/root/backups").stdout.split(":")[0]
        path = pathlib.Path(self.host.path(archive))
        path.write_bytes(path.read_bytes()[:-400])
        self.write(CONFIG, "changed")
        try:
            done = self.host.exec("tandemctl", "restore", archive, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(archive, done.stderr)
            self.assertEqual(pathlib.Path(self.host.path(CONFIG)).read_text(), "changed")
        finally:
            self.write(CONFIG, config(), 0o640)

    def test_mistakes(self):
        """What is restored with mistakes in it is restored, and the mistakes are told."""
        self.write(CONFIG, config().replace("vrid = 51", "vrid = 256"))
        try:
            done = self.host.exec("tandemctl", "backup", "/root/backups")
            self.assertIn("vrid: 256", done.stderr)
            done = self.host.exec("tandemctl", "restore", done.stdout.split(":")[0], check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("vrid: 256", done.stderr)
        finally:
            self.write(CONFIG, config(), 0o640)


if __name__ == "__main__":
    tap.main()
