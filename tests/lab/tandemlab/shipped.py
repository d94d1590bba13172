# SPDX-License-Identifier: Apache-2.0
"""What configs/ ships, run as it is: the lab's addresses are those of its files."""

import pathlib
import re

from .nginx import get
from .process import Process
from .shell import CHECKOUT, run, wait_until

CONFIGS = CHECKOUT / "configs"


def config(name):
    return (CONFIGS / name).read_text()


def quick(name):
    """A configuration with an advert each 100 ms and a check each 200 ms, to save tests' time."""
    text = config(name).replace('advert_interval = "1s"', 'advert_interval = "100ms"')
    return re.sub(r'(?<![\w])interval = "[12]s"', 'interval = "200ms"', text)


class ShippedNginx:
    """configs/nginx/nginx.conf as a node's /etc/nginx, with a certificate of its own making.

    `tls`: a directory of make_tls(), the same for both nodes.
    """

    def __init__(self, lab, node, tls):
        self.lab, self.node = lab, node
        etc = lab.run_dir(node) / "etc-nginx"
        (etc / "tls").mkdir(parents=True)
        (etc / "nginx.conf").write_text(config("nginx/nginx.conf"))
        for file in tls.iterdir():
            (etc / "tls" / file.name).write_bytes(file.read_bytes())
        logs = lab.run_dir(node) / "nginx-logs"
        logs.mkdir()
        lab.exec(node, "sh", "-ec", """
            mount --bind /run/etc-nginx /etc/nginx
            mount --bind /run/nginx-logs /var/log/nginx
            """)
        self.start()

    def test(self):
        """`nginx -t`: its exit status and what it says."""
        done = self.lab.exec(self.node, "nginx", "-t", check=False)
        return done.returncode, done.stderr

    def start(self):
        self.process = Process(self.lab, self.node, "nginx", ["nginx", "-g", "daemon off;"])
        wait_until(f"Nginx answers on {self.node}",
                   lambda: get(self.lab, self.node, "http://127.0.0.1:10080/health") == "ok")

    def signal(self, name):
        """`nginx -s reload` and its like."""
        self.lab.exec(self.node, "nginx", "-s", name)

    def workers(self):
        """The process ids of its workers, those that are about to end included."""
        pid = self.process.pid
        return set(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def stop(self):
        self.process.stop()


def make_tls(directory):
    """A certificate that nobody signed but itself, its key, and a key for session tickets."""
    directory.mkdir()
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=www.example.net", "-addext", "subjectAltName=DNS:www.example.net",
         "-keyout", directory / "tandem.key", "-out", directory / "tandem.crt"])
    run(["openssl", "rand", "-out", directory / "ticket.key", "80"])
    return directory
