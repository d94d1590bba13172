# SPDX-License-Identifier: Apache-2.0
"""The highest rate at which no frame is lost (RFC 2544, 26.1), by halving."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Trial:
    """A rate that was tried. `busy` and `losses` are the node's, see node.py."""

    asked: int  # frames a second; 0: as many as can be
    sent: int
    arrived: int
    seconds: float
    busy: dict = dataclasses.field(default_factory=dict)
    losses: dict = dataclasses.field(default_factory=dict)

    @property
    def offered(self):
        return self.sent / self.seconds

    @property
    def lost(self):
        return max(self.sent - self.arrived, 0)

    def good(self, tolerated):
        """`tolerated` is a part of what was sent."""
        return self.sent > 0 and self.lost <= self.sent * tolerated


@dataclasses.dataclass(frozen=True)
class Found:
    best: Trial | None  # the best of those without loss; None: there was none
    worse: Trial | None  # the slowest of those with loss; None: the generator was not fast enough
    trials: int


def no_drop_rate(trial, most=0, resolution=0.01, tolerated=0.0):
    """Tries `most`, and then between what was good and what was not until they are as close as
    `resolution`, a part of the rate. `trial(rate)` gives a Trial."""
    first = trial(most)
    if first.good(tolerated):
        return Found(first, None, 1)
    best, worse, trials = None, first, 1
    low, high = 0, first.offered
    while high - low > max(resolution * high, 1) and high > first.offered * resolution:
        tried = trial(round((low + high) / 2))
        trials += 1
        if tried.good(tolerated):
            best, low = tried, tried.asked
        else:
            worse, high = tried, tried.asked
    return Found(best, worse, trials)


def confirm(trial, found, resolution=0.01, tolerated=0.0, most_tries=10):
    """The best rate once more, by a trial that takes longer; where that loses, the next lower one."""
    rate, worse = found.best.asked, found.worse
    for number in range(1, most_tries + 1):
        tried = trial(rate)
        if tried.good(tolerated):
            return Found(tried, worse, found.trials + number)
        worse = tried
        rate = round((rate or tried.offered) * (1 - resolution))
    return Found(None, worse, found.trials + most_tries)


def frames_to_meet(flows):
    """How many of random flows it takes until, most likely, each has come (95%: coupons)."""
    return round(flows * (math.log(flows) + 3))
