"""The solver in the report's page: it has to find what the program proves, whatever the reader asks for."""

import csv
import json
import os
import random
import unittest
from pathlib import Path

from browser import program
from cli import SOURCE
from report_page import PageTest, random_table

PAGE = Path(SOURCE) / "experiments" / "report" / "page"
PUBLISHED = Path(SOURCE).parent / "shared" / "published" / "transfers_1k.csv"
HARNESS = """
(() => {
%s
  const rows = %s;
  const own = new Set(rows.filter((row) => row.sources[0] === "self").map((row) => row.target));
  return %s.map(([budget, order]) => {
    const usable = rows.filter((row) => row.sources.length <= order && row.value !== null && !(row.sources.length === 1 && row.sources[0] === row.target && own.has(row.target)));
    const needs = (row) => (row.sources[0] === "self" ? [row.target] : row.sources);
    const names = [...new Set(usable.flatMap(needs))].sort();
    const targets = [...new Set(rows.map((row) => row.target))].sort();
    const instance = make_instance(names.length, targets.map((target) => usable.filter((row) => row.target === target)
      .map((row) => ({ sources: needs(row).map((name) => names.indexOf(name)), value: row.value, row }))));
    const work = solve_instance(instance, budget);
    let step = work.next();
    while (!step.done) step = work.next();
    const found = step.value;
    return { value: found.edges.every((edge) => edge.row) ? found.value : null, proven: found.proven, steps: found.steps,
      sources: [...new Set(found.edges.flatMap((edge) => (edge.row ? needs(edge.row) : [])))] };
  });
})()
"""


@unittest.skipUnless(program(), "no Chromium here: the page's solver is not tested")
class PageSolver(PageTest):
    """solver.js by itself against `taxonomy sweep`."""

    def compare(self, table, budgets, orders, objective="affinity"):
        with open(table, newline="") as file:
            rows = [{"sources": line["sources"].split("+"), "target": line["target"], "value": float(line[objective]) if line[objective] else None} for line in csv.DictReader(file)]
        told = self.json("taxonomy", "sweep", "--transfers", table, "--budgets", budgets, "--max-orders", orders, "--objective", objective)["cells"]
        cells = [[cell["budget"], cell["max_order"]] for cell in told]
        found = self.browser.evaluate(HARNESS % ((PAGE / "solver.js").read_text(), json.dumps(rows), json.dumps(cells)))
        for cell, ours in zip(told, found):
            with self.subTest(budget=cell["budget"], order=cell["max_order"], objective=objective):
                self.assertTrue(ours["proven"])
                if cell["value"] is None:
                    self.assertIsNone(ours["value"])
                else:
                    self.assertAlmostEqual(ours["value"], cell["value"], delta=1e-9 * max(1, abs(cell["value"])))
                    self.assertLessEqual(len(ours["sources"]), cell["budget"])
        return found

    def test_random_tables(self):
        self.browser.open(self.write("empty.html", "<!doctype html><title>empty</title>"))
        for seed, (tasks, orders, self_rows) in enumerate([(4, 2, True), (6, 3, True), (7, 2, False), (9, 3, True), (12, 2, True)]):
            table = self.write("random%d.csv" % seed, random_table(random.Random(seed), tasks, orders, 0.4, self_rows))
            self.compare(table, "0-%d" % tasks, ",".join(map(str, range(1, orders + 1))))

    def test_values_below_zero_and_missing_ones(self):
        self.browser.open(self.write("empty.html", "<!doctype html><title>empty</title>"))
        dice = random.Random(11)
        lines = random_table(dice, 8, 2, 0.3).splitlines()
        changed = [lines[0]]
        for line in lines[1:]:
            cells = line.split(",")
            cells[4] = "" if dice.random() < 0.2 and cells[0] != "self" else repr(dice.uniform(-1, 0.2))
            changed.append(",".join(cells))
        self.compare(self.write("signs.csv", "\n".join(changed) + "\n"), "0-8", "1,2", "gain")

    def test_the_published_table(self):
        if not PUBLISHED.exists():
            self.skipTest("the published table is not beside the sources: the page's solver has not been compared with it")
        self.browser.open(self.write("empty.html", "<!doctype html><title>empty</title>"))
        found = self.compare(str(PUBLISHED), "1-26", "1,2,3,4")
        self.assertLess(max(cell["steps"] for cell in found), 5000)
        self.compare(str(PUBLISHED), "1,3,8,15,26", "1,2", "gain")


