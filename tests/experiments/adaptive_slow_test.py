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

        rungs = jobs(adaptive, "rung.")
        trained = {name: STEPS for name in finished}
        for name in rungs:
            pair, until = name.split("@")
            transfer = pair.replace("rung/", "transfer/")
            trained[transfer] = max(trained.get(transfer, 0), int(until))
        self.assertLess(sum(trained.values()), 0.7 * STEPS * len(everything))
        for folder in rungs.values():
            self.assertFalse([name for name in os.listdir(folder) if name.startswith("checkpoint")], "checkpoints are gone when they are of no use")

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
            self.assertAlmostEqual(self.total_affinity(target, adaptive, dropped), 1, places=9)
        self.assertEqual([(entry["tried"], entry["possible"]) for entry in summary["not_tried"]], [(len(finished), len(everything))])

        before = {name: os.path.getmtime(os.path.join(folder, "done.json")) for name, folder in {**rungs, **finished}.items()}
        tiny_study.run(file, adaptive, *SETTINGS, "--set", "search.adaptive=true")
        after = {name: os.path.getmtime(os.path.join(folder, "done.json")) for name, folder in {**jobs(adaptive, "rung."), **jobs(adaptive, "transfer.")}.items()}
        self.assertEqual(before, after, "nothing is done twice")

    def total_affinity(self, target, folder, dropped):
        """Of what was measured and what is expected of what was not: weights stand to each other as odds."""
        with open(os.path.join(folder, "transfers.csv"), newline="") as file:
            weights = {row["sources"]: float(row["affinity"]) for row in csv.DictReader(file) if row["target"] == target}
        waiting = [entry for entry in dropped if entry["target"] == target and entry["per_image"] is not None]
        while waiting:
            known = [entry for entry in waiting if entry["leader"] in weights]
            self.assertTrue(known, waiting)
            for entry in known:
                win = min(max(entry["per_image"], 0.001), 0.999)
                weights[entry["sources"]] = weights[entry["leader"]] * win / (1 - win)
                waiting.remove(entry)
        return sum(weights.values())

    def test_rungs_need_steps(self):
        file = tiny_study.write_file(self.folder, TEXT)
        command = [AFFINIS, "run", file, "--out", self.path("epochs"), "--set", "transfer.steps=0", "--set", "search.adaptive=true"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("transfer.steps", done.stderr)


if __name__ == "__main__":
    unittest.main()
