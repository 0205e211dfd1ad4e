"""Several seeds of each transfer: the first seed's jobs stay themselves, win rates are means over seeds, intervals are over seeds."""
import csv
import json
import math
import os
import statistics
import unittest

import tiny_study
from cli import WITH_TORCH, CliTest
from tiny_study import JOBS, TASKS, digest, read

SEEDS = 3
STUDENT = 4.302653  # 97.5 % quantile of Student's t with two degrees of freedom
# Each transfer (9 and 3 pairs), scratch and shallow once more for every further seed.
MORE = (SEEDS - 1) * (9 + 3 + 2 * len(TASKS))


def rows(folder):
    with open(os.path.join(folder, "transfers.csv"), newline="") as file:
        return {(row["sources"], row["target"]): row for row in csv.DictReader(file)}


def jobs(folder):
    return {name: os.stat(os.path.join(folder, "jobs", name, "done.json")).st_mtime_ns for name in os.listdir(os.path.join(folder, "jobs"))}


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class SeedsTest(CliTest):
    def one_seed(self, seed):
        """The run as it would be with this seed alone, on the same networks."""
        tiny_study.run(self.file, self.out, "--set", "transfer.seed=%d" % seed, "--set", "scratch.seed=%d" % seed)
        return rows(self.out)

    def test_seeds(self):
        self.file = tiny_study.write_file(self.folder)
        self.out = self.path("run")
        # Orders above 1 would be chosen by what other seeds say: with three tasks there is one pair a target, whatever they say.
        alone = [self.one_seed(seed) for seed in (1, 2, 3)]
        before = jobs(self.out)
        self.assertEqual(len(before), JOBS + MORE)
        said = tiny_study.run(self.file, self.out, "--set", "search.seeds=%d" % SEEDS)
        self.assertIn("%d jobs" % (JOBS + MORE - 3 * SEEDS), said.stderr)
        after = jobs(self.out)
        self.assertEqual({name: after[name] for name in before}, before, "the first seed's are those of a run with one")
        fresh = set(after) - set(before)
        self.assertEqual(len(fresh), MORE)
        for name in fresh:
            base, identity = name.rsplit("-", 1)
            self.assertRegex(base, r"\.seed-[23]$")
            alike = base.rsplit(".", 1)[0] + "-" + identity
            self.assertIn(alike, before, "a training with another seed is what it is in a run with that seed")
            self.assertEqual(digest(self.out, "jobs", name, "losses.h5"), digest(self.out, "jobs", alike, "losses.h5"))

        together = rows(self.out)
        self.assertEqual(set(together), set(alone[0]))
        for key, row in together.items():
            for measure in ("gain", "quality"):
                values = [float(each[key][measure]) for each in alone]
                mean = statistics.mean(values)
                reach = STUDENT * statistics.stdev(values) / math.sqrt(SEEDS)
                self.assertAlmostEqual(float(row[measure]), mean, places=9)
                self.assertAlmostEqual(float(row[measure + "_low"]), max(0, mean - reach), places=6)
                self.assertAlmostEqual(float(row[measure + "_high"]), min(1, mean + reach), places=6)
            self.assertLessEqual(float(row["affinity_low"]), float(row["affinity"]))
            self.assertGreaterEqual(float(row["affinity_high"]), float(row["affinity"]))
            self.assertLessEqual(float(row["gain_test_low"]), float(row["gain_test_high"]))
        for target in TASKS:
            self.assertAlmostEqual(sum(float(row["affinity"]) for (_, of), row in together.items() if of == target), 1, places=12)

        with open(os.path.join(self.out, "summary.json")) as file:
            summary = json.load(file)
        self.assertEqual(summary["seeds"], SEEDS)
        self.assertEqual([each["tried"] for each in summary["not_tried"]], [9, 3], "a training with another seed is no other transfer")
        self.assertEqual({tournament["images"] for tournament in summary["tournaments"]}, {6})
        depth = next(task for task in summary["tasks"] if task["name"] == "rgb2depth")
        self.assertEqual(len(depth["transfers"]), 4)
        for network in (depth["networks"]["scratch"], depth["transfers"]["edge2d"]):
            losses = network["seed_losses"]["values"]
            self.assertEqual(len(losses), SEEDS)
            self.assertAlmostEqual(network["mean_loss"], statistics.mean(losses))
            self.assertLess(network["seed_losses"]["low"], min(losses))
        for role in ("self", "constant", "random_encoder"):
            self.assertNotIn("seed_losses", depth["networks"][role])

        # The same from the folder alone, and from a command without LibTorch's part.
        self.assertEqual(self.succeed("taxonomy", "affinity", "--run", self.out).stdout.encode(), read(self.out, "transfers.csv"))
        found = self.json("taxonomy", "affinity", "--run", self.out)
        for written, computed in zip(summary["tournaments"], found["tournaments"], strict=True):
            for key in ("images", "networks", "wins", "affinity", "intervals", "seeds"):
                self.assertEqual(written[key], computed[key], key)
        one = self.json("transfer", "--sources", "edge2d", "--target", "rgb2depth", "--data", self.data(), "--out", "by-hand", "--steps", 3, "--set", "search.seeds=2",
                        "--set", "scale.width=4", *[part for section in ("network", "scratch", "constant", "transfer") for part in ("--set", section + ".batch_size=4")])
        self.assertAlmostEqual(one["gain"], statistics.mean(float(each["edge2d", "rgb2depth"]["gain"]) for each in alone[:2]), places=9)

    def data(self):
        return next(os.path.join(self.out, "jobs", name) for name in os.listdir(os.path.join(self.out, "jobs")) if name.startswith("data-"))

    def test_plans_count_every_training(self):
        plan = self.json("run", tiny_study.write_file(self.folder), "--out", self.path("plan"), "--dry-run", "--set", "search.seeds=%d" % SEEDS)
        self.assertEqual(plan["jobs"], JOBS + MORE)

    def test_mistakes(self):
        file = tiny_study.write_file(self.folder)
        self.refuse(2, "run", file, "--out", self.path("out"), "--set", "search.seeds=2", "--set", "search.adaptive=true", names=["search.seeds is 2", "search.adaptive"])
        self.refuse(2, "run", file, "--out", self.path("out"), "--set", "search.seeds=0", names=["seeds", "0"])
        self.assertFalse(os.path.exists(self.path("out")))


if __name__ == "__main__":
    unittest.main()
