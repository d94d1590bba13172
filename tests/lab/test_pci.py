#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""DPDK's drivers for PCI cards, on cards: an e1000e and a virtio one, behind an IOMMU, in QEMU.

The topology and the tests are in pci/guest.sh, which runs inside the machine.
"""

import glob
import pathlib
import shutil
import sys

from tandemlab import guest
from tandemlab.shell import build_dir

HERE = pathlib.Path(__file__).resolve().parent / "pci"
DRIVERS = ("bus_pci", "bus_vdev", "mempool_ring", "net_e1000", "net_virtio")
MODULES = ("virtio_pci", "virtio_net", "tun", "vfio_pci", "vfio_iommu_type1", "sch_ingress", "cls_bpf")
# A machine of that speed takes the timer's interrupts too seldom for the kernel's test of it.
APPEND = "intel_iommu=on no_timer_check hugepages=80"


def options(monitor):
    """Two networks, front and back, each between a card of the node's and one of a neighbour's; and a
    third serial line, which is QEMU's monitor."""
    words = ["-cpu", "max", "-smp", "2", "-machine", "q35",
             "-device", "intel-iommu,intremap=on,aw-bits=48",
             "-chardev", f"socket,id=monitor,path={monitor},server=on,wait=off",
             "-mon", "chardev=monitor",
             "-chardev", f"socket,id=line,path={monitor}",
             "-device", "isa-serial,chardev=line,index=2"]
    # Only what is in a slot can be pulled out.
    words += ["-device", "pcie-root-port,id=bay,chassis=1,addr=5"]
    virtio = "virtio-net-pci,iommu_platform=on,disable-legacy=on,addr=6"
    for hub, (name, card) in enumerate((("front", "e1000e,bus=bay"), ("back", virtio))):
        for end, model in enumerate((card, f"virtio-net-pci,addr={7 + hub}")):
            words += ["-netdev", f"hubport,id={name}{end},hubid={hub}",
                      "-device", f"{model},id={name}-{end},netdev={name}{end},"
                                 f"mac=02:00:00:00:0{hub}:0{end}"]
    return words


def drivers(place):
    """What DPDK and libxdp load: files, by where they are in the machine. One that is loaded under
    two names would be there twice: so, as on this machine, those in DPDK's directory are links."""
    files = {}
    dispatcher, = glob.glob("/usr/lib/*/bpf/xdp-dispatcher.o")  # libxdp's
    files[dispatcher] = pathlib.Path(dispatcher)
    links = place / "drivers"
    shutil.rmtree(links, ignore_errors=True)
    links.mkdir()
    for name in DRIVERS:
        plugin = pathlib.Path(max(glob.glob(f"/usr/lib/*/dpdk/pmds-*/librte_{name}.so.*.*")))
        library = f"/lib/{plugin.parents[2].name}/{plugin.name.rpartition('.')[0]}"
        files[library] = plugin
        (links / plugin.name).symlink_to(library)
        files[str(plugin.parent)] = links
    return files


def main():
    reason = guest.why_not()
    if reason:
        print(f"1..0 # SKIP {reason}")
        return
    machine = guest.Guest("pci")
    files = drivers(machine.place)
    libraries = [file for file in files.values() if ".so" in file.name]
    programs = [build_dir() / "src" / "tandemd", build_dir() / "src" / "tandemctl", "/usr/sbin/ip"]
    said = machine.run(MODULES, (HERE / "guest.sh").read_text(), programs + libraries,
                       files | {"/node.toml": HERE / "node.toml"},
                       options(machine.place / "monitor"), append=APPEND, timeout=280).decode()
    print(said, end="")
    sys.exit("1.." not in said)


if __name__ == "__main__":
    main()
