#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""keepalived on its own file, beside Tandem on what `tandemctl import` makes of the other node's.

    client --- front --- a: more priority, b

The files are of kinds that keepalived does not take as they look. Each is played both ways round: one
node is Active, the right one, before the Active is killed, meanwhile, and after it came back.
"""

from tandemlab import plan, tap
from tandemlab.keepalived import Keepalived
from tandemlab.shell import wait_until
from tandemlab.tandem import Tandem, binary, has_address

VIP = plan.VIPS[0]
SOURCE = "/run/keepalived/keepalived.conf"
PASSWORD = """
    authentication {
        auth_type PASS
        auth_pass %s
    }
"""


def instance(priority, more="", state="BACKUP"):
    of_priority = f"    priority {priority}\n" if priority else ""
    return f"""
vrrp_instance VI_1 {{
    state {state}
    interface eth0
    virtual_router_id 61
{of_priority}{more}
    virtual_ipaddress {{
        {VIP}/24
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
        self.programs[node] = Tandem(self.lab, node, done.stdout)

    def is_active(self, node):
        program = self.programs[node]
        if not program.process.running():
            return False
        if isinstance(program, Tandem):
            return program.state() == "Active"
        return program.state() == "MASTER"

    def wait_alone(self, node, when):
        other = "b" if node == "a" else "a"
        wait_until(f"{node} alone is Active: {when}",
                   lambda: self.is_active(node) and not self.is_active(other), timeout=30)
        wait_until(f"{node} has the address: {when}", lambda: has_address(self.lab, node, VIP))

    def play(self, kind):
        for first, second in ((self.start_tandem, self.start_keepalived),
                              (self.start_keepalived, self.start_tandem)):
            first("a", kind(110))
            second("b", kind(100))
            which = f"{type(self.programs['a']).__name__} on a"
            self.wait_alone("a", which)
            self.programs["a"].kill()
            self.wait_alone("b", f"{which} was killed")
            first("a", kind(110))
            self.wait_alone("a", f"{which} is back")
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

    def test_another_group(self):
        """Adverts to another multicast group than the standard's are sent and heard"""
        self.play(another_group)


if __name__ == "__main__":
    tap.main()
