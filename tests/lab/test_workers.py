#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with DPDK: said in plain words at the start, and later no address is held that
nothing can be forwarded for.

    client --- front --- a, b: tandemd, one worker each --- s1..s4
"""

from tandemlab import configs, plan, services, tap, traffic
from tandemlab.backends import Backend
from tandemlab.one_thread import Stopped
from tandemlab.pair import Pair
from tandemlab.tandem import Tandem

VIP = plan.VIPS[0]


def config(node):
    return (configs.node(node, ("eth0", "eth1"))
            + configs.vrrp("VI_1", 51, 150 if node == "a" else 100, f"{VIP}/24")
            + services.service("web", VIP, "dsr"))


class Refused(tap.LabCase):
    def refused(self, text):
        """What tandemd says of a configuration that it cannot run; it ends by itself."""
        tandem = Tandem(self.lab, "a", text, start=False)
        tandem.launch()
        status = tandem.process.popen.wait(20)
        self.assertEqual(status, 1, tandem.process.log())
        return tandem.process.log()

    def changed(self, what, to):
        text = config("a")
        self.assertIn(what, text)
        return text.replace(what, to)

    def test_huge_pages(self):
        """Without enough huge pages: how many there are, and the command for more."""
        said = self.refused(self.changed("memory_mb = 64", "memory_mb = 60000"))
        self.assertRegex(said, r"huge pages: \d+ MB are free, packet buffers take 60000; "
                               r"set aside more with: sysctl vm.nr_hugepages=\d+")

    def test_no_hugetlbfs(self):
        """A directory that is on no hugetlbfs: the command that mounts one."""
        said = self.refused(self.changed("/run/huge", "/run/tandem"))
        self.assertIn("dpdk.huge_pages: /run/tandem is not a hugetlbfs; mount one with: "
                      "mkdir -p /run/tandem && mount -t hugetlbfs hugetlbfs /run/tandem", said)

    def test_flow_table(self):
        """No huge pages for the flow table."""
        said = self.refused(config("a") + "\n[flows]\nsize = 16000000\n")
        self.assertRegex(said, r"huge pages: \d+ MB for the flow table /run/huge/\S+ are not free")

    def test_too_few_queues(self):
        """More workers than the device has queues."""
        said = self.refused(self.changed("memory_mb = 64", "memory_mb = 64\ncpus = [0, 1]"))
        self.assertIn("eth0 has 1 queues for 2 workers; set more with: ethtool -L eth0 combined 2",
                      said)


class Workers(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in plan.BACKENDS:
            Backend(cls.lab, node)
        services.take_virtual_addresses(cls.lab, VIP)
        cls.pair = Pair(cls.lab, config)

    def setUp(self):
        super().setUp()
        self.pair.bring_home(second=())
        traffic.must_answer(self.lab, VIP)

    def test_stall(self):
        """A worker stands still: its node lets go of the address, and takes it back afterwards."""
        a, b = self.pair.a, self.pair.b
        with Stopped(a.process.pid, "worker-0"):
            b.wait_for("Active")
            a.wait_for("Fault")
            traffic.must_answer(self.lab, VIP)
            self.assertIn("worker 0 stands still", "\n".join(a.status()["warnings"]))
        a.wait_for("Active")
        traffic.must_answer(self.lab, VIP)
        self.assertNotIn("stands still", "\n".join(a.status()["warnings"]))

    def test_vanish(self):
        """A port's device goes and comes back: so does the address."""
        a, b = self.pair.a, self.pair.b
        cable = plan.cable("a")
        self.lab.exec("a", "ip", "link", "del", cable.device)
        b.wait_for("Active")
        traffic.must_answer(self.lab, VIP)
        self.assertTrue(a.running())
        a.wait_for("Fault")
        self.lab.plug(cable)
        a.wait_for("Active")
        traffic.must_answer(self.lab, VIP)

    def test_counters(self):
        """The packets that workers are handed are counted, and so is what becomes of them."""
        a = self.pair.a
        before = {reason: a.packets(reason) for reason in ("take/worker", "tx/forward")}
        traffic.who_answers(self.lab, VIP, 10)
        for reason, count in before.items():
            self.assertGreater(a.packets(reason), count + 10, reason)


if __name__ == "__main__":
    tap.main()
