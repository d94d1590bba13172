# SPDX-License-Identifier: Apache-2.0
"""A gateway of the lab as a host of its own: systemd as its first process, packages, services.

Its root is this machine's, with an overlay in memory over it: whatever it installs, writes or
removes is gone with it. It has namespaces of its own for processes, mounts, control groups and
names, and the network namespace of its node. Of this machine's services none is started.
"""

import subprocess

from . import plan
from .shell import LabError, run, wait_until

BOOT = r"""
set -e
mount -t tmpfs -o mode=0755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t tmpfs -o mode=0755 tmpfs dev
mkdir -p dev/shm dev/pts dev/hugepages
for device in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "dev/${device%:*}" c 1 "${device#*:}"
done
mknod -m 666 dev/tty c 5 0
mount -t hugetlbfs hugetlbfs dev/hugepages 2>/dev/null || true
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t bpf bpf sys/fs/bpf
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p run/lock
rm -f usr/sbin/policy-rc.d  # this machine may keep its packages from starting anything
rm -f var/lib/man-db/auto-update  # an index of all manual pages takes a minute on a busy machine
for target in sysinit basic sockets timers paths multi-user; do
    rm -rf lib/systemd/system/$target.target.wants etc/systemd/system/$target.target.wants
    printf '[Unit]\nDefaultDependencies=no\n' >etc/systemd/system/$target.target
done
printf '[Unit]\nRequires=systemd-journald.service dbus.socket\nAllowIsolate=yes\n' \
    >etc/systemd/system/lab.target
container=tandem-lab exec chroot . /lib/systemd/systemd --unit=lab.target
"""


class Host:
    def __init__(self, lab, node):
        if node not in plan.GATEWAYS:
            raise LabError(f"node {node} cannot be a host")
        self.lab, self.node = lab, node
        directory = lab.directory / f"{node}-host"
        directory.mkdir()
        self.popen = subprocess.Popen(
            ["nsenter", f"--net={lab.namespace(node)}", "--", "unshare", "--mount", "--pid",
             "--cgroup", "--ipc", "--uts", "--propagation", "private", "--fork", "--kill-child",
             "sh", "-c", BOOT, "sh", str(directory)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True)
        self.init = wait_until(f"node {node} boots", self._booted, timeout=20)

    def _booted(self):
        if self.popen.poll() is not None:
            raise LabError(self.popen.stderr.read())
        children = run(["ps", "-o", "pid=", "--ppid", self.popen.pid], check=False).stdout.split()
        if not children:
            return None
        self.init = int(children[0])
        return self.exec("systemctl", "is-active", "lab.target", check=False).returncode == 0 \
            and self.init

    def enter(self):
        """The words that, put before a command, run it on this host."""
        return ["nsenter", f"--target={self.init}", "--mount", "--pid", "--net", "--cgroup", "--ipc",
                "--uts", "--root", "--wd", "--"]

    def exec(self, *argv, **options):
        return run(self.enter() + list(argv), **options)

    def path(self, name):
        """One of its files, as seen from outside."""
        return f"/proc/{self.init}/root{name}"

    def show(self, unit, *properties):
        """What systemd says of a unit, by property."""
        lines = self.exec("systemctl", "show", unit, "-p", ",".join(properties)).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines)

    def journal(self, unit):
        return self.exec("journalctl", "--no-pager", "-o", "cat", "-u", unit).stdout
