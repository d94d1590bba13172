# SPDX-License-Identifier: Apache-2.0
"""A virtual machine with Debian's own kernel and its modules: QEMU's emulation, no KVM needed. It
boots a shell script in three seconds, out of memory; the host's kernel may be any.

Kernel and BusyBox are fetched by apt into the build directory the first time (30 MB), and are not
installed.
"""

import pathlib
import platform
import re
import shutil

from .shell import LabError, build_dir, run

# What a script begins with: its lines follow.
HEAD = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc && mount -t sysfs sysfs /sys && mount -t devtmpfs dev /dev
for module in {modules}; do insmod /modules/$module.ko; done
"""
TAIL = "\npoweroff -f\n"
FETCH_SECONDS = 600
MEMORY_MB = 512


def why_not():
    """Why there can be no such machine here; None if there can."""
    if platform.machine() != "x86_64" or not shutil.which("apt-get"):
        return f"this needs Debian on amd64; found {platform.machine()}"
    if not shutil.which("qemu-system-x86_64"):
        return "qemu-system-x86 is missing; `apt-get install qemu-system-x86`"
    return None


def _copy(source, target):
    """A file, or a tree without tests, which are most of Python's."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("test", "tests", "idlelib", "lib2to3"))
    else:
        shutil.copy(source, target)


def _copy_program(program, inside):
    """With the libraries that it is linked to, if any."""
    _copy(pathlib.Path(program), inside / "bin" / pathlib.Path(program).name)
    linked = run(["ldd", program], check=False).stdout  # "not a dynamic executable" is a failure
    for library in re.findall(r"(/\S+) \(0x", linked):
        _copy(pathlib.Path(library), inside / library.lstrip("/"))


class Guest:
    """Where its files are is `place`, below the build directory."""

    def __init__(self, name):
        reason = why_not()
        if reason:
            raise LabError(reason)
        self.place = build_dir() / name
        self.place.mkdir(parents=True, exist_ok=True)
        self.root = build_dir() / "guest"

    def fetch(self):
        """The kernel's and BusyBox's packages, unpacked."""
        if (self.root / "fetched").exists():
            return
        self.root.mkdir(parents=True, exist_ok=True)
        depends = run(["apt-cache", "depends", "linux-image-cloud-amd64"]).stdout
        kernel = re.search(r"linux-image-\d\S*cloud-amd64", depends)
        if not kernel:
            raise LabError("apt knows no linux-image-cloud-amd64; `apt-get update`?")
        run(["env", "-C", self.root, "apt-get", "download", kernel[0], "busybox-static"],
            timeout=FETCH_SECONDS)
        for package in self.root.glob("*.deb"):
            run(["dpkg-deb", "-x", package, self.root], timeout=FETCH_SECONDS)
            package.unlink()
        (self.root / "fetched").touch()

    def _modules(self, names):
        """The files of modules and of what they depend on, in order, by name."""
        files = {file.name[:-3].replace("-", "_"): file
                 for file in (self.root / "lib" / "modules").rglob("*.ko")}
        order = {}

        def need(name):
            if name not in files:
                raise LabError(f"the machine's kernel has no module {name}")
            depends = re.search(rb"\0depends=([^\0]*)\0", files[name].read_bytes())[1].decode()
            for other in filter(None, depends.split(",")):
                need(other.replace("-", "_"))
            order.setdefault(name, files[name])

        for name in names:
            need(name)
        return order

    def _make_initrd(self, modules, script, programs, files):
        inside = self.place / "initrd"
        shutil.rmtree(inside, ignore_errors=True)
        for name in ("bin", "proc", "sys", "dev", "modules"):
            (inside / name).mkdir(parents=True)
        busybox = shutil.copy(self.root / "bin" / "busybox", inside / "bin")
        shutil.copy(busybox, inside / "bin" / "sh")
        for program in programs:
            _copy_program(program, inside)
        order = self._modules(modules)
        for name, file in order.items():
            shutil.copy(file, inside / "modules" / f"{name}.ko")
        for name, file in files.items():
            _copy(file, inside / name.lstrip("/"))
        init = inside / "init"
        init.write_text(HEAD.format(modules=" ".join(order)) + script + TAIL)
        init.chmod(0o755)
        archive = self.place / "initrd.cpio"
        run(["sh", "-c", 'cd "$1" && find . | "$2" cpio -o -H newc >"$3"', "sh", inside, busybox,
             archive])
        return archive

    def run(self, modules, script, programs=(), files=None, options=(), append="", timeout=300):
        """What the script wrote to /dev/ttyS1, as bytes. Modules by name, programs by path; `files`
        are paths, of files or directories, by where they are in the machine; `options` are QEMU's,
        `append` the kernel's."""
        self.fetch()
        answers, console = self.place / "answers", self.place / "console"
        kernel, = (self.root / "boot").glob("vmlinuz-*")
        run(["timeout", timeout, "qemu-system-x86_64", "-accel", "tcg", *options, "-m", MEMORY_MB,
             "-nodefaults", "-display", "none", "-no-reboot", "-kernel", kernel,
             "-initrd", self._make_initrd(modules, script, programs, files or {}),
             "-append", f"console=ttyS0 quiet panic=-1 {append}",
             "-serial", f"file:{console}", "-serial", f"file:{answers}"], timeout=timeout + 10)
        # What the terminal made of ends of lines.
        said = answers.read_bytes().replace(b"\r", b"")
        if not said:
            raise LabError("the machine answered nothing; it said:\n"
                           + console.read_text(errors="replace")[-2000:])
        return said
