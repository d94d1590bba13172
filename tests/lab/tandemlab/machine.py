# SPDX-License-Identifier: Apache-2.0
"""A virtual machine with a kernel of Debian's and this machine's root: QEMU's emulation, no KVM.

Its root is this machine's / by 9p, read only, with an overlay in memory over it. So whatever can be
run here can be run there, at the same path, by another kernel; and what it writes is gone with it.
/run is its own. Newer libraries can be laid between the two: those of another release's packages.

What it is to run is told to its agent (agent.py). Everything is ten to fifty times as slow as here,
the kernel's verifier above all.
"""

import json
import os
import pathlib
import platform
import shutil
import socket
import subprocess
import tempfile
import time

from . import debian
from .kernel import Kernel
from .shell import LabError, build_dir, run, wait_until

BOOT_SECONDS = 240
PATIENCE = 30  # how much longer than here something may take there
# "tun": nobody there makes device nodes of modules that are not loaded.
MODULES = ("virtio_pci", "9p", "9pnet_virtio", "overlay", "virtio_console", "virtio_rng", "tun")
# Newer libxdp comes with the libraries that it was built with; a C library serves older programs, too.
LIBXDP_PACKAGES = ("libxdp1", "libbpf1", "libelf1t64", "zlib1g", "libzstd1", "libc6")

# BusyBox, from the initrd: finds the root, and goes there.
INIT = """#!/bin/busybox sh
set -e
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev
for module in {modules}; do busybox insmod /modules/$module; done
for tag in {tags}; do
    busybox mkdir -p /$tag
    busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=512000,cache=loose $tag /$tag
done
busybox mount -t tmpfs -o mode=755 tmpfs /memory
busybox mkdir /memory/upper /memory/work
busybox mount -t overlay -o lowerdir=/{layers},upperdir=/memory/upper,workdir=/memory/work root /root
cd /root
busybox mount -t devtmpfs dev dev
busybox mkdir -p dev/shm dev/pts dev/hugepages
busybox mount -t devpts devpts dev/pts
busybox mount -t proc proc proc
busybox mount -t sysfs sysfs sys
busybox mount -t bpf bpf sys/fs/bpf
busybox mount -t cgroup2 cgroup2 sys/fs/cgroup
busybox mount -t tmpfs -o mode=755 tmpfs run
busybox mkdir -p run/lock run/netns lib/modules/{version}
busybox mount --bind /host{modules_place} lib/modules/{version}
echo machine >proc/sys/kernel/hostname
exec busybox switch_root /root /bin/sh -c '
    ip link set lo up
    exec /usr/bin/python3 -B {agent}'
"""


def why_not():
    """Why there can be no such machine here; None if there can."""
    if platform.machine() != "x86_64":
        return f"this needs amd64; found {platform.machine()}"
    for program, package in (("qemu-system-x86_64", "qemu-system-x86"), ("depmod", "kmod")):
        if not shutil.which(program):
            return f"{package} is missing; `apt-get install {package}`"
    if os.geteuid() != 0:
        return "needs root (the machine reads this one's files)"
    return debian.why_not()


def environment():
    """What a test of the lab is told that runs there."""
    return {"TANDEM_BUILD": str(build_dir()), "TANDEM_PATIENCE": str(PATIENCE),
            "PYTHONDONTWRITEBYTECODE": "1"}


