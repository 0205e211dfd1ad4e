"""The taxonomy commands as people script against them: flags, JSON keys, exit codes, sentences."""

import csv
import io
import itertools
import json
import os
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

AFFINIS = os.environ["AFFINIS"]
HEADER = "sources,target,order,affinity,gain,quality\n"
TABLE = HEADER + (
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


def run(*arguments):
    return subprocess.run([AFFINIS, "taxonomy", *map(str, arguments)], capture_output=True, text=True, timeout=300)


class TaxonomyCommands(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, text):
        path = self.folder / name
        path.write_bytes(text.encode())
        return path

    def solve(self, text, *flags):
        result = run("solve", "--transfers", self.write("transfers.csv", text), "--json", *flags)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def refuse(self, code, sentence, *arguments):
        result = run(*arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(len(result.stderr.strip().splitlines()), 1, result.stderr)
        self.assertIn(sentence, result.stderr)

    def test_solve_prints_the_documented_keys(self):
        found = self.solve(TABLE, "--budget", 1, "--max-order", 2)
        self.assertEqual(
            set(found),
            {"objective", "value", "bound", "proven", "sources", "choices", "mean_gain", "mean_quality", "nodes", "seconds"},
        )
        self.assertEqual(found["objective"], "affinity")
        self.assertTrue(found["proven"])
        self.assertAlmostEqual(found["value"], 0.3 + 0.6 + 0.25)
        self.assertEqual(found["bound"], found["value"])
        self.assertEqual(found["sources"], ["normal"])
        self.assertEqual([c["target"] for c in found["choices"]], ["depth", "edge", "normal"])
        self.assertEqual(found["choices"][0]["sources"], ["normal"])
        self.assertEqual(found["choices"][2]["sources"], ["self"])
        self.assertEqual(found["choices"][2]["order"], 1)
        self.assertAlmostEqual(found["mean_gain"], (0.8 + 0.6 + 0.9) / 3)
        self.assertAlmostEqual(found["mean_quality"], (0.4 + 0.2 + 0.5) / 3)

    def test_a_missing_value_is_null_and_no_edge_of_its_objective(self):
        self.assertEqual(self.solve(TABLE, "--budget", 2, "--max-order", 2, "--target-only", "depth")["choices"][0]["gain"], None)
        gain = self.solve(TABLE, "--budget", 2, "--max-order", 2, "--objective", "gain", "--target-only", "depth")
        self.assertEqual(gain["choices"][0]["sources"], ["normal"])

    def test_costs_importance_and_fractional_budgets(self):
        costs = self.write("costs.csv", "task,cost\nnormal,2.5\nedge,0.5\ndepth,0.5\n")
        importance = self.write("importance.csv", "task,importance\ndepth,10\n")
        cheap = self.solve(TABLE, "--budget", "1.0", "--max-order", 2, "--costs", costs)
        self.assertEqual(cheap["sources"], ["depth", "edge"])
        dear = self.solve(TABLE, "--budget", "3.5", "--max-order", 2, "--costs", costs, "--importance", importance)
        self.assertEqual(dear["sources"], ["depth", "edge", "normal"])
        self.assertAlmostEqual(dear["value"], 5 + 0.7 + 0.6)

    def test_roles(self):
        found = self.solve(TABLE, "--budget", 1, "--max-order", 1, "--exclude", "edge", "--source-only", "normal")
        self.assertEqual([c["target"] for c in found["choices"]], ["depth"])
        self.assertEqual(found["sources"], ["depth"])

    def test_sweep_prints_every_cell(self):
        path = self.write("transfers.csv", TABLE)
        result = run("sweep", "--transfers", path, "--budgets", "1-3", "--max-orders", "1,2", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        found = json.loads(result.stdout)
        self.assertEqual(set(found), {"cells", "seconds"})
        self.assertEqual([(c["budget"], c["max_order"]) for c in found["cells"]],
                         [(b, k) for k in (1, 2) for b in (1, 2, 3)])
        values = [c["value"] for c in found["cells"]]
        self.assertEqual(values[:3], sorted(values[:3]))
        for cell in found["cells"]:
            alone = self.solve(TABLE, "--budget", cell["budget"], "--max-order", cell["max_order"])
            self.assertEqual(alone["value"], cell["value"])
            self.assertEqual(alone["choices"], cell["choices"])

    def test_people_get_a_table(self):
        path = self.write("transfers.csv", TABLE)
        solved = run("solve", "--transfers", path, "--budget", 1)
        self.assertEqual(solved.returncode, 0, solved.stderr)
        self.assertIn("proven optimal", solved.stdout)
        self.assertIn("learned from", solved.stdout)
        swept = run("sweep", "--transfers", path, "--budgets", "1,2.5")
        self.assertEqual(swept.returncode, 0, swept.stderr)
        self.assertIn("2.5", swept.stdout)

    def test_line_ends_do_not_matter(self):
        reference = self.solve(TABLE, "--budget", 2, "--max-order", 2)
        for end in ("\r\n", "\r"):
            found = self.solve(TABLE.replace("\n", end), "--budget", 2, "--max-order", 2)
            self.assertEqual(found["choices"], reference["choices"])

    def test_bad_tables_fail_with_one_sentence(self):
        def refuse(sentence, text):
            self.refuse(1, sentence, "solve", "--transfers", self.write("bad.csv", text), "--budget", 1, "--json")

        refuse("bad.csv line 1: the column 'affinity' is missing", "sources,target,order,gain,quality\na,b,1,1,1\n")
        refuse("bad.csv line 3: 'x' in column affinity", HEADER + "a,b,1,1,1,1\nc,b,1,x,1,1\n")
        refuse("bad.csv line 3: the transfer from 'a' to 'b' stands in line 2 already", HEADER + "a,b,1,1,1,1\na,b,1,1,1,1\n")
        refuse("bad.csv: there are no rows", HEADER)
        refuse("never closed", HEADER + '"a,b,1,1,1,1\n')
        self.refuse(1, "absent.csv", "solve", "--transfers", self.folder / "absent.csv", "--budget", 1)

    def test_bad_options_are_usage_errors(self):
        path = self.write("transfers.csv", TABLE)
        solve = ("solve", "--transfers", path)
        self.refuse(2, "the budget is -1", *solve, "--budget", "-1")
        self.refuse(2, "the budget is -0.5", *solve, "--budget=-0.5")
        self.refuse(2, "'many' is not a number", *solve, "--budget", "many")
        self.refuse(2, "did you mean 'normal'?", *solve, "--budget", 1, "--exclude", "norml")
        self.refuse(2, "the maximum order is 0", *solve, "--budget", 1, "--max-order", 0)
        self.refuse(2, "there is no objective 'loss'", *solve, "--budget", 1, "--objective", "loss")
        self.refuse(2, "--time-limit: Value -1 must not be negative; see --help", *solve, "--budget", 1, "--time-limit", -1)
        self.refuse(2, "--budget", *solve)
        sweep = ("sweep", "--transfers", path)
        self.refuse(2, "3-1", *sweep, "--budgets", "3-1")
        self.refuse(2, "the budget is -2", *sweep, "--budgets", "1,-2")
        self.refuse(2, "--max-orders", *sweep, "--budgets", "1", "--max-orders", "one")

    def test_infeasible_problems_say_what_would_help(self):
        path = self.write("transfers.csv", HEADER + "a+b,c,2,1,1,1\nself,a,1,1,1,1\n")
        self.refuse(1, "raise the maximum order", "solve", "--transfers", path, "--budget", 1)
        self.refuse(1, "a budget of 2 is enough", "solve", "--transfers", path, "--budget", 1, "--max-order", 2)

    def test_lp_export(self):
        lp = self.folder / "problem.lp"
        self.solve(TABLE, "--budget", 2, "--lp", lp)
        self.assertTrue(lp.read_text().startswith("Maximize"))

    def test_forced_and_forbidden_sources(self):
        free = self.solve(TABLE, "--budget", 1, "--max-order", 2)
        self.assertEqual(free["sources"], ["normal"])
        forced = self.solve(TABLE, "--budget", 2, "--max-order", 2, "--force", "depth")
        self.assertIn("depth", forced["sources"])
        forbidden = self.solve(TABLE, "--budget", 2, "--max-order", 2, "--forbid", "normal")
        self.assertEqual(forbidden["sources"], ["depth", "edge"])
        self.assertEqual([c["target"] for c in forbidden["choices"]], ["depth", "edge", "normal"])
        path = self.write("transfers.csv", TABLE)
        solve = ("solve", "--transfers", path)
        self.refuse(2, "'normal' is forced, but also excluded, forbidden or target-only", *solve, "--budget", 1, "--force", "normal", "--forbid", "normal")
        self.refuse(1, "the forced tasks (depth, normal) cost 2, more than the budget of 1", *solve, "--budget", 1, "--force", "normal,depth")
        self.refuse(2, "force: there is no task 'norml'", *solve, "--budget", 1, "--force", "norml")
        swept = run("sweep", "--transfers", path, "--budgets", "1,2", "--force", "normal,depth", "--json")
        cells = json.loads(swept.stdout)["cells"]
        self.assertIn("the forced tasks", cells[0]["infeasible"])
        self.assertIn("depth", cells[1]["sources"])

    def test_mixed_objective(self):
        found = self.solve(TABLE, "--budget", 1, "--max-order", 2, "--objective", "affinity:0.5,gain:0.5")
        self.assertEqual(found["objective"], "affinity:0.5,gain:0.5")
        self.assertAlmostEqual(found["value"], 0.5 * (0.3 + 0.6 + 0.25) + 0.5 * (0.8 + 0.9 + 0.6))
        path = self.write("transfers.csv", TABLE)
        self.refuse(2, "at least 0 behind gain", "solve", "--transfers", path, "--budget", 1, "--objective", "affinity:1,gain:-1")

    def test_ties_and_the_next_best(self):
        text = HEADER + "a,t,1,0.5,,\nb,t,1,0.5,,\nc,t,1,0.25,,\na+b,t,2,0.5,,\n"
        found = self.solve(text, "--budget", 2, "--max-order", 2, "--all-optima", 5, "--next", 5)
        self.assertTrue(found["optima"]["complete"])
        self.assertEqual([t["sources"] for t in found["optima"]["taxonomies"]], [["a"], ["b"]])
        self.assertEqual([t["sources"] for t in found["ranking"]["taxonomies"]], [["a"], ["b"], ["c"]])
        self.assertEqual([t["value"] for t in found["ranking"]["taxonomies"]], [0.5, 0.5, 0.25])
        capped = self.solve(text, "--budget", 2, "--max-order", 2, "--all-optima", 1)
        self.assertFalse(capped["optima"]["complete"])
        self.assertEqual(len(capped["optima"]["taxonomies"]), 1)
        printed = run("solve", "--transfers", self.write("transfers.csv", text), "--budget", 1, "--next", 3, "--all-optima", 1).stdout
        self.assertIn("tied with the best; there may be more", printed)
        self.assertIn("0.250000", printed)
        self.refuse(2, "--next", "solve", "--transfers", self.folder / "transfers.csv", "--budget", 1, "--next", 0)

    def test_alternatives(self):
        found = self.solve(TABLE, "--budget", 2, "--max-order", 2, "--target-only", "depth", "--alternatives", 2)
        depth = found["choices"][0]
        self.assertEqual(depth["sources"], ["edge", "normal"])
        self.assertEqual([a["sources"] for a in depth["alternatives"]], [["normal"], ["edge"]])
        self.assertAlmostEqual(depth["alternatives"][0]["difference"], 0.3 - 0.4)
        self.assertIsNone(depth["needs_more"])
        one = self.solve(TABLE, "--budget", 1, "--max-order", 2, "--alternatives", 2)["choices"][0]
        self.assertEqual(one["needs_more"]["sources"], ["self"])
        self.assertEqual(one["needs_more"]["missing"], ["depth"])
        self.assertAlmostEqual(one["needs_more"]["difference"], 0.2)
        printed = run("solve", "--transfers", self.write("transfers.csv", TABLE), "--budget", 1, "--alternatives", 1).stdout
        self.assertIn("would also need", printed)

    def test_the_budget_has_a_marginal_value(self):
        path = self.write("transfers.csv", TABLE)
        cells = json.loads(run("sweep", "--transfers", path, "--budgets", "1-3", "--json").stdout)["cells"]
        for cell, following in zip(cells, cells[1:]):
            self.assertAlmostEqual(cell["marginal"], following["value"] - cell["value"])
        self.assertEqual(cells[-1]["marginal"], 0)
        alone = json.loads(run("sweep", "--transfers", path, "--budgets", "1", "--json").stdout)["cells"]
        self.assertEqual(alone[0]["marginal"], cells[0]["marginal"])

    def test_each_odd_input_has_its_rule(self):
        """The table of taxonomy/README.md, line by line."""
        def refuse(code, sentence, text, *flags):
            self.refuse(code, sentence, "solve", "--transfers", self.write("odd.csv", text), "--budget", 1, *flags)

        for odd in ("nan", "NaN", "inf", "-Infinity", "1e999"):
            refuse(1, f"odd.csv line 2: '{odd}' in column affinity is not a finite number", HEADER + f"a,t,1,{odd},1,1\n")
        empty = self.solve(HEADER + "a,t,1,,1,1\nb,t,1,0.1,1,1\n", "--budget", 1)
        self.assertEqual(empty["sources"], ["b"])
        refuse(1, "have no affinity", HEADER + "a,t,1,,1,1\n")
        negative = self.solve(HEADER + "a,t,1,-2,1,1\nb,t,1,-1,1,1\n", "--budget", 1)
        self.assertEqual((negative["sources"], negative["value"]), (["b"], -1))
        cycle = self.solve(HEADER + "t,t,1,9,1,1\nself,t,1,0.5,1,1\nt,u,1,1,1,1\n", "--budget", 1)
        self.assertEqual([c["sources"] for c in cycle["choices"]], [["self"], ["t"]])
        cycle = self.solve(HEADER + "t,t,1,9,1,1\nt,u,1,1,1,1\n", "--budget", 1)
        self.assertEqual([c["sources"] for c in cycle["choices"]], [["t"], ["t"]])
        refuse(1, "the sources are empty; name a task", HEADER + ",t,1,1,1,1\n")
        refuse(1, "the target is empty", HEADER + "a,,1,1,1,1\n")
        refuse(1, "stands in line 2 already", HEADER + "a+b,t,2,1,1,1\nb+a,t,2,1,1,1\n")
        unknown = HEADER + "a,t,1,1,1,1\n"
        for flag in ("--exclude", "--source-only", "--target-only", "--force", "--forbid"):
            refuse(2, f"{flag[2:]}: there is no task 'x'", unknown, flag, "x")
        refuse(2, "cost: there is no task 'x'", unknown, "--costs", self.write("costs.csv", "task,cost\nx,1\n"))
        refuse(1, "costs.csv line 2: the cost of 'a' is -1, but must be at least 0", unknown, "--costs", self.write("costs.csv", "task,cost\na,-1\n"))
        free = self.write("costs.csv", "task,cost\na,0\n")
        table = self.write("free.csv", HEADER + "a,t,1,1,1,1\nb,t,1,2,1,1\n")
        nothing = run("solve", "--transfers", table, "--budget", 0, "--costs", free, "--json")
        self.assertEqual(json.loads(nothing.stdout)["sources"], ["a"])
        self.refuse(1, "no choice of sources within a budget of 0 serves every target: 't' goes unserved; a budget of 1 is enough",
                    "solve", "--transfers", table, "--budget", 0)

    def test_significance(self):
        path = self.write("transfers.csv", TABLE)
        arguments = ("significance", "--transfers", path, "--budget", 1, "--draws", 200)
        result = run(*arguments, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        found = json.loads(result.stdout)
        self.assertEqual(set(found), {"value", "mean_gain", "mean_quality", "draws", "rejected"})
        self.assertEqual(found["draws"], 200)
        self.assertGreaterEqual(found["value"]["taxonomy"], found["value"]["random_high"])
        self.assertGreater(found["rejected"], 0)  # depth and edge alone serve not every target
        self.assertEqual(run(*arguments, "--json").stdout, result.stdout)
        self.assertIn("mean gain", run(*arguments).stdout)
        self.refuse(2, "must be at least 1", *arguments[:-1], 0)

    def losses(self):
        generator = random.Random(3)
        rows = []
        for target, level in itertools.product(("depth", "normal"), (("self", 1), ("edge", 2), ("edge+depth", 1.5), ("scratch", 3))):
            for image in range(50):
                rows.append((level[0], target, image, level[1] + generator.random() * 2))
        return "network,target,image,loss\n" + "".join(f"{n},{t},{i},{loss!r}\n" for n, t, i, loss in rows)

    def test_affinity_makes_a_transfer_table_that_solve_takes(self):
        losses = self.write("losses.csv", self.losses())
        printed = run("affinity", "--losses", losses)
        self.assertEqual(printed.returncode, 0, printed.stderr)
        out = self.folder / "transfers.csv"
        written = run("affinity", "--losses", losses, "--out", out, "--json")
        self.assertEqual(written.returncode, 0, written.stderr)
        self.assertEqual(out.read_text(), printed.stdout)
        rows = list(csv.DictReader(io.StringIO(printed.stdout)))
        self.assertEqual(len(rows), 6)  # scratch is no transfer
        for target in ("depth", "normal"):
            self.assertAlmostEqual(sum(float(r["affinity"]) for r in rows if r["target"] == target), 1.0, places=12)
        own = [r for r in rows if r["sources"] == "self"]
        self.assertEqual([float(r["quality"]) for r in own], [0.5, 0.5])
        tournaments = json.loads(written.stdout)["tournaments"]
        self.assertEqual(tournaments[0]["images"], 50)
        self.assertNotIn("scratch", tournaments[0]["networks"])
        solved = run("solve", "--transfers", out, "--budget", 2, "--max-order", 2, "--json")
        self.assertEqual(solved.returncode, 0, solved.stderr)
        self.assertTrue(json.loads(solved.stdout)["proven"])

    def test_bad_losses_fail_with_one_sentence(self):
        def refuse(sentence, text):
            out = self.folder / "out.csv"
            self.refuse(1, sentence, "affinity", "--losses", self.write("bad.csv", text), "--out", out)
            self.assertFalse(out.exists())

        refuse("bad.csv line 1: the column 'loss' is missing", "network,target,image\na,b,1\n")
        refuse("bad.csv line 2: 'x' in column loss", "network,target,image,loss\na,b,1,x\n")
        refuse("share no test image", "network,target,image,loss\na,b,1,1\nc,b,2,1\n")

    def test_help(self):
        for command in ("affinity", "solve", "sweep", "significance"):
            result = run(command, "--help")
            self.assertEqual(result.returncode, 0)
            self.assertIn("--json", result.stdout)
        flags = run("solve", "--help").stdout
        for flag in ("--force", "--forbid", "--all-optima", "--next", "--alternatives", "affinity:0.5,gain:0.5", "--time-limit", "--lp"):
            self.assertIn(flag, flags)

    def test_published_table(self):
        table = Path(__file__).resolve().parents[3] / "shared" / "published" / "transfers_1k.csv"
        if not table.exists():
            self.skipTest(f"the published table {table.name} is not there")
        result = run("sweep", "--transfers", table, "--budgets", "1-26", "--max-orders", "1,2,3,4", "--exclude", "class_selected", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        cells = json.loads(result.stdout)["cells"]
        self.assertEqual(len(cells), 104)
        self.assertTrue(all(c["proven"] for c in cells))
        best = {(c["budget"], c["max_order"]): c["value"] for c in cells}
        self.assertAlmostEqual(best[8, 4], 3.735110, places=6)
        self.assertAlmostEqual(best[26, 1], 4.452874, places=6)


if __name__ == "__main__":
    unittest.main()
