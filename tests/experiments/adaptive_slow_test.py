"""An adaptive search: it trains less, what it trains to the end is what an exhaustive search trains, and it says what it dropped."""
import csv
import json
import os
import subprocess
import unittest

import tiny_study
from cli import AFFINIS, WITH_TORCH, CliTest

TASKS = ["autoencoder", "class_places", "denoise", "edge2d", "reshade", "rgb2depth", "rgb2sfnorm"]
TARGETS = ["class_places", "rgb2depth"]
STEPS = 16
TEXT = tiny_study.TEXT.replace('names = ["edge2d", "rgb2depth", "class_places"]', "sources = %s\ntargets = %s" % (json.dumps(TASKS), json.dumps(TARGETS)))
SETTINGS = ["--set", "transfer.steps=%d" % STEPS, "--set", "search.max_order=1", "--set", "search.random_encoder=false"]


def jobs(folder, prefix):
    """Name of each job of a stage: its folder."""
    found = {}
    for entry in sorted(os.listdir(os.path.join(folder, "jobs"))):
        path = os.path.join(folder, "jobs", entry)
        if entry.startswith(prefix) and os.path.exists(os.path.join(path, "done.json")):
            with open(os.path.join(path, "done.json")) as file:
                found[json.load(file)["name"]] = path
    return found


def rows(folder):
    with open(os.path.join(folder, "transfers.csv"), newline="") as file:
        return {(row["sources"], row["target"]) for row in csv.DictReader(file) if row["sources"] != "self"}


@unittest.skipUnless(WITH_TORCH, "training needs LibTorch")
class AdaptiveSearch(CliTest):
    def test_less_work_the_same_transfers(self):
        file = tiny_study.write_file(self.folder, TEXT)
        whole, adaptive = self.path("whole"), self.path("adaptive")
        tiny_study.run(file, whole, *SETTINGS)
        tiny_study.run(file, adaptive, *SETTINGS, "--set", "search.adaptive=true")

        everything, finished = jobs(whole, "transfer."), jobs(adaptive, "transfer.")
        self.assertEqual(len(everything), len(TASKS) * len(TARGETS))
        self.assertLess(set(finished), set(everything))
        for name, folder in finished.items():
            for result in ("losses.h5",):
                self.assertEqual(tiny_study.digest(folder, result), tiny_study.digest(everything[name], result), name)

        halved = {name.split("--")[1].split("@")[0] for name in jobs(adaptive, "rung.")}
        self.assertLessEqual(halved, {"class_places"}, "of eight rooms' places a readout says nothing, of depth it does")
        self.assertLess(len(finished), len(everything))

        with open(os.path.join(adaptive, "summary.json")) as file_:
            summary = json.load(file_)
        dropped = summary["dropped"]
        told = {(entry["sources"], entry["target"]) for entry in dropped}
        self.assertEqual(len(told), len(dropped))
        self.assertEqual(told | rows(adaptive), rows(whole))
        self.assertFalse(told & rows(adaptive))
        for entry in dropped:
            self.assertIn(entry["steps"], (0, 2, 4, 8))
            self.assertLessEqual(entry["low"], entry["win_rate"])
            self.assertLessEqual(entry["win_rate"], entry["high"])
        self.assertLessEqual({(target, target) for target in TARGETS}, told, "a target's own encoder is no rival of other sources")
        for target in TARGETS:
            self.assertAlmostEqual(self.total_affinity(target, adaptive, dropped), 1, places=6)
        self.assertEqual([(entry["tried"], entry["possible"]) for entry in summary["not_tried"]], [(len(finished), len(everything))])

        before = {name: os.path.getmtime(os.path.join(folder, "done.json")) for name, folder in finished.items()}
        tiny_study.run(file, adaptive, *SETTINGS, "--set", "search.adaptive=true")
        after = {name: os.path.getmtime(os.path.join(folder, "done.json")) for name, folder in jobs(adaptive, "transfer.").items()}
        self.assertEqual(before, after, "nothing is done twice")

        # The less can be missed, the more is trained, and in the end all but what no taxonomy would take: from the targets' own encoders.
        careful = self.path("careful")
        tiny_study.run(file, careful, *SETTINGS, "--set", "search.adaptive=true", "--set", "search.plausible=0.001")
        self.assertLessEqual(set(finished), set(jobs(careful, "transfer.")))

    def test_without_a_forecast_by_rungs(self):
        file = tiny_study.write_file(self.folder, TEXT)
        adaptive = self.path("rungs")
        tiny_study.run(file, adaptive, *SETTINGS, "--set", "search.adaptive=true", "--set", "search.forecast=false")
        finished, rungs = jobs(adaptive, "transfer."), jobs(adaptive, "rung.")
        trained = {name: STEPS for name in finished}
        for name in rungs:
            pair, until = name.split("@")
            transfer = pair.replace("rung/", "transfer/")
            trained[transfer] = max(trained.get(transfer, 0), int(until))
        self.assertTrue(rungs)
        self.assertLess(sum(trained.values()), 0.8 * STEPS * len(TASKS) * len(TARGETS))
        for folder in rungs.values():
            self.assertFalse([name for name in os.listdir(folder) if name.startswith("checkpoint")], "checkpoints are gone when they are of no use")
        with open(os.path.join(adaptive, "summary.json")) as file_:
            dropped = json.load(file_)["dropped"]
        for entry in dropped:
            self.assertIn(entry["steps"], (0, 2, 4, 8))
        for target in TARGETS:
            self.assertAlmostEqual(self.total_affinity(target, adaptive, dropped), 1, places=6)

    def total_affinity(self, target, folder, dropped):
        """Of what was measured and what is expected of what was not."""
        with open(os.path.join(folder, "transfers.csv"), newline="") as file:
            measured = sum(float(row["affinity"]) for row in csv.DictReader(file) if row["target"] == target)
        expected = [entry["expected_affinity"] for entry in dropped if entry["target"] == target]
        return measured + sum(value for value in expected if value is not None)

    def test_rungs_need_steps(self):
        file = tiny_study.write_file(self.folder, TEXT)
        command = [AFFINIS, "run", file, "--out", self.path("epochs"), "--set", "transfer.steps=0", "--set", "search.adaptive=true"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("transfer.steps", done.stderr)


if __name__ == "__main__":
    unittest.main()
