# SPDX-License-Identifier: Apache-2.0
"""Packages of Debian's releases, whichever of them this machine is: fetched by apt from the mirror
of its own sources, each unpacked into a directory of its own, and none of them installed.

Lists, and what was unpacked, are kept in $TANDEM_CACHE, else /var/cache/tandem/packages, for the
next time and for other checkouts. It is safe to delete.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import time

from .shell import LabError, run

CACHE = pathlib.Path(os.environ.get("TANDEM_CACHE") or "/var/cache/tandem/packages")
RELEASES = ("bookworm", "trixie", "sid")
FETCH_SECONDS = 600
LISTS_SECONDS = 24 * 3600  # after which another look is taken at what a release has


def own_release():
    """The code name of this machine's release; None if it is not Debian."""
    try:
        text = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)', text, re.MULTILINE))
    return fields.get("VERSION_CODENAME") if fields.get("ID") == "debian" else None


def why_not():
    """Why packages cannot be had here; None if they can."""
    if not shutil.which("apt-get") or own_release() is None:
        return "this needs Debian and its apt"
    return None


def _mirror():
    """The repository that this machine has its own release from."""
    lines = run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)",
                 "Created-By: Packages"]).stdout.splitlines()
    for line in lines:
        origin, codename, uri = line.split(" ", 2)
        if (origin, codename) == ("Debian", own_release()):
            return uri
    raise LabError("apt knows no mirror of this machine's release; `apt-get update`?")


@contextlib.contextmanager
def _in_turn():
    """Tests that run at once fetch one after the other."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Release:
    def __init__(self, name):
        self.name = name
        self.home = CACHE / "apt" / name

    def _apt(self, *words, cwd="/", **options):
        source = self.home / "sources.list"
        settings = {
            "Dir::Etc::SourceList": source, "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State::Lists": self.home / "lists", "Dir::State::Status": "/dev/null",
            "Dir::Cache": self.home / "cache", "APT::Sandbox::User": "root", "Acquire::Retries": 3,
        }
        given = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        return run(["env", "-C", cwd, words[0], *given, *words[1:]], timeout=FETCH_SECONDS,
                   **options).stdout

    def _look(self):
        """Has the release's lists, of today."""
        stamp = self.home / "looked"
        if stamp.exists() and time.time() - stamp.stat().st_mtime < LISTS_SECONDS:
            return
        for name in ("lists/partial", "cache/archives/partial"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        (self.home / "sources.list").write_text(f"deb {_mirror()} {self.name} main\n")
        self._apt("apt-get", "-q", "update", check=not stamp.exists())
        stamp.touch()

    def unpack(self, *names):
        """A directory with the files of these packages, as they would be below /."""
        with _in_turn():
            self._look()
            uris = self._apt("apt-get", "download", "--print-uris", *names)
            files = re.findall(r" (\S+)\.deb ", uris)
            versions = hashlib.sha256(" ".join(sorted(files)).encode()).hexdigest()
            place = CACHE / "unpacked" / f"{files[0]}-{versions[:8]}"
            if not place.exists():
                self._fetch(names, place)
            return place

    def depends(self, name):
        """What a package depends on, by name."""
        with _in_turn():
            self._look()
            return re.findall(r"^ +Depends: (\S+)$", self._apt("apt-cache", "depends", name),
                              re.MULTILINE)

    def _fetch(self, names, place):
        fresh = CACHE / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        (fresh / "files").mkdir(parents=True)
        place.parent.mkdir(exist_ok=True)
        self._apt("apt-get", "-q", "download", *names, cwd=fresh)
        for package in fresh.glob("*.deb"):
            run(["dpkg-deb", "-x", package, fresh / "files"], timeout=FETCH_SECONDS)
        (fresh / "files").rename(place)
        shutil.rmtree(fresh)
