"""A sweep over the number of transfer images: networks are trained once, one table and one report tell of all sizes."""
import csv
import json
import os
import re
import shutil
import tempfile
import unittest

import tiny_study
from cli import WITH_TORCH, CliTest
from tiny_study import TASKS, job_names

SIZES = [3, 4, 6]
SETTINGS = ["--set", "data.transfer_images=[3,4,0]", "--set", "search.max_order=1", "--set", "search.random_encoder=false", "--set", "search.seeds=2"]


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class DataSizeTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="affinis-test-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.file = tiny_study.write_file(cls.shared)
        cls.out = os.path.join(cls.shared, "sizes")
        cls.said = tiny_study.run(cls.file, cls.out, *SETTINGS)

    def rows(self):
        with open(os.path.join(self.out, "data_size.csv"), newline="") as file:
            return list(csv.DictReader(file))

    def test_networks_are_trained_once_for_all_sizes(self):
        stages = [name.split(".")[0] for name in job_names(self.out)]
        for stage, expected in (("data", 1), ("network", 3), ("constant", 3), ("encode", 9), ("scratch", 18), ("shallow", 18), ("transfer", 9 * 2 * 3)):
            self.assertEqual(stages.count(stage), expected, stage)

    def test_a_smaller_transfer_set_leaves_a_network_as_it_is(self):
        names = {name for name in os.listdir(os.path.join(self.out, "jobs")) if name.startswith("network.")}
        tiny_study.run(self.file, self.path("all"), "--set", "search.max_order=0", "--set", "search.constant=false", "--set", "search.random_encoder=false")
        self.assertEqual(names, {name for name in os.listdir(self.path("all/jobs")) if name.startswith("network.")})
        with open(os.path.join(self.out, "jobs", sorted(names)[0], "result.json")) as file:
            self.assertTrue(any(point["validation_loss"] is not None for point in json.load(file)["curve"]), "there is a validation to leave as it is")

    def test_the_table(self):
        rows = self.rows()
        self.assertEqual(len(rows), len(SIZES) * 3 * (1 + 3 + 2))
        self.assertEqual(sorted({int(row["images"]) for row in rows}), SIZES)
        self.assertEqual({row["setting"] for row in rows}, {""})
        for folder, size in (("transfer_images=3", 3), ("transfer_images=0", 6)):
            with open(os.path.join(self.out, folder, "transfers.csv"), newline="") as file:
                for measured in csv.DictReader(file):
                    row = next(each for each in rows if int(each["images"]) == size and each["target"] == measured["target"] and each["sources"] == measured["sources"])
                    self.assertEqual(row["kind"], "self" if measured["sources"] == "self" else "transfer")
                    for column in ("affinity", "gain", "quality", "gain_low", "gain_high", "quality_low", "quality_high"):
                        self.assertAlmostEqual(float(row[column]), float(measured[column]), places=12)
        with open(os.path.join(self.out, "transfer_images=4", "summary.json")) as file:
            task = next(task for task in json.load(file)["tasks"] if task["name"] == "edge2d")
        row = next(row for row in rows if row["images"] == "4" and row["target"] == "edge2d" and row["sources"] == "rgb2depth")
        self.assertEqual(float(row["loss"]), task["transfers"]["rgb2depth"]["mean_loss"])
        self.assertEqual(float(row["loss_high"]), task["transfers"]["rgb2depth"]["seed_losses"]["high"])
        own = {row["loss"] for row in rows if row["kind"] == "self" and row["target"] == "edge2d"}
        self.assertEqual(own, {repr(task["networks"]["self"]["mean_loss"])}, "the own network is the same at every size")
        self.assertEqual(len([row for row in rows if row["kind"] == "baseline" and row["sources"] == "scratch" and float(row["loss"]) > 0]), 9)

    def test_which_source_wins(self):
        with open(os.path.join(self.out, "summary.json")) as file:
            told = json.load(file)["data_size"]
        self.assertEqual(told["seeds"], 2)
        self.assertEqual(len(told["best"]), len(SIZES) * len(TASKS))
        rows = self.rows()
        for entry in told["best"]:
            rivals = [row for row in rows if row["kind"] == "transfer" and int(row["images"]) == entry["images"] and row["target"] == entry["target"] != row["sources"]]
            self.assertEqual(len(rivals), 2)
            best, other = sorted(rivals, key=lambda row: -float(row["affinity"]))
            self.assertEqual(entry["sources"], best["sources"])
            self.assertEqual(entry["tied"], int(float(other["affinity_high"]) >= float(best["affinity_low"])))

    def test_the_report_of_the_sweep(self):
        self.assertIn("curves by data size", self.said.stdout)
        self.assertIn(os.path.join(self.out, "report.html"), self.said.stdout)
        copy = self.path("sizes")
        shutil.copytree(self.out, copy, ignore=lambda folder, names: ["jobs"] if folder == self.out else [])
        os.remove(os.path.join(copy, "report.html"))
        self.succeed("report", copy)
        with open(os.path.join(copy, "report.html"), encoding="utf-8") as file:
            data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', file.read(), re.S).group(1))
        self.assertEqual(len(data["summary"]["data_size"]["rows"]), len(self.rows()))
        self.assertEqual(data["summary"]["name"], "tiny")
        self.assertTrue(self.json("status", self.out)["combinations"][0]["status"]["finished"])

    def test_other_settings_beside_the_size(self):
        out = self.path("two")
        told = json.loads(tiny_study.run(self.file, out, "--set", "transfer_images=[3,6]", "--set", "transfer.learning_rate=[1e-3,1e-2]", "--set", "search.max_order=1",
                                         "--set", "search.random_encoder=false", "--json").stdout)
        self.assertEqual(told["data_size"], os.path.join(out, "data_size.csv"))
        with open(told["data_size"], newline="") as file:
            settings = {(row["setting"], row["images"]) for row in csv.DictReader(file)}
        self.assertEqual(settings, {("transfer.learning_rate=" + rate, size) for rate in ("1e-3", "1e-2") for size in ("3", "6")})

    def test_a_sweep_over_something_else_has_no_such_table(self):
        out = self.path("other")
        tiny_study.run(self.file, out, "--set", "search.max_order=1", "--set", "search.random_encoder=false", "--set", "network.weight_decay=[0,0.01]")
        self.assertEqual({name for name in os.listdir(out) if name.startswith(("data_size", "report"))}, set())


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class EpochsByImagesTest(CliTest):
    TEXT = tiny_study.TEXT.replace("[scratch]\nsteps = 3\n", "[scratch]\n").replace("[transfer]\nsteps = 3\n", "[transfer]\n")

    def steps(self, out):
        found = {}
        for name in os.listdir(os.path.join(out, "jobs")):
            path = os.path.join(out, "jobs", name, "result.json")
            if os.path.exists(path):
                with open(path) as file:
                    found[name.rsplit("-", 1)[0]] = json.load(file)["steps"]
        return found

    def test_small_sets_are_seen_more_often(self):
        file = tiny_study.write_file(self.folder, self.TEXT)
        settings = ["--set", 'search.epochs_by_images=["4:3","more:2"]', "--set", "search.max_order=1", "--set", "search.random_encoder=false"]
        # Of six images the cache of a transfer makes two batches, the loader of whole networks one: it leaves out what fills none.
        for images, epochs, batches in ((4, 3, (1, 1, 1)), (6, 2, (2, 1, 1))):
            out = self.path("of-%d" % images)
            tiny_study.run(file, out, *settings, "--set", "data.transfer_images=%d" % images)
            steps = self.steps(out)
            for job, each in zip(("transfer.edge2d--rgb2depth", "scratch.edge2d", "shallow.edge2d"), batches):
                self.assertEqual(steps[job], epochs * each, job)
            self.assertEqual(steps["network.edge2d"], 3)

    def test_the_papers_schedule(self):
        file = tiny_study.write_file(self.folder, self.TEXT)
        plan = lambda images: self.json("run", file, "--out", self.path("plan"), "--dry-run", "--set", "search.epochs_by_images=paper", "--set", "data.transfer_images=%d" % images,
                                        "--set", "rooms.transfer_buildings=4000", "--set", "search.max_order=1")
        seconds = {images: next(stage["seconds"] for stage in plan(images)["stages"] if stage["stage"].startswith("transfer")) for images in (100, 1000, 2000, 4000, 8000, 16000)}
        # So many images are seen in all: 1000 epochs of 100, 200 of 1000, 100 of 2000, 50 of 4000 and of 8000, 30 of 16000.
        base = seconds[2000] - seconds[100]
        for images, seen in ((1000, 200 * 1000), (4000, 50 * 4000), (8000, 50 * 8000), (16000, 30 * 16000)):
            self.assertAlmostEqual((seconds[images] - seconds[100]) / base, (seen - 100 * 1000) / (100 * 2000 - 100 * 1000), delta=0.05)

    def test_mistakes(self):
        file = tiny_study.write_file(self.folder, self.TEXT)

        def refuse(rules, *names, more=()):
            self.refuse(2, "run", file, "--out", self.path("out"), "--set", "search.epochs_by_images=" + rules, *more, names=["search.epochs_by_images", *names])

        refuse('["many:3"]', "many:3", "1000:200")
        refuse('["100:0"]', "100:0")
        refuse('["100:5","100:3"]', "100:3", "order")
        refuse('["more:5","100:3"]', "100:3", "order")
        refuse("paper", "transfer.steps is 3", more=["--set", "transfer.steps=3"])
        self.assertFalse(os.path.exists(self.path("out")))


if __name__ == "__main__":
    unittest.main()
