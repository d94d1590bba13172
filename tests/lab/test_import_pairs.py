#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""keepalived on its own file, beside Tandem on what `tandemctl import` makes of the other node's.

    client --- front --- a: more priority, b

The files are of kinds that keepalived does not take as they look. Each is played both ways round: one
node is Active, the right one, before the Active is killed, meanwhile, and after it came back. A file
names no engine; with TANDEM_ENGINE=dpdk that is put in.
"""

from tandemlab import configs, plan, tap
from tandemlab.keepalived import Keepalived
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem, binary, has_address

VIP, VIP6 = plan.VIPS[0], plan.VIPS6[0]
SOURCE = "/run/keepalived/keepalived.conf"
TOLD = "/run/keepalived/told"
PASSWORD = """
    authentication {
        auth_type PASS
        auth_pass %s
    }
"""


def instance(priority, more="", state="BACKUP", addresses=(f"{VIP}/24",)):
    of_priority = f"    priority {priority}\n" if priority else ""
    lines = "\n        ".join(addresses)
    return f"""
vrrp_instance VI_1 {{
    state {state}
    interface eth0
    virtual_router_id 61
{of_priority}{more}
    virtual_ipaddress {{
        {lines}
    }}
}}
"""


def strict(priority):
    """Strict mode has no authentication; each node may as well have another password."""
    return "global_defs {\n    vrrp_strict\n}\n" + instance(priority, PASSWORD % f"pw{priority}")


def strict_instance(priority):
    return instance(priority, "    strict_mode on\n" + PASSWORD % f"pw{priority}")


def password_without_type(priority):
    return instance(priority, "    authentication {\n        auth_pass secret\n    }\n")


def master_without_priority(priority):
    """It is 255: more than the other's 254."""
    return instance(254) if priority == 100 else instance(None, state="MASTER")


def script_behind_its_use(priority):
    """It fails, and nobody is asked."""
    return instance(priority, "    track_script {\n        a\n    }\n") + """
vrrp_script a {
    script "/bin/false"
    interval 1
}
"""


def script_of_nobody(priority):
    """A script whose user is not there is none: nothing tracks it."""
    return """
global_defs {
    script_user nosuchuser
}
vrrp_script a {
    script "/bin/false"
    interval 1
}
""" + instance(priority, "    track_script {\n        a\n    }\n")


def remark_in_a_parameter(priority):
    """The backslash at the remark's end goes on with the parameter."""
    return f"""$M= \\
    priority {priority} \\
    # a remark \\
    advert_int 2
""" + instance(None, "    $M\n")


def priority_out_of_range(priority):
    """Of more than 255 it takes 100; the other's is above it."""
    return instance(101 if priority == 110 else 256)


def another_group(priority):
    return "global_defs {\n    vrrp_mcast_group4 224.0.0.118\n}\n" + instance(priority)


def another_group_v3(priority):
    """The group of one instance."""
    return instance(priority, "    mcast_dst_ip 224.0.0.118\n    version 3\n    advert_int 0.5\n")


def another_group_v6(priority):
    """IPv6 is of version 3; the address that it comes from is link-local, and stands first."""
    return "global_defs {\n    vrrp_mcast_group6 ff02::118\n}\n" + instance(
        priority, "    version 3\n", addresses=("fe80::100/64", f"{VIP6}/64"))


def one_line_blocks(priority):
    """No password comes of that, an address does, whatever stands behind its length."""
    return instance(priority, "    authentication { auth_type PASS; auth_pass secret; }\n",
                    addresses=()).replace("virtual_ipaddress {", f"virtual_ipaddress {{ {VIP}/24;")


def own_interface(priority):
    """It gives no weight: the lower one would be above the other."""
    return instance(priority, "    track_interface {\n        eth0 weight 50\n    }\n"
                    if priority == 100 else "")


def first_version(priority):
    """And of what else is there twice the last."""
    return instance(priority, f"    version 3\n    version 2\n    priority 50\n"
                              f"    priority {priority}\n    advert_int 2\n    advert_int 1\n")


