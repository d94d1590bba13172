# SPDX-License-Identifier: Apache-2.0
"""What happens to the pair. Each event begins with all addresses at home on node a unless it is the way
back of the one before it, and ends when they are where it brings them."""

import time

from tandemlab import plan

from .pair import config


def reload(site):
    text = config("a", site.modes, site.links)
    site.a.write(text.replace("weight = 1 }", "weight = 2 }", 1))
    site.a.ctl("reload")
    site.a.write(text)
    site.a.ctl("reload")


def failover(site):
    site.a.ctl("failover")
    site.wait_at(site.b)


def back(site):
    site.a.ctl("failover", "--back")
    site.wait_at(site.a)


def kill(site):
    site.a.kill()
    site.wait_at(site.b)


def come_back(site):
    site.a.start()
    site.wait_at(site.a)


def cut(site):
    for device in ("eth0", "eth1"):
        site.lab.exec("switch", "ip", "link", "set", plan.cable("a", device).port, "down")
    site.wait_at(site.b)
    time.sleep(3)  # node a's checks fail


def mend(site):
    for device in ("eth0", "eth1"):
        site.lab.exec("switch", "ip", "link", "set", plan.cable("a", device).port, "up")
    site.wait_at(site.a)


def restart(site):
    site.a.stop()
    site.wait_at(site.b)
    site.a.start()
    site.wait_at(site.a)


def crash_and_start(site):
    """tandemd alone, which is there again before its leases end, or soon after."""
    site.a.kill()
    site.a.start()
    site.wait_at(site.a)


def upgrade(site):
    """The Backup first, then the other one; from here on both are the new program."""
    for node in (site.b, site.a):
        node.stop()
        node.program = None
        node.start()
        site.wait_at(site.a)
        site.wait_in_sync()


def failing_check(site):
    site.set_good("a", False)
    site.wait_at(site.b)


def passing_check(site):
    site.set_good("a", True)
    site.wait_at(site.a)


EVENTS = {
    "reload": reload,
    "failover": failover,
    "failover --back": back,
    "SIGKILL": kill,
    "return": come_back,
    "link cut": cut,
    "link back": mend,
    "restart": restart,
    "SIGKILL and start": crash_and_start,
    "failing check": failing_check,
    "check passes": passing_check,
    "upgrade": upgrade,
}
# Those that go back from what the one before them did.
WAYS_BACK = {"failover --back": "failover", "return": "SIGKILL", "link back": "link cut",
             "check passes": "failing check"}


def complete(names):
    """The same in their order, each way back with what it goes back from."""
    wanted = set(names) | {WAYS_BACK[name] for name in names if name in WAYS_BACK}
    return [name for name in EVENTS if name in wanted]
