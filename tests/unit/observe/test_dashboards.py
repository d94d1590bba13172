#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What configs/prometheus and configs/grafana refer to is exported, and promtool finds no fault.

The metrics are those of docs/metrics.md, which another test compares with what tandemd exports.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tests" / "lab"))
sys.dont_write_bytecode = True

from tandemlab import tap  # noqa: E402

PROMETHEUS = SOURCE / "configs" / "prometheus"
ADDED = {"pair", "instance", "job", "le"}  # labels that are none of the node's


def exported():
    """Name of each series, and its labels."""
    series = {}
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*) \|", (SOURCE / "docs/metrics.md").read_text(),
                      re.MULTILINE)
    for name, kind, labels in rows:
        for suffix in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            series[name + suffix] = {label for label in labels.split(", ") if label}
    return series


def references(expression):
    """(metric, labels in braces behind it), of each metric that an expression names."""
    for name, selector in re.findall(r"\b((?:tandem|process)_\w+)\s*(?:\{([^}]*)\})?", expression):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', "", selector)))


def strings(document):
    """Every text in a JSON document."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, (list, dict)):
        for value in document.values() if isinstance(document, dict) else document:
            yield from strings(value)


class Dashboards(unittest.TestCase):
    series = exported()

    def refer_to_what_is_there(self, texts):
        found = [reference for text in texts for reference in references(text)]
        self.assertGreater(len(found), 20)
        for name, labels in found:
            self.assertIn(name, self.series)
            self.assertLessEqual(labels, self.series[name] | ADDED, name)

    def promtool(self, *words):
        if shutil.which("promtool") is None:
            self.skipTest("promtool is not installed")
        done = subprocess.run(["promtool", *words], cwd=PROMETHEUS, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_alerts(self):
        """Alerts refer to metrics that are exported."""
        self.refer_to_what_is_there((PROMETHEUS / "tandem-alerts.yml").read_text().splitlines())

    def test_dashboard(self):
        """The dashboard refers to metrics that are exported."""
        dashboard = json.loads((SOURCE / "configs/grafana/tandem.json").read_text())
        self.refer_to_what_is_there(strings(dashboard))

    def test_panels(self):
        """Each panel of the dashboard has a number and a place of its own."""
        panels = json.loads((SOURCE / "configs/grafana/tandem.json").read_text())["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for place in (panel["gridPos"] for panel in panels):
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken)
            taken |= cells

    def test_configuration(self):
        """promtool takes the configuration, and so the rules."""
        self.promtool("check", "config", "prometheus.yml")

    def test_stories(self):
        """Alerts go off when they have to, and not otherwise."""
        self.promtool("test", "rules", "tandem-alerts.test.yml")


if __name__ == "__main__":
    tap.main()
