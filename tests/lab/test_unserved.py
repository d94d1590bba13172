#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A node whose new flows nobody takes: it gets no AF_XDP socket, since it may lock too little memory, or
its data thread stands still. Adverts every 100 ms.

    client --- front --- a: 150, no sockets; b: 100 --- back --- s1..s4: Nginx
"""

from tandemlab import configs, neighbours, plan, services, tap
from tandemlab.backends import Backend
from tandemlab.one_thread import Stopped
from tandemlab.process import Process
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem, binary

VIP = plan.VIPS[0]
MAC_A = plan.front_mac("a")


def config(node):
    return (configs.node(node, ("eth0", "eth1"))
            + configs.vrrp("VI_1", 51, 150 if node == "a" else 100, f"{VIP}/24")
            + services.service("web", VIP, "fullnat", 80,
                               more=f'sources = ["{plan.cable(node, "eth1").v4}"]')
            + configs.web_service("own", VIP).replace("port = 80", "port = 443"))


class Unserved(tap.LabCase):
    def start_without_sockets(self, node):
        tandem = Tandem(self.lab, node, config(node), start=False)
        tandem.process = Process(self.lab, node, "tandemd", [
            "bash", "-c", "ulimit -l 64; exec setpriv --bounding-set=-ipc_lock "
            f"--inh-caps=-ipc_lock {binary('tandemd')} -c {tandem.config_file}"])
        tandem.wait_ready()
        return tandem

    def connect(self, port):
        return self.lab.exec("client", "timeout", "3", "bash", "-c",
                             f"exec 3<>/dev/tcp/{VIP}/{port}", check=False)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in plan.BACKENDS:
            Backend(cls.lab, node)

    def test_data_thread(self):
        """The data thread stands still: the peer serves, until it goes on; all of it is told."""
        a, b = (Tandem(self.lab, node, config(node)) for node in ("a", "b"))
        a.wait_for("Active")
        wait_until("the backends are up on a", lambda: self.connect(80).returncode == 0)
        self.assertEqual((a.status()["warnings"], a.status()["unserved"]), ([], []))
        with Stopped(a.process.pid, "data"):
            b.wait_for("Active")
            a.wait_for("Backup")
            status = a.status()
            self.assertEqual(status["unserved"], ["eth0", "eth1"])
            self.assertIn("the data thread stands still", "\n".join(status["warnings"]))
            self.assertEqual(a.router()["priority"]["effective"], 1)
            wait_until("b serves", lambda: self.connect(80).returncode == 0)
            self.assertIn("stands still", a.ctl("services", check=False).stderr)
            a.ctl("reload")
            b.stop()
            a.wait_for("Active")  # nobody better is there
            self.assertIn("refused", self.connect(443).stderr)
        wait_until("a serves again", lambda: self.connect(80).returncode == 0)
        wait_until("a says so", lambda: a.status()["unserved"] == [])
        self.assertNotIn("stands still", "\n".join(a.status()["warnings"]))
        said = [e["text"] for e in a.events("notice")]
        self.assertTrue([text for text in said if "served again" in text], said)
        a.stop()

    def test_peer_serves(self):
        """A node without sockets has the lowest priority, says so, and a peer serves; alone it serves what
        it can."""
        b = Tandem(self.lab, "b", config("b"))
        b.wait_for("Active")
        a = self.start_without_sockets("a")
        status = a.status()
        self.assertTrue(status["unserved"])
        self.assertTrue([w for w in status["warnings"] if "MEMLOCK" in w], status["warnings"])
        self.assertTrue([e for e in a.events("notice") if "not served" in e["text"]], a.events())
        self.assertEqual(a.router()["priority"]["effective"], 1)
        wait_until("the backends are up on b", lambda: self.connect(80).returncode == 0)
        self.assertEqual((a.state(), b.state()), ("Backup", "Active"))

        b.process.kill()
        a.wait_for("Active")  # nobody better is there
        self.assertEqual(neighbours.who_has(self.lab, VIP), {MAC_A})
        self.assertIn("refused", self.connect(443).stderr)  # by the node's own kernel
        self.assertNotEqual(self.connect(80).returncode, 0)

        b.start()
        b.wait_for("Active")
        a.wait_for("Backup")
        wait_until("b serves", lambda: self.connect(80).returncode == 0)
        a.stop()
        b.stop()


if configs.ENGINE == "dpdk":  # whose workers are in test_workers.py
    del Unserved.test_data_thread

if __name__ == "__main__":
    tap.main()
