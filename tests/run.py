#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every test, or with --only some, and ends with "N passed, N failed, N skipped".

The suites, in this order:

  rooms      the #include arrows (tools/check-rooms)
  docs       links and names in the documentation (tools/check-docs)
  format     clang-format of every C and C++ file
  bpf        the packet core in the kernel and on DPDK's workers, in build/; needs root
  lab        two nodes in network namespaces, in build/; needs root
  lab-dpdk   the same with engine = "dpdk"; needs DPDK and huge pages
  simulation stories of two nodes with a simulated network and clock, from seeds, in build/
  unit       unit tests and scenarios, under AddressSanitizer and UBSan and without DPDK, in
             build-asan/
  fuzz       each fuzz target for 30 s, in build-fuzz/
  release    the build with the compilers and libraries of Debian 13, in a root directory of its own
             (tools/in-release); nothing where they are this machine's

and one that has to be asked for, as it takes hours:

  kernels    a pair on the kernels of Debian 12, 13 and unstable, with libxdp of each, over cables,
             bonds and VLANs, in emulated machines; lab has one in short

The lab's nodes mostly wait for each other: most of its tests run three at a time. simulation and unit
run beside them, and unit, fuzz and release are built beside them, at low priority; what they said
comes in their turn.

Another release of Debian than this machine's, in a root directory of its own (tools/in-release):

  tools/test --release trixie [--only SUITE]...

The line counts single test cases. The exit status is 1 if one failed, and with CI=true in the
environment also if one was skipped: there, nothing may be missing silently.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