class Machine:
    """`release` is the kernel's, `libxdp` that of libxdp and its libraries, if not this machine's;
    `options` are QEMU's, `modules` further ones to load, `enter` words to run QEMU behind."""

    def __init__(self, release, libxdp=None, options=(), modules=(), memory_mb=1536, enter=(),
                 append=""):
        reason = why_not()
        if reason:
            raise LabError(reason)
        self.kernel = Kernel(release)
        # Directories by the tag they are shared under, the upper one first. One that is shared as a
        # part of / cannot be laid over / as well.
        self.layers = {}
        if libxdp:
            self.layers["layer"] = debian.Release(libxdp).unpack(*LIBXDP_PACKAGES)
        self.layers["host"] = "/"
        self.modules = MODULES + tuple(modules)
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="tandem-machine-"))
        self.console = self.place / "console"
        self._pending, self._agent = b"", None
        self._start(options, memory_mb, enter, append)

    # ---- its start --------------------------------------------------------
    def _initrd(self):
        inside = self.place / "initrd"
        for name in ("bin", "proc", "sys", "dev", "modules", "memory", "root"):
            (inside / name).mkdir(parents=True)
        packages = debian.Release(debian.own_release()).unpack("busybox-static")
        box = next(packages.glob("**/bin/busybox"))  # /bin or, since Debian 13, /usr/bin
        shutil.copy(box, inside / "bin")
        order = self.kernel.copy_modules(self.modules, inside / "modules")
        init = inside / "init"
        init.write_text(INIT.format(
            modules=" ".join(order), modules_place=self.kernel.modules, version=self.kernel.version,
            tags=" ".join(self.layers), layers=":/".join(self.layers),
            agent=pathlib.Path(__file__).with_name("agent.py")))
        init.chmod(0o755)
        archive = self.place / "initrd.cpio"
        run(["sh", "-c", 'cd "$1" && find . | "$2" cpio -o -H newc >"$3"', "sh", inside, box, archive])
        shutil.rmtree(inside)
        return archive

    def _shared(self):
        for tag, directory in self.layers.items():
            yield "-virtfs"
            yield (f"local,path={directory},mount_tag={tag},security_model=none,readonly=on,"
                   "multidevs=remap")

    def _start(self, options, memory_mb, enter, append):
        agent, monitor = self.place / "agent", self.place / "monitor"
        words = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", 2,
                 "-machine", "q35", "-m", memory_mb, "-nodefaults", "-display", "none", "-no-reboot",
                 "-kernel", self.kernel.image, "-initrd", self._initrd(),
                 "-append", f"console=ttyS0 quiet panic=0 no_timer_check {append}",
                 "-serial", f"file:{self.console}",
                 "-qmp", f"unix:{monitor},server=on,wait=off",
                 *self._shared(),
                 "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
                 "-chardev", f"socket,id=agent,path={agent},server=on,wait=off",
                 "-device", "virtserialport,chardev=agent,name=agent", *options]
        with (self.place / "qemu.log").open("wb") as log:
            # It ends with this process, however that ends.
            self.qemu = subprocess.Popen([*enter, "setpriv", "--pdeathsig", "KILL", *map(str, words)],
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until("QEMU starts", lambda: self._alive() and agent.exists(), timeout=30)
            self._agent = socket.socket(socket.AF_UNIX)
            self._agent.connect(str(agent))
            self._monitor = None
            if "ready" not in self._hear(time.monotonic() + BOOT_SECONDS):
                raise LabError("its agent is not ready")
        except (LabError, OSError) as error:
            said = self.said()
            self.close()
            raise LabError(f"Linux {self.kernel.version} does not boot: {error}\n{said}") from None

    def _alive(self):
        if self.qemu.poll() is not None:
            raise LabError("QEMU ended: " + (self.place / "qemu.log").read_text(errors="replace"))
        return True

    def said(self, size=3000):
        """The end of what its kernel said."""
        if not self.console.exists():
            return ""
        return self.console.read_text(errors="replace")[-size:]

    # ---- its agent --------------------------------------------------------
    def _hear(self, deadline):
        while b"\n" not in self._pending:
            self._alive()
            left = deadline - time.monotonic()
            if left <= 0:
                raise LabError("its agent does not answer")
            self._agent.settimeout(min(left, 1))
            try:
                data = self._agent.recv(65536)
            except TimeoutError:
                continue
            if not data:
                raise LabError("the machine is gone")
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return json.loads(line)

    def tell(self, argv, timeout=120, environment=None):
        """Has a command begun, and waits for nothing."""
        told = {"argv": [str(word) for word in argv], "environment": environment or {},
                "timeout": timeout}
        self._agent.settimeout(30)
        self._agent.sendall(json.dumps(told).encode() + b"\n")

    def run(self, argv, check=True, timeout=120, environment=None, echo=None):
        """Runs a command there, in its root namespaces; gives (status, what it printed). `echo` is
        called with each line as it comes."""
        self.tell(argv, timeout, environment)
        deadline = time.monotonic() + timeout + 30
        text = ""
        while True:
            answer = self._hear(deadline)
            if "status" in answer:
                break
            text += answer["text"]
            if echo:
                echo(answer["text"])
        if check and answer["status"] != 0:
            raise LabError(f"`{' '.join(map(str, argv))}` ended with status {answer['status']} on "
                           f"Linux {self.kernel.version}: {text[-2000:]}")
        return answer["status"], text

    # ---- its monitor ------------------------------------------------------
    def qmp(self, command, **arguments):
        """A command of QEMU's monitor: "stop", "cont", "set_link", ..."""
        if self._monitor is None:
            line = socket.socket(socket.AF_UNIX)
            line.connect(str(self.place / "monitor"))
            self._monitor = line.makefile("rw", encoding="utf-8")
            line.close()
            json.loads(self._monitor.readline())
            self.qmp("qmp_capabilities")
        self._monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._monitor.flush()
        while True:
            answer = json.loads(self._monitor.readline())
            if "error" in answer:
                raise LabError(f"QEMU: {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    # ---- its end ----------------------------------------------------------
    def close(self):
        if self._agent:
            self._agent.close()
        if self.qemu.poll() is None:
            self.qemu.kill()
        self.qemu.wait()
        shutil.rmtree(self.place, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
