"""The report as its readers use it: with mouse, keyboard and finger, on a phone, in the dark and on paper."""

import csv
import json
import os
import unittest

from browser import program
from report_page import BARE, HEADER, PageTest
from study_folder import TASKS, write_folder

HOSTILE = "</script><img src=x onerror=alert(1)>"


@unittest.skipUnless(program(), "no Chromium here: the page's behaviour is not tested")
class ReportPage(PageTest):
    """Every section in a browser."""

    def test_a_bare_table_shows_what_it_can(self):
        self.open_bare()
        self.assertEqual(self.sections(), ["taxonomy", "affinity", "budgets", "tree", "task", "transfers", "not-tried", "reading", "cite"])
        self.assertEqual(self.count("#nav a"), 9)
        self.assertIn("Order 1: 5 of 6 possible transfers are in the table", self.text("#not-tried"))
        self.assertIn("edge from depth", self.text("#not-tried"))
        self.assertEqual(self.count("small.interval, line.interval, .whisker"), 0)

    def test_the_slider_and_the_order_change_the_graph_and_what_is_said(self):
        self.open_bare()
        evaluate = self.browser.evaluate
        self.set("#order", 1)
        self.set_budget(0)
        self.assertEqual(self.nodes("source"), ["normal"])
        self.assertEqual(self.nodes("target"), ["depth", "edge", "normal"])
        self.assertIn("budget of 1, 1 task is labelled: normal.", evaluate("document.getElementById('graph-says').textContent"))
        self.assertEqual(evaluate("document.getElementById('budget-shown').textContent"), "1")
        self.set_budget(1)
        self.assertEqual(self.nodes("source"), ["edge", "normal"])
        self.assertEqual(evaluate("document.querySelectorAll('#graph .junction').length"), 0)
        self.set("#order", 2)
        self.assertEqual(evaluate("document.querySelectorAll('#graph .junction').length"), 1)
        self.assertEqual(evaluate("document.querySelectorAll('#graph path.edge').length"), 5)
        self.assertEqual(evaluate("document.querySelectorAll('#graph path.own').length"), 2)

    def test_the_keyboard_moves_the_slider_and_chooses_targets(self):
        self.open_bare()
        evaluate = self.browser.evaluate
        self.set_budget(0)
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
        self.set("#order", 2)
        self.set_budget(0)
        self.browser.click("#graph .node.target[data-task=depth]")
        self.assertEqual(evaluate("[...document.querySelectorAll('#alternatives tbody tr td:first-child')].map(c => c.textContent)"),
                         ["own labels", "edge + normal", "normal", "edge"])
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
        self.assertEqual(self.sections(), ["taxonomy", "affinity", "budgets", "tree", "networks", "task", "pictures", "transfers", "cost", "not-tried", "data", "reading", "settings", "cite"])
        evaluate = self.browser.evaluate
        self.assertEqual(evaluate("document.querySelectorAll('#networks .curves svg').length"), len(TASKS))
        self.assertIn("7 of 8 task-specific networks beat", evaluate("document.getElementById('networks').textContent"))
        self.assertEqual(evaluate("[...document.querySelectorAll('main > section')].filter(s => !(s.children[1].matches('p.say') && s.children[1].textContent.length > 20)).map(s => s.id)"), [])
        for task in range(len(TASKS)):
            self.set("#task-chooser", task)
            evaluate("Promise.all([...document.images].map(i => i.decode()))")
            self.assertGreater(self.count("#predictions img"), 50)
            self.assertGreater(self.count("#task-metrics tbody tr"), 3)
            self.assertEqual(self.count("#task-page .panel polyline"), 2)

    def test_rows_sort_columns_and_every_order_has_its_best(self):
        self.open_bare()
        heads = "[...document.querySelectorAll('#matrix thead th button')].map(b => b.dataset.source)"
        self.assertEqual(self.browser.evaluate(heads), ["self", "depth", "edge", "normal", "best of order 1", "best of order 2"])
        self.browser.click("#matrix button[data-row=depth]")
        self.assertEqual(self.browser.evaluate(heads), ["self", "normal", "edge", "depth", "best of order 1", "best of order 2"])
        self.assertEqual(self.browser.evaluate("[...document.querySelectorAll('#matrix tr[data-target=depth] td.best')].map(c => c.title)"),
                         ["normal to depth: 0.3", "edge + normal to depth: 0.4"])
        self.browser.click("#unsort")
        self.assertEqual(self.browser.evaluate(heads)[1:4], ["depth", "edge", "normal"])

    def test_a_forecast_stands_beside_what_was_measured(self):
        os.makedirs(self.path("run"))
        for name, table in (("transfers.csv", BARE), ("forecast.csv", BARE.replace("normal,depth,1,0.3", "normal,depth,1,0.05"))):
            with open(os.path.join(self.path("run"), name), "w", encoding="utf-8") as file:
                file.write(table)
        self.open(self.path("run"))
        self.assertIn("for 1 of them the best source is the same", self.text("#forecast .say"))
        self.assertEqual(self.browser.evaluate("[...document.querySelectorAll('#forecast tbody tr:last-child td')].map(c => c.textContent)"),
                         ["depth", "\u22121.00", "edge", "0.40", "normal", "0.80"])

    def test_every_table_downloads_as_csv(self):
        folder = write_folder(self.path("run"), intervals=True)
        self.open(str(folder))
        names = self.browser.evaluate("[...document.querySelectorAll('[data-csv]')].map(b => b.dataset.csv)")
        self.assertEqual(sorted(names), ["alternatives.csv", "budgets.csv", "costs.csv", "matrix.csv", "metrics.csv", "networks.csv", "not_tried.csv", "targets.csv", "task_tree.csv",
                                         "taxonomy.csv", "transfers.csv", "transfers_to_task.csv", "worth_to_others.csv"])
        os.makedirs(self.path("got"))
        got = {}
        for name in names:
            file = self.browser.download("[data-csv='%s']" % name, self.path("got"))
            self.assertEqual(file.name, name)
            with open(file, newline="", encoding="utf-8") as stream:
                got[name] = list(csv.DictReader(stream))
            self.assertGreater(len(got[name]), 0, name)
            self.assertNotIn(None, {key for line in got[name] for key in line}, name)
        with open(folder / "transfers.csv", newline="") as stream:
            table = list(csv.DictReader(stream))
        for ours, theirs in zip(got["transfers.csv"], table):
            del theirs["tied_with_best"]
            self.assertEqual({key: float(value) if key not in ("sources", "target") else value for key, value in ours.items()},
                             {key: float(value) if key not in ("sources", "target") else value for key, value in theirs.items()})
        told = self.json("taxonomy", "sweep", "--transfers", folder / "transfers.csv", "--budgets", "1-8", "--max-orders", "1,2")["cells"]
        self.assertEqual([float(line["value"]) for line in got["budgets.csv"]], [cell["value"] for cell in told])
        self.assertEqual(len(got["matrix.csv"]), len(TASKS))
        self.assertEqual(got["matrix.csv"][0]["best of order 2: sources"].count("+"), 1)
        self.assertEqual(sum(line["task"] != "" for line in got["task_tree.csv"]), len(TASKS))

    def test_intervals_are_shown_where_the_table_brings_them(self):
        self.open(str(write_folder(self.path("run"), pictures=False, intervals=True)))
        self.assertGreater(self.count("#alternatives small.interval"), 5)
        self.assertGreater(self.count("#bars .whisker"), 8)
        self.assertGreater(self.count("#dots line.interval"), 10)
        self.assertGreater(self.count("#all small.interval"), 80)
        self.assertRegex(self.text("#alternatives"), "overlap.* with its own")
        self.assertIn("do not tell the best transfer from all others", self.text("#affinity .say"))
        self.assertIn("The ranking of Scene Classification is mostly noise", self.text("#affinity .say"))
        self.assertIn("95% intervals from 60 test sets of 120 images, drawn anew", self.text("#alternatives"))
        self.assertRegex(self.text("#task-says"), r"\(0\.\d\d to 0\.\d\d\)")

    def test_joint_trainings_are_compared_and_looked_into(self):
        folder = write_folder(self.path("run"), pictures=False, joint=True)
        self.open(str(folder))
        joint = json.loads((folder / "summary.json").read_text())["multi_task"]
        sections = self.sections()
        self.assertEqual(sections[sections.index("networks") + 1], "multi-task")
        four = [each for each in joint["trainings"] if len(each["tasks"]) == 4 and not each["missing_labels"]]
        best = min(four, key=lambda each: each["delta_m"]["metrics"]["value"])
        says = self.text("#multi-task .say")
        self.assertIn("%.1f%% better off than alone under the best of 5 balancers, %s" % (-best["delta_m"]["metrics"]["value"], best["balancer"]), says)
        harmed = sum(joint["partners"]["low"][i][j] > 0 and joint["partners"]["seed_low"][i][j] > 0 for i in range(4) for j in range(4) if i != j)
        self.assertGreater(harmed, 0)
        self.assertIn("In pairs, %d tasks of 12 clearly lose" % harmed, says)
        self.assertEqual(self.count("#partners td.chosen"), harmed)
        self.assertEqual(self.count("#delta-m circle"), 2 * 7)
        self.assertEqual(self.count("#delta-m .whisker"), 2 * 7)
        self.assertEqual(self.texts("#joint-tasks tbody td:first-child"), ["2D Edges", "Z-Depth", "Surface Normals", "Semantic Segmentation"])
        self.assertEqual(self.count("#joint-curves svg"), 4)
        self.assertEqual(self.count("#joint-curves .panel:first-child polyline"), 4)
        self.set("#joint-arm", 4)
        self.assertIn("Each task under mgda", self.texts("#multi-task h3"))
        # The pair of depth and normals has a point for each balancer, those of its front and the stairs between them.
        plane = next(each for each in joint["pareto"] if len(each["points"]) == 5)
        self.assertEqual(self.count("#pareto circle[r='5']"), 5)
        self.assertEqual(self.count("#pareto circle[r='5'][fill='var(--accent)']"), len(plane["front"]))
        group = self.texts("#joint-group option").index("Z-Depth and Surface Normals")
        self.set("#joint-group", group)
        self.assertEqual(self.texts("#joint-tasks tbody td:first-child"), ["Z-Depth", "Surface Normals"])
        self.assertEqual(self.count("#delta-m circle"), 2 * 5)
        os.makedirs(self.path("got"))
        with open(self.browser.download("[data-csv='delta_m.csv']", self.path("got")), newline="") as stream:
            lines = list(csv.DictReader(stream))
        self.assertEqual([float(line["delta_m_tasks"]) for line in lines], [each["delta_m"]["tasks"]["value"] for each in joint["trainings"]])
        for width in (320, 1400):
            self.browser.open(str(folder / "report.html"), width=width, touch=width < 500)
            self.assertLessEqual(self.browser.evaluate("document.documentElement.scrollWidth"), width)

    def test_joint_trainings_without_own_networks_or_telemetry_show_what_there_is(self):
        folder = write_folder(self.path("run"), pictures=False, joint=True)
        summary = json.loads((folder / "summary.json").read_text())
        summary["multi_task"]["trainings"] = summary["multi_task"]["trainings"][:1]
        training = summary["multi_task"]["trainings"][0]
        training["delta_m"] = training["telemetry"] = summary["multi_task"]["partners"] = None
        summary["multi_task"]["pareto"] = []
        for entry in training["per_task"]:
            del entry["loss_change"]
            entry.update(single_loss=None, win_rate=None, change={"value": None, "low": None, "high": None})
        (folder / "summary.json").write_text(json.dumps(summary))
        self.open(str(folder))
        self.assertIn("1 joint network of up to 4 tasks was trained; the tasks' own networks to compare with were not.", self.text("#multi-task .say"))
        self.assertEqual(self.count("#delta-m, #joint-curves, #pareto, #partners"), 0)
        self.assertEqual(self.count("#joint-tasks tbody tr"), 4)

    def test_random_taxonomies_are_a_band(self):
        self.open(str(write_folder(self.path("run"), pictures=False)))
        self.assertEqual(self.count("#budgets polygon.band"), 2)
        self.assertRegex(self.text("#budgets .say"), r"random taxonomies reach a mean quality of 0\.\d\d to 0\.\d\d \(middle 90%\); this one is better than \d+ of 1000 drawn\.$")

    def test_the_tree_leads_to_the_tasks(self):
        self.open(str(write_folder(self.path("run"))))
        evaluate = self.browser.evaluate
        self.assertEqual(sorted(evaluate("[...document.querySelectorAll('#tree .leaf')].map(l => l.dataset.task)")), sorted(task[0] for task in TASKS))
        self.assertRegex(self.text("#tree .say"), r"^The two tasks that help others most alike are .* fall into \d groups: .* agrees with the families to")
        self.browser.click("#tree .leaf[data-task=reshade]")
        self.assertEqual(self.text("#task-chooser option:checked"), "Reshading")
        self.assertIn("Shading by a light at the camera. The best of 10 transfers to Reshading", self.text("#task-says"))
        evaluate("document.querySelector('#tree .leaf[data-task=edge2d]').focus()")
        self.browser.press("Enter")
        self.assertEqual(self.text("#task-chooser option:checked"), "2D Edges")
        self.browser.click("#graph .node.target[data-task=rgb2depth]")
        self.browser.click("#alternatives [data-open=rgb2depth]")
        self.assertEqual(self.text("#task-chooser option:checked"), "Z-Depth")

    def test_how_to_cite_names_the_run_and_its_table(self):
        folder = write_folder(self.path("run"), pictures=False)
        self.open(str(folder))
        first = self.text("#bibtex")
        self.assertIn("@misc{affinis-demo,", first)
        self.assertIn("@inproceedings{zamir2018taskonomy,", first)
        self.assertEqual(first.count("{"), first.count("}"))
        (folder / "transfers.csv").write_text((folder / "transfers.csv").read_text().replace(",0.5\n", ",0.25\n"))
        self.open(str(folder))
        self.assertNotEqual(first, self.text("#bibtex"))

    def test_a_finger_moves_everything(self):
        self.open(str(write_folder(self.path("run"), pictures=False)), width=390, touch=True)
        self.browser.tap("#graph .node.target[data-task=rgb2depth]")
        self.assertIn("Z-Depth: what it can be learnt from", self.text("#alternatives"))
        self.browser.tap("#affinity button[data-view=gain]")
        self.assertEqual(self.text("#affinity [aria-pressed=true]"), "gain")
        small = self.browser.evaluate("[...document.querySelectorAll('button, select, input, summary, .node, .leaf')].filter(e => e.getClientRects().length)"
                                      ".map(e => [e.getBoundingClientRect(), e.outerHTML.slice(0, 90)]).filter(([b]) => b.height < 24).map(([b, name]) => b.height + ' ' + name)")
        self.assertEqual(small, [])

    def test_hostile_names_stay_text(self):
        names = [HOSTILE, '"onload="alert(2)', "__proto__", "constructor"]
        self.open(str(write_folder(self.path("run"), names=names, pictures=False)))
        evaluate = self.browser.evaluate
        self.assertEqual(evaluate("document.querySelectorAll('img[src=x], [onerror], [onload]').length"), 0)
        self.assertIn(HOSTILE, evaluate("document.getElementById('learnt').textContent"))
        self.set_budget(7)
        found = self.nodes("target")
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
                self.set_budget(budget)
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
        self.set_budget(0)
        self.assertIn("No taxonomy serves every target here", self.browser.evaluate("document.getElementById('graph-says').textContent"))
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('#graph svg').length"), 0)
        self.set_budget(1)
        self.assertEqual(self.nodes("source"), ["a", "c"])


if __name__ == "__main__":
    unittest.main()
