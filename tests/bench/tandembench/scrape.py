# SPDX-License-Identifier: Apache-2.0
"""vrrp/scrape: adverts every 10 ms, with and without somebody who scrapes.

One node has 1,000 backends and is Active. In turns of the same length its adverts are watched while
nobody asks it for anything, and while /metrics is asked for ten times a second; both turns are of
the same daemon. Besides: how long a scrape takes that finds no document of before, with 5,000
backends beside 1,000.
"""

import threading
import time

from tandemlab import configs, http, plan, services
from tandemlab.shell import LabError
from tandemlab.tandem import Tandem

from . import adverts
from .rows import percentile, row

BACKENDS, MOST = 1000, 5000
INTERVAL = "10ms"
SCRAPES_A_SECOND = 10
ROUNDS = 5
PERCENTILES = (50, 99, 99.9)
TIMED, PAUSE_SECONDS = 7, 5  # so long that a document has gone stale


def config(count):
    """A node with `count` backends at ports where nobody listens, and nobody checks them."""
    listed = "\n".join(
        f'  {{ address = "{services.BACKENDS4[i % 4]}", port = {10_000 + i // 4} }},'
        for i in range(count))
    many = services.service("many", plan.VIPS[0], "nat", 81, backends=[])
    return (configs.node("a", ("eth0", "eth1"))
            + configs.vrrp("VI_1", 51, 150, f"{plan.VIPS[0]}/24", interval=INTERVAL)
            + many.replace("[\n\n]", f"[\n{listed}\n]"))


class Scraper:
    """Asks for /metrics so often, on a thread of its own."""

    def __init__(self, lab):
        self.lab, self.done, self.bodies = lab, threading.Event(), 0
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        due = time.monotonic()
        while not self.done.wait(max(due - time.monotonic(), 0)):
            http.get(self.lab, "a", "/metrics")
            self.bodies += 1
            due += 1 / SCRAPES_A_SECOND

    def stop(self):
        self.done.set()
        self.thread.join()
        return self.bodies


def measure(options, lab):
    rounds = options.rounds or ROUNDS
    node = start(lab, BACKENDS)
    gaps = watch(lab, rounds, options.seconds / rounds / 2)
    times = latencies(lab)
    node.stop()
    node = start(lab, MOST)
    rows = [*gap_rows(gaps), row(f"vrrp/scrape/answer/{MOST}", latencies(lab), "ms", times,
                                 f"{BACKENDS} backends")]
    node.stop()
    return rows


def start(lab, backends):
    node = Tandem(lab, "a", config(backends))
    node.wait_for("Active", timeout=30)
    return node


def watch(lab, rounds, seconds):
    """The gaps between adverts in each round, by whether there were scrapes."""
    gaps = {False: [], True: []}
    answers = 0
    for _ in range(rounds):
        for scraped, of_rounds in gaps.items():
            scraper = Scraper(lab) if scraped else None
            capture = adverts.Capture(lab)
            time.sleep(seconds)
            of_rounds.append(adverts.gaps(capture.finish()))
            answers += scraper.stop() if scraper else 0
    if answers < 0.8 * rounds * seconds * SCRAPES_A_SECOND:
        raise LabError(f"only {answers} scrapes were answered")
    return gaps


def gap_rows(gaps):
    figures = {f"p{percent:g}": lambda of_round, p=percent: percentile(of_round, p)
               for percent in PERCENTILES}
    figures["max"] = max
    return [row(f"vrrp/scrape/advert-gap/{label}", [figure(of_round) for of_round in gaps[True]],
                "ms", [figure(of_round) for of_round in gaps[False]], "nobody scrapes")
            for label, figure in figures.items()]


def latencies(lab):
    """Milliseconds until an answer that was not made before is read."""
    times = []
    for _ in range(TIMED):
        time.sleep(PAUSE_SECONDS)
        began = time.monotonic()
        http.get(lab, "a", "/metrics")
        times.append((time.monotonic() - began) * 1e3)
    return times
