"""Joint trainings: `affinis mtl`, studies with [mtl], what they leave, and that what is done is never done again."""
import csv
import json
import math
import os
import shutil
import tempfile
import unittest

import tiny_study
from cli import WITH_TORCH, CliTest
from tiny_study import ROOMS, STEPS, digest, read

TASKS = ["class_places", "edge2d", "rgb2depth"]
TEXT = (
    """name = "joint"
[scale]
image_side = 32
width = 8
[tasks]
names = ["edge2d", "rgb2depth", "class_places"]
[search]
max_order = 0
constant = false
random_encoder = false
"""
    + ROOMS.replace("views_per_room = 3", "views_per_room = 6")
    + """[network]
%sevaluate_every = 1
[mtl]
groups = ["all", "pairs"]
seeds = [1, 2]
narrow_width = 4
%sevaluate_every = 1
""" % (STEPS, STEPS)
)
# data; networks of two seeds at two widths; a group of three and three pairs with two seeds
JOBS = 1 + 3 * 2 * 2 + 4 * 2
SAME = ["--steps", 3, "--set", "scale.width=8"] + [part for section in ("network", "mtl") for part in ("--set", section + ".batch_size=4", "--set", section + ".evaluate_every=1")]


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class MtlTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="affinis-test-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.file = tiny_study.write_file(cls.shared, TEXT)
        cls.run_folder = os.path.join(cls.shared, "run")
        tiny_study.run(cls.file, cls.run_folder)
        cls.multi = json.loads(read(cls.run_folder, "summary.json"))["multi_task"]

    def job(self, name, out=None):
        jobs = os.path.join(out or self.run_folder, "jobs")
        found = [folder for folder in os.listdir(jobs) if folder.rsplit("-", 1)[0] == name]
        self.assertEqual(len(found), 1, name)
        return os.path.join(jobs, found[0])

    def test_jobs_and_their_folders(self):
        groups = ["+".join(TASKS)] + [a + "+" + b for i, a in enumerate(TASKS) for b in TASKS[i + 1:]]
        expected = ["data"] + ["network." + task for task in TASKS] + ["network.%s.seed-2" % task for task in TASKS]
        expected += ["narrow.%s.seed-%d" % (task, seed) for task in TASKS for seed in (1, 2)]
        expected += ["joint.%s.fixed.%d" % (group, seed) for group in groups for seed in (1, 2)]
        self.assertEqual(tiny_study.job_names(self.run_folder), sorted(expected))
        self.assertEqual(len(expected), JOBS)
        folder = self.job("joint.%s.fixed.1" % groups[0])
        whole = json.loads(read(folder, "result.json"))
        self.assertEqual(whole["tasks"], TASKS)
        self.assertEqual(whole["parameters"], whole["trunk_parameters"] + sum(head["parameters"] for head in whole["heads"].values()))
        self.assertTrue(os.path.exists(os.path.join(folder, "network.safetensors")))
        self.assertEqual([name for name in os.listdir(folder) if name.startswith("checkpoint")], [])
        for task in TASKS:
            own = json.loads(read(self.job("network." + task), "result.json"))
            head = json.loads(read(folder, "heads", task, "result.json"))
            self.assertEqual(set(head), set(own))
            self.assertEqual([metric["name"] for metric in head["metrics"]], [metric["name"] for metric in own["metrics"]])
            self.assertEqual([point["step"] for point in head["curve"]], [1, 2, 3])
            self.assertEqual(head["mean_loss"], whole["heads"][task]["mean_loss"])
            self.assertTrue(os.path.exists(os.path.join(folder, "heads", task, "losses.h5")))
            self.assertTrue(os.path.exists(os.path.join(folder, "heads", task, "pictures", "prediction.0.png")))

    def test_the_summary_adds_up(self):
        self.assertEqual(len(self.multi["trainings"]), 4)
        for training in self.multi["trainings"]:
            self.assertEqual(training["seeds"], [1, 2])
            changes = []
            for entry in training["per_task"]:
                self.assertAlmostEqual(entry["loss"], sum(entry["losses"]) / 2)
                own = [json.loads(read(self.job("network." + entry["task"] + end), "result.json"))["mean_loss"] for end in ("", ".seed-2")]
                self.assertEqual(entry["single_losses"], own)
                change = [100 * (a / b - 1) for a, b in zip(entry["losses"], own)]
                self.assertAlmostEqual(entry["change"]["value"], sum(change) / 2)
                half = 12.706205 * abs(change[0] - change[1]) / 2
                self.assertAlmostEqual(entry["change"]["high"] - entry["change"]["value"], half, delta=1e-5 * half + 1e-9)
                self.assertTrue(entry["loss_change"]["low"] <= entry["loss_change"]["value"] <= entry["loss_change"]["high"])
                self.assertTrue(0 <= entry["win_rate"] <= 1)
                changes.append(change)
            losses = training["delta_m"]["losses"]["seeds"]
            for seed in (0, 1):
                self.assertAlmostEqual(losses[seed], sum(change[seed] for change in changes) / len(changes), places=5)
            self.assertEqual(training["delta_m"]["images"]["unit"], "images")

    def test_delta_m_by_hand(self):
        """Both averages from the heads' and the networks' own metrics."""
        training = max(self.multi["trainings"], key=lambda each: len(each["tasks"]))
        for seed in (1, 2):
            folder = self.job("joint.%s.fixed.%d" % ("+".join(TASKS), seed))
            by_task = []
            for task in TASKS:
                head = json.loads(read(folder, "heads", task, "result.json"))["metrics"]
                own = json.loads(read(self.job("network." + task + ("" if seed == 1 else ".seed-2")), "result.json"))["metrics"]
                by_task.append([100 * (a["value"] - b["value"]) / abs(b["value"]) * (-1 if a["higher_is_better"] else 1)
                                for a, b in zip(head, own) if a["value"] is not None and b["value"]])
            everything = [value for values in by_task for value in values]
            means = [sum(values) / len(values) for values in by_task if values]
            self.assertAlmostEqual(training["delta_m"]["metrics"]["seeds"][seed - 1], sum(everything) / len(everything))
            self.assertAlmostEqual(training["delta_m"]["tasks"]["seeds"][seed - 1], sum(means) / len(means))

    def test_partners_and_planes(self):
        partners = self.multi["partners"]
        self.assertEqual(partners["tasks"], TASKS)
        pairs = {tuple(training["tasks"]): training for training in self.multi["trainings"] if len(training["tasks"]) == 2}
        for i, task in enumerate(TASKS):
            self.assertIsNone(partners["change"][i][i])
            for j, partner in enumerate(TASKS):
                if i != j:
                    entry = next(e for e in pairs[tuple(sorted((task, partner)))]["per_task"] if e["task"] == task)
                    self.assertEqual(partners["change"][i][j], entry["loss_change"]["value"])
                    self.assertEqual(partners["seed_high"][i][j], entry["change"]["high"])
        self.assertEqual([plane["tasks"] for plane in self.multi["pareto"]], [list(pair) for pair in sorted(pairs)])
        for plane in self.multi["pareto"]:
            self.assertEqual(plane["front"], [0])
            self.assertEqual(len(plane["points"][0]["seeds"][0]), 2)

    def test_the_network_table_is_one_that_group_solve_takes(self):
        table = os.path.join(self.run_folder, "networks.csv")
        with open(table, newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 3 + 3 + 3 + 2 * 3)
        for row in rows:
            self.assertTrue(all(row.values()), row)
        self.assertEqual({row["cost"] for row in rows if row["network"] in TASKS}, {"1", "0.25"})
        own = [json.loads(read(self.job("network.edge2d" + end), "result.json")) for end in ("", ".seed-2")]
        row = next(row for row in rows if (row["network"], row["cost"]) == ("edge2d", "1"))
        self.assertAlmostEqual(float(row["test_loss"]), sum(result["mean_loss"] for result in own) / 2)
        self.assertAlmostEqual(float(row["validation_loss"]), sum(result["curve"][-1]["validation_loss"] for result in own) / 2)
        self.assertAlmostEqual(float(row["early_validation_loss"]), sum(result["curve"][0]["validation_loss"] for result in own) / 2)
        for method in ("optimal", "esa", "hoa"):
            cells = self.json("group", "solve", "--networks", table, "--budgets", "1,2", "--method", method)["cells"]
            self.assertTrue(all(cell["proven"] for cell in cells))

    def test_running_again_repeats_no_job_and_changes_no_byte(self):
        copy = self.path("run")
        shutil.copytree(self.run_folder, copy)
        names = ("networks.csv", "report.html", "experiment.toml")
        before = {name: digest(copy, name) for name in names}
        again = self.succeed("run", self.file, "--out", copy)
        self.assertIn("%d jobs, %d of them done before" % (JOBS, JOBS), again.stderr)
        self.assertEqual({name: digest(copy, name) for name in names}, before)

    def test_mtl_by_hand_gives_the_network_of_the_study(self):
        command = ("mtl", "--tasks", ",".join(reversed(TASKS)), "--data", self.job("data"), "--out", "joint", *SAME)
        result = self.json(*command)
        folder = self.job("joint.%s.fixed.1" % "+".join(TASKS))
        self.assertEqual(digest(self.folder, result["weights"]), digest(folder, "network.safetensors"))
        self.assertIsNone(result["delta_m"])
        self.assertEqual([entry["task"] for entry in result["tasks"]], TASKS)
        self.assertEqual(tiny_study.job_names(self.path("joint")), ["joint.%s.fixed.1" % "+".join(TASKS)])
        compared = self.json(*command, "--baselines")
        one = next(training for training in self.multi["trainings"] if len(training["tasks"]) == 3)
        self.assertEqual(compared["delta_m"]["metrics"]["seeds"], one["delta_m"]["metrics"]["seeds"][:1])
        self.assertIsNone(compared["delta_m"]["metrics"]["low"])  # one seed
        said = self.succeed(*command, "--baselines").stdout
        self.assertIn("delta-m (negative is better)", said)

    def test_pairs_tiles_grey_and_missing_labels_together(self):
        tasks = "jigsaw,colorization,fix_pose,rgb2depth,autoencoder"
        data = self.job("data")
        results = [self.json("mtl", "--tasks", tasks, "--data", data, "--out", out, *SAME, *more)
                   for out, more in (("all", ()), ("some", ("--missing-labels", "0.4")), ("again", ("--missing-labels", "0.4")))]
        weights = [digest(self.folder, result["weights"]) for result in results]
        self.assertEqual(weights[1], weights[2])
        self.assertNotEqual(weights[0], weights[1])
        for result in results:
            self.assertEqual(len(result["tasks"]), 5)
            for entry in result["tasks"]:
                self.assertTrue(entry["loss"] is None or math.isfinite(entry["loss"]))

    def test_what_cannot_be_is_refused_in_a_sentence(self):
        data = self.job("data")
        common = ("--data", data, "--out", "out")
        self.refuse(2, "mtl", "--tasks", "rgb2depth,random", *common, names=["'random'", "leave it out"])
        self.refuse(2, "mtl", "--tasks", "rgb2depth,edge3", *common, names=["'edge3'"])
        self.refuse(2, "mtl", "--tasks", "rgb2depth", *common, names=["rgb2depth", "from two on"])
        self.refuse(2, "mtl", "--tasks", "rgb2depth,edge2d", "--balancer", "gradnom", *common, names=["gradnom"])
        self.refuse(2, "run", self.file, "--out", "out", "--set", "mtl.groups=all,edge2d+rgb2mist", names=["rgb2mist", "tasks.names"])
        self.refuse(2, "run", self.file, "--out", "out", "--set", "mtl.narrow_width=8", names=["mtl.narrow_width", "scale.width"])
        self.refuse(2, "run", self.file, "--out", "out", "--set", "mtl.balancers=fixed,nahs", names=["nahs"])
        for key, names in {
            "periods=edge2d=1.5": ["a whole number of steps"],
            "periods=edge3d=2": ["edge3d=2", "no joint network"],
            "periods=edgy=2": ["'edgy'"],
            "rates=edge2d": ["task=value"],
            "rates=edge2d=-1": ["a rate is at least 0"],
            "weights=edge2d=0.5,rgb2depth=0.6": ["sum to 1.1, not to 1"],
            "weights=edge2d=0.5": ["no network", "exactly these"],
            "heads_first=1": ["heads_first"],
            "alpah=2": ["alpah", "alpha"],
            "head_schedule=rond": ["head_schedule", "round-robin"],
        }.items():
            for more in ((), ("--dry-run",)):
                self.refuse(2, "run", self.file, "--out", "out", "--set", "balance." + key, *more, names=names)
        self.assertFalse(os.path.exists(self.path("out")))

    def test_a_joint_encoder_is_a_source(self):
        text = TEXT[:TEXT.index("[mtl]")].replace("max_order = 0", "max_order = 2\nscratch = true\nshallow = false").replace(
            'names = ["edge2d", "rgb2depth", "class_places"]', 'sources = ["edge2d"]\ntargets = ["class_places"]\njoint_sources = ["rgb2sfnorm+depth_zbuffer"]')
        text += "".join("[%s]\n%s" % (section, STEPS) for section in ("scratch", "transfer", "mtl"))
        text = text.replace(text[text.index("[rooms]"):text.index("[network]")], '[data]\nfolder = "%s"\n' % self.job("data"))
        tiny_study.run(tiny_study.write_file(self.folder, text), self.path("out"))
        jobs = tiny_study.job_names(self.path("out"))
        for job in ("joint.rgb2depth+rgb2sfnorm.fixed.1", "encode.joint_rgb2depth_rgb2sfnorm", "transfer.joint_rgb2depth_rgb2sfnorm--class_places",
                    "transfer.edge2d+joint_rgb2depth_rgb2sfnorm--class_places"):
            self.assertIn(job, jobs)
        self.assertNotIn("network.rgb2depth", jobs)
        with open(self.path("out/transfers.csv"), newline="") as file:
            rows = {row["sources"]: row for row in csv.DictReader(file)}
        self.assertEqual(rows["edge2d+joint:rgb2depth&rgb2sfnorm"]["order"], "2")
        cells = self.json("taxonomy", "sweep", "--transfers", "out/transfers.csv", "--budgets", "1-2", "--max-orders", "1,2")["cells"]
        self.assertEqual(len(cells), 4)
        self.assertIn("joint:rgb2depth", read(self.folder, "out", "report.html").decode())

    def test_the_plan_counts_joint_trainings(self):
        plan = self.json("run", self.file, "--out", self.path("new"), "--dry-run")
        self.assertEqual((plan["jobs"], plan["done"]), (JOBS, 0))
        self.assertEqual({stage["stage"]: stage["jobs"] for stage in plan["stages"]}, {"data": 1, "network": 6, "narrow": 6, "joint": 8})


if __name__ == "__main__":
    unittest.main()
