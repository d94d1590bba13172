#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A gateway on network cards that QEMU emulates, with the kernel's drivers: links that go down and come
back, and two kinds of cards on one node.

    tests/lab/test_cards.py                        each kind on both sides, and two kinds together
    tests/lab/test_cards.py vmxnet3 virtio+e1000e  those named; front+back

cards/gateway.py is what runs in there, and asks for links to go and come.
"""

import pathlib
import re
import signal
import subprocess
import sys

from tandemlab import machine
from tandemlab.shell import LabError

GATEWAY = pathlib.Path(__file__).resolve().parent / "cards" / "gateway.py"
RELEASE = "trixie"
CARDS = {  # the kernel's modules, and QEMU's device
    "virtio": ("virtio_net", "virtio-net-pci"),
    "vmxnet3": ("vmxnet3", "vmxnet3"),
    "e1000e": ("e1000e", "e1000e"),
    "igb": ("igb", "igb"),
    "rtl8139": ("8139cp", "rtl8139"),
}
USUAL = (*CARDS, "virtio+e1000e", "e1000e+virtio", "vmxnet3+virtio")
SECONDS = 1500


def options(cards):
    """Two networks, front and back, each between a card of the gateway's and a neighbour's virtio one."""
    for hub, (name, card) in enumerate(zip(("front", "back"), cards)):
        for end, model in enumerate((CARDS[card][1], "virtio-net-pci")):
            yield from ("-netdev", f"hubport,id={name}{end},hubid={hub}", "-device",
                        f"{model},id={name}-{end},netdev={name}{end},mac=02:00:00:00:0{hub}:0{end}")


def emulated():
    said = subprocess.run(["qemu-system-x86_64", "-device", "help"], capture_output=True, text=True,
                          check=False).stdout
    return set(re.findall(r'name "([^"]+)"', said))


def try_cards(pair, number):
    """Gives the number of the last case, and how many failed."""
    cards = (pair.split("+") * 2)[:2]
    missing = [card for card in cards if CARDS[card][1] not in emulated()]
    if missing:
        print(f"ok {number + 1} - {pair} # SKIP this QEMU has no {missing[0]}", flush=True)
        return number + 1, 0
    failed, before = 0, number

    def hear(text):
        nonlocal number, failed
        link = re.match(r"set_link (\S+) (on|off)", text)
        case = re.match(r"(not )?ok (.*)", text)
        if link:
            there.qmp("set_link", name=link[1], up=link[2] == "on")
        elif case:
            number += 1
            failed += case[1] is not None
            print(f"{case[1] or ''}ok {number} - {pair}: {case[2]}", flush=True)
        else:
            print("# " + text.rstrip(), flush=True)

    try:
        modules = ["virtio_net"] + [CARDS[card][0] for card in cards]
        with machine.Machine(RELEASE, options=tuple(options(cards)), modules=modules) as there:
            status, _ = there.run([GATEWAY], check=False, timeout=SECONDS,
                                  environment=machine.environment(), echo=hear)
            if status != 0 or number == before:
                raise LabError(f"ended with status {status}: {there.said()}")
    except LabError as error:
        number, failed = number + 1, failed + 1
        print(f"not ok {number} - {pair}: the machine", flush=True)
        print("# " + str(error).replace("\n", "\n# "), flush=True)
    return number, failed


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # takes the machine away
    reason = machine.why_not()
    if reason:
        print(f"1..0 # SKIP {reason}")
        return
    number = failed = 0
    for pair in sys.argv[1:] or USUAL:
        number, more = try_cards(pair, number)
        failed += more
    print(f"1..{number}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
