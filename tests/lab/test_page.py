#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The page of a node, in a headless Chromium on the client.

    client: Chromium --- front --- a: tandemd, HTTP on 192.0.2.2:9105
                           '------ b: tandemd, HTTP on 192.0.2.3:9105

A dual-master pair, each with the other as `peer_http`: VI_1 at home on a, VI_2 on b. Each
has services with four backends; node a at last one with 1,000.
"""

import pathlib
import re
import unittest

from tandemlab import browser, configs, dashboard, plan, tap, traffic
from tandemlab.backends import Backend
from tandemlab.pair import Pair
from tandemlab.shell import wait_until

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "src" / "observe" / "page"
NODES_AT_MOST = 2500    # of the document, with 1,000 backends
CHANGES_AT_MOST = 400   # of the document, by one refresh of them


class Page(tap.LabCase):
    @classmethod
    def setUpClass(cls):
        if browser.program() is None:
            raise unittest.SkipTest("needs Chromium")
        super().setUpClass()
        for node in plan.BACKENDS:
            Backend(cls.lab, node)
        cls.pair = Pair(cls.lab, dashboard.config, nginx=True)
        cls.pair.bring_home()
        cls.browser = browser.Browser(cls.lab, "client")
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.pair.bring_home()
        self.browser.complaints.clear()
        self.browser.requests.clear()
        self.browser.resize(1440, 900)
        self.browser.open(dashboard.url("a"))
        self.wait("the page is filled", "page.refreshes >= 2 && page.peer !== null")

    def eval(self, script):
        return self.browser.eval(script)

    def wait(self, what, script, timeout=15):
        wait_until(what, lambda: self.eval(script), timeout, every=0.1)

    def text(self, selector):
        return self.eval(f"document.querySelector({selector!r}).innerText")

    def answers(self):
        return self.eval("Object.fromEntries([...document.querySelectorAll('[data-router]')]"
                         ".map((row) => [row.dataset.router, row.dataset.answers]))")

    def test_pair(self):
        """Both nodes are shown, and which of them answers, before and after a handover."""
        self.assertEqual(self.answers(), {"VI_1": "left", "VI_2": "right"})
        row = self.text("[data-router=VI_1]")
        for words in ("Active (master)", "of lease left", "192.0.2.100", "node-a answers", "Backup"):
            self.assertIn(words, row)
        self.assertIn("node-b answers", self.text("[data-router=VI_2]"))
        self.pair.a.ctl("failover", "VI_1")
        self.wait("VI_1 is answered on the right",
                  "document.querySelector('[data-router=VI_1]').dataset.answers === 'right'")
        self.assertIn("node-b answers", self.text("[data-router=VI_1]"))
        self.assertIn("VI_1", self.text("#events li"))
        self.assertEqual(self.text("#announce"), "VI_1 is Backup")
        self.assertEqual(self.browser.complaints, [])

    def test_failover(self):
        """A failing Nginx moves the address, and the page says why."""
        self.pair.nginx["a"].stop()
        try:
            self.wait("VI_1 is answered on the right",
                      "document.querySelector('[data-router=VI_1]').dataset.answers === 'right'")
            self.wait("the reason is told", "document.querySelector('[data-router=VI_1] .side')"
                      ".innerText.includes('-60 check nginx failing = 90')")
            self.wait("the check is down", "byId('checks').innerText.includes('down')")
        finally:
            self.pair.nginx["a"].start()

    def test_warning(self):
        """What `tandemctl status` warns of is on the page while it lasts, and counted in the metrics."""
        def warned():
            figures = self.lab.exec("client", "curl", "-s", "--noproxy", "*",
                                    f"{dashboard.url('a')}metrics").stdout
            return int(re.search(r"^tandem_warnings (\d+)$", figures, re.MULTILINE)[1])

        self.wait("there is no warning", "byId('warnings').hidden")
        self.assertEqual(warned(), 0)
        self.pair.a.ctl("drain", "dns")
        try:
            self.wait("it is told", "byId('warnings').innerText.includes("
                      "'service dns: none of its 4 backends takes new connections')")
            self.assertEqual(warned(), 1)
        finally:
            self.pair.a.ctl("undrain", "dns")
        self.wait("it is gone", "byId('warnings').hidden")
        self.assertEqual(warned(), 0)

    def test_crash(self):
        """While the peer's daemon is killed, never do both say Active."""
        self.eval("""window.verdicts = new Set();
            new MutationObserver(() => verdicts.add(
                document.querySelector('[data-router=VI_2]').dataset.answers)).observe(
                byId('pair'), {subtree: true, attributes: true})""")
        self.pair.b.kill()
        try:
            self.wait("VI_2 is answered on the left",
                      "document.querySelector('[data-router=VI_2]').dataset.answers === 'left'")
            self.assertIn("node-a answers", self.text("[data-router=VI_2]"))
            self.wait("the peer's silence is told",
                      "document.querySelector('.pair-head').innerText.includes('does not answer')")
            self.assertNotIn("both", self.eval("[...verdicts]"))
        finally:
            self.pair.b.start()

    def test_peer_away(self):
        """When the peer's daemon hangs, what its adverts told remains, and the page says so."""
        self.pair.b.freeze()
        self.wait("both are answered on the left",
                  "[...document.querySelectorAll('[data-router]')]"
                  ".every((row) => row.dataset.answers === 'left')")
        self.wait("the peer's silence is told",
                  "document.querySelector('.pair-head').innerText.includes('does not answer')")
        self.assertIn("Silent", self.text("[data-router=VI_2]"))

    def test_numbers(self):
        """Services and backends have the numbers of tandemctl."""
        connections = traffic.Connections()
        self.addCleanup(connections.close)
        connections.open(self.lab, plan.VIPS[0], 12, port=dashboard.PORT)
        self.wait("12 active flows", "document.querySelector('[data-service=api] .figures')"
                  ".innerText.includes('12\\nactive')")
        told = {f"{b['address']}:{b['port']}": b["active"]
                for b in self.pair.a.ask("backends", "api")["backends"]}
        self.assertEqual(sum(told.values()), 12)
        rows = self.eval("[...document.querySelectorAll('[data-service=api] tbody tr')].map((row) =>"
                         "[row.address.textContent, Number(row.active.textContent)])")
        self.assertEqual(dict(rows), told)
        self.assertIn("4 of 4", self.text("[data-service=api]"))
        self.assertIn("✓ yes", self.text("#counts"))
        self.assertIn("own Nginx", self.text("[data-service=web-1]"))
        self.pair.a.ctl("drain", "api", plan.cable("s2").v4)
        self.addCleanup(self.pair.a.ctl, "undrain", "api", plan.cable("s2").v4)
        self.wait("a backend drains", "document.querySelector('[data-service=api]')"
                  ".innerText.includes('draining')")

    def test_with_1000_backends(self):
        """1,000 backends: few rows, few changes for a refresh, a filter that finds each."""
        rows = "document.querySelectorAll('[data-service=fleet] tbody tr').length"
        self.pair.a.write(dashboard.config("a", fleet=True))
        self.pair.a.ctl("reload")
        self.wait("all are up but two", "document.querySelector('[data-service=fleet]')?.innerText"
                  ".includes('998 of 1000')")
        self.assertEqual(self.eval(rows), 12)
        self.assertIn("1000 backends", self.eval(
            "document.querySelector('[data-service=fleet] canvas').getAttribute('aria-label')"))
        nodes = self.eval("document.querySelectorAll('*').length")
        self.assertLess(nodes, NODES_AT_MOST)
        changes = self.eval("""new Promise((resolve) => {
            let changes = 0, until = page.refreshes + 4;
            const observer = new MutationObserver((found) => changes += found.length);
            observer.observe(document.body,
                {subtree: true, childList: true, attributes: true, characterData: true});
            const timer = setInterval(() => {
              if (page.refreshes < until) return;
              clearInterval(timer);
              observer.disconnect();
              resolve(changes / 4);
            }, 50);
          })""")
        self.assertLess(changes, CHANGES_AT_MOST)
        self.eval("document.querySelector('[data-service=fleet] button').click()")
        self.assertEqual(self.eval(rows), 62)
        self.eval("byId('filter').value = ':8123'; byId('filter').dispatchEvent(new Event('input'))")
        self.assertEqual(self.eval(rows), 1)
        self.assertIn(":8123", self.text("[data-service=fleet] tbody"))
        self.assertIsNone(self.eval("document.querySelector('[data-service=api]')"))
        size = self.eval("fetch('status').then((answer) => answer.text())"
                         ".then((text) => text.length)")
        tap.note(f"{nodes} elements, {changes:.0f} changes a refresh, {self.eval('page.took_ms'):.1f}"
                 f" ms to fill the page, {size / 1000:.0f} kB of /status")
        self.assertEqual(self.browser.complaints, [])

    def test_daemon_away(self):
        """A daemon that went makes the page old, and is heard again when it is back."""
        self.browser.open(dashboard.url("b"))
        self.wait("the page is filled", "byId('node').textContent === 'node-b'")
        self.pair.b.stop()
        self.wait("the page is old", "document.body.classList.contains('stale') && !byId('stale').hidden")
        self.assertIn("has not answered for", self.text("#stale"))
        self.assertEqual(self.text("#link-text"), "no answer")
        self.pair.b.start()
        self.wait("the page is live", "!document.body.classList.contains('stale') && byId('stale').hidden")
        self.assertEqual(self.text("#link-text"), "live")

    def test_asks_nobody_else(self):
        """It asks the two nodes for the page and /status, and nothing else."""
        self.assertLessEqual(set(self.browser.requests), {
            dashboard.url("a"), dashboard.url("a") + "status", dashboard.url("b") + "status"})
        self.eval("fetch('http://192.0.2.10:9105/').catch(() => null)")
        self.assertTrue(any("Content Security Policy" in text for text in self.browser.complaints),
                        self.browser.complaints)

    def test_markup(self):
        """Text of any kind that a node tells stays text, and no script but the page's own runs."""
        self.eval("""{
          const mark = '<img src=x onerror="window.broken=1"><script>window.broken=1</' + 'script>';
          const spoil = (value, key) => {
            if (typeof value === 'string' && !['kind', 'state', 'time'].includes(key)) return mark + value;
            if (Array.isArray(value)) return value.map((v) => spoil(v, key));
            if (value === null || typeof value !== 'object') return value;
            return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, spoil(v, k)]));
          };
          page.told = spoil(page.told, '');
          plotServices(page.told, past);
          redraw();
          const script = document.createElement('script');
          script.textContent = 'window.broken = 1';
          document.body.append(script);
        }""")
        self.assertGreater(self.eval("document.body.innerText.split('<img src=x').length"), 50)
        self.assertEqual(self.eval("document.querySelectorAll('img').length"), 0)
        self.assertIsNone(self.eval("window.broken"))
        for source in SOURCES.glob("*.js"):
            for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"):
                self.assertNotIn(word, source.read_text(), source.name)

    def test_phone(self):
        """On a phone nothing is wider than the screen."""
        self.browser.resize(360, 780)
        self.eval("redraw()")
        self.assertLessEqual(self.eval("document.documentElement.scrollWidth"), 360)


if __name__ == "__main__":
    tap.main()
