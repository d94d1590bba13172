# SPDX-License-Identifier: Apache-2.0
"""A figure beside its reference, and the table of them."""

import dataclasses
import math
import statistics


@dataclasses.dataclass(frozen=True)
class Row:
    """`name` is a path. `reference` has the same unit and is from the same run; the ratio is
    median / reference. `against` says what the reference is. A figure without a reference has
    None there: it is a reference, or a count that stands for itself."""

    name: str
    min: float
    median: float
    unit: str
    reference: float | None = None
    against: str = ""

    @property
    def ratio(self):
        if self.reference is None or self.reference == 0:
            return None
        return round(self.median / self.reference, 3)

    def document(self):
        return {"name": self.name, "min": _short(self.min), "median": _short(self.median),
                "unit": self.unit, "reference": _short(self.reference), "ratio": self.ratio,
                "against": self.against}


def row(name, values, unit, references=None, against=""):
    """A Row of the figures of some rounds, and of the reference's in the same rounds."""
    reference = statistics.median(references) if references else None
    return Row(name, min(values), statistics.median(values), unit, reference, against)


def percentile(values, percent):
    """The smallest value that `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


def _short(figure):
    """Four significant digits at least: more would be noise."""
    if figure is None:
        return None
    digits = 3 if abs(figure) < 10 else 2 if abs(figure) < 100 else 1
    return round(figure, digits)


def table(rows):
    """Lines of text, aligned."""
    def text(figure):
        return "-" if figure is None else f"{_short(figure):g}"

    lines = [("name", "min", "median", "unit", "reference", "ratio", "against")]
    for r in rows:
        lines.append((r.name, text(r.min), text(r.median), r.unit, text(r.reference),
                      "-" if r.ratio is None else f"{r.ratio:.2f}", r.against))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    right = (False, True, True, False, True, True, False)
    return [
        "  ".join(cell.rjust(width) if to_right else cell.ljust(width)
                  for cell, width, to_right in zip(line, widths, right)).rstrip()
        for line in lines]
