"""The report as its readers use it: in a browser, on a phone, on paper, and as graph files."""

import csv
import json
import os
import re
import unittest
import xml.etree.ElementTree as ElementTree

from browser import Browser, program
from cli import CliTest
from study_folder import TASKS, write_folder

HOSTILE = "</script><img src=x onerror=alert(1)>"
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
GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"
SET_BUDGET = "(v => { const s = document.getElementById('budget'); s.value = v; s.dispatchEvent(new Event('input')); })(%d)"
SET_ORDER = "(v => { const s = document.getElementById('order'); s.value = v; s.dispatchEvent(new Event('change')); })(%d)"
NODES = "[...document.querySelectorAll('#graph .node.%s')].map(n => n.dataset.task).sort()"


class ReportFiles(CliTest):
    """What report writes and refuses; needs no browser."""

    def report(self, folder):
        answer = self.json("report", folder)
        self.assertEqual(answer["report"], os.path.join(folder, "report.html"))
        with open(answer["report"], encoding="utf-8") as file:
            return file.read()

    def embedded(self, page):
        text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1)
        return json.loads(text)

    def bare(self, text=BARE):
        folder = self.path("bare")
        os.makedirs(folder, exist_ok=True)
        self.write("bare/transfers.csv", text)
        return folder

    def test_a_bare_table_is_solved_for_every_budget_and_order(self):
        data = self.embedded(self.report(self.bare()))
        self.assertTrue(data["computed"])
        self.assertEqual([(cell["budget"], cell["max_order"]) for cell in data["cells"]], [(b, o) for o in (1, 2) for b in (1, 2, 3)])
        swept = self.json("taxonomy", "sweep", "--transfers", "bare/transfers.csv", "--budgets", "1-3", "--max-orders", "1,2")
        for ours, theirs in zip(data["cells"], swept["cells"]):
            self.assertEqual(ours["choices"], theirs["choices"])
        self.assertNotIn("summary", data)
        self.assertFalse(os.path.exists(self.path("bare/taxonomy.json")))

    def test_a_given_sweep_is_shown_as_it_is(self):
        folder = self.bare()
        swept = self.json("taxonomy", "sweep", "--transfers", "bare/transfers.csv", "--budgets", "2", "--max-orders", "1")
        self.write("bare/taxonomy.json", json.dumps(swept))
        data = self.embedded(self.report(folder))
        self.assertEqual(data["cells"], swept["cells"])
        self.assertNotIn("computed", data)
        self.assertEqual(sorted(os.listdir(os.path.join(folder, "graphs"))), ["taxonomy-b2-o1.dot", "taxonomy-b2-o1.graphml"])

    def test_a_table_without_a_taxonomy_is_still_reported_and_says_so(self):
        folder = self.bare(HEADER + "a,b,1,,,\nself,a,1,0.5,0.5,0.5\n")
        done = self.succeed("report", folder)
        data = self.embedded(self.report(folder))
        self.assertNotIn("cells", data)
        self.assertIn("'b'", data["no_taxonomy"])
        self.assertIn(data["no_taxonomy"], done.stderr)

    def test_graph_files_hold_the_taxonomy(self):
        folder = self.bare()
        data = self.embedded(self.report(folder))
        found = set(os.listdir(os.path.join(folder, "graphs")))
        with_junctions = 0
        for cell in data["cells"]:
            if not cell["choices"]:
                continue
            stem = "taxonomy-b%d-o%d" % (cell["budget"], cell["max_order"])
            found -= {stem + ".graphml", stem + ".dot"}
            tasks = set(cell["sources"]) | {choice["target"] for choice in cell["choices"]}
            joint = [choice for choice in cell["choices"] if len(choice["sources"]) > 1]
            with_junctions += len(joint)
            edges = sum(1 if len(choice["sources"]) == 1 else len(choice["sources"]) + 1 for choice in cell["choices"])
            root = ElementTree.parse(os.path.join(folder, "graphs", stem + ".graphml")).getroot()
            names = {key.get("id"): key.get("attr.name") for key in root.iter(GRAPHML + "key")}
            nodes = [{names[d.get("key")]: d.text for d in node.iter(GRAPHML + "data")} for node in root.iter(GRAPHML + "node")]
            self.assertEqual({node["name"] for node in nodes if node["kind"] == "task"}, tasks)
            self.assertEqual({node["name"] for node in nodes if node["labelled"] == "1"}, set(cell["sources"]))
            self.assertEqual(sum(node["kind"] == "junction" for node in nodes), len(joint))
            self.assertEqual(len(list(root.iter(GRAPHML + "edge"))), edges)
            with open(os.path.join(folder, "graphs", stem + ".dot")) as file:
                dot = file.read()
            self.assertEqual(dot.count("->"), edges)
            self.assert_balanced(dot)
        self.assertEqual(found, set())
        self.assertGreater(with_junctions, 0)

    def assert_balanced(self, dot):
        depth, quoted, escaped = {"{": 0, "[": 0}, False, False
        for c in dot:
            if escaped:
                escaped = False
            elif c == "\\" and quoted:
                escaped = True
            elif c == '"':
                quoted = not quoted
            elif not quoted and c in "{[":
                depth[c] += 1
            elif not quoted and c in "}]":
                depth["{" if c == "}" else "["] -= 1
            self.assertGreaterEqual(min(depth.values()), 0)
        self.assertEqual((depth, quoted), ({"{": 0, "[": 0}, False))

    def test_graph_files_of_names_that_are_markup(self):
        names = {"normal": 'a"b\\', "edge": "<&>'", "depth": "line\\nend]"}
        table = [[names.get(cell, cell) for cell in line] for line in csv.reader(BARE.splitlines())]
        table = [["+".join(names.get(name, name) for name in line[0].split("+")), *line[1:]] for line in table]
        folder = self.bare("\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in table) + "\n")
        self.report(folder)
        for file in os.listdir(os.path.join(folder, "graphs")):
            with open(os.path.join(folder, "graphs", file)) as stream:
                text = stream.read()
            if file.endswith(".dot"):
                self.assert_balanced(text)
                self.assertIn('"a\\"b\\\\"', text)
            else:
                found = {d.text for d in ElementTree.fromstring(text).iter(GRAPHML + "data")}
                self.assertLessEqual(set(names.values()), found)

    def test_graph_files_of_an_earlier_sweep_go_and_others_stay(self):
        folder = self.bare()
        os.makedirs(os.path.join(folder, "graphs"))
        for name in ("taxonomy-b99-o1.dot", "mine.dot"):
            self.write("bare/graphs/" + name, "digraph {}")
        self.report(folder)
        self.assertFalse(os.path.exists(self.path("bare/graphs/taxonomy-b99-o1.dot")))
        self.assertTrue(os.path.exists(self.path("bare/graphs/mine.dot")))

    def test_the_same_folder_gives_the_same_bytes_and_a_small_file(self):
        folder = str(write_folder(self.path("run")))
        first = self.report(folder)
        self.assertEqual(first, self.report(folder))
        self.assertLess(len(first.encode()), 5_000_000)
        self.assertNotRegex(re.sub(r'<script type="application/json".*?</script>', "", first, flags=re.S).replace("http://www.w3.org/2000/svg", ""), r"https?://")

    def test_a_lost_or_damaged_picture_is_left_out_with_a_warning(self):
        folder = str(write_folder(self.path("run")))
        os.remove(os.path.join(folder, "pictures/task1/self.0.png"))
        self.write("run/pictures/task2/self.0.png", "no picture")
        done = self.succeed("report", folder)
        self.assertIn("2 of ", done.stderr)
        self.assertIn("pictures/task1/self.0.png", done.stderr)
        shown = self.embedded(self.report(folder))["pictures"]
        self.assertNotIn("pictures/task2/self.0.png", shown)
        self.assertIn("pictures/task2/self.1.png", shown)

    def test_refusals(self):
        self.refuse(1, "report", self.path("nowhere"), names=["nowhere", "not a folder"])
        os.makedirs(self.path("empty"))
        self.refuse(1, "report", self.path("empty"), names=["empty", "transfers.csv", "summary.json"])
        self.assertEqual(os.listdir(self.path("empty")), [])
        self.refuse(2, "report")
        folder = self.bare(BARE + "edge,depth,1,zero,0.1,0.1\n")
        self.refuse(1, "report", folder, names=["transfers.csv"])
        self.assertEqual(os.listdir(folder), ["transfers.csv"])

    def test_damaged_summaries_and_sweeps_are_refused_by_name_and_place(self):
        damages = [
            ("summary.json", "{\"tasks\": [", "summary.json"),
            ("summary.json", "[]", "summary.json"),
            ("summary.json", '{"format": 2}', "format 2"),
            ("summary.json", '{"tasks": {"name": "a"}}', "/tasks"),
            ("summary.json", '{"tasks": [{"family": "2d"}]}', "/tasks/0/name"),
            ("summary.json", '{"tasks": [null]}', "/tasks/0"),
            ("summary.json", '{"tasks": [{"name": "a", "networks": {"self": {"curve": [{"step": "x"}]}}}]}', "/tasks/0/networks/self/curve/0/step"),
            ("summary.json", '{"tournaments": [{"target": "a", "networks": ["self", "b"], "wins": [[0.5, 1]]}]}', "2 x 2"),
            ("taxonomy.json", '{"cells": 3}', "/cells"),
            ("taxonomy.json", '{"cells": [{"budget": 1, "max_order": 1, "sources": ["a"], "choices": [{"target": "a", "sources": []}]}]}', "no source"),
        ]
        for name, text, place in damages:
            with self.subTest(text):
                folder = self.bare()
                self.write("bare/" + name, text)
                self.refuse(1, "report", folder, names=[name, place])
                self.assertFalse(os.path.exists(self.path("bare/report.html")))
                os.remove(self.path("bare/" + name))


@unittest.skipUnless(program(), "no Chromium here: the page's behaviour is not tested")
class ReportPage(CliTest):
    """The page in a browser."""

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

    def sections(self):
        return self.browser.evaluate("[...document.querySelectorAll('main > section')].map(s => s.id)")

    def test_a_bare_table_shows_what_it_can(self):
        self.open_bare()
        self.assertEqual(self.sections(), ["taxonomy", "affinity", "budgets", "transfers", "reading"])
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('#nav a').length"), 5)

    def test_the_slider_and_the_order_change_the_graph_and_what_is_said(self):
        self.open_bare()
        evaluate = self.browser.evaluate
        evaluate(SET_ORDER % 1)
        evaluate(SET_BUDGET % 0)
        self.assertEqual(evaluate(NODES % "source"), ["normal"])
        self.assertEqual(evaluate(NODES % "target"), ["depth", "edge", "normal"])
        self.assertIn("budget of 1, 1 task is labelled: normal.", evaluate("document.getElementById('graph-says').textContent"))
        self.assertEqual(evaluate("document.getElementById('budget-shown').textContent"), "1")
        evaluate(SET_BUDGET % 1)
        self.assertEqual(evaluate(NODES % "source"), ["edge", "normal"])
        self.assertEqual(evaluate("document.querySelectorAll('#graph .junction').length"), 0)
        evaluate(SET_ORDER % 2)
        self.assertEqual(evaluate("document.querySelectorAll('#graph .junction').length"), 1)
        self.assertEqual(evaluate("document.querySelectorAll('#graph path.edge').length"), 5)
        self.assertEqual(evaluate("document.querySelectorAll('#graph path.own').length"), 2)

    def test_the_keyboard_moves_the_slider_and_chooses_targets(self):
        self.open_bare()
        evaluate = self.browser.evaluate
        evaluate(SET_BUDGET % 0)
        evaluate("document.getElementById('budget').focus()")
        self.browser.press("ArrowRight")
        self.assertEqual(evaluate("document.getElementById('budget-shown').textContent"), "2")
        evaluate("document.querySelector('#graph .node.target[data-task=depth]').focus()")
        self.browser.press("Enter")
        self.assertIn("depth: what it can be learnt from", evaluate("document.getElementById('alternatives').textContent"))
        self.assertEqual(evaluate("document.activeElement.dataset.task"), "depth")
        self.assertEqual(evaluate("document.activeElement.getAttribute('aria-pressed')"), "true")
        self.browser.press(" ")
        self.assertEqual(evaluate("document.activeElement.getAttribute('aria-pressed')"), "false")

    def test_a_click_on_a_target_lists_its_alternatives_and_on_a_source_its_uses(self):
        self.open_bare()
        evaluate = self.browser.evaluate
        evaluate(SET_ORDER % 2)
        evaluate(SET_BUDGET % 0)
        self.browser.click("#graph .node.target[data-task=depth]")
        self.assertEqual(evaluate("[...document.querySelectorAll('#alternatives tbody tr td:first-child')].map(c => c.textContent)"),
                         ["own network", "edge + normal", "normal", "edge"])
        self.assertEqual(evaluate("document.querySelector('#alternatives tr.chosen td').textContent"), "normal")
        self.assertEqual(evaluate("document.querySelectorAll('#alternatives tr.closed').length"), 3)
        self.assertEqual(evaluate("[...document.querySelectorAll('#graph path.edge:not(.faint)')].length"), 1)
        self.browser.click("#graph .node.source[data-task=normal]")
        self.assertIn("helps 2 other targets and serves itself", evaluate("document.getElementById('alternatives').textContent"))

    def test_sorting_filtering_and_views(self):
        self.open(str(write_folder(self.path("run"), pictures=False)))
        evaluate = self.browser.evaluate
        column = "[...document.querySelectorAll('#all tbody tr')].map(r => Number(r.cells[4].textContent))"
        self.browser.click("#all button[data-column=gain]")
        gains = evaluate(column)
        self.assertEqual(gains, sorted(gains, reverse=True))
        self.browser.click("#all button[data-column=gain]")
        self.assertEqual(evaluate(column), sorted(gains))
        self.assertEqual(evaluate("document.querySelector('#all th[aria-sort]').textContent"), "gain")
        evaluate("(() => { const s = document.querySelector('input[type=search]'); s.value = 'denoising'; s.dispatchEvent(new Event('input')); })()")
        left = evaluate("[...document.querySelectorAll('#all tbody tr')].map(r => r.textContent)")
        self.assertTrue(0 < len(left) < len(gains) and all("Denoising" in text for text in left))

        first = "[...document.querySelectorAll('#matrix tbody tr')].map(r => r.dataset.target)"
        before = evaluate(first)
        self.browser.click("#affinity button[data-view=quality]")
        self.browser.click("#matrix button[data-source=reshade]")
        values = evaluate("[...document.querySelectorAll('#matrix tbody tr')].map(r => r.cells[[...r.closest('table').tHead.rows[0].cells].findIndex(c => c.querySelector('[data-source=reshade]'))].textContent)")
        self.assertEqual(values[-1], "·")
        self.assertEqual(values[:-1], sorted(values[:-1], reverse=True))
        self.assertNotEqual(evaluate(first), before)

    def test_before_and_after_ahp_show_the_tournaments_numbers(self):
        folder = write_folder(self.path("run"), pictures=False)
        self.open(str(folder))
        tournament = json.loads((folder / "summary.json").read_text())["tournaments"][3]
        i = tournament["networks"].index("reshade")
        wins = [win for j, win in enumerate(tournament["wins"][i]) if j != i]
        cell = "document.querySelector('#matrix tr[data-target=%s] td[title^=\"Reshading to\"]').title" % tournament["target"]
        for view, value in (("wins", sum(wins) / len(wins)), ("affinity", tournament["affinity"][i])):
            self.browser.click("#affinity button[data-view=%s]" % view)
            self.assertAlmostEqual(float(self.browser.evaluate(cell).rsplit(": ", 1)[1]), value, delta=0.006 * value)

    def test_a_whole_run_fills_every_section(self):
        self.open(str(write_folder(self.path("run"))))
        self.assertEqual(self.sections(), ["taxonomy", "affinity", "budgets", "networks", "pictures", "transfers", "cost", "not-tried", "data", "reading", "settings"])
        evaluate = self.browser.evaluate
        self.assertEqual(evaluate("document.querySelectorAll('#networks .curves svg').length"), len(TASKS))
        self.assertIn("7 of 8 task-specific networks beat", evaluate("document.getElementById('networks').textContent"))
        self.assertEqual(evaluate("[...document.querySelectorAll('main > section')].filter(s => !(s.children[1].matches('p.say, dl') && s.children[1].textContent.length > 20)).map(s => s.id)"), [])
        for task in range(-1, len(TASKS)):
            evaluate("(() => { const s = document.getElementById('picture-task'); s.value = '%s'; s.dispatchEvent(new Event('change')); })()" % ("" if task < 0 else task))
            evaluate("Promise.all([...document.images].map(i => i.decode()))")
            self.assertGreater(evaluate("document.querySelectorAll('#predictions img').length"), 50)

    def test_hostile_names_stay_text(self):
        names = [HOSTILE, '"onload="alert(2)', "__proto__", "constructor"]
        self.open(str(write_folder(self.path("run"), names=names, pictures=False)))
        evaluate = self.browser.evaluate
        self.assertEqual(evaluate("document.querySelectorAll('img[src=x], [onerror], [onload]').length"), 0)
        self.assertIn(HOSTILE, evaluate("document.getElementById('learnt').textContent"))
        evaluate(SET_BUDGET % 7)
        found = evaluate(NODES % "target")
        for name in names:
            self.assertIn(name, found)
        evaluate("document.querySelectorAll('#graph .node').forEach((node, i) => document.querySelectorAll('#graph .node')[i].dispatchEvent(new MouseEvent('click')))")
        evaluate("document.querySelectorAll('#matrix th button').forEach((_, i) => document.querySelectorAll('#matrix th button')[i].click())")

    def test_no_width_scrolls_sideways_in_light_or_dark(self):
        folder = str(write_folder(self.path("run"), names=["a_task_with_a_name_that_is_much_too_long_for_a_phone_" * 3]))
        self.succeed("report", folder)
        for width, dark in ((320, False), (390, True), (700, False), (800, True), (1400, False), (1600, True)):
            with self.subTest(width=width):
                self.browser.open(os.path.join(folder, "report.html"), width=width, dark=dark, touch=width < 500)
                self.assertLessEqual(self.browser.evaluate("document.documentElement.scrollWidth"), width)
                background = self.browser.evaluate("getComputedStyle(document.body).backgroundColor")
                self.assertEqual(background == "rgb(255, 255, 255)", not dark)

    def test_twenty_six_tasks_stay_readable(self):
        names = ["task_%02d" % i for i in range(26)]
        lines = ["self,%s,1,0.3,0.9,0.5" % name for name in names]
        lines += ["%s,%s,1,%.3f,0.5,%.3f" % (a, b, 0.2 / (1 + abs(i - j)), 0.4 / (1 + abs(i - j))) for i, a in enumerate(names) for j, b in enumerate(names) if i != j]
        self.open_bare(HEADER + "\n".join(lines) + "\n", width=390, touch=True)
        for width in (390, 1400):
            self.browser.open(self.path("bare/report.html"), width=width)
            for budget in (7, 25):
                self.browser.evaluate(SET_BUDGET % budget)
                boxes = self.browser.evaluate("[...document.querySelectorAll('#graph .node')].map(n => { const b = n.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })")
                self.assertEqual(len(boxes), 26 + budget + 1)
                for i, a in enumerate(boxes):
                    self.assertGreaterEqual(a[3] - a[1], 20)
                    for b in boxes[:i]:
                        self.assertFalse(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3], (a, b))
                self.assertGreaterEqual(self.browser.evaluate("Math.min(...[...document.querySelectorAll('#graph .node text')].map(t => parseFloat(getComputedStyle(t).fontSize)))"), 12)

    def test_it_prints_in_light_colours_without_controls(self):
        self.open(str(write_folder(self.path("run"))), dark=True, print_media=True)
        self.assertEqual(self.browser.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
        self.assertEqual(self.browser.evaluate("[...document.querySelectorAll('nav, select, .controls button')].filter(e => e.offsetParent || getComputedStyle(e).display !== 'none').length"), 0)
        self.assertTrue(self.browser.pdf().startswith(b"%PDF"))

    def test_an_infeasible_budget_says_why(self):
        table = HEADER + "a,b,1,0.5,0.5,0.5\nc,d,1,0.5,0.5,0.5\nself,a,1,0.5,0.5,0.5\nself,c,1,0.5,0.5,0.5\n"
        self.open_bare(table)
        self.browser.evaluate(SET_BUDGET % 0)
        self.assertIn("No taxonomy serves every target here", self.browser.evaluate("document.getElementById('graph-says').textContent"))
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('#graph svg').length"), 0)
        self.browser.evaluate(SET_BUDGET % 1)
        self.assertEqual(self.browser.evaluate(NODES % "source"), ["a", "c"])


if __name__ == "__main__":
    unittest.main()
