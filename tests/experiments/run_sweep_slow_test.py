"""Sweeps over lists of values: one folder a combination, what they share is done once, a table of what each gave."""
import csv
import json
import os
import shutil
import tempfile
import unittest

import tiny_study
from cli import WITH_TORCH, CliTest
from tiny_study import JOBS, read

DECAYS = ["network.weight_decay=0", "network.weight_decay=0.01"]
FOLDERS = ["weight_decay=0,max_order=1", "weight_decay=0,max_order=2", "weight_decay=0.01,max_order=1", "weight_decay=0.01,max_order=2"]


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class SweepTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="affinis-test-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.file = tiny_study.write_file(cls.shared)
        cls.out = os.path.join(cls.shared, "sweep")
        cls.arguments = ["--set", "network.weight_decay=[0, 0.01]", "--set", "search.max_order=[1,2]"]
        cls.done = json.loads(tiny_study.run(cls.file, cls.out, *cls.arguments, "--json").stdout)

    def jobs(self):
        return {name: os.stat(os.path.join(self.out, "jobs", name, "done.json")).st_mtime_ns for name in os.listdir(os.path.join(self.out, "jobs"))}

    def test_one_folder_for_each_combination(self):
        self.assertEqual([row["folder"] for row in self.done["combinations"]], FOLDERS)
        for folder in FOLDERS:
            for name in ("report.html", "transfers.csv", "taxonomy.json", "experiment.toml", "summary.json", "index.sqlite"):
                self.assertTrue(os.path.exists(os.path.join(self.out, folder, name)), (folder, name))
            self.assertFalse(os.path.exists(os.path.join(self.out, folder, "jobs")))
            self.assertTrue(self.json("status", os.path.join(self.out, folder))["finished"])
        self.assertIn("weight_decay = 0.01", read(self.out, FOLDERS[2], "experiment.toml").decode())

    def test_jobs_in_common_are_done_once(self):
        # Both decays share data, scratch, shallow and constant networks; both orders share all but the pairs.
        own = JOBS - 1 - 3 * 3
        self.assertEqual(len(self.jobs()), 1 + 3 * 3 + 2 * own)
        before = self.jobs()
        again = self.succeed("run", self.file, "--out", self.out, *self.arguments)
        self.assertEqual(self.jobs(), before)
        self.assertIn("table: ", again.stdout)
        # One combination by its own settings finds them too.
        self.succeed("run", os.path.join(self.out, FOLDERS[3], "experiment.toml"), "--out", os.path.join(self.out, FOLDERS[3]))
        self.assertEqual(self.jobs(), before)

    def test_a_combination_gives_what_it_gives_alone(self):
        tiny_study.run(self.file, self.path("alone"), "--set", "network.weight_decay=0.01", "--set", "search.max_order=1")
        for name in ("transfers.csv", "taxonomy.json"):
            self.assertEqual(read(self.folder, "alone", name), read(self.out, FOLDERS[2], name))

    def test_the_table(self):
        with open(os.path.join(self.out, "sweep.csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["folder"] for row in rows], FOLDERS)
        self.assertEqual([row["network.weight_decay"] for row in rows], ["0", "0", "0.01", "0.01"])
        self.assertEqual([row["search.max_order"] for row in rows], ["1", "2"] * 2)
        for row in rows:
            with open(os.path.join(self.out, row["folder"], "taxonomy.json")) as file:
                cell = json.load(file)["cells"][-1]
            self.assertEqual(float(row["mean_gain"]), cell["mean_gain"])
            self.assertEqual(row["finished"], "true")
            for task in tiny_study.TASKS:
                self.assertGreater(float(row["loss_" + task]), 0)
        self.assertEqual(rows[0]["loss_edge2d"], rows[1]["loss_edge2d"])
        self.assertNotEqual(rows[0]["loss_edge2d"], rows[2]["loss_edge2d"])

    def test_status_of_a_sweep(self):
        said = self.succeed("status", self.out).stdout
        self.assertEqual(said.count(", finished"), 4)
        told = self.json("status", self.out)
        self.assertEqual([each["folder"] for each in told["combinations"]], FOLDERS)

    def test_a_sweep_in_the_file(self):
        text = tiny_study.TEXT + '[sweep]\n# learning rates\n"network.learning_rate" = [1e-3, 3e-3]\ntaxonomy.budgets = [[1], [1, 2]]\n'
        plan = self.json("run", tiny_study.write_file(self.folder, text), "--out", self.path("out"), "--dry-run")
        self.assertEqual([os.path.basename(each["folder"]) for each in plan["combinations"]],
                         ["learning_rate=0.001,budgets=1", "learning_rate=0.001,budgets=1+2", "learning_rate=0.003,budgets=1",
                          "learning_rate=0.003,budgets=1+2"])

    def test_mistakes(self):
        def refuse(text, *names, arguments=()):
            file = tiny_study.write_file(self.folder, text)
            self.refuse(2, "run", file, "--out", self.path("out"), *arguments, names=names)
            self.assertFalse(os.path.exists(self.path("out")))

        refuse(tiny_study.TEXT + "[sweep]\nnetwork.steps = 3\n", "tiny.toml", "network.steps", "list")
        refuse(tiny_study.TEXT + "[sweep]\nnetwork.steps = []\n", "network.steps", "no values")
        refuse(tiny_study.TEXT + "[sweep]\nnetwork.step = [1, 2]\n", "network.step", "did you mean")
        refuse(tiny_study.TEXT + "[sweep]\nnetwork.steps = [3, -1]\n", "network.steps", "-1")
        refuse(tiny_study.TEXT, "network.steps", "twice", arguments=["--set", "network.steps=[3,3]"])
        text = tiny_study.TEXT + "[sweep]\nnetwork.steps = [3, 4]\n\n[slurm]\npartitio = 'x'\n"
        refuse(text, "%d" % (text[: text.index("partitio")].count("\n") + 1), "partitio")


if __name__ == "__main__":
    unittest.main()