def notified_twice(priority):
    """Of two commands for a state the first is run."""
    return instance(priority, "".join(
        f"    notify_{state} \"/bin/sh -c 'echo {state} {n} >>{TOLD}'\"\n"
        for state in ("master", "backup") for n in ("first", "second")))


class Pairs(tap.LabCase):
    def setUp(self):
        self.programs = {}
        self.addCleanup(lambda: [program.stop() for program in self.programs.values()])

    def start_keepalived(self, node, text):
        self.programs[node] = Keepalived(self.lab, node, heading=text)

    def start_tandem(self, node, text):
        (self.lab.run_dir(node) / "keepalived" / "keepalived.conf").write_text(text)
        done = self.lab.exec(node, binary("tandemctl"), "import", SOURCE, check=False)
        self.assertIn(done.returncode, (0, 4), done.stderr)
        text = done.stdout.partition("[node]\n")[2].partition("\n")[2]
        self.programs[node] = Tandem(self.lab, node, configs.head(node) + text)

    def is_active(self, node):
        program = self.programs[node]
        if not program.process.running():
            return False
        if isinstance(program, Tandem):
            return program.state() == "Active"
        return program.state() == "MASTER"

    def wait_alone(self, node, when, address):
        other = "b" if node == "a" else "a"
        wait_until(f"{node} alone is Active: {when}",
                   lambda: self.is_active(node) and not self.is_active(other), timeout=30)
        wait_until(f"{node} has the address: {when}", lambda: has_address(self.lab, node, address))

    def play(self, kind, address=VIP):
        for first, second in ((self.start_tandem, self.start_keepalived),
                              (self.start_keepalived, self.start_tandem)):
            first("a", kind(110))
            second("b", kind(100))
            which = f"{type(self.programs['a']).__name__} on a"
            self.wait_alone("a", which, address)
            self.programs["a"].kill()
            self.wait_alone("b", f"{which} was killed", address)
            first("a", kind(110))
            self.wait_alone("a", f"{which} is back", address)
            for program in self.programs.values():
                program.stop()

    def test_strict(self):
        """Strict mode ignores passwords, and so does the import"""
        self.play(strict)

    def test_strict_instance(self):
        """The same where one instance is strict"""
        self.play(strict_instance)

    def test_password_without_type(self):
        """A password without a type is none"""
        self.play(password_without_type)

    def test_master_without_priority(self):
        """MASTER without a priority has 255"""
        self.play(master_without_priority)

    def test_script_behind_its_use(self):
        """A script that is defined behind its use is not tracked"""
        self.play(script_behind_its_use)

    def test_script_of_nobody(self):
        """A script whose user is not there is not tracked"""
        self.play(script_of_nobody)

    def test_remark_in_a_parameter(self):
        """A remark in a parameter of several lines does not end it"""
        self.play(remark_in_a_parameter)

    def test_priority_out_of_range(self):
        """A priority that keepalived does not take is its 100"""
        self.play(priority_out_of_range)

    def test_one_line_blocks(self):
        """Blocks of one line, with semicolons, as guides have them"""
        self.play(one_line_blocks)

    def test_own_interface(self):
        """The own interface is tracked without a weight"""
        self.play(own_interface)

    def test_first_version(self):
        """Of two versions the first counts"""
        self.play(first_version)

    def test_notified_twice(self):
        """Of two notify commands for a state both run the first alone"""
        for start in (self.start_keepalived, self.start_tandem):
            told = self.lab.run_dir("a") / "keepalived" / "told"
            told.unlink(missing_ok=True)
            start("a", notified_twice(110))
            wait_until("both states were told", lambda: told.exists() and
                       {"backup", "master"} <= set(told.read_text().split()), timeout=30)
            self.programs["a"].stop()
            self.assertEqual(set(told.read_text().split()), {"backup", "master", "first"})

    def test_another_group(self):
        """Adverts to another multicast group than the standard's are sent and heard"""
        self.play(another_group)

    def test_another_group_v3(self):
        """The same with version 3 and half a second"""
        self.play(another_group_v3)

    def test_another_group_v6(self):
        """The same for IPv6"""
        self.play(another_group_v6, VIP6)


if __name__ == "__main__":
    tap.main()
