"""The report's page in a browser: what every test of it shares."""

import json
import os
import unittest

from browser import Browser, program
from cli import CliTest

HEADER = "sources,target,order,affinity,gain,quality\n"
BARE = HEADER + (
    "self,depth,1,0.5,0.9,0.5\n"
    "normal,depth,1,0.3,0.8,0.4\n"
    "edge,depth,1,0.1,0.4,0.1\n"
    "edge+normal,depth,2,0.4,,0.45\n"
    "self,normal,1,0.6,0.9,0.5\n"
    "depth,normal,1,0.2,0.7,0.3\n"
    "edge,normal,1,0.1,0.6,0.1\n"
    "self,edge,1,0.7,0.9,0.5\n"
    "normal,edge,1,0.25,0.6,0.2\n"
)
SET = "(() => { const s = document.querySelector(%s); s.value = %s; s.dispatchEvent(new Event('%s')); })()"
SOLVED = ("new Promise((done) => { const look = () => (document.body.dataset.solving ? setTimeout(look, 20) : done(true)); look(); })")


def random_table(dice, tasks, orders=2, share=0.5, self_rows=True):
    """A transfer table with every first-order transfer and some of the higher ones."""
    names = ["task%d" % i for i in range(tasks)]
    lines = []

    def row(sources, target):
        lines.append("%s,%s,%d,%r,%r,%r" % ("+".join(sources), target, len(sources), dice.random() * len(sources), dice.random(), dice.random()))

    for target in names:
        if self_rows:
            row(["self"], target)
        for order in range(1, orders + 1):
            for i in range(tasks if order == 1 else round(share * tasks * tasks)):
                row([names[i]] if order == 1 else sorted(dice.sample(names, order)), target)
    unique = {tuple(line.split(",")[:2]): line for line in lines}
    return HEADER + "\n".join(unique.values()) + "\n"


@unittest.skipUnless(program(), "no Chromium here: the page's behaviour is not tested")
class PageTest(CliTest):
    """One browser for all tests of a class. After each, the console is empty and nothing was asked of the network."""

    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def setUp(self):
        super().setUp()
        self.browser.messages.clear()
        self.browser.requests.clear()

    def tearDown(self):
        self.browser.evaluate("0")
        self.assertEqual(self.browser.messages, [])
        self.assertEqual([url for url in self.browser.requests if not url.startswith(("data:", "file:", "blob:"))], [])
        self.assertLessEqual(len({url for url in self.browser.requests if url.startswith("file:")}), 1)

    def open(self, folder, **view):
        self.succeed("report", folder)
        self.browser.open(os.path.join(folder, "report.html"), **view)

    def open_bare(self, text=BARE, **view):
        os.makedirs(self.path("bare"), exist_ok=True)
        self.write("bare/transfers.csv", text)
        self.open(self.path("bare"), **view)

    def set(self, selector, value, event="change"):
        self.browser.evaluate(SET % (json.dumps(selector), json.dumps(str(value)), event))

    def set_budget(self, position):
        """Moves the slider to the position-th budget."""
        self.set("#budget", position, "input")

    def text(self, selector):
        return self.browser.evaluate("document.querySelector(%s).textContent" % json.dumps(selector))

    def count(self, selector):
        return self.browser.evaluate("document.querySelectorAll(%s).length" % json.dumps(selector))

    def texts(self, selector):
        return self.browser.evaluate("[...document.querySelectorAll(%s)].map(e => e.textContent)" % json.dumps(selector))

    def nodes(self, kind):
        return self.browser.evaluate("[...document.querySelectorAll('#graph .node.%s')].map(n => n.dataset.task).sort()" % kind)

    def solved(self):
        self.browser.evaluate(SOLVED)

    def sections(self):
        return self.browser.evaluate("[...document.querySelectorAll('main > section')].map(s => s.id)")
