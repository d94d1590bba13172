# SPDX-License-Identifier: Apache-2.0
"""The kernel of a release of Debian: its image, and its modules."""

import gzip
import lzma
import pathlib
import re

from . import debian
from .shell import LabError, run

UNPACK = {".ko": bytes, ".xz": lzma.decompress, ".gz": gzip.decompress}


class Kernel:
    """`release`: "bookworm", "trixie", "sid"."""

    def __init__(self, release):
        source = debian.Release(release)
        place = source.unpack(*self._packages(source))
        self.image = self._one(place, "**/vmlinuz*")
        self.modules = self._one(place, "**/modules.order").parent
        self.version = self.modules.name
        if not (self.modules / "modules.dep").exists():
            # depmod takes lib/modules of where it is told to look.
            run(["depmod", "-b", self.modules.parents[2], self.version], timeout=300)

    @staticmethod
    def _packages(source):
        """The newest image's package, and the packages of the same version that it is split into."""
        image = [name for name in source.depends("linux-image-amd64")
                 if re.fullmatch(r"linux-image-\d\S*", name)]
        if not image:
            raise LabError(f"{source.name} has no kernel for amd64")
        version = image[0].removeprefix("linux-image-")
        return image + [name for name in source.depends(image[0]) if name.endswith(version)]

    @staticmethod
    def _one(place, pattern):
        for file in place.glob(pattern):
            return file
        raise LabError(f"no {pattern} in {place}")

    def copy_modules(self, names, target):
        """Writes those modules, and what they need, into a directory; gives the files' names in the
        order in which they are to be loaded. A module that is built in is left out."""
        files = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            file, _, needs = line.partition(":")
            files[self._name(file)] = [file, needs.split()]
        built_in = {self._name(line)
                    for line in (self.modules / "modules.builtin").read_text().splitlines()}
        order = {}
        for name in names:
            if name in built_in:
                continue
            if name not in files:
                raise LabError(f"Linux {self.version} has no module {name}")
            file, needs = files[name]
            for needed in reversed(needs):
                order.setdefault(needed)
            order.setdefault(file)
        for file in order:
            source = self.modules / file
            data = UNPACK[source.suffix](source.read_bytes())
            (target / f"{self._name(file)}.ko").write_bytes(data)
        return [f"{self._name(file)}.ko" for file in order]

    @staticmethod
    def _name(file):
        return pathlib.Path(file).name.partition(".ko")[0].replace("-", "_")
