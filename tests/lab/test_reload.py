#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A reload applies the difference only; the kernel's list of addresses is kept as it should be.

    client --- front --- a: tandemd, Active for VI_1 and VI_2; adverts every 100 ms
"""

import json
import time

from tandemlab import configs, plan, services, tap, traffic, wire
from tandemlab.backends import Backend
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem

VIP_1, VIP_2 = plan.VIPS
INTERVAL = 0.1


def routers(*blocks):
    return configs.node("a") + "".join(blocks)


FIRST = configs.vrrp("VI_1", 51, 150, f"{VIP_1}/24")
SECOND = configs.vrrp("VI_2", 52, 150, f"{VIP_2}/24")
THIRD = configs.vrrp("VI_3", 53, 150, "192.0.2.102/24")


class Reload(tap.LabCase):
    def setUp(self):
        self.tandem = Tandem(self.lab, "a", routers(FIRST, SECOND))
        for name in ("VI_1", "VI_2"):
            self.tandem.wait_for("Active", name)

    def tearDown(self):
        if self.tandem.running():
            self.tandem.stop()

    def reload(self, text, check=True):
        self.tandem.write(text)
        return self.tandem.ctl("reload", check=check)

    def test_difference_only(self):
        """An unchanged virtual router does not notice reloads that add, change and remove others."""
        before = self.tandem.transitions("VI_1")
        changed = configs.vrrp("VI_2", 52, 120, f"{VIP_2}/24", interval="200ms")
        with wire.Capture(self.lab, "client", wanted=wire.Frame.is_advert) as adverts:
            time.sleep(5 * INTERVAL)
            self.reload(routers(FIRST, SECOND, THIRD))
            self.tandem.wait_for("Active", "VI_3")
            self.assertTrue(self.tandem.kernel_has("192.0.2.102"))
            self.reload(routers(FIRST, changed, THIRD))
            self.assertEqual(self.tandem.state("VI_2"), "Active")
            self.assertEqual(self.tandem.priority("VI_2"), 120)
            self.reload(routers(FIRST))
            wait_until("the removed address is gone",
                       lambda: not self.tandem.kernel_has("192.0.2.102"))
            time.sleep(5 * INTERVAL)
        of_first = [f for f in adverts.close() if f.advert[1] == 51]
        pauses = [later.at - one.at for one, later in zip(of_first, of_first[1:])]
        tap.note(f"longest pause between adverts: {1000 * max(pauses):.1f} ms")
        self.assertTrue(all(frame.advert[2] == 150 for frame in of_first))
        self.assertLess(max(pauses), 2 * INTERVAL, "an advert was left out")
        self.assertEqual(self.tandem.transitions("VI_1"), before)
        self.assertEqual([router["name"] for router in self.tandem.ask("vrrp")["routers"]],
                         ["VI_1"])

    def test_removed_resigns(self):
        """A virtual router that a reload removes resigns with priority 0."""
        with wire.Capture(self.lab, "client", wanted=wire.Frame.is_advert) as adverts:
            self.reload(routers(FIRST))
            time.sleep(2 * INTERVAL)
        last = [frame.advert[2] for frame in adverts.close() if frame.advert[1] == 52]
        self.assertEqual(last[-1:], [0])

    def test_bad_file(self):
        """A bad file leaves the running configuration and says what is wrong, and where."""
        before = [(r["name"], r["state"], r["transitions"])
                  for r in self.tandem.ask("vrrp")["routers"]]
        bad = routers(FIRST, SECOND).replace("vrid = 52", "vrid = 256").replace(
            "priority = 150", "prioritty = 150", 1)
        done = self.reload(bad, check=False)
        self.assertNotEqual(done.returncode, 0)
        said = done.stdout + done.stderr
        for line, word in ((number, word) for number, text in enumerate(bad.splitlines(), 1)
                           for word in ("prioritty", "256") if word in text):
            self.assertRegex(said, rf"tandem\.toml:{line}:\d+: .*{word}")
        after = [(r["name"], r["state"], r["transitions"])
                 for r in self.tandem.ask("vrrp")["routers"]]
        self.assertEqual(after, before)
        status, said = self.tandem.check()
        self.assertEqual(status, 1)
        self.assertEqual(len(said.strip().splitlines()), 2, said)

    def test_put_back(self):
        """An address that something else removes from the Active's kernel is put back."""
        self.lab.exec("a", "ip", "address", "del", f"{VIP_1}/24", "dev", "eth0")
        wait_until("the address is back", lambda: self.tandem.kernel_has(VIP_1))
        self.assertEqual(self.tandem.state("VI_1"), "Active")

    def test_swept(self):
        """What a killed daemon left in the kernel is swept at the next start, before any election."""
        self.tandem.kill()
        self.assertTrue(self.tandem.kernel_has(VIP_1))
        self.tandem.write(routers(
            configs.vrrp("VI_1", 51, 150, f"{VIP_1}/24", interval="5s"),
            configs.vrrp("VI_2", 52, 150, f"{VIP_2}/24", interval="5s")))
        self.tandem.start()
        self.assertEqual(self.tandem.state("VI_1"), "Backup")
        wait_until("the leftovers are gone", lambda: not (
            self.tandem.kernel_has(VIP_1) or self.tandem.kernel_has(VIP_2)), timeout=3)

    def test_stop_cleans(self):
        """A daemon that is told to end leaves no address and no XDP program behind."""
        self.tandem.stop()
        self.assertFalse(self.tandem.kernel_has(VIP_1))
        links = json.loads(self.lab.exec("a", "ip", "-j", "link", "show", "eth0").stdout)
        self.assertNotIn("xdp", links[0])


