# SPDX-License-Identifier: Apache-2.0
"""Plays events with connections going on, and counts who survived."""

from .connections import Connections
from .events import EVENTS, WAYS_BACK
from .pair import PORT


class Ledger:
    def __init__(self, site, count, interval=1.0):
        self.site = site
        self.connections = Connections(site.lab, "client", site.targets(), count, PORT, interval)

    def play(self, name):
        """One event: {mode: Row}. Those that died before are made anew. Both nodes are in sync, unless it
        is the way back from what keeps them apart."""
        site = self.site
        if name not in WAYS_BACK:
            site.bring_home()
        self.connections.open()
        if name not in WAYS_BACK:
            site.wait_in_sync()
        self.connections.settle(doomed=["local"])
        self.connections.open()
        self.connections.begin()
        EVENTS[name](site)
        self.connections.settle(doomed=["local"])
        return self.connections.rows()

    def close(self):
        self.connections.close()


def cell(row):
    share = f"{100 * row.survivors / row.total:.2f} %"
    stall = f", {row.longest:.2f} s" if row.survivors else ""
    ends = ", ".join(f"{count} {why}" for why, count in row.ends.most_common())
    return share + stall + (f" ({ends})" if ends else "")


def table(results, modes):
    """Markdown: survivors, the longest stall of a survivor, and how the others ended."""
    yield "| event | " + " | ".join(modes) + " |"
    yield "|---|" + "---|" * len(modes)
    for name, rows in results:
        yield f"| {name} | " + " | ".join(cell(rows[mode]) for mode in modes) + " |"


def document(results):
    return [{"event": name, "mode": mode, "connections": row.total, "survivors": row.survivors,
             "longest_stall_seconds": round(row.longest, 3), "ends": dict(row.ends)}
            for name, rows in results for mode, row in rows.items()]
