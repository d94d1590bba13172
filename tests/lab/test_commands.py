#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demo, the tests and the benchmarks build in any order, from whatever the directory holds.

The commands that users type run in a copy of the checkout, and Meson configures there as it does
for users. Only Ninja does not compile: one that stands before it in PATH asks the real one what it
would do, so that a target that is not there fails, and writes down what was built.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from tandemlab import tap
from tandemlab.shell import CHECKOUT

NINJA = """#!/bin/sh
case " $* " in *" --version "* | *" -t "*) exec {ninja} "$@" ;; esac
echo "$@" >>{record}
{ninja} -n "$@" >/dev/null
"""
DEMO = ["tools/demo", "--prefix", f"commands-{os.getpid()}"]
DEMO_DPDK = [*DEMO, "--engine", "dpdk"]
TEST = ["tools/test", "--only", "bpf"]
BENCH_DPDK = ["tools/bench", "dpdk", "--rounds", "1"]


def not_of_a_clone(directory, names):
    is_top = pathlib.Path(directory) == CHECKOUT
    return [name for name in names
            if name in (".git", "__pycache__") or (is_top and name.startswith("build"))]


@unittest.skipUnless(os.geteuid() == 0, "needs root, as the demo does")
class Commands(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="tandem-commands-")
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        self.copy = self.scratch / "checkout"
        shutil.copytree(CHECKOUT, self.copy, symlinks=True, ignore=not_of_a_clone)
        self.record = self.scratch / "record"
        self.path = self.scratch / "bin"
        self.path.mkdir()
        self.stand_in("ninja", NINJA.format(ninja=shutil.which("ninja"), record=self.record))

    def stand_in(self, name, script):
        (self.path / name).write_text(script)
        (self.path / name).chmod(0o755)

    def run_command(self, words, **environment):
        """Runs a command of the checkout's; what it had Ninja build."""
        self.record.write_text("")
        clean = {name: value for name, value in os.environ.items()
                 if name not in ("TANDEM_BUILD", "TANDEM_ENGINE")}
        self.done = subprocess.run(
            words, cwd=self.copy, capture_output=True, text=True, stdin=subprocess.DEVNULL,
            env={**clean, "PATH": f"{self.path}:{clean['PATH']}", **environment}, timeout=300)
        return self.record.read_text()

    def expect_built(self, words, *targets, **environment):
        built = self.run_command(words, **environment)
        for target in targets:
            self.assertIn(target, built, self.done.stdout + self.done.stderr)
        # Ninja found each of them, or the command would say so.
        for trouble in ("the build failed", "could not be configured", "could not be built"):
            self.assertNotIn(trouble, self.done.stdout + self.done.stderr)

    def option(self, name):
        options = json.loads(
            (self.copy / "build/meson-info/intro-buildoptions.json").read_text())
        return next(option["value"] for option in options if option["name"] == name)

    def demo(self):
        self.expect_built(DEMO, "src/tandemd")

    def demo_dpdk(self):
        self.expect_built(DEMO_DPDK, "src/tandemd")
        self.assertEqual(self.option("dpdk"), "enabled")

    def test(self):
        self.expect_built(TEST, "tests/unit/engine/worker_test")
        self.assertEqual((self.option("dpdk"), self.option("metrics")), ("enabled", "enabled"))

    def bench(self):
        self.expect_built(BENCH_DPDK, "tests/bench/dpdk_bench")

    def test_readme(self):
        """The demo, the demo with DPDK, the tests and a benchmark, as the README has them."""
        self.demo()
        self.assertEqual(self.option("dpdk"), "disabled")
        self.demo_dpdk()
        self.test()
        self.bench()
        self.demo()
        self.assertEqual(self.option("dpdk"), "enabled", "a demo takes no feature away")

    def test_tests_behind_the_demo(self):
        """The tests, right behind the demo."""
        self.demo()
        self.test()

    def test_benchmark_behind_the_demo(self):
        """A benchmark, right behind the demo."""
        self.demo()
        self.bench()

    def test_benchmark_first(self):
        """A benchmark first, then the demo with DPDK and the tests."""
        self.bench()
        self.demo_dpdk()
        self.test()

    def test_new_dependency(self):
        """A directory made by hand before DPDK was installed has it when it is needed."""
        hidden = self.scratch / "pkgconfig"
        hidden.mkdir()
        found = subprocess.run(["pkg-config", "--variable", "pc_path", "pkg-config"],
                               capture_output=True, text=True, check=True).stdout
        for directory in reversed(found.strip().split(":")):
            for file in pathlib.Path(directory).glob("*.pc"):
                if file.stem != "libdpdk":
                    (hidden / file.name).unlink(missing_ok=True)
                    (hidden / file.name).symlink_to(file)
        subprocess.run(["meson", "setup", "build", "-Doptimization=1"], cwd=self.copy, check=True,
                       capture_output=True, env={**os.environ, "PKG_CONFIG_LIBDIR": str(hidden)})
        self.demo()
        self.assertEqual(self.option("dpdk"), "auto", "the demo does without")
        self.bench()
        self.test()
        self.assertEqual(self.option("optimization"), "1", "what was chosen by hand stays")

    def test_half_configured(self):
        """A directory in which Meson was interrupted is made anew."""
        self.demo()
        (self.copy / "build/build.ninja").unlink()
        self.demo()
        shutil.rmtree(self.copy / "build")
        (self.copy / "build/meson-private").mkdir(parents=True)
        self.test()

    def test_copied(self):
        """A directory that was copied with its checkout is made anew."""
        self.demo()
        self.copy = pathlib.Path(shutil.copytree(self.copy, self.scratch / "other", symlinks=True))
        self.demo()
        info = json.loads((self.copy / "build/meson-info/meson-info.json").read_text())
        self.assertEqual(info["directories"]["source"], str(self.copy))

    def test_other_meson(self):
        """A directory of another version of Meson is made anew."""
        self.demo()
        path = self.copy / "build/meson-info/meson-info.json"
        path.write_text(path.read_text().replace('"full": "', '"full": "0.', 1))
        self.test()
        self.assertNotIn('"full": "0.', path.read_text())

    def test_failure(self):
        """A build that fails shows its last lines, and where the others are."""
        self.stand_in("ninja", f'#!/bin/sh\ncase " $* " in *" --version "*) exec '
                               f'{shutil.which("ninja")} "$@" ;; esac\n'
                               'seq -f "[%.0f/99] step" 99\necho "FAILED: it"\nexit 1\n')
        self.run_command(DEMO)
        self.assertEqual(self.done.returncode, 1)
        self.assertIn("FAILED: it", self.done.stderr)
        self.assertNotIn("[1/99]", self.done.stderr)
        log = pathlib.Path(self.done.stderr.rsplit(" ", 1)[1].strip())
        self.assertIn("[1/99]", log.read_text())
        log.unlink()


if __name__ == "__main__":
    tap.main()