class Labels(tap.LabCase):
    def test_label_and_device(self):
        """An address carries its label, and lives on another device if it is told to."""
        block = f"""
[[vrrp]]
name = "VI_1"
interface = "eth0"
vrid = 51
advert_interval = "100ms"
addresses = [
  {{ address = "{VIP_1}/24", label = "eth0:vip1" }},
  {{ address = "198.51.100.100/24", device = "eth1" }},
]
"""
        tandem = Tandem(self.lab, "a", configs.node("a", ("eth0", "eth1")) + block)
        tandem.wait_for("Active")
        wait_until("both addresses are there", lambda: tandem.kernel_has(VIP_1)
                   and tandem.kernel_has("198.51.100.100"))
        links = json.loads(self.lab.exec("a", "ip", "-j", "address", "show").stdout)
        found = {info["local"]: (link["ifname"], info.get("label"))
                 for link in links for info in link["addr_info"]}
        self.assertEqual(found[VIP_1], ("eth0", "eth0:vip1"))
        self.assertEqual(found["198.51.100.100"][0], "eth1")
        tandem.stop()


class Sources(tap.LabCase):
    """A fullnat service, and backends: its connections come from several addresses of the node."""

    FIRST, SECOND = plan.cable("a", "eth1").v4, "198.51.100.9"

    def setUp(self):
        for node in plan.BACKENDS:
            Backend(self.lab, node)
        self.lab.exec("a", "ip", "address", "add", f"{self.SECOND}/24", "dev", "eth1")
        self.tandem = Tandem(self.lab, "a", self.config(self.FIRST, self.SECOND))
        self.tandem.wait_for("Active")
        traffic.must_answer(self.lab, VIP_1)

    def tearDown(self):
        self.tandem.stop()
        self.lab.exec("a", "ip", "address", "del", f"{self.SECOND}/24", "dev", "eth1")

    @staticmethod
    def config(*sources):
        listed = ", ".join(f'"{source}"' for source in sources)
        return (configs.node("a", ("eth0", "eth1")) + FIRST
                + services.service("web", VIP_1, "fullnat", more=f"sources = [{listed}]"))

    @staticmethod
    def sources_of(connections):
        """The addresses that their backends see, one by one."""
        return [connection.ask().split()[1] for connection in connections.all]

    def test_sources(self):
        """Connections keep the source address that they began with; new ones take those of now."""
        kept = traffic.Connections().open(self.lab, VIP_1, 8)
        before = self.sources_of(kept)
        self.assertEqual(set(before), {self.FIRST, self.SECOND})
        for sources in ((self.SECOND, self.FIRST), (self.SECOND,), (self.FIRST,)):
            self.tandem.write(self.config(*sources))
            self.tandem.ctl("reload")
            self.assertEqual(self.sources_of(kept), before)
            new = traffic.Connections().open(self.lab, VIP_1, 4)
            self.assertLessEqual(set(self.sources_of(new)), set(sources))
            self.assertEqual(new.broken() + kept.broken(), 0)
            new.close()
        kept.close()


if __name__ == "__main__":
    tap.main()