@unittest.skipUnless(program(), "no Chromium here: the page's live taxonomies are not tested")
class LiveTaxonomies(PageTest):
    """Objective and importance of targets, chosen by the reader."""

    def test_the_objective(self):
        text = random_table(random.Random(5), 6, 2)
        self.open_bare(text)
        self.set("#objective", "quality")
        self.solved()
        told = self.json("taxonomy", "sweep", "--transfers", "bare/transfers.csv", "--budgets", "1-6", "--max-orders", "2", "--objective", "quality")["cells"]
        for position, cell in enumerate(told):
            self.set_budget(position)
            says = self.text("#graph-says")
            self.assertIn("Total quality %s, proven optimal" % ("%.3g" % cell["value"]), says)
            self.assertEqual(self.nodes("source"), sorted(cell["sources"]))
            self.assertIn("Solved in this page", self.text("#taxonomy .columns .note"))
        self.set("#objective", "affinity")
        self.assertNotIn("Solved in this page", self.text("#taxonomy .columns .note"))

    def test_importances(self):
        self.open_bare(random_table(random.Random(6), 6, 2))
        self.set_budget(1)
        self.write("importance.csv", "task,importance\ntask2,5\ntask4,0\n")
        self.browser.evaluate("document.querySelector('details.weights').open = true")
        self.set("[data-importance=task2]", 5, "input")
        self.set("[data-importance=task4]", 0, "input")
        self.solved()
        told = self.json("taxonomy", "solve", "--transfers", "bare/transfers.csv", "--budget", "2", "--max-order", "2", "--importance", "importance.csv")
        self.assertIn("Total weighted affinity %.3g, proven optimal" % told["value"], self.text("#graph-says"))
        self.assertEqual(self.nodes("source"), sorted(told["sources"]))
        self.assertIn("task2 5 and task4 0, the others 1", self.text("details.weights summary"))
        self.assertIn("×5", self.text("#graph .node.target[data-task=task2]"))
        self.browser.click("details.weights button")
        self.assertIn("all count the same", self.text("details.weights summary"))
        self.assertIn("Total affinity", self.text("#graph-says"))

    def test_an_objective_that_not_all_were_measured_for(self):
        lines = random_table(random.Random(7), 5, 1).splitlines()
        # task3 has a gain only from task0.
        lines = [line if not line.split(",")[1] == "task3" or line.startswith("task0,") else ",".join([*line.split(",")[:4], "", line.split(",")[5]]) for line in lines]
        self.open_bare("\n".join(lines) + "\n")
        self.set("#objective", "gain")
        self.set_budget(0)
        self.solved()
        self.assertEqual(self.nodes("source"), ["task0"])

    def test_taxonomies_of_other_costs_cannot_be_solved_anew_and_the_page_says_so(self):
        os.makedirs(self.path("costly"))
        self.write("costly/transfers.csv", random_table(random.Random(8), 6, 1))
        self.write("costs.csv", "task,cost\n" + "".join("task%d,%d\n" % (i, 1 + 2 * (i % 2)) for i in range(6)))
        swept = self.json("taxonomy", "sweep", "--transfers", "costly/transfers.csv", "--budgets", "2-9", "--max-orders", "1", "--costs", "costs.csv")
        self.write("costly/taxonomy.json", json.dumps(swept))
        self.open(self.path("costly"))
        self.assertEqual(self.count("#objective, details.weights"), 0)
        self.assertIn("cannot solve them anew", self.text("#not-tried"))


if __name__ == "__main__":
    unittest.main()