CHECKOUT = pathlib.Path(__file__).resolve().parents[1]
SUITES = ("rooms", "docs", "format", "bpf", "lab", "lab-dpdk", "simulation", "unit", "fuzz", "release")
ON_DEMAND = ("kernels",)


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.troubles = []

    def case(self, name, good):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            self.troubles.append(f"failed: {name}")

    def skip(self, name, reason):
        self.skipped += 1
        self.troubles.append(f"skipped: {name}: {reason}")

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.troubles += other.troubles

    def line(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def call(argv, out=sys.stderr):
    """Runs a command with its output on stderr, so that stdout ends with the line of figures; or in
    another file."""
    print("$ " + " ".join(str(word) for word in argv), file=out, flush=True)
    return subprocess.run([str(word) for word in argv], cwd=CHECKOUT, stdout=out,
                          stderr=out).returncode


def build(kind, choose_targets, prefix=()):
    """Builds in the directory of a kind of tools/build, which is configured when the targets are
    chosen; whether that went well."""
    words = [*prefix, CHECKOUT / "tools/build", kind]
    return call([*words, "--configure-only"]) == 0 and call([*words, *choose_targets()]) == 0


# ---- the other builds ----------------------------------------------------------
# What a suite is built with, where, and which of Meson's suites it is.
OTHER_BUILDS = {
    "unit": ("asan", "build-asan", ("unit", "scenario")),
    "fuzz": ("fuzz", "build-fuzz", ("fuzz",)),
}


def build_other(name):
    """Builds what the suite `name` needs in its own directory; whether that went well."""
    kind, directory, suites = OTHER_BUILDS[name]
    return build(kind, lambda: test_targets(directory, suites), prefix=["nice", "-n", "19"])


def run_other(name, built, tally, **options):
    _, directory, suites = OTHER_BUILDS[name]
    if not built:
        return tally.case(f"{name}: build", False)
    return meson_suites(directory, suites, tally, name, **options)


class Beside:
    """A suite that runs while others do: what it said and counted, until its turn comes."""

    def __init__(self, run):
        self.tally = Tally()
        self.out = tempfile.TemporaryFile("w+", prefix="tandem-test-")
        run(self.tally, {"out": self.out, "prefix": ["nice", "-n", "10"], "patience": 10})

    def conclude(self, tally):
        self.out.seek(0)
        shutil.copyfileobj(self.out, sys.stderr)
        tally.add(self.tally)


BESIDE = {
    "simulation": lambda tally, options: meson_suites("build", ["simulation"], tally, "simulation",
                                                      **options),
    "unit": lambda tally, options: run_other("unit", build_other("unit"), tally, **options),
}


RELEASE = "trixie"


def is_own_release():
    release = pathlib.Path("/etc/os-release")
    return release.exists() and f"VERSION_CODENAME={RELEASE}\n" in release.read_text()


def why_no_release():
    if shutil.which("debootstrap") is None:
        return "there is no debootstrap here"
    return "" if os.geteuid() == 0 else "needs root, for a root directory of its own"


def build_in_release():
    """Whether it went well; where it is not tried, nothing went wrong."""
    if is_own_release() or why_no_release():
        return True
    steps = ("tools/install-deps demo", "tools/install-deps dpdk",
             "tools/build demo --need dpdk src/tandemd src/tandemctl")
    return call(["nice", "-n", "19", CHECKOUT / "tools/in-release", RELEASE, "sh", "-c",
                 " && ".join(steps)]) == 0


def tell_release(built, tally):
    if is_own_release():
        return None
    if why_no_release():
        return tally.skip("release", why_no_release())
    return tally.case(f"release: the build in {RELEASE}", built.result())


# ---- Meson's suites ------------------------------------------------------------
def count_cases(report, tally, what):
    """Adds the cases of a JUnit file that Meson wrote; gives how many, and the programs in which one
    failed."""
    failed, cases = set(), 0
    for suite in xml.etree.ElementTree.parse(report).getroot().iter("testsuite"):
        for case in suite.iter("testcase"):
            name = f"{what}: {suite.get('name')}: {case.get('name')}"
            skipped = case.find("skipped")
            cases += 1
            if case.find("failure") is not None or case.find("error") is not None:
                tally.case(name, False)
                failed.add(suite.get("name"))
            elif skipped is not None:
                tally.skip(name, skipped.get("message") or skipped.text or "no reason given")
            else:
                tally.case(name, True)
    return cases, failed


def ended_early(log, failed):
    """Programs that ended badly without a failed case: they crashed, or took too long."""
    for line in log.read_text().splitlines() if log.exists() else ():
        program = json.loads(line)
        if program["result"] in ("OK", "SKIP", "EXPECTEDFAIL"):
            continue
        # Meson's reports name a program with its project's name in front, or as one suite of many.
        name = program["name"].split(" / ")[-1]
        if program["result"] == "TIMEOUT" or not any(name in suite for suite in failed):
            yield f"{name} ended with {program['result']}"


def meson_suites(build, suites, tally, what, out=sys.stderr, prefix=(), patience=1, at_once=2):
    """patience: by how much time limits are longer than those that tests have."""
    log = CHECKOUT / build / "meson-logs" / f"{what}-log.txt"
    report, results = log.with_suffix(".junit.xml"), log.with_suffix(".json")
    report.unlink(missing_ok=True)
    results.unlink(missing_ok=True)
    words = [*prefix, "meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs", "--logbase",
             log.stem, "--num-processes", at_once, "--timeout-multiplier", patience]
    for suite in suites:
        words += ["--suite", suite]
    call(words, out)
    cases, failed = count_cases(report, tally, what) if report.exists() else (0, set())
    if cases == 0:
        return tally.case(f"{what}: no test was run", False)
    for trouble in ended_early(results, failed):
        tally.case(f"{what}: {trouble}, see {build}/meson-logs/{log.name}", False)
    return None


def test_targets(build, suites):
    """What has to be built for some of Meson's suites."""
    by_id = {target["id"]: target for target in introspect(build, "--targets")}
    needed = set()
    for test in introspect(build, "--tests"):
        if any(name.split(":")[-1] in suites for name in test["suite"]):
            for target in test["depends"]:
                needed.update(by_id[target]["filename"])
    root = CHECKOUT / build
    return sorted(str(pathlib.Path(name).relative_to(root)) for name in needed)


def all_but_unit_tests(build):
    """Everything, but for tests that are built again with sanitizers, and run there."""
    others = set(test_targets(build, OTHER_BUILDS["unit"][2])) \
        - set(test_targets(build, ("bpf", "dpdk", "simulation")))
    root = CHECKOUT / build
    files = {str(pathlib.Path(name).relative_to(root))
             for target in introspect(build, "--targets") if target["build_by_default"]
             for name in target["filename"]}
    return sorted(files - others)


def introspect(build, what):
    return json.loads(subprocess.run(["meson", "introspect", what, build], cwd=CHECKOUT,
                                     check=True, capture_output=True, text=True).stdout)


# ---- the rest ------------------------------------------------------------------
# One version formats: others do it in other ways, so that a release without it has nothing to say.
def clang_format(tally):
    if shutil.which("clang-format-14") is None:
        return tally.skip("format", "there is no clang-format-14 in this release")
    files = [str(path) for pattern in ("*.cpp", "*.hpp") for directory in ("src", "tests")
             for path in (CHECKOUT / directory).rglob(pattern)]
    return tally.case("format", call(["clang-format-14", "--dry-run", "-Werror", *files]) == 0)


def run(chosen, tally):
    def timed(suite, action):
        if suite in chosen:
            started = time.monotonic()
            print(f"== {suite}", file=sys.stderr, flush=True)
            action()
            print(f"== {suite}: {time.monotonic() - started:.0f} s; so far {tally.line()}",
                  file=sys.stderr, flush=True)

    timed("rooms", lambda: tally.case("rooms", call([CHECKOUT / "tools/check-rooms"]) == 0))
    timed("docs", lambda: tally.case("docs", call([CHECKOUT / "tools/check-docs"]) == 0))
    timed("format", lambda: clang_format(tally))
    if {"bpf", "simulation", "lab", "lab-dpdk", "kernels"} & set(chosen):
        built = build("test", lambda: all_but_unit_tests("build"))
        tally.case("build", built)
        if not built:
            return
    timed("bpf", lambda: meson_suites("build", ["bpf", "dpdk"], tally, "bpf"))
    with concurrent.futures.ThreadPoolExecutor(1) as others:  # one after the other
        beside = {name: others.submit(Beside, run) for name, run in BESIDE.items() if name in chosen}
        built = others.submit(build_other, "fuzz") if "fuzz" in chosen else None
        in_release = others.submit(build_in_release) if "release" in chosen else None
        for lab, at_once in (("lab", 3), ("lab-dpdk", 3), ("kernels", 2)):
            timed(lab, lambda: meson_suites("build", [lab], tally, lab, at_once=at_once))
        for name in BESIDE:
            timed(name, lambda: beside[name].result().conclude(tally))
        timed("fuzz", lambda: run_other("fuzz", built.result(), tally))
        timed("release", lambda: tell_release(in_release, tally))


def main():
    parser = argparse.ArgumentParser(
        prog="tools/test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=SUITES + ON_DEMAND, metavar="SUITE",
                        help="run this suite (may be given several times)")
    options = parser.parse_args()
    tally = Tally()
    run(options.only or SUITES, tally)
    for trouble in tally.troubles:
        print(trouble, file=sys.stderr)
    sys.stderr.flush()
    print(tally.line())
    strict = os.environ.get("CI") == "true"
    sys.exit(1 if tally.failed or (strict and tally.skipped) else 0)


if __name__ == "__main__":
    main()
