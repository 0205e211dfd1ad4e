"""run --dry-run: the plan is of the jobs that then run, learns from a former run, and starts nothing."""
import json
import os
import shutil
import tempfile
import unittest

import tiny_study
from cli import WITH_TORCH, CliTest
from tiny_study import JOBS


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class DryRunTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="affinis-test-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.file = tiny_study.write_file(cls.shared)
        cls.run_folder = os.path.join(cls.shared, "run")
        tiny_study.run(cls.file, cls.run_folder)

    def plan(self, out, *arguments):
        return self.json("run", self.file, "--out", out, "--dry-run", *arguments)

    def test_the_plan_counts_what_a_run_does_and_starts_nothing(self):
        plan = self.plan(self.path("new"))
        self.assertFalse(os.path.exists(self.path("new")))
        self.assertEqual((plan["jobs"], plan["done"]), (JOBS, 0))
        stages = {stage["stage"]: stage["jobs"] for stage in plan["stages"]}
        self.assertEqual(stages, {"data": 1, "network": 3, "encode": 3, "scratch": 3, "shallow": 3, "constant": 3, "random_encoder": 3,
                                  "transfer, order 1": 9, "transfer, order 2": 3})
        self.assertEqual(plan["levels"], [1, 15, 3, 9, 3])
        self.assertEqual(sum(plan["levels"]), JOBS)
        self.assertEqual(plan["critical_path"][:3], ["data", plan["critical_path"][1], plan["critical_path"][2]])
        self.assertTrue(plan["critical_path"][1].startswith("network/"))
        self.assertEqual(plan["estimated_from"], "model")
        self.assertGreaterEqual(plan["seconds"] * plan["workers"], plan["work_seconds"] * 0.999)
        self.assertGreaterEqual(plan["seconds"], plan["critical_seconds"] * 0.999)

    def test_disk_is_estimated_within_a_factor_of_three(self):
        taken = sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(os.path.join(self.run_folder, "jobs")) for name in names)
        planned = sum(stage["bytes"] for stage in self.plan(self.path("new"))["stages"])
        self.assertLess(planned, 3 * taken)
        self.assertGreater(planned, taken / 3)

    def test_costs_are_learnt_from_a_former_run_with_its_index_or_without(self):
        plan = self.plan(self.path("new"), "--measured", self.run_folder)
        self.assertEqual((plan["estimated_from"], plan["measured_jobs"]), (self.run_folder, JOBS))
        seconds = 0
        for job in os.listdir(os.path.join(self.run_folder, "jobs")):
            with open(os.path.join(self.run_folder, "jobs", job, "done.json")) as file:
                seconds += json.load(file)["seconds"]
        # The same experiment: its work is what the former run took, but for transfers of order 2 that are others.
        self.assertAlmostEqual(plan["work_seconds"], seconds, delta=0.02 * seconds)
        copy = self.path("copy")
        shutil.copytree(self.run_folder, copy)
        os.remove(os.path.join(copy, "index.sqlite"))
        # Read in another order, the same seconds may sum up to another last bit.
        self.assertAlmostEqual(self.plan(self.path("new"), "--measured", copy)["work_seconds"], plan["work_seconds"], delta=1e-9)
        longer = self.plan(self.path("new"), "--measured", self.run_folder, "--set", "network.steps=3000")
        self.assertGreater(longer["work_seconds"], 2 * plan["work_seconds"])

    def test_only_what_is_left_is_planned(self):
        plan = self.plan(self.run_folder)
        self.assertEqual((plan["jobs"], plan["done"]), (JOBS, JOBS - 3))  # order 2 is known after order 1
        self.assertEqual(plan["estimated_from"], self.run_folder)
        changed = self.plan(self.run_folder, "--set", 'tasks.overrides=["network.edge2d.weight_decay=1e-3"]')
        # Its network, its encoding, its random encoder's head and its transfers as a source.
        self.assertEqual(changed["done"], JOBS - 3 - 6)
        as_target = self.plan(self.run_folder, "--set", 'tasks.overrides=["transfer.edge2d.weight_decay=1e-3"]')
        self.assertEqual(as_target["done"], JOBS - 3 - 3)

    def test_arrays_of_a_run_on_slurm(self):
        self.assertIsNone(self.plan(self.path("new"))["arrays"])
        plan = self.plan(self.path("new"), "--on", "slurm")
        # The data, then all of a task's own, then its encoding, then all transfers to it.
        self.assertEqual(plan["arrays"], [1, 3, 3, 3])
        self.assertEqual(plan["workers"], 3)
        limited = self.plan(self.path("new"), "--on", "slurm", "--set", "slurm.at_once=2", "--set", "slurm.jobs_per_task=1")
        self.assertEqual((limited["arrays"], limited["workers"]), ([1, 15, 3, 9], 2))

    def test_a_relative_data_folder_is_meant_from_the_files_folder_when_it_is_there(self):
        jobs = os.path.join(self.run_folder, "jobs")
        data = os.path.join(jobs, next(name for name in os.listdir(jobs) if name.startswith("data-")))
        text = tiny_study.TEXT.replace(tiny_study.ROOMS, '[data]\nfolder = "rooms"\n')
        os.mkdir(self.path("files"))
        file = tiny_study.write_file(self.path("files"), text)
        self.refuse(1, "run", file, "--out", self.path("out"), "--dry-run", names=[self.path("rooms")])
        os.symlink(data, self.path("rooms"))  # the working folder
        self.assertEqual(self.json("run", file, "--out", self.path("out"), "--dry-run")["jobs"], JOBS - 1)
        os.rename(self.path("rooms"), self.path("files/rooms"))
        self.assertEqual(self.json("run", file, "--out", self.path("out"), "--dry-run")["jobs"], JOBS - 1)

    def test_the_words(self):
        said = self.succeed("run", self.file, "--out", self.path("new"), "--dry-run").stdout
        for word in ("levels: 1 -> 15 -> 3 -> 9 -> 3 jobs", "transfer, order 2", "time: ", "model", "disk: ", "memory: "):
            self.assertIn(word, said)
        self.refuse(2, "run", self.file, "--measured", self.run_folder, names=["--dry-run"])
        self.refuse(1, "run", self.file, "--dry-run", "--measured", self.path("nowhere"), names=["nowhere"])


if __name__ == "__main__":
    unittest.main()
