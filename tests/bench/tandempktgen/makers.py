# SPDX-License-Identifier: Apache-2.0
"""Who makes a load, and what is told of it."""

import time

from tandemlab.shell import LabError

from . import bpf, kernel, network, testpmd

# In the order in which --maker auto tries them. Each has why_not(load), a sentence or None, and
# send(load), which gives frames and seconds.
MAKERS = {"kernel": kernel, "bpf": bpf, "testpmd": testpmd}
# A maker's frames may find no room in the driver's ring, so that its interface tells what was sent.
# Some drivers leave XDP's frames out there: one that counts less than this part of them does so.
UNCOUNTED = 0.01


def choose(maker, load):
    """The name of the maker that sends this."""
    if maker != "auto":
        reason = MAKERS[maker].why_not(load)
        if reason:
            raise LabError(reason)
        return maker
    reasons = {name: module.why_not(load) for name, module in MAKERS.items()}
    for name, reason in reasons.items():
        if reason is None:
            return name
    raise LabError("nobody can send this:" + "".join(
        f"\n  {name}: {reason}" for name, reason in reasons.items()))


def send(maker, load, settle, count_on=None):
    """Sends it; the result as it is printed. With `count_on`, also what came by that interface.
    `settle` is how long counters may take to tell all, in seconds."""
    before_sent = 0 if load.is_pci else network.sent(load.interface)
    before = network.received(count_on) if count_on else 0
    made, seconds = MAKERS[maker].send(load)
    if not made:
        raise LabError(f"{maker} sent nothing by {load.interface}: is it up?")
    time.sleep(settle)
    sent, counted_by = made, "maker"
    if not load.is_pci:
        counted = network.sent(load.interface) - before_sent
        if counted > made * UNCOUNTED:
            sent, counted_by = min(counted, made), "interface"
    result = {"maker": maker, "sent": sent, "seconds": round(seconds, 3),
              "per_second": round(sent / seconds), "size": load.size, "kind": load.kind,
              "flows": load.flows if load.kind != "syn" else None, "rate": load.rate, "made": made,
              "sent_counted_by": counted_by}
    if count_on:
        arrived = network.received(count_on) - before
        result |= {"arrived": arrived, "lost": max(sent - arrived, 0)}
    return result
